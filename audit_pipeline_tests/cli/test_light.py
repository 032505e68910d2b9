"""What is asked often answers at once: no heavy package is loaded for it."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "dagster",
    "evidently",
    "great_expectations",
    "shap",
    "sklearn",
    "skops",
    "pandas",
    "numpy",
    "openlineage",
    "jsonschema",
    "requests",
)
SCRIPT = """
import sys
from audit_pipeline.cli import main
sys.argv = ["audit-pipeline", *sys.argv[1:]]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
sys.stderr.write(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "status",
        "show risk 2026-07-02",
        "query",
        "verify",
        "lineage graph -o /dev/null",
        "lineage export -o /dev/null",
    ],
)
def test_no_heavy_package_is_loaded(audited: Path, command: str) -> None:
    words = [sys.executable, "-c", SCRIPT, "--project", str(audited), *command.split()]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    loaded = set(ended.stderr.split())
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))
