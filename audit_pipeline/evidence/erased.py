"""Which rows of a file of the store were erased, as the log says: what is left is proved, and cannot be replayed.

An erasure is an entry of kind `erasure` per file it touched; its body names `path`, `sha256` (of the file before),
`new_sha256` (after) and `rows` (erased by it).
"""

from audit_pipeline.evidence.store import Store


def erased_rows(store: Store, path: str, *, sha256: str) -> int | None:
    """Return how many rows were erased from the file `path` in all.

    Args:
        store: its log is asked.
        path: of a snapshot or an input, below the audit folder.
        sha256: of the file as it is now.

    Returns:
        None when nobody erased any, or when the file is not what the last erasure left: then it was changed.

    Raises:
        EvidenceError: a line of the log is no entry.
    """
    bodies = [e.body for e in store.log.entries() if e.kind == "erasure" and e.body.get("path") == path]
    if not bodies or bodies[-1]["new_sha256"] != sha256:
        return None
    return sum(int(body["rows"]) for body in bodies)
