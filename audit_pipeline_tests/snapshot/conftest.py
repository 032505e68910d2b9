"""Ways to make a relation and freeze it, without the readers of another stage."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from audit_pipeline.records import Column, Relation, Snapshot
from audit_pipeline.snapshot import take
from audit_pipeline.vault import Vault

KEY = bytes(range(32))

Freeze = Callable[..., Snapshot]


def column(name: str, kind: str, role: str = "feature", privacy: str = "none") -> Column:
    """Return a column with the usual role and privacy."""
    return Column(name, kind, role, privacy)


def relation(sql: str, columns: Sequence[str], *, form: str = "parquet") -> Relation:
    """Return a relation over any SELECT."""
    sha256 = hashlib.sha256(sql.encode()).hexdigest()
    return Relation("log/2026-07-01", form, (), sql, tuple(columns), sha256, 0)


@pytest.fixture
def freeze(tmp_path: Path) -> Freeze:
    """Freeze a SELECT whose columns are those asked for, in a store below `tmp_path`."""

    def run(sql: str, columns: Sequence[Column], **options: Any) -> Snapshot:
        settings: dict[str, Any] = {
            "vault": Vault(tmp_path / "audit"),
            "place": "snapshots/m/2026-07-01",
            "suffix": ".parquet",
            "key": KEY,
            "threads": 2,
            "memory": "500MB",
        }
        return take(relation(sql, [c.name for c in columns]), columns, **settings | options)

    return run
