"""How often does a quiet night alarm, with us and with Evidently's defaults? `python -m benchmarks.quiet [NIGHTS]`.

Night and reference are drawn from one source, 30 columns, 200 to 20,000 rows each: every alarm is a false one. Ours is
an alarm of the default policy (size and adjusted p); Evidently's is one of `ValueDrift` with nothing set, which takes
p-values up to 1,000 reference rows and distances above. "Data set": more than half of the columns, its own default.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

from audit_pipeline_tests.metrics.arrays import alarms, drawn, drift_between, made_model, quiet_columns

SIZES = (200, 2_000, 20_000)
COLUMNS = quiet_columns(30)
MODEL = made_model(COLUMNS)


def main(nights: str = "30") -> None:
    """Print a line per size."""
    print(f"{'rows':>7}  {'nights':>6}  {'ours':>6}  {'Evidently: any column':>22}  {'columns':>8}  {'data set':>8}")
    for rows in SIZES:
        found = np.array([one_night(rows, number) for number in range(int(nights))])
        ours, theirs = found[:, 0].astype(bool).mean(), found[:, 1]
        shares = (theirs > 0).mean(), theirs.mean() / len(COLUMNS), (theirs > len(COLUMNS) / 2).mean()
        print(f"{rows:>7,}  {nights:>6}  {ours:>6.1%}  {shares[0]:>22.1%}  {shares[1]:>8.1%}  {shares[2]:>8.1%}")


def one_night(rows: int, number: int) -> tuple[int, int]:
    """Return how many columns alarm: ours, Evidently's."""
    rng = np.random.default_rng([rows, number])
    current, reference = drawn(COLUMNS, rng, rows), drawn(COLUMNS, rng, rows)
    ours = {column for column, _ in alarms(MODEL, drift_between(MODEL, current, reference))}
    return len(ours), drifted(current, reference)


def drifted(current: dict[str, Any], reference: dict[str, Any]) -> int:
    """Return how many columns Evidently's default tests call drifted."""
    numbers = [name for name, values in current.items() if values.dtype.kind == "f"]
    definition = DataDefinition(
        numerical_columns=numbers, categorical_columns=[name for name in current if name not in numbers]
    )
    now, before = (
        Dataset.from_pandas(pd.DataFrame(table), data_definition=definition) for table in (current, reference)
    )
    made = Report([ValueDrift(column=name) for name in current], include_tests=True).run(now, before)
    return sum(test["status"] == "FAIL" for test in made.dict()["tests"])


if __name__ == "__main__":
    main(*sys.argv[1:])
