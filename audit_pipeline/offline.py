"""Nothing calls home: what keeps every package off the network, in one place.

Importing `audit_pipeline` does it, before any of the packages can be imported; child processes inherit it.
"""

import os

TELEMETRY = {
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",  # Evidently; an old convention that others keep as well
    "GX_ANALYTICS_ENABLED": "false",
}
# of every DuckDB connection: an extension that is not there is missed, and never fetched
DUCKDB: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def switch_off() -> None:
    """Switch telemetry off, whatever the environment says."""
    os.environ.update(TELEMETRY)
