"""Each root of the log also goes to a second place, so that a log rolled back or replaced does not go unnoticed.

A file gets every root and must hold nothing else: what stands there and not in the log is the trace of a rollback. A
channel gets the newest root as a message, since that root stands for all before it. What fails is tried again at the
next delivery; the audits are not touched by it.
"""

import os
from pathlib import Path

from audit_pipeline.config import Project
from audit_pipeline.config.secrets import read_secret
from audit_pipeline.durable import locked, write_whole
from audit_pipeline.errors import EvidenceError, KeyMissingError, NotifyError
from audit_pipeline.evidence import Root, Store
from audit_pipeline.notify import Message, send


def anchor_roots(project: Project) -> list[str]:
    """Bring the anchor up to the log's roots; return what went wrong, in sentences."""
    to = project.config.anchor
    if to is None:
        return []
    store = Store(project.layout)
    problems = []
    with locked(project.layout.audit / ".locks" / "anchor"):
        for place, bring in ((to.file, _to_file), (to.channel, _to_channel)):
            try:
                if place is not None:
                    bring(project, store, place)
            except (EvidenceError, KeyMissingError, NotifyError, OSError) as error:
                why = (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
                problems.append(f"The anchor '{place}' did not get the log's roots: {why.rstrip('.')}.")
    return problems


def _to_file(project: Project, store: Store, name: str) -> None:
    """Append the roots that the file does not have yet, after those it has; it is only ever appended to.

    Raises:
        EvidenceError: it holds other roots than the log.
        OSError: it cannot be read or written.
    """
    path = project.root / name
    ours = b"".join(line + b"\n" for line in store.log.roots.lines.read())
    theirs = path.read_bytes() if path.exists() else b""
    if not ours.startswith(theirs):
        raise EvidenceError("it holds roots that log/roots.jsonl does not: the log was rolled back, or is another one")
    if ours == theirs:
        return
    handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    with os.fdopen(handle, "ab") as file:
        file.write(ours[len(theirs) :])
        file.flush()
        os.fsync(file.fileno())


def _to_channel(project: Project, store: Store, channel: str) -> None:
    """Send the newest root, unless it was sent."""
    roots: list[Root] = list(store.log.roots.all())
    seen = _note(project, channel)
    if not roots or (seen.exists() and seen.read_text(encoding="utf-8") == roots[-1].root):
        return
    *_, line = store.log.roots.lines.read()
    url = read_secret(f"address of channel {channel}", project.config.channels[channel].url, project.root)
    title = f"[{project.config.name}] root of the audit log: {roots[-1].size} entries, {roots[-1].root}"
    send(url, Message(title, line.decode()))
    write_whole(seen, roots[-1].root.encode())


def _note(project: Project, channel: str) -> Path:
    """Return the file that tells which root a channel got last."""
    return project.layout.audit / ".state" / "anchor" / channel
