"""A new project: a commented one to edit, or one proposed from a prediction log.

A proposal is a guess from names and values, written so that a person can review it: nothing in it is decided here.
"""

import re
import secrets
import shutil
import string
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

from audit_pipeline import checks, snapshot, sources
from audit_pipeline.config import NightlySource, Source
from audit_pipeline.errors import ConfigError, Fault
from audit_pipeline.evidence.files import write_whole
from audit_pipeline.records import Relation
from audit_pipeline.roles import Guess, guess_columns

NIGHT = re.compile(r"\d{4}-\d{2}-\d{2}")
MEMORY = "1GB"


@dataclass(frozen=True, slots=True)
class Started:
    """What was written, and for which nights it can run at once."""

    root: Path
    model_id: str | None
    nights: tuple[date, ...]
    guesses: tuple[Guess, ...]


def make_key(root: Path) -> Path:
    """Make the pseudonym key, unless there is one: replacing it would orphan every pseudonym."""
    path = root / "audit" / "keys" / "pseudonym.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        write_whole(path, secrets.token_hex(32).encode(), mode=0o600)
    return path


def start(root: Path) -> Started:
    """Write a commented project without a model.

    Raises:
        ConfigError: there is a project already.
    """
    _refuse_existing(root)
    _write_project(root, date.today())
    for folder, name in (("models", "model.yaml"), ("expectations", "expectations.yaml")):
        write_whole(root / folder / "my_model.yaml.example", _template(name).encode())
    make_key(root)
    return Started(root, None, (), ())


def start_from(
    root: Path,
    log: Path,
    *,
    model_id: str | None = None,
    night: date | None = None,
    roles: dict[str, str] | None = None,
) -> Started:
    """Write a project with a model file and a suite proposed from `log`.

    Args:
        root: folder of the new project.
        log: one night's prediction log: Parquet, CSV or JSON lines.
        model_id: name of the model; default: from the file's name.
        night: night of `log`; default: the date in its name.
        roles: column names by role (row_id, score, prediction) that the guess must take.

    Raises:
        ConfigError: there is a project already, or the night or a role cannot be told.
        SourceError: the log cannot be read.
    """
    _refuse_existing(root)
    model_id = model_id or _name(log)
    night = night or _night(log)
    relation = sources.open_table(Source(path=str(log.resolve())), root)
    guesses = guess_columns(relation, roles or {})
    path = _template_path(root, log, model_id, night)
    nights = tuple(sources.list_nights(NightlySource(path=path), root)) or (night,)
    _write_project(root, nights[0])
    make_key(root)
    write_whole(root / "models" / f"{model_id}.yaml", _model_yaml(model_id, path, log, guesses).encode())
    suite = _suite_yaml(root, model_id, relation, guesses)
    write_whole(root / "expectations" / f"{model_id}.yaml", suite.encode())
    return Started(root, model_id, nights, guesses)


def _refuse_existing(root: Path) -> None:
    if (root / "project.yaml").exists():
        text = "exists already. Choose another folder, or edit what is there."
        raise ConfigError([Fault(str(root / "project.yaml"), "", text)])


def _write_project(root: Path, first: date) -> None:
    name = re.sub(r"\W+", "_", root.resolve().name.lower()).strip("_")
    name = name if re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) else "project"
    text = string.Template(_template("project.yaml")).substitute(name=name, first=first.isoformat())
    write_whole(root / "project.yaml", text.encode())
    for folder in ("models", "expectations"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    if not (root / ".gitignore").exists():
        write_whole(root / ".gitignore", b"audit/\ninput/\n")


def _name(log: Path) -> str:
    """Make a model name from a file name."""
    word = re.sub(r"\W+", "_", NIGHT.sub("", log.name.split(".")[0]).lower()).strip("_")
    return word if re.fullmatch(r"[a-z][a-z0-9_]{0,62}", word) else "my_model"


def _night(log: Path) -> date:
    found = NIGHT.search(log.name)
    if found is None:
        text = f"'{log.name}' names no night: say which one it is with --night YYYY-MM-DD"
        raise ConfigError([Fault(log.name, "", text)])
    return date.fromisoformat(found[0])


def _template_path(root: Path, log: Path, model_id: str, night: date) -> str:
    """Return the log's path with `{night}`: where it is when its name has the date, else a copy in the project."""
    log = log.resolve()
    if night.isoformat() in log.name:
        return str(log.with_name(log.name.replace(night.isoformat(), "{night}")))
    suffix = "".join(log.suffixes)
    target = root / "input" / model_id / f"{night.isoformat()}{suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(log, target)
    return f"input/{model_id}/{{night}}{suffix}"


def _model_yaml(model_id: str, path: str, log: Path, guesses: tuple[Guess, ...]) -> str:
    """Write the model file line by line, so that every guess carries its reason as a comment."""
    binary = any(g.column.role == "score" for g in guesses)
    lines = [
        f"# Proposed from {log.name}. Review every line: types, roles and privacy classes are guesses.",
        "schema_version: 1",
        f"model_id: {model_id}",
        'version: "1"',
        "description: What it predicts, for whom.",
        "owner: model_owner",
        f"domain: {model_id}",
        f"task: {'binary' if binary else 'regression'}",
        "",
        "log:",
        f"  path: '{path}'",
        "# labels:            # outcomes, joined by row_id; without them performance is not measured",
        f"#   path: 'input/{model_id}_labels/{{night}}.parquet'",
        "#   column: outcome",
        "#   privacy: sensitive",
        "#   delay_nights: 30",
        "reference:           # a night is compared with the nights before it; a file of training data is better:",
        "  window: {nights: 7}",
        "  # path: input/reference.parquet",
        "",
        "columns:",
    ]
    for guess in guesses:
        column = guess.column
        lines.append(
            f"  {_key(column.name)}: {{type: {column.type}, privacy: {column.privacy}, role: {column.role}}}"
            f"  # {guess.why}"
        )
    return "\n".join([*lines, "", "policy: {}           # defaults: PSI 0.1 warns, 0.25 fails", ""])


def _key(name: str) -> str:
    """Return a YAML key; quoted when it is not a plain word."""
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in YAML_WORDS else f'"{name}"'


YAML_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


def _suite_yaml(root: Path, model_id: str, relation: Relation, guesses: tuple[Guess, ...]) -> str:
    """Profile a frozen copy of the log, and propose expectations from its aggregates."""
    columns = [g.column for g in guesses]
    store = root / "audit"
    key = bytes.fromhex(make_key(root).read_text().strip())
    frozen = snapshot.take(
        relation, columns, store=store, place=".work/proposal", suffix=".parquet", key=key, threads=2, memory=MEMORY
    )
    try:
        profiles = snapshot.profile(store / frozen.path, frozen.columns, threads=2, memory=MEMORY)
        return checks.propose_yaml(model_id, profiles, frozen.columns, rows=frozen.rows)
    finally:
        shutil.rmtree(store / ".work", ignore_errors=True)


def _template(name: str) -> str:
    return (resources.files("audit_pipeline.config") / "templates" / name).read_text(encoding="utf-8")
