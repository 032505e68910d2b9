"""Build the demo's inputs below a project folder: logs, labels, references, models, and the injected incidents.

    input/logs/<model>/<night>.parquet      one log per model and night, incidents included
    input/labels/<model>/<night>.parquet    outcomes, two nights late: the last two nights have none yet
    input/reference/<model>.parquet         first study year of the replayed persons, scored, with outcome
    input/models/<model>.skops              the trained model; <model>.skops.sha256 as sha256sum writes it
    input/incidents.json                    what was injected, and where
    audit/keys/                             the demo's public keys; a key that is there stays

The same seed, code and packages give the same bytes; what is built is not built again.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_pipeline.demo import files, incidents, source
from audit_pipeline.demo.cohort import LABEL_DELAY_NIGHTS, NIGHTS, Cohorts, prepare, split
from audit_pipeline.demo.models import MODELS, VERSION, DemoModel, artefact, checksum_line, outcome, predict, train

if TYPE_CHECKING:
    import pandas as pd

SEED = 20260101
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoInputs:
    """What stands below the project folder after a build."""

    folder: Path  # root/input
    models: tuple[str, ...]
    nights: tuple[date, ...]
    built: bool  # False: it was there already


def build_inputs(root: Path, *, seed: int = SEED, progress: Progress | None = None) -> DemoInputs:
    """Write the demo's inputs below `root`, or leave them when they are there already.

    Args:
        root: project folder.
        seed: splits persons, deals nights, trains models and places the incidents.
        progress: is called with one line per step.

    Raises:
        DemoDataError: the data set is absent or another one.
    """
    say = progress or (lambda _: None)
    folder = root / "input"
    files.write_keys(root / "audit")
    wanted = files.recipe(seed=seed, data_sha256=source.SHA256)
    inputs = DemoInputs(folder, tuple(model.model_id for model in MODELS), NIGHTS, built=False)
    if files.is_built(folder, wanted):
        say("The demo's inputs are there already.")
        return inputs
    (folder / files.STAMP).unlink(missing_ok=True)
    say("Reading the RAND Health Insurance Experiment (20,190 person-years) ...")
    cohorts = split(prepare(source.read()), seed=seed)
    written: dict[str, str] = {}
    for name, data in _contents(cohorts, seed=seed, say=say):
        files.write(folder / name, data)
        written[name] = hashlib.sha256(data).hexdigest()
    files.write_stamp(folder, wanted, written)
    return DemoInputs(inputs.folder, inputs.models, inputs.nights, built=True)


def _contents(cohorts: Cohorts, *, seed: int, say: Progress) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the inputs, name below `input/` and bytes; the incidents last."""
    plan = incidents.draw(cohorts, seed=seed)
    found: list[incidents.Incident] = []
    for model in MODELS:
        say(f"Training {model.model_id} on {len(cohorts.training):,} persons, replaying {len(NIGHTS)} nights ...")
        pipeline = train(model, cohorts.training, seed=seed)
        skops = artefact(pipeline)
        yield f"models/{model.model_id}.skops", skops
        yield f"models/{model.model_id}.skops.sha256", checksum_line(skops, f"{model.model_id}.skops")
        reference = _log(model, pipeline, cohorts.reference, "reference")
        yield (
            f"reference/{model.model_id}.parquet",
            files.parquet(reference.assign(label=outcome(model, cohorts.reference))),
        )
        for night, rows in cohorts.nights.items():
            log, incident = _night(model, pipeline, rows, night, plan, seed=seed)
            found += incident
            yield f"logs/{model.model_id}/{night}.parquet", files.parquet(log)
            if night in NIGHTS[:-LABEL_DELAY_NIGHTS]:
                yield f"labels/{model.model_id}/{night}.parquet", files.parquet(_labels(model, rows, night))
    yield "incidents.json", incidents.document(found, seed=seed)


def _night(
    model: DemoModel, pipeline: Any, rows: "pd.DataFrame", night: date, plan: incidents.Plan, *, seed: int
) -> "tuple[pd.DataFrame, list[incidents.Incident]]":
    """Return the log of one night as it is delivered, and what was injected into it."""
    found: list[incidents.Incident] = []
    if night == plan.income_night and model.model_id in plan.income_models:
        rows, hit = incidents.corrupt_income(rows, plan.income_sites)
        what = "income of these sites arrives in thousands of dollars; the model scored what arrived"
        affected, sites = {"income divided by 1,000": hit}, list(plan.income_sites)
        found.append(
            incidents.Incident("income_in_thousands", model.model_id, str(night), len(rows), affected, sites, what)
        )
    log = _log(model, pipeline, rows, f"{night:%Y%m%d}")
    if night == plan.broken_night and model.model_id == plan.broken_model:
        log, affected = incidents.break_log(log, model, seed=seed)
        what = "the writer of the log broke after scoring: rows twice, nulls, impossible values"
        found.append(incidents.Incident("broken_log", model.model_id, str(night), len(log), affected, [], what))
    return log, found


def _request_ids(model: DemoModel, rows: "pd.DataFrame", batch: str) -> list[str]:
    """Return one id per row, which says nothing of the person."""
    return [f"{model.prefix}-{batch}-{i:05d}" for i in range(len(rows))]


def _log(model: DemoModel, pipeline: Any, rows: "pd.DataFrame", batch: str) -> "pd.DataFrame":
    """Return what a serving system would log of `rows`: ids, version, site, features and the model's output."""
    log = rows[["site", *model.features]].copy()
    log.insert(0, "request_id", _request_ids(model, rows, batch))
    log.insert(1, "person", [f"person-{person}" for person in rows["zper"]])
    log.insert(2, "model_version", VERSION)
    return log.assign(**{model.output: predict(model, pipeline, rows)})


def _labels(model: DemoModel, rows: "pd.DataFrame", night: date) -> "pd.DataFrame":
    """Return the outcomes of one night, by request."""
    import pandas as pd

    ids = _request_ids(model, rows, f"{night:%Y%m%d}")
    return pd.DataFrame({"request_id": ids, "label": outcome(model, rows)})
