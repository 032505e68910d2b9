"""A new project: a commented one to edit, or one proposed from a prediction log.

A proposal is a guess from names and values, written so that a person can review it: nothing in it is decided here.
"""

import re
import secrets
import shutil
import string
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

from audit_pipeline import checks, snapshot, sources
from audit_pipeline.config import NightlySource, ProjectConfig, Source
from audit_pipeline.config.document import read
from audit_pipeline.config.model import NAME, NAME_MEANING
from audit_pipeline.config.source import SUFFIX
from audit_pipeline.durable import write_whole
from audit_pipeline.errors import ConfigError, Fault
from audit_pipeline.keys import make_keys
from audit_pipeline.proposal import model_yaml
from audit_pipeline.records import Column, Relation
from audit_pipeline.roles import Guess, guess_columns
from audit_pipeline.vault import Vault

NIGHT = re.compile(r"\d{4}-\d{2}-\d{2}")
MEMORY = "1GB"


@dataclass(frozen=True, slots=True)
class Started:
    """What was written, and for which nights it can run at once."""

    model_id: str
    nights: tuple[date, ...]
    guesses: tuple[Guess, ...]


def start(root: Path) -> None:
    """Write a commented project without a model.

    Raises:
        ConfigError: there is a project already.
    """
    if (root / "project.yaml").exists():
        text = "exists already: edit what is there, or add a model with `audit-pipeline init DIR --from LOG`"
        raise ConfigError([Fault(str(root / "project.yaml"), "", text)])
    _write_project(root, date.today())
    for folder, name in (("models", "model.yaml"), ("expectations", "expectations.yaml")):
        write_whole(root / folder / "my_model.yaml.example", _template(name).encode())


def start_from(
    root: Path,
    log: Path,
    *,
    model_id: str | None = None,
    night: date | None = None,
    roles: dict[str, str] | None = None,
) -> Started:
    """Write a model file and a suite proposed from `log`, and a project around them unless there is one.

    Nothing is written before all of it is known, and nothing that exists is overwritten.

    Args:
        root: folder of the project.
        log: one night's prediction log: Parquet, CSV or JSON lines.
        model_id: name of the model; default: from the file's name.
        night: night of `log`; default: the date in its path.
        roles: column names by role (row_id, score, prediction) that the guess must take.

    Raises:
        ConfigError: there is such a model already, the project has faults, or a name, night or role cannot be told.
        SourceError: the log cannot be read.
    """
    log = log.resolve()
    model_id = _model_id(root, log, model_id)
    night = night or _night(log)
    owner = _owner(root)
    relation = sources.open_table(_source(log), root)
    guesses = guess_columns(relation, roles or {})
    suite = _suite_yaml(model_id, relation, [guess.column for guess in guesses if not guess.left_out])
    path = _template_path(log, model_id, night)
    nights = tuple(sources.list_nights(NightlySource(path=path), root)) or (night,)
    if not (root / "project.yaml").exists():
        _write_project(root, nights[0])
    if not Path(path).is_absolute():
        _copy(log, root / path.replace("{night}", night.isoformat()))
    text = model_yaml(model_id, path, log.name, guesses, owner=owner)
    write_whole(root / "models" / f"{model_id}.yaml", text.encode())
    write_whole(root / "expectations" / f"{model_id}.yaml", suite.encode())
    return Started(model_id, nights, guesses)


def _write_project(root: Path, first: date) -> None:
    """Write project.yaml, its folders and its keys."""
    name = _word(root.resolve().name) or "project"
    text = string.Template(_template("project.yaml")).substitute(name=name, first=first.isoformat())
    write_whole(root / "project.yaml", text.encode())
    for folder in ("models", "expectations"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    if not (root / ".gitignore").exists():
        write_whole(root / ".gitignore", b"audit/\ninput/\n")
    make_keys(root)


def _word(text: str) -> str | None:
    """Make a name of a file's or folder's, or return None when nothing is left of it."""
    word = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:63].rstrip("_")
    return word if re.fullmatch(NAME, word) else None


def _model_id(root: Path, log: Path, given: str | None) -> str:
    """Return the model's name, when it is one and new to the project."""
    model_id = given or _word(NIGHT.sub("", log.name.split(".")[0])) or "my_model"
    if not re.fullmatch(NAME, model_id):
        raise ConfigError([Fault("--model", "", f"'{model_id}' must be {NAME_MEANING}")])
    for folder in ("models", "expectations"):
        if (root / folder / f"{model_id}.yaml").exists():
            text = f"exists already in '{root}': edit it, or name another model with --model"
            raise ConfigError([Fault(f"{folder}/{model_id}.yaml", "", text)])
    return model_id


def _owner(root: Path) -> str:
    """Return the first owner of the project; of a new one, the template's."""
    if not (root / "project.yaml").exists():
        return "model_owner"
    faults: list[Fault] = []
    project = read(root / "project.yaml", ProjectConfig, root=root, faults=faults).value
    if project is None:
        raise ConfigError(faults)
    return next(iter(project.owners))


def _source(log: Path) -> Source:
    """Return the log as a source; its suffix tells the format."""
    try:
        return Source(path=str(log))
    except ValueError as error:
        text = f"the suffix tells no format: it must be one of {', '.join(SUFFIX)}"
        raise ConfigError([Fault(log.name, "", text)]) from error


def _dated(log: Path) -> Path | None:
    """Return the file, or the nearest folder above it, whose name holds a date."""
    return next((part for part in (log, *log.parents) if NIGHT.search(part.name)), None)


def _night(log: Path) -> date:
    """Read the night from the log's path."""
    dated = _dated(log)
    found = NIGHT.search(dated.name) if dated else None
    with suppress(ValueError):  # 2026-02-30 looks like a date
        if found:
            return date.fromisoformat(found[0])
    raise ConfigError([Fault(log.name, "", "its path names no night: say which one it is with --night YYYY-MM-DD")])


def _template_path(log: Path, model_id: str, night: date) -> str:
    """Return the log's path with `{night}`: where it is when that says the date, else for a copy in the project."""
    dated = _dated(log)
    if dated and night.isoformat() in dated.name:
        above = dated.with_name(dated.name.replace(night.isoformat(), "{night}"))
        return str(above / log.relative_to(dated))
    return f"input/{model_id}/{{night}}{''.join(log.suffixes)}"


def _copy(log: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(log, target)


def _suite_yaml(model_id: str, relation: Relation, columns: list[Column]) -> str:
    """Profile a frozen copy of the log, and propose expectations from its aggregates; the copy is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        vault, key = Vault(Path(folder)), secrets.token_bytes(32)
        frozen = snapshot.take(
            relation, columns, vault=vault, place="proposal", suffix=".parquet", key=key, threads=2, memory=MEMORY
        )
        profiles = snapshot.profile(vault.plain(frozen.path), frozen.columns, threads=2, memory=MEMORY)
        return checks.propose_yaml(model_id, profiles, frozen.columns, rows=frozen.rows)


def _template(name: str) -> str:
    return (resources.files("audit_pipeline.config") / "templates" / name).read_text(encoding="utf-8")
