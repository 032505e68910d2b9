"""How a raw value becomes a canonical one, as SQL: one spelling of every value, whatever the file format.

    number     DOUBLE; NaN is missing, -0.0 is 0.0, infinities stay
    integer    BIGINT; 3.0 is 3, and 3.5 is refused (a plain cast in DuckDB would round it)
    category   VARCHAR
    boolean    BOOLEAN; true, false, 1, 0 (1.0 and 0.0 too) and nothing else
    date       DATE; a time of day other than midnight is refused
    timestamp  TIMESTAMP in UTC, cut to microseconds; a time without an offset is taken as UTC

Missing has one spelling, NULL: an empty text is missing, and so is NaN, in every format. A value that is not
missing and has no canonical form is a fault: it is counted, never dropped in silence.
"""

from dataclasses import dataclass

TEXT = ("VARCHAR", "ENUM", "JSON", '"NULL"')
FLOAT = ("FLOAT", "DOUBLE")
NUMERIC = (
    *FLOAT, "DECIMAL", "BIGNUM",
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Canonical:
    """SQL of one column: its value, and whether a row's raw value has none."""

    value: str
    fault: str


def canonical(raw: str, *, raw_type: str, declared: str) -> Canonical:
    """Return the SQL that reads `raw` as `declared`.

    Args:
        raw: SQL of the raw value, e.g. a quoted column.
        raw_type: DuckDB's name of its type, as DESCRIBE gives it.
        declared: number, integer, category, boolean, date or timestamp.
    """
    family = _family(raw_type)
    present = _present(raw, family, declared)
    value = {
        "number": _number,
        "integer": _integer,
        "category": _category,
        "boolean": _boolean,
        "date": _date,
        "timestamp": _timestamp,
    }[declared](present, family)
    if declared == "category" or (declared, family) == ("number", "float"):
        return Canonical(value=value, fault="false")  # whatever is there has a form
    return Canonical(value=value, fault=f"({present}) is not null and ({value}) is null")


def _family(raw_type: str) -> str:
    """Return text, float, numeric, boolean, date, timestamp, timestamp_ns, timestamptz or other."""
    base = raw_type.split("(", maxsplit=1)[0]
    if raw_type.endswith("]"):
        return "other"
    if base in TEXT:
        return "text"
    if base in NUMERIC:
        return "float" if base in FLOAT else "numeric"
    if base == "TIMESTAMP WITH TIME ZONE":
        return "timestamptz"
    known = {"BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP_NS": "timestamp_ns"}
    return known.get(base, "timestamp" if base.startswith("TIMESTAMP") else "other")


def _present(raw: str, family: str, declared: str) -> str:
    """Return the raw value with every spelling of missing turned into NULL."""
    if family == "float":
        return _without_nan(f"{raw}::double")
    if family != "text":
        return raw
    if declared in ("number", "integer"):  # elsewhere "nan" may be a word
        return f"case when lower(trim({raw}::varchar)) not in ('', 'nan') then {raw}::varchar end"
    return f"nullif({raw}::varchar, '')"


def _without_nan(double: str) -> str:
    """Return NULL for NaN."""
    return f"case when isnan({double}) then null else {double} end"


def _number(present: str, family: str) -> str:
    double = present if family == "float" else _without_nan(f"try_cast({present} as double)")
    return f"({double}) + 0.0"  # turns -0.0 into 0.0


def _integer(present: str, family: str) -> str:
    if family == "text":  # digits are read exactly; 3.0 and 1e3 through a double that must be whole
        double = f"try_cast({present} as double)"
        return (
            rf"case when regexp_full_match({present}, '\s*[+-]?[0-9]+\s*') then try_cast({present} as bigint) "
            f"when {double} = trunc({double}) then try_cast({double} as bigint) end"
        )
    if family in ("float", "numeric"):
        return f"case when {present} = trunc({present}) then try_cast({present} as bigint) end"
    return f"try_cast({present} as bigint)" if family == "boolean" else "null::bigint"


def _category(present: str, _: str) -> str:
    return f"({present})::varchar"


def _boolean(present: str, family: str) -> str:
    if family == "boolean":
        return present
    if family in ("float", "numeric"):
        return f"case when {present} = 1 then true when {present} = 0 then false end"
    if family != "text":
        return "null::boolean"
    word = f"lower(trim({present}))"
    return f"case when {word} in ('true', '1', '1.0') then true when {word} in ('false', '0', '0.0') then false end"


def _date(present: str, family: str) -> str:
    if family == "date":
        return f"case when isfinite({present}) then {present} end"
    time = _timestamp(present, family)
    return f"case when ({time}) = date_trunc('day', {time}) then ({time})::date end"


def _timestamp(present: str, family: str) -> str:
    if family == "text":
        # A cast to TIMESTAMP drops an offset in silence; TIMESTAMPTZ honours it, and the session is in UTC.
        # The first digit keeps out words such as 'epoch'.
        time = rf"case when regexp_matches({present}, '^\s*[0-9]') then try_cast({present} as timestamptz) end"
        time = f"({time}) at time zone 'UTC'"
    elif family == "timestamptz":
        time = f"({present}) at time zone 'UTC'"
    elif family == "timestamp_ns":  # cut, as text is: a cast would round
        time = f"make_timestamp(epoch_ns({present}) // 1000)"
    elif family in ("timestamp", "date"):
        time = f"try_cast({present} as timestamp)"
    else:
        return "null::timestamp"
    return f"case when isfinite({time}) then {time} end"
