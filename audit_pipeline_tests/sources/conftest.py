"""One small log in every form a night may be delivered in."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROWS = [("a1", 1.5, "red"), ("a2", None, "gr,een"), ("a3", -2.0, None)]
HEADER = ("row", "x", "colour")


def _csv(delimiter: str) -> str:
    cells = [HEADER, *ROWS]
    return "".join(
        delimiter.join("" if c is None else f'"{c}"' if "," in str(c) else str(c) for c in row) + "\n" for row in cells
    )


@pytest.fixture
def deliver(tmp_path: Path) -> Callable[[str], Path]:
    """Write the log of 2026-07-01 in a form; return the file."""

    def write(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".parquet"):
            with duckdb.connect() as connection:
                values: list[Any] = [cell for row in ROWS for cell in row]
                connection.execute("create table t (row varchar, x double, colour varchar)")
                connection.execute("insert into t values (?, ?, ?), (?, ?, ?), (?, ?, ?)", values)
                connection.table("t").write_parquet(str(path))
        elif name.endswith(".jsonl"):
            path.write_text("".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in ROWS))
        elif name.endswith(".gz"):
            path.write_bytes(gzip.compress(_csv(",").encode()))
        else:
            path.write_text(_csv("\t" if name.endswith(".tsv") else ","))
        return path

    return write
