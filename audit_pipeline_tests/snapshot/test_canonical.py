"""What every raw value becomes, by type; worked by hand."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_pipeline.errors import ColumnTypeError
from audit_pipeline.records import Snapshot
from audit_pipeline_tests.snapshot.conftest import column

Freeze = Callable[..., Snapshot]
INF = float("inf")
ID = column("id", "integer", "row_id")


def read(freeze: Freeze, root: Path, values: str, kind: str) -> list[Any]:
    """Freeze a column of SQL values in their order and read it back."""
    sql = f"select unnest(range(len(v))) as id, unnest(v) as v from (select [{values}] as v)"
    return list(pq.read_table(root / "audit" / freeze(sql, [ID, column("v", kind)]).path)["v"].to_pylist())


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("number", "'1.5', ' 2 ', '', 'NaN', null, '-inf', '1e3'", [1.5, 2.0, None, None, None, -INF, 1000.0]),
        ("number", "1.5::double, 'nan'::double, 'inf'::double, null", [1.5, None, INF, None]),
        ("number", "0.25::float, 'nan'::float", [0.25, None]),
        ("number", "1.25::decimal(5,2), 3", [1.25, 3.0]),
        ("number", "true, false", [1.0, 0.0]),
        # 2^53 + 1 has no double: digits must not pass through one
        ("integer", "'9007199254740993', '-3', '3.0', '1e3', '', 'nan'", [2**53 + 1, -3, 3, 1000, None, None]),
        ("integer", "3.0::double, 'nan'::double, -0.0::double", [3, None, 0]),
        ("integer", "4.00::decimal(5,2), 7", [4, 7]),
        ("integer", "9223372036854775807::hugeint, 5", [2**63 - 1, 5]),
        ("category", "'a', '', null, ' b', 'nan', 'NULL'", ["a", None, None, " b", "nan", "NULL"]),
        ("category", "3, 4", ["3", "4"]),
        ("category", "3.0::double, 'nan'::double", ["3.0", None]),
        ("category", "'x'::enum('x', 'y')", ["x"]),
        ("boolean", "'true', 'False', '1', '0', '1.0', '', null", [True, False, True, False, True, None, None]),
        ("boolean", "1.0::double, 0, 'nan'::double", [True, False, None]),
        ("boolean", "true, null", [True, None]),
        ("date", "'2026-07-01', '2026-07-01 00:00:00', ''", [date(2026, 7, 1), date(2026, 7, 1), None]),
        ("date", "timestamp '2026-07-01', null", [date(2026, 7, 1), None]),
        (
            "timestamp",  # an offset counts, no offset is UTC, finer than a microsecond is cut
            "'2026-07-01T02:00:00+02:00', '2026-07-01 00:00:00', '2026-07-01T00:00:00.1234567Z'",
            [datetime(2026, 7, 1), datetime(2026, 7, 1), datetime(2026, 7, 1, 0, 0, 0, 123456)],
        ),
        ("timestamp", "timestamptz '2026-07-01 02:00:00+02:00', null", [datetime(2026, 7, 1), None]),
        ("timestamp", "'2026-07-01 00:00:00.123456789'::timestamp_ns", [datetime(2026, 7, 1, 0, 0, 0, 123456)]),
        ("timestamp", "date '2026-07-01'", [datetime(2026, 7, 1)]),
    ],
)
def test_values_become_canonical(freeze: Freeze, tmp_path: Path, kind: str, values: str, expected: list[Any]) -> None:
    assert read(freeze, tmp_path, values, kind) == expected


@pytest.mark.parametrize("kind", ["number", "integer", "category", "boolean"])
def test_a_nan_that_the_statistics_of_a_parquet_file_hide_is_missing(freeze: Freeze, tmp_path: Path, kind: str) -> None:
    # The file's min and max are both 0, from which DuckDB concludes that none is NaN.
    pq.write_table(pa.table({"id": [0, 1], "v": [0.0, float("nan")]}), tmp_path / "log.parquet")
    found = freeze(f"select * from read_parquet('{tmp_path / 'log.parquet'}')", [ID, column("v", kind)])
    assert pq.read_table(tmp_path / "audit" / found.path)["v"][1].as_py() is None


def test_minus_zero_is_zero(freeze: Freeze, tmp_path: Path) -> None:
    found = read(freeze, tmp_path, "'-0', '-0.0'", "number") + read(freeze, tmp_path, "-0.0::double", "number")
    assert [str(value) for value in found] == ["0.0", "0.0", "0.0"]


@pytest.mark.parametrize(
    ("kind", "values", "faults"),
    [
        ("number", "'1,5', 'abc', 'NULL', '1'", 3),
        ("number", "date '2026-07-01'", 1),
        ("number", "[1], [2]", 2),
        ("integer", "'3.5', '3', 'inf', '99999999999999999999'", 3),  # a cast would round 3.5 to 4
        ("integer", "3.5::double, 2.0, 'inf'::double, 1e19", 3),
        ("integer", "2.5::decimal(5,2)", 1),
        ("integer", "9223372036854775808::hugeint", 1),
        ("integer", "date '2026-07-01'", 1),
        ("boolean", "'yes', 't', '2', 'true'", 3),  # DuckDB's own cast takes yes and t
        ("boolean", "2, 0", 1),
        ("date", "'2026-02-30', '2026-07-01 10:00:00', 'infinity', 'epoch', '1.7.2026'", 5),
        ("date", "20260701", 1),
        ("timestamp", "'yesterday', 'epoch', '2026-07-01 25:00:00', '2026-07-01'", 3),
        ("timestamp", "1751328000", 1),  # seconds or milliseconds? Not guessed
    ],
)
def test_what_cannot_be_read_is_counted_and_refused(
    freeze: Freeze, tmp_path: Path, kind: str, values: str, faults: int
) -> None:
    with pytest.raises(ColumnTypeError, match=f"declared as {kind}") as caught:
        read(freeze, tmp_path, values, kind)
    assert (caught.value.column, caught.value.declared, caught.value.rows) == ("v", kind, faults)
    assert not list((tmp_path / "audit").rglob("*.parquet"))


def test_all_faulty_columns_are_named(freeze: Freeze) -> None:
    columns = [ID, column("a", "integer"), column("b", "number"), column("c", "boolean")]
    with pytest.raises(ColumnTypeError, match=r"'a'.*The same goes for: c \(boolean, fewer than 11\)"):
        freeze("select range as id, 3.5 as a, 1 as b, 'maybe' as c from range(2)", columns)


def test_the_file_has_exactly_these_types_and_no_other_column(freeze: Freeze, tmp_path: Path) -> None:
    kinds = ["number", "integer", "category", "boolean", "date", "timestamp"]
    columns = [ID, *(column(f"c {kind}", kind) for kind in kinds)]
    values = ", ".join(f'null as "c {kind}"' for kind in kinds)
    found = freeze(f"select 1 as id, 'x' as unasked, {values}", columns)
    assert pq.read_schema(tmp_path / "audit" / found.path).remove_metadata() == pa.schema(
        [
            ("id", pa.int64()),
            ("c number", pa.float64()),
            ("c integer", pa.int64()),
            ("c category", pa.string()),
            ("c boolean", pa.bool_()),
            ("c date", pa.date32()),
            ("c timestamp", pa.timestamp("us")),
        ]
    )
