"""The events as they arrived, to be loaded into another system."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from audit_pipeline.errors import LineageError, did_you_mean
from audit_pipeline.lineage.queries import instant

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MANY = 500  # events fetched at a time
CHOSEN = """
select e.event from lineage.event e join lineage.run r using (run_id)
where (len($models) = 0 or r.model_id in $models)
    and ($first is null or r.night >= $first) and ($last is null or r.night <= $last)
    and ($at is null or r.effective <= $at)
order by e.event_time, e.event_id
"""


def raw_events(
    connection: "DuckDBPyConnection",
    *,
    models: Sequence[str] = (),
    first: date | None = None,
    last: date | None = None,
    as_of: date | None = None,
) -> Iterator[bytes]:
    """Return events in order of time, each as its canonical JSON without a newline, read as they are asked for.

    Args:
        connection: the published database.
        models: only events of runs about these; default all, those of other producers too.
        first: only of nights from this one on.
        last: only of nights up to this one.
        as_of: only of runs whose place on the time axis is not later; a date means all of that day.

    Raises:
        LineageError: a model has no events at all.
    """
    _require(connection, models)
    values = {"models": list(models), "first": first, "last": last, "at": instant(as_of)}
    found = connection.execute(CHOSEN, values)
    batches = iter(lambda: found.fetchmany(MANY), [])
    return (text.encode("utf-8") for rows in batches for (text,) in rows)


def _require(connection: "DuckDBPyConnection", models: Sequence[str]) -> None:
    """Refuse a model that nothing is known of: a wrong name must not look like a night without events."""
    rows = connection.execute("select distinct model_id from lineage.run where model_id is not null").fetchall()
    known = sorted(model for (model,) in rows)
    for model in models:
        if model not in known:
            some = f"There are: {', '.join(known) or 'none yet'}."
            raise LineageError(f"There are no events of a model '{model}'.{did_you_mean(model, known)} {some}")
