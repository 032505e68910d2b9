"""The script anybody would write with the same libraries: `python -m benchmarks.plain MADE WORK MODULES`.

Great Expectations on pandas, Evidently's presets over all rows, SHAP on 2,000 rows. It keeps no snapshot, no
pseudonyms, no record, no lineage; its drift methods are Evidently's defaults.
"""

import sys
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
import shap
import skops.io
import yaml
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset

from benchmarks.imports import remember
from benchmarks.process import say

NIGHT = "2026-01-06"
EXPLAINED = 2_000  # rows


def main(made: str, work: str, modules: str) -> None:
    """Check, report, explain."""
    source, target = Path(made), Path(work)
    target.mkdir(parents=True)
    model = yaml.safe_load((source / "model.yaml").read_text())
    form = Path(model["log"]["path"]).suffix
    read = pd.read_csv if form == ".csv" else pd.read_parquet
    log, reference, labels = (read(source / f"{name}{form}") for name in (NIGHT, "reference", f"labels-{NIGHT}"))
    now = log.merge(labels, on="row")
    checks = check(now, yaml.safe_load((source / "suite.yaml").read_text()))
    metrics = report(now, reference, model["columns"], target)
    values = explain(source / "model.skops", model, now)
    remember(Path(modules))
    say(checks=checks, metrics=metrics, explained=len(values))


def check(frame: pd.DataFrame, suite: dict[str, Any]) -> int:
    """Hold the frame against the suite; return how many expectations were evaluated."""
    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("night")
    batch = asset.add_batch_definition_whole_dataframe("all")
    expectations = [{"type": entry["type"], "kwargs": entry["kwargs"]} for entry in suite["expectations"]]
    made = context.suites.add(gx.ExpectationSuite("suite", expectations=expectations))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=batch, suite=made))
    return len(definition.run(batch_parameters={"dataframe": frame}).results)


def report(now: pd.DataFrame, reference: pd.DataFrame, columns: dict[str, Any], target: Path) -> int:
    """Write Evidently's report as a page and as JSON; return its number of metrics."""
    kinds = {
        name: column["type"] for name, column in columns.items() if column.get("role") not in ("row_id", "subject_id")
    }
    numbers = [name for name, kind in kinds.items() if kind != "category"]
    definition = DataDefinition(
        numerical_columns=numbers,
        categorical_columns=[name for name in kinds if name not in numbers] + ["label", "predicted"],
        classification=[BinaryClassification(target="label", prediction_labels="predicted", prediction_probas="score")],
    )
    current, before = (
        Dataset.from_pandas(
            frame.drop(columns=["row", "person"]).assign(predicted=(frame["score"] >= 0.5).astype("int64")),
            data_definition=definition,
        )
        for frame in (now, reference)
    )
    made = Report([DataDriftPreset(), ClassificationPreset(), DataSummaryPreset()]).run(current, before)
    made.save_html(str(target / "report.html"))
    made.save_json(str(target / "report.json"))
    return len(made.dict()["metrics"])


def explain(path: Path, model: dict[str, Any], now: pd.DataFrame) -> Any:
    """Return the SHAP values of a sample."""
    pipeline = skops.io.load(path, trusted=model["artefact"]["trusted"])
    sample = now.sample(min(EXPLAINED, len(now)), random_state=0)
    rows = pipeline[:-1].transform(sample[list(pipeline.feature_names_in_)])
    return shap.TreeExplainer(pipeline[-1]).shap_values(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
