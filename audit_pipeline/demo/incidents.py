"""The faults that the demo injects into its own logs, and where they are: nothing else in the product knows them.

Two kinds, drawn by the seed, on two nights. They are injected, not found in the data, and `incidents.json` says so
with model, night, what was done, and how many rows it touched.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audit_pipeline.demo.cohort import NIGHTS, Cohorts
from audit_pipeline.demo.models import MODELS, DemoModel

if TYPE_CHECKING:
    import pandas as pd

INCOME_SHARE = 0.4  # of the night's rows at least: PSI then stands far above 0.25
DUPLICATE_SHARE = 0.06  # rows delivered twice, of the night
NULL_SHARE = 0.05  # rows without output, and as many without age
DOMAIN_SHARE = 0.03  # rows whose output, and as many whose family size, cannot be
NOTE = "Injected by the demo on purpose. Everything else in input/ is the data set as it is."


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the incidents go."""

    income_night: date
    income_sites: tuple[str, ...]
    income_models: tuple[str, ...]
    broken_night: date
    broken_model: str


@dataclass(frozen=True, slots=True)
class Incident:
    """One injected fault of one model-night."""

    kind: str  # income_in_thousands or broken_log
    model_id: str
    night: str
    rows: int  # of the delivered log
    affected: dict[str, int]  # what was done -> rows
    sites: list[str]  # [] when it does not go by site
    what: str
    injected: bool = True


def draw(cohorts: Cohorts, *, seed: int) -> Plan:
    """Return where the incidents go; the same for the same seed."""
    rng = np.random.default_rng([seed, 2])
    income_night, broken_night = (NIGHTS[i] for i in rng.choice(len(NIGHTS), size=2, replace=False))
    sites = cohorts.nights[income_night]["site"]
    chosen: list[str] = []
    for site in rng.permutation(sorted(sites.unique())):
        chosen.append(str(site))
        if sites.isin(chosen).mean() >= INCOME_SHARE:
            break
    return Plan(
        income_night=income_night,
        income_sites=tuple(sorted(chosen)),
        income_models=tuple(model.model_id for model in MODELS if "income" in model.features),
        broken_night=broken_night,
        broken_model=MODELS[int(rng.integers(len(MODELS)))].model_id,
    )


def corrupt_income(rows: "pd.DataFrame", sites: tuple[str, ...]) -> "tuple[pd.DataFrame, int]":
    """Return `rows` with the income of `sites` in thousands of dollars, and how many rows that are.

    It happens before scoring: the model of that night saw the wrong unit too.
    """
    hit = rows["site"].isin(sites)
    return rows.assign(income=rows["income"].where(~hit, rows["income"] / 1_000)), int(hit.sum())


def break_log(log: "pd.DataFrame", model: DemoModel, *, seed: int) -> "tuple[pd.DataFrame, dict[str, int]]":
    """Return `log` with rows delivered twice, nulls and impossible values, and the number of rows of each.

    It happens after scoring, as when the writer of the log breaks. The rows of each fault are distinct.
    """
    import pandas as pd

    n, output = len(log), model.output
    size = {"null": int(n * NULL_SHARE), "domain": int(n * DOMAIN_SHARE), "twice": int(n * DUPLICATE_SHARE)}
    order = np.random.default_rng([seed, 3]).permutation(n)
    cuts = np.cumsum([size["null"], size["null"], size["domain"], size["domain"], size["twice"]])
    no_output, no_age, bad_output, bad_num, twice = np.split(order, cuts)[:5]
    log = log.copy()
    log.loc[no_output, output] = np.nan
    log.loc[no_age, "xage"] = np.nan
    log.loc[bad_output, output] = 1.5 if model.task == "binary" else -5.0
    log.loc[bad_num, "num"] = -1
    affected = {
        f"{output} is null": len(no_output),
        "xage is null": len(no_age),
        f"{output} outside its domain": len(bad_output),
        "num outside its domain": len(bad_num),
        "request_id delivered a second time": len(twice),
    }
    return pd.concat([log, log.iloc[twice]], ignore_index=True), affected


def document(incidents: list[Incident], *, seed: int) -> bytes:
    """Return `incidents.json`."""
    content = {"note": NOTE, "seed": seed, "incidents": [asdict(incident) for incident in incidents]}
    return (json.dumps(content, indent=2) + "\n").encode()


def expected(root: Path) -> set[tuple[str, date]]:
    """Return the (model, night) pairs that must come to FAIL, as `root/input/incidents.json` names them.

    Raises:
        FileNotFoundError: the inputs of the demo are not built.
    """
    content = json.loads((root / "input" / "incidents.json").read_text(encoding="utf-8"))
    return {(entry["model_id"], date.fromisoformat(entry["night"])) for entry in content["incidents"]}
