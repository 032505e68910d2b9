"""The validator and the official schemas that stand beside the checkout, where they do."""

import importlib.util
from pathlib import Path
from typing import Any

OFFICIAL = Path(__file__).parents[3] / "shared" / "openlineage"
FACETS = Path(__file__).parents[2] / "audit_pipeline" / "lineage" / "facets"


def official() -> Any | None:
    """Return the validator as a module; None where it is missing."""
    if not (OFFICIAL / "validate_events.py").is_file():
        return None
    spec = importlib.util.spec_from_file_location("validate_events", OFFICIAL / "validate_events.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def violations(validator: Any, events: list[dict[str, Any]]) -> list[Any]:
    """Return every violation, by schema and by the rules of a whole stream."""
    schemas, stream = validator.Schemas(custom=FACETS), validator.Stream()
    found = []
    for event in events:
        found += schemas.violations(event) + list(stream.violations(event))
    return found + list(stream.finish())
