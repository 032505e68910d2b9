"""The project's keys: made once, the signing key handed over, and the encryption key exchanged for another."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from audit_pipeline.cipher import WrappingKey
from audit_pipeline.config import Project
from audit_pipeline.config.secrets import read_key
from audit_pipeline.durable import sync, write_whole
from audit_pipeline.errors import ConfigError, EvidenceError, Fault
from audit_pipeline.evidence import SigningKey, Store, rotate, signing_key

NAMES = ("pseudonym.key", "signing.key", "encryption.key")


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What became of the signing key."""

    before: str  # public key, "" when it was lost
    key_id: str  # public key from now on
    reference: str  # where `keys.signing` must point from now on


def make_keys(root: Path) -> list[Path]:
    """Make the project's keys and return their files; one that is there stays: a new one would not fit what it made."""
    paths = [root / "audit" / "keys" / name for name in NAMES]
    for path in paths:
        if not path.exists():
            _make(path)
    return paths


def introduce(project: Project) -> str:
    """Begin to sign a log that was not signed until now; return the public key.

    What the log holds by then is bound as it is: whether it is what was written, nobody can tell any more.

    Raises:
        ConfigError: no signing key is configured, or the log has a key.
        KeyMissingError: the key is not there.
        EvidenceError: the log is not the one of its last root.
    """
    key = signing_key(project.config, project.root)
    store = Store(project.layout)
    if key is None or any(entry.writer.key for entry in store.log.entries()):
        text = "is not set: there is nothing to sign with" if key is None else "the log has one: hand it over instead"
        raise ConfigError([Fault("project.yaml", "keys.signing", text)])
    _sign_over(store, key, run="keys introduce")
    return key.key_id


def hand_over(project: Project, *, to: str | None = None, lost: bool = False) -> HandedOver:
    """Let another key sign the log from now on; the old one signs for it, unless it is lost.

    A call that died is made again and finishes. The file of the old key then holds the new one.

    Args:
        project: the project.
        to: where the new key is, `file:PATH` or `env:NAME`; default: one is made, and takes the place of the old file.
        lost: the old key is not there any more; third parties are told that nobody handed it over.

    Raises:
        ConfigError: no signing key is configured, or it is no file that could be replaced.
        KeyMissingError: the old or the new key is not there.
        EvidenceError: a run is at work, or the log is not one to go on with.
    """
    reference, file = _replaceable(project, "signing", project.config.keys.signing, to)
    new = SigningKey(_following(project, "signing", file, to))
    old = None if lost else signing_key(project.config, project.root)
    _sign_over(Store(project.layout, old), new, run="keys rotate")
    if to is None:
        _replace(file)
    return HandedOver(old.key_id if old else "", new.key_id, to or reference)


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What became of the encryption key."""

    key_id: str  # name of the key from now on
    reference: str  # where `keys.encryption` must point from now on
    files: int  # whose keys it wraps now


def rewrap(project: Project, *, to: str | None = None) -> Rewrapped:
    """Let another key wrap the keys of all encrypted files; the files themselves stay as they are.

    A call that died is made again and finishes.

    Args:
        project: the project.
        to: where the new key is, `file:PATH` or `env:NAME`; default: one is made, and takes the place of the old file.

    Raises:
        ConfigError: no encryption key is configured, or it is no file that could be replaced.
        KeyMissingError: the old or the new key is not there.
        EvidenceError: a run is at work, or a wrapped key was changed.
    """
    reference, file = _replaceable(project, "encryption", project.config.keys.encryption, to)
    old = WrappingKey(read_key("encryption", reference, project.root))
    new = WrappingKey(_following(project, "encryption", file, to))
    store = Store(project.layout)
    with store.quiet() as quiet:
        if not quiet:
            raise EvidenceError("A run is at work and reads with the old key. Exchange the key when it has ended.")
        files = store.vault.rewrap(old, new)
        if to is None:
            _replace(file)
    return Rewrapped(new.key_id, to or reference, files)


def _replaceable(project: Project, name: str, reference: str | None, to: str | None) -> tuple[str, Path]:
    """Return where a key is, and its file, which a new one may replace unless that goes elsewhere.

    Raises:
        ConfigError: there is no such key, or it is in no file.
    """
    if reference is None:
        raise ConfigError([Fault("project.yaml", f"keys.{name}", "is not set: there is no key to hand over")])
    kind, _, where = reference.partition(":")
    if to is None and kind != "file":
        text = f"is '{reference}', which this program cannot write. Put a new key elsewhere and name it with --to"
        raise ConfigError([Fault("project.yaml", f"keys.{name}", text)])
    return reference, project.root / where


def _next(file: Path) -> Path:
    return file.with_name(f"{file.name}.next")


def _following(project: Project, name: str, file: Path, to: str | None) -> bytes:
    """Return the key to come: the one at `to`, or one that is made beside `file`; an earlier call may have made it."""
    if to is None and not _next(file).exists():
        _make(_next(file))
    return read_key(f"new {name}", to or f"file:{_next(file)}", project.root)


def _replace(file: Path) -> None:
    """Let the key beside `file` take its place."""
    _next(file).replace(file)
    sync(file.parent)


def _sign_over(store: Store, new: SigningKey, *, run: str) -> None:
    """Hand over the log, unless it was already: an earlier call died after that."""
    last = store.log.roots.last()
    if last is not None and last.root.key_id == new.key_id and new.key_id in last.by:
        return
    with store.quiet() as quiet:
        if not quiet:
            raise EvidenceError("A run is at work and writes with the old key. Hand the key over when it has ended.")
        rotate(store.log, new, run=run)


def _make(path: Path) -> None:
    """Write a new key, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    write_whole(path, secrets.token_hex(32).encode(), mode=0o600)
