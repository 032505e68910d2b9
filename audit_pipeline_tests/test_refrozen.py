"""A reference is frozen once: the newest record says which file it became, as far as it is whole."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from audit_pipeline.config import Project, ReferenceConfig
from audit_pipeline.evidence import Store
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.records import Column, FileRef, Generalised, Relation, RunContext
from audit_pipeline.refrozen import frozen_before, origin_of
from audit_pipeline_tests.small_project import NIGHTS

RUN = RunContext("a run", datetime(2026, 3, 9, tzinfo=UTC))
RELATION = Relation("reference.csv", "csv", (), "select 1", ("age",), "a" * 64, 10)
COLUMNS = (Column("age", "number", "feature", "none"), Column("id", "category", "row_id", "direct_identifier"))
CONFIG = ReferenceConfig(path="reference.csv")


def reference_of(project: Project, number: int) -> FileRef:
    """Audit a night of churn and return the reference it stands on."""
    result = audit_model_night(project, "churn", NIGHTS[number], run=RUN, newest=NIGHTS[number]).result
    [reference] = [file for file in result.inputs if file.role == "reference"]
    return reference


def test_the_next_night_takes_the_file_of_the_record_before(fresh: Project) -> None:
    first = reference_of(fresh, 0)
    store = Store(fresh.layout)
    assert first.origin is not None
    assert frozen_before(store, "churn", first.origin) == first
    assert frozen_before(store, "churn", "0" * 64) is None
    assert frozen_before(store, "spend", first.origin) is None
    assert reference_of(fresh, 1) == first


def test_another_reference_is_frozen(fresh: Project) -> None:
    first = reference_of(fresh, 0)
    file = fresh.root / "input" / "churn_reference.parquet"
    pd.read_parquet(file).iloc[1:].to_parquet(file)
    second = reference_of(fresh, 1)
    assert (second.sha256, second.origin) != (first.sha256, first.origin)
    assert second.sha256 != first.sha256


@pytest.mark.parametrize("damage", ["file", "record"])
def test_what_is_damaged_is_not_taken_again(fresh: Project, damage: str) -> None:
    first = reference_of(fresh, 0)
    store = Store(fresh.layout)
    [head] = store.heads().values()
    path = store.root / first.path if damage == "file" else store.record_path("churn", head.night, head.digest)
    path.write_bytes(path.read_bytes() + b" ")
    assert frozen_before(store, "churn", str(first.origin)) is None
    path.unlink()
    assert frozen_before(store, "churn", str(first.origin)) is None


def test_the_origin_knows_all_that_the_bytes_follow_from() -> None:
    def origin(
        relation: Relation = RELATION,
        columns: tuple[Column, ...] = COLUMNS,
        config: ReferenceConfig = CONFIG,
        key: bytes | None = bytes(32),
    ) -> str:
        return origin_of(relation, columns, config, key)

    others = [
        origin(relation=replace(RELATION, sha256="b" * 64)),
        origin(relation=replace(RELATION, form="parquet")),
        origin(columns=COLUMNS[::-1]),
        origin(columns=(replace(COLUMNS[0], type="integer"), COLUMNS[1])),
        origin(columns=(COLUMNS[0], replace(COLUMNS[1], privacy="none"))),
        origin(columns=(replace(COLUMNS[0], generalised=Generalised(floor=5)), COLUMNS[1])),
        origin(columns=(replace(COLUMNS[0], generalised=Generalised(floor=10)), COLUMNS[1])),
        origin(config=ReferenceConfig(path="reference.csv", label="y")),
        origin(key=bytes([1]) * 32),
        origin(key=None),
    ]
    assert len({origin(), *others}) == 11
    assert origin(relation=replace(RELATION, name="elsewhere.csv")) == origin()
