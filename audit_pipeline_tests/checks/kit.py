"""Small nights as Parquet files, and suites in one line per expectation."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audit_pipeline.checks import validate
from audit_pipeline.config import ExpectationConfig, SuiteConfig
from audit_pipeline.records import CheckResult, Column, Severity, Validation

NIGHT = date(2026, 1, 5)
ARROW = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "category": pa.string(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
ENGINES = ("pandas", "duckdb")


class Night:
    """A frozen night: a Parquet file in canonical types, and its columns."""

    def __init__(self, folder: Path, data: Mapping[str, tuple[str, Sequence[Any]]]) -> None:
        self.path = folder / "night.parquet"
        arrays = {name: pa.array(list(values), ARROW[kind]) for name, (kind, values) in data.items()}
        pq.write_table(pa.table(arrays), self.path)
        self.columns = tuple(Column(name, kind, "feature", "none") for name, (kind, _) in data.items())
        self.rows = len(next(iter(arrays.values())))

    def check(self, engine: str, *expectations: ExpectationConfig) -> Validation:
        """Evaluate expectations on one engine."""
        suite = SuiteConfig(schema_version=1, model_id="m", expectations=expectations)
        return validate(
            self.path,
            suite,
            self.columns,
            night=NIGHT,
            rows=self.rows,
            duckdb_from_rows=0 if engine == "duckdb" else self.rows + 1,
            threads=2,
            memory="1GB",
        )

    def one(self, engine: str, kind: str, **kwargs: Any) -> CheckResult:
        """Evaluate one expectation on one engine."""
        (result,) = self.check(engine, expect(kind, **kwargs)).results
        return result


def expect(kind: str, *, severity: Any = Severity.WARNING, **kwargs: Any) -> ExpectationConfig:
    """Make one expectation; `kind` without its first word."""
    name = kind if kind.startswith("unexpected") else f"expect_{kind}"
    return ExpectationConfig(type=name, severity=severity, kwargs=kwargs)
