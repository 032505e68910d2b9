"""Where the rows of one person are: in which files of the store, in which row groups; and where nobody can tell.

Snapshots and references say whose a row is in the column with the role `subject_id`. Labels, and reasons of
single rows, say it by the `row_id` they share with the snapshots of their model-night.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from audit_pipeline.errors import CiphertextError
from audit_pipeline.evidence import Store
from audit_pipeline.forget.named import Known, NamedFile, Person
from audit_pipeline.snapshot.footer import MAGIC
from audit_pipeline.snapshot.person import frozen_value
from audit_pipeline.vault import ENCRYPTED

FOLDERS = ("inputs", "artifacts", "quarantine", "snapshots")  # in the order of erasing
Rows = dict[int, Any]  # row group -> (rows,) bool, True for the person's
Values = Mapping[str, set[Any]]  # column -> what the person is called in it
BY_ROW = {"labels", "reason_codes"}  # roles of files that say it by the row id
NO_SNAPSHOT = "says it by row ids, and a snapshot of its nights that tells whose these are is gone or cannot be read"
NO_PERSON = "has no column that says whose a row is (`role: subject_id`)"


@dataclass(frozen=True, slots=True)
class Holding:
    """A file that holds rows of the person."""

    path: str  # below the audit folder
    rows: int
    drop: Rows
    named: NamedFile  # without model-nights when no record names it


@dataclass(frozen=True, slots=True)
class Found:
    """Where the person is."""

    holding: tuple[Holding, ...]  # in the order in which to erase: labels before the snapshots that tell whose they are
    unsearched: tuple[tuple[str, str], ...]  # (path, why nobody can tell)


def find(store: Store, known: Known, person: str, *, model_id: str | None, key: bytes | None) -> Found:
    """Search every file of the store that holds rows.

    Args:
        store: the store.
        known: what its records say.
        person: the identifier in clear, as it stands in the logs.
        model_id: only files of this model, and those of no model.
        key: of the pseudonyms; None when no column needs one.
    """
    search = _Search(store, known, person, key)
    wanted = [
        path for path in dict.fromkeys(_files(store)) if not model_id or model_id in _models(known, path, (model_id,))
    ]
    by_person: list[Holding] = []
    by_row: list[Holding] = []
    unsearched: list[tuple[str, str]] = []
    for path in wanted:
        rows, by_row_id, why = search.look(path, model_id)
        if why:
            unsearched.append((path, why))
        count = sum(int(mask.sum()) for mask in rows.values())
        if count:
            (by_row if by_row_id else by_person).append(
                Holding(path, count, rows, known.files.get(path) or NamedFile(path))
            )
    return Found((*by_row, *by_person), tuple(unsearched))


class _Search:
    """What a person is called in each file."""

    def __init__(self, store: Store, known: Known, person: str, key: bytes | None) -> None:
        self._store, self._known = store, known
        every = {one for persons in known.persons.values() for one in persons}
        self._called = {
            one: frozen_value(person, declared=one.declared, key=key if one.masked else None) for one in every
        }
        self._ids: dict[tuple[str, date], set[Any]] | None = None
        self._read: dict[str, Rows] = {}

    def _rows(self, path: str, values: Values) -> Rows:
        """Return the rows of a file that hold one of the values; a file is read once."""
        if path not in self._read:
            self._read[path] = _rows(self._file(path), values) if any(values.values()) else {}
        return self._read[path]

    def look(self, path: str, model_id: str | None) -> tuple[Rows, bool, str]:
        """Return the rows of the person in a file, whether its row ids tell them, and why they cannot be told."""
        try:
            with self._store.vault.session():  # a file at a time is decrypted
                values, by_row_id, why = self._values(path, model_id)
                return ({} if why else self._rows(path, values)), by_row_id, why
        except CiphertextError:
            return {}, False, "cannot be decrypted"
        except ValueError:
            return {}, False, "cannot be read"

    def _file(self, path: str) -> Path:
        return self._store.vault.plain(path)

    def _values(self, path: str, model_id: str | None) -> tuple[Values, bool, str]:
        """Return what to look for in which columns, whether these are row ids, and why it cannot be told instead."""
        persons = self._persons(path, model_id)
        if persons:
            return self._names(persons), False, ""
        named = self._known.files.get(path)
        others = _models(self._known, path, self._known.persons)
        if (named is not None and not named.roles <= BY_ROW) or not all(self._known.persons.get(m) for m in others):
            return {}, True, NO_PERSON
        columns = self._row_ids(path)
        ids = self._rows_of_person(named)
        if named is not None and not named.model_nights <= self._ids_of().keys():
            return {}, True, NO_SNAPSHOT
        return dict.fromkeys(columns, ids), True, "" if columns else NO_PERSON

    def _names(self, persons: Iterable[Person]) -> Values:
        found: dict[str, set[Any]] = defaultdict(set)
        for one in persons:
            if self._called[one] is not None:
                found[one.column].add(self._called[one])
        return found

    def _persons(self, path: str, model_id: str | None) -> list[Person]:
        """Return the columns of a file that say whose a row is."""
        there, models = _columns(self._file(path)), _models(self._known, path, self._known.persons)
        return [
            one
            for model in models
            if model_id in (None, model)
            for one in self._known.persons.get(model, ())
            if one.column in there
        ]

    def _row_ids(self, path: str) -> list[str]:
        there, models = _columns(self._file(path)), _models(self._known, path, self._known.row_ids)
        return sorted({c for model in models for c in self._known.row_ids.get(model, ()) if c in there})

    def _rows_of_person(self, named: NamedFile | None) -> set[Any]:
        """Return the row ids of the person in the model-nights of a file; of one that no record names, in all."""
        ids = self._ids_of()
        nights = ids.keys() if named is None else named.model_nights
        return {row_id for night in nights for row_id in ids.get(night, ())}

    def _ids_of(self) -> dict[tuple[str, date], set[Any]]:
        """Return the row ids of the person by model-night; nights without a snapshot that can be read are absent."""
        if self._ids is None:
            self._ids = {}
            for path, named in self._known.files.items():
                if "snapshot" in named.roles and (ids := self._row_ids_in(path)) is not None:
                    for night in named.model_nights:
                        self._ids.setdefault(night, set()).update(ids)
        return self._ids

    def _row_ids_in(self, path: str) -> set[Any] | None:
        """Read the row ids of the person in one snapshot; None: it is gone, or cannot be read."""
        if not self._store.vault.where(path).exists():
            return None
        with suppress(CiphertextError, ValueError), self._store.vault.session():
            rows = self._rows(path, self._names(self._persons(path, None)))
            return set(_taken(self._file(path), rows, self._row_ids(path))) if rows else set()
        return None


def _files(store: Store) -> Iterator[str]:
    """Yield every Parquet file of the store: what holds rows has that form."""
    for folder in FOLDERS:
        for path in sorted((store.root / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and _holds_rows(store, path):
                yield path.relative_to(store.root).as_posix().removesuffix(ENCRYPTED)


def _holds_rows(store: Store, path: Path) -> bool:
    """Tell whether a file, decrypted, begins as a Parquet file does; of one that does not decrypt, nobody knows."""
    try:
        name = path.relative_to(store.root).as_posix().removesuffix(ENCRYPTED)
        return next(store.vault.chunks(name), b"").startswith(MAGIC)
    except CiphertextError:
        return True


def _models(known: Known, path: str, others: Iterable[str]) -> set[str]:
    """Return the models that stand on a file; of one that no record names, all of `others`."""
    named = known.files.get(path)
    return {model_id for model_id, _ in named.model_nights} if named else set(others)


def _columns(path: Path) -> Collection[str]:
    """Return the names of the columns.

    Raises:
        ValueError: it is no Parquet file that can be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise ValueError("no Parquet file") from error


def _rows(path: Path, values: Values) -> Rows:
    """Return the rows that hold one of the values, for the row groups that have any.

    Raises:
        ValueError: it is no Parquet file that can be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: Rows = {}
    try:
        with pq.ParquetFile(path) as file:
            for index in range(file.num_row_groups):
                table = file.read_row_group(index, columns=list(values))
                masks = [_is_one_of(table[column], wanted) for column, wanted in values.items() if wanted]
                if masks and (mask := _any(masks)).any():
                    found[index] = mask
    except (OSError, pa.ArrowException) as error:
        raise ValueError("no Parquet file") from error
    return found


def _is_one_of(column: Any, wanted: set[Any]) -> Any:
    """Return (rows,) bool; a value that the column's type cannot hold is in no row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = []
    for value in wanted:  # one by one: what held numbers once may hold pseudonyms now
        with suppress(pa.ArrowException, TypeError, ValueError):
            values.append(pa.scalar(value, type=column.type))
    return pc.is_in(column, value_set=pa.array([v.as_py() for v in values], type=column.type)).to_numpy()


def _any(masks: list[Any]) -> Any:
    import numpy as np

    return np.logical_or.reduce(masks)


def _taken(path: Path, rows: Rows, columns: list[str]) -> Iterator[Any]:
    """Yield the values of the columns in these rows; missing ones tell nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for index, mask in rows.items():
            table = file.read_row_group(index, columns=columns).filter(pa.array(mask))
            for column in columns:
                yield from (value for value in table[column].to_pylist() if value is not None)
