"""A small project on disk, for what the loader says about its suite."""

from pathlib import Path

PROJECT = """
schema_version: 1
name: hospital
nights: {first: 2026-01-01}
owners: {team: {name: Team}}
"""
MODEL = """
schema_version: 1
model_id: risk
version: "1"
owner: team
domain: care
task: binary
log: {path: "logs/{night}.parquet"}
reference: {path: reference.parquet}
columns:
  id: {type: category, privacy: direct_identifier, role: row_id}
  age: {type: integer, privacy: quasi_identifier}
  ward: {type: category, privacy: none}
  name: {type: category, privacy: direct_identifier, role: subject_id}
  share: {type: number, privacy: none}
  risk: {type: number, privacy: none, role: score}
"""


def write_project(folder: Path, suite: str) -> Path:
    """Write a project of one model with `suite`; return its folder."""
    for name in ("models", "expectations"):
        (folder / name).mkdir()
    (folder / "project.yaml").write_text(PROJECT)
    (folder / "models" / "risk.yaml").write_text(MODEL)
    (folder / "expectations" / "risk.yaml").write_text(suite)
    return folder
