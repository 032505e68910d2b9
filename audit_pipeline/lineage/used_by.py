"""Who used a file: exactly the model-nights, verdicts and reports that stand on it, by the versions that were read.

A file is asked for as people know it: its path (of one night, or with `{night}` as in the model file), a node, the
end of a node's name, or the sha256 of one version.
"""

import contextlib
import re
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_pipeline.errors import LineageError
from audit_pipeline.lineage.queries import DEPTH, SHOWN, instant, resolve
from audit_pipeline.lineage.rows import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NIGHT = "{night}"
SHA256 = re.compile(r"[0-9a-f]{64}")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Use:
    """A model-night's record that stands on the file; or a model-night that used it and has no record of that."""

    model_id: str
    night: date
    verdict: str | None
    record: str | None  # digest; None when the line did not get that far
    newest: bool | None  # whether it is the newest record of its model-night, or superseded
    how: tuple[str, ...]  # the stages that took it in, and through what
    versions: tuple[str, ...]  # sha256 of what was used, as far as the readers said
    report: str | None  # its report, below the audit folder

    @property
    def status(self) -> str:
        """Return `newest`, `superseded` or `no record`."""
        return "no record" if self.newest is None else "newest" if self.newest else "superseded"

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self) | {"night": self.night.isoformat(), "status": self.status}


@dataclass(frozen=True, slots=True)
class Impact:
    """A file and what stands on it."""

    asked: str  # the node, the place, or the sha256
    night: date | None  # that was asked for, or that the path named
    as_of: datetime | None  # UTC; None is now
    uses: tuple[Use, ...]  # by model and night
    jobs: tuple[str, ...]  # nodes of other producers' jobs that used it

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "asked": self.asked,
            "night": self.night.isoformat() if self.night else None,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "model_nights": [use.as_dict() for use in self.uses],
            "other_jobs": list(self.jobs),
        }


def impact(
    connection: "DuckDBPyConnection",
    file: str,
    *,
    roots: tuple[Path, ...] = (),
    night: date | None = None,
    as_of: date | None = None,
) -> Impact:
    """Return who used `file`; nobody is an answer.

    Args:
        connection: the published database, as the current one.
        file: path, node, alias or sha256.
        roots: folders that a relative path may start from.
        night: only what is about this night: its `{night}`, or what the audits of that night read or wrote.
        as_of: only runs about nights up to there, as in `upstream`.

    Raises:
        LineageError: no run read or wrote such a file.
    """
    at = instant(as_of)
    asked, about, reads = _asked(connection, file, roots, night)
    runs, versions = [run for run, _ in reads], [version for _, version in reads]
    values = {"runs": runs, "versions": versions, "at": at, "depth": DEPTH}
    rows = connection.execute(statement("used_by.sql"), values).fetchall()
    found: dict[tuple[str, date], list[tuple[Any, ...]]] = defaultdict(list)
    jobs = set()
    for job, model, of, *facts in rows:
        if model is None or of is None:
            jobs.add(job)
        else:
            found[model, of].append(tuple(facts))
    reports = _reports(connection, {facts[1] for all_facts in found.values() for facts in all_facts})
    uses = [use for key, facts in sorted(found.items()) for use in _uses(*key, facts, reports)]
    return Impact(asked, about, at, tuple(uses), tuple(sorted(jobs)))


def _uses(model: str, night: date, rows: list[tuple[Any, ...]], reports: dict[str, str]) -> list[Use]:
    """Return one use per record of a model-night; without any, what its stages did."""
    recorded = [row for row in rows if row[1] is not None]
    by_record: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for row in recorded or rows:
        by_record[row[:3]].append(row[3:])
    uses = []
    for (verdict, record, newest), ways in by_record.items():
        how = sorted({_how(stage, through, about, night) for stage, through, about, _ in ways})
        versions = sorted({version for *_, version in ways if version})
        uses.append(Use(model, night, verdict, record, newest, tuple(how), tuple(versions), reports.get(record)))
    return uses


def _how(stage: str, through: str | None, about: date | None, night: date) -> str:
    """Say which stage took the file in, and through what."""
    if through is None:
        return f"{stage}, directly"
    return f"{stage}, through {through}" + (f" of {about}" if about not in (None, night) else "")


def _reports(connection: "DuckDBPyConnection", records: set[str | None]) -> dict[str, str]:
    """Return the path of each record's report, below the audit folder."""
    rows = connection.execute(
        "select record, path from artifact where ends_with(path, '/report.html') and list_contains($1, record)",
        [sorted(record for record in records if record)],
    ).fetchall()
    return dict(rows)


Reads = set[tuple[str, str | None]]  # run id, version


def _asked(
    connection: "DuckDBPyConnection", file: str, roots: tuple[Path, ...], night: date | None
) -> tuple[str, date | None, Reads]:
    """Return what is meant, the night it is about, and who read it.

    A whole name goes before an end of one. The file of a night is found under its own name, and as that night of the
    dataset that the model file names: a producer who gave no other name has left only the latter.
    """
    if SHA256.fullmatch(file) and _any(connection, "version = $1", file):
        return file, night, _reads(connection, "version = $1", file, night)
    for whole in (True, False):
        found: list[tuple[str, date | None, Reads]] = []
        if node := _find(connection, "lineage.node", "node", file, roots, whole=whole):
            found.append((node, night, _of_night(connection, node, night)))
        elif place := _find(connection, "lineage.run_io", "location", file, roots, whole=whole):
            found.append((place, night, _reads(connection, "location = $1", place, night)))
        for text, about in _dated(file):
            if (node := _find(connection, "lineage.node", "node", text, roots, whole=whole)) and night in (None, about):
                found.append((node, about, _of_night(connection, node, about)))
        if found:
            name, of, _ = next((one for one in found if one[2]), found[-1])
            return name, of, {read for *_, reads in found for read in reads}
    node = _resolved(connection, file)
    return node, night, _of_night(connection, node, night)


def _dated(file: str) -> list[tuple[str, date]]:
    """Return for each date in a path the path as the model file would have it, and the night."""
    found = []
    for text in dict.fromkeys(DAY.findall(file)):
        with contextlib.suppress(ValueError):
            found.append((file.replace(text, NIGHT), date.fromisoformat(text)))
    return found


def _find(
    connection: "DuckDBPyConnection", table: str, column: str, text: str, roots: tuple[Path, ...], *, whole: bool
) -> str | None:
    """Return the one dataset in `column` that is called `text`, is the file at that path, or whose name ends so.

    Raises:
        LineageError: several names end so.
    """
    paths = [Path(str((root / text).absolute())) for root in (*roots, Path())]
    names = [text, *(f"dataset:file:{path}" for path in (*paths, *(path.resolve() for path in paths)))]
    condition, values = "{0} in (select unnest($1))", names
    if not whole:
        condition, values = "list_bool_or(list_transform($1, lambda e: ends_with({0}, e)))", ["/" + text, ":" + text]
    where = f"starts_with({column}, 'dataset:') and {condition.format(column)}"
    found = [
        str(name)
        for (name,) in connection.execute(f"select distinct {column} from {table} where {where}", [values]).fetchall()
    ]
    if len(found) > 1 and not whole:
        some = ", ".join(sorted(found)[:SHOWN])
        raise LineageError(f"'{text}' may be any of {len(found)} datasets: {some}. Give more of its name.")
    return min(found, default=None)


def _of_night(connection: "DuckDBPyConnection", node: str, night: date | None) -> Reads:
    """Return who read a dataset; of one night, what is about it.

    That is what lay under the name with the night filled in; where no reader gave a place, what the audits of that
    night wrote there, or else read from there.
    """
    if night is None:
        return _reads(connection, "node = $1", node, None)
    place = node.replace(NIGHT, night.isoformat())
    if place != node and (reads := _reads(connection, "location = $1", place, None)):
        return reads
    written = connection.execute(
        "select distinct i.version from lineage.run_io i join lineage.run r using (run_id) "
        "where i.node = $1 and r.night = $2 and i.direction = 'output' and i.version is not null",
        [node, night],
    ).fetchall()
    if written:
        versions = {version for (version,) in written}
        return {(run, version) for run, version in _reads(connection, "node = $1", node, None) if version in versions}
    return _reads(connection, "node = $1", node, night)


def _reads(connection: "DuckDBPyConnection", condition: str, value: str, night: date | None) -> Reads:
    """Return the runs, of one night or of all, that read such a thing."""
    rows = connection.execute(
        "select distinct run_id, version from lineage.run_io i join lineage.run r using (run_id) "
        f"where i.direction = 'input' and i.{condition} and ($2::date is null or r.night = $2)",
        [value, night],
    ).fetchall()
    return set(rows)


def _any(connection: "DuckDBPyConnection", condition: str, value: str) -> bool:
    """Whether any run read or wrote such a thing."""
    return bool(connection.execute(f"select 1 from lineage.run_io where {condition} limit 1", [value]).fetchall())


def _resolved(connection: "DuckDBPyConnection", file: str) -> str:
    """Return the dataset that people call so.

    Raises:
        LineageError: there is none, there are several, or it is a job.
    """
    node = resolve(connection, file)
    if node.startswith("job:"):
        text = f"'{file}' is the job '{node}', which is no file; `lineage downstream` tells what a job fed."
        raise LineageError(text)
    return node
