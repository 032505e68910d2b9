"""What is kept of a reference changes no bit, is not read twice, and is believed only as far as its digest goes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from audit_pipeline.cached import Cached
from audit_pipeline.metrics import measure_drift
from audit_pipeline.records import Drift
from audit_pipeline_tests.metrics.night import model, write

CONFIG = model({"age": "number", "visits": "integer", "ward": "category", "urgent": "boolean"})


class Night:
    """A night and its reference, with a folder for what is kept of the latter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rng = np.random.default_rng(3)
        self.now, self.before = (
            write(
                folder / f"{name}.parquet",
                CONFIG,
                {
                    "age": np.where(rng.random(900) < 0.1, np.nan, rng.normal(50, 10, 900)),
                    "visits": rng.integers(0, 6, 900),
                    "ward": rng.choice(["north", "south", "Östlich"], 900),
                    "urgent": rng.random(900) < 0.3,
                    "score": rng.random(900),
                },
            )
            for name in ("now", "before")
        )
        self.kept = folder / "kept" / ("a" * 64)

    def measure(self, *, keep: bool = True) -> Drift:
        options = {"kept": Cached(self.kept)} if keep else {}
        return measure_drift(self.now, [self.before], CONFIG, threads=1, memory="256MB", **options)

    def files(self) -> list[Path]:
        return sorted(self.kept.iterdir())

    def spoil_reference(self) -> None:
        """Give the reference other values under the name its columns are kept by."""
        rows = pq.read_table(self.before)
        write(self.before, CONFIG, {name: [rows[name][0].as_py()] * 900 for name in rows.column_names if name != "id"})


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_what_is_kept_changes_no_bit(night: Night) -> None:
    plain = night.measure(keep=False)
    assert night.measure() == plain  # computed and kept
    assert len(night.files()) == 5
    assert night.measure() == plain  # read back


def test_a_second_night_reads_only_its_own_rows(night: Night) -> None:
    first = night.measure()
    night.spoil_reference()
    assert night.measure() == first
    assert night.measure(keep=False) != first


def flip(files: list[Path]) -> None:
    for file in files:
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)


def shorten(files: list[Path]) -> None:
    for file in files:
        file.write_bytes(file.read_bytes()[:-8])


def empty(files: list[Path]) -> None:
    for file in files:
        file.write_bytes(b"")


def rotate(files: list[Path]) -> None:
    """Each holds the whole and valid content of another column."""
    contents = [file.read_bytes() for file in files]
    for file, data in zip(files, contents[1:] + contents[:1], strict=True):
        file.write_bytes(data)


def remove(files: list[Path]) -> None:
    shutil.rmtree(files[0].parent)


@pytest.mark.parametrize("damage", [flip, shorten, empty, rotate, remove])
def test_what_does_not_fit_its_digest_is_computed_anew(night: Night, damage: Callable[[list[Path]], None]) -> None:
    first, whole = night.measure(), {file.name: file.read_bytes() for file in night.files()}
    damage(night.files())
    assert night.measure() == first
    assert {file.name: file.read_bytes() for file in night.files()} == whole


def test_what_was_kept_of_a_former_reference_goes(night: Night) -> None:
    night.measure()
    former, night.kept = night.kept, night.kept.with_name("b" * 64)
    night.measure()
    assert not former.exists()
    assert len(night.files()) == 5


def test_a_disk_that_refuses_costs_time_and_no_number(night: Night) -> None:
    night.kept.parent.write_text("a file where the folder should be")
    assert night.measure() == night.measure(keep=False)
