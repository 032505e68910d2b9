"""How an identifier that somebody gives in clear stands in a snapshot: read as its column is, then its pseudonym."""

from contextlib import closing
from typing import Any

from audit_pipeline.snapshot.canonical import canonical
from audit_pipeline.snapshot.connection import reading
from audit_pipeline.snapshot.pseudonym import pads, pseudonym_sql


def frozen_value(given: str, *, declared: str, key: bytes | None) -> Any:
    """Return `given` as a snapshot holds it; None when no value of that type is written so.

    Args:
        given: the identifier as text.
        declared: the column's type in the model file.
        key: of the pseudonyms; None where the column holds identifiers as they are.
    """
    value = canonical("given", raw_type="VARCHAR", declared=declared).value
    shown = pseudonym_sql(f"({value})::varchar") if key else value
    parameters = {"given": given} | (pads(key) if key else {})
    with closing(reading(threads=1, memory="100MB")) as connection:
        sql = f"select {shown} from (select $given::varchar as given)"
        return connection.execute(sql, parameters).fetchall()[0][0]
