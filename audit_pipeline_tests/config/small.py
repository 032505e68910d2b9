"""A small whole project on disk; a test changes one thing in it and reads the faults."""

from pathlib import Path

from audit_pipeline.config import load_project
from audit_pipeline.errors import ConfigError

PROJECT = """
schema_version: 1
name: hospital
time_zone: Europe/Berlin
nights: {first: 2026-01-01, complete_at: "02:00"}
owners: {team: {name: Team, channels: [pager]}}
channels: {pager: {url: env:PAGER_URL}}
"""
MODEL = """
schema_version: 1
model_id: risk
version: "1"
owner: team
domain: care
task: binary
log: {path: "logs/{night}.parquet"}
reference: {path: reference.parquet, label: outcome}
columns:
  id: {type: category, privacy: none, role: row_id}
  age: {type: integer, privacy: quasi_identifier}
  ward: {type: category, privacy: none}
  risk: {type: number, privacy: none, role: score}
policy:
  drift: {psi: {warn: 0.1, fail: 0.25}, columns: {age: {ignore: true}}}
  performance: {metrics: {auc: {warn_below: 0.7, fail_below: 0.6}}}
"""
SUITE = """
schema_version: 1
model_id: risk
expectations:
  - {type: expect_column_values_to_not_be_null, severity: critical, kwargs: {column: id}}
"""


def write(root: Path, *, project: str = PROJECT, model: str = MODEL, suite: str = SUITE) -> Path:
    """Write the project; return its folder."""
    for folder in ("models", "expectations"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "project.yaml").write_text(project, encoding="utf-8")
    (root / "models" / "risk.yaml").write_text(model, encoding="utf-8")
    (root / "expectations" / "risk.yaml").write_text(suite, encoding="utf-8")
    return root


def faults(root: Path) -> list[str]:
    """Return the faults of a project as the user reads them; none when it loads."""
    try:
        load_project(root)
    except ConfigError as error:
        return [str(fault) for fault in error.faults]
    return []


def changed(text: str, old: str, new: str) -> str:
    """Return `text` with one thing replaced; the thing must be there."""
    assert old in text, f"'{old}' is not in the text any more"
    return text.replace(old, new)
