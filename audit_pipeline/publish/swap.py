"""Puts a finished database in place of the published one: a reader sees the old file or the new one, never a lock."""

import grp
import os
from pathlib import Path

from audit_pipeline.durable import sync


def swap(file: Path, target: Path, *, mode: int, group: str | None = None) -> None:
    """Rename `file`, which lies on the same disk, to `target`, with these rights.

    Raises:
        LookupError: there is no such group.
        PermissionError: the file may not be given to it.
        OSError: the disk refused.
    """
    sync(file)
    if group is not None:
        os.chown(file, -1, grp.getgrnam(group).gr_gid)  # before it is readable to a group
    file.chmod(mode)
    # Somebody with rights to everything may have opened the old file for writing; DuckDB would look for the
    # changes it left here in the new file, and refuse to open it.
    target.with_name(f"{target.name}.wal").unlink(missing_ok=True)
    file.replace(target)
    sync(target.parent)
