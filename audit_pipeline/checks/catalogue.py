"""Write `config/expectation_types.json`: the official expectations a suite may name, with their arguments.

The loader of the configuration reads that file, so that it can refuse an unknown type or argument with file and
key without importing Great Expectations. Run it after a change of the package's version:

    python -m audit_pipeline.checks.catalogue
"""

import json
from pathlib import Path

import audit_pipeline.config
from audit_pipeline.checks.kinds import KINDS

FILE = Path(audit_pipeline.config.__file__).parent / "expectation_types.json"
HIDDEN = {  # set by the product or by the suite's own keys, or of no effect here
    "allow_relative_error",  # quantiles are interpolated the same way on both engines
    "batch_id",
    "catch_exceptions",
    "condition_parser",  # conditions as text are deprecated
    "description",
    "id",
    "library_metadata",
    "meta",
    "notes",
    "rendered_content",
    "result_format",
    "severity",
    "windows",
}


def catalogue() -> dict[str, dict[str, list[str]]]:
    """Return each official type with `all` and `required` arguments, and `refused`: why a suite may not name it."""
    from audit_pipeline.checks.engine_gx import official_types

    types = {}
    for name, fields in official_types().items():
        types[name] = {key: [field for field in listed if field not in HIDDEN] for key, listed in fields.items()}
        kind = KINDS.get(name)
        reason = kind.refused if kind else "is not known to this version of the product"
        if reason:
            types[name]["refused"] = [reason]
    return types


def as_text() -> str:
    """Return the file's content, one type per line."""
    lines = (f"{json.dumps(name)}: {json.dumps(entry, sort_keys=True)}" for name, entry in catalogue().items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(as_text(), encoding="utf-8")
