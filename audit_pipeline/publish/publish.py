"""Project the evidence store into `audit.duckdb` and swap it in, so that a reader never meets a lock.

A private build file is carried on from night to night and renamed over the published one; a copy of that is the next
build. Both are disposable: without them everything is projected anew.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from audit_pipeline.config import DatabaseRole, Layout
from audit_pipeline.durable import is_full
from audit_pipeline.errors import EvidenceError, PublishError
from audit_pipeline.publish.build import Also, Build, Entries
from audit_pipeline.publish.project import ReadRecord
from audit_pipeline.publish.roles import publish_roles, withdraw
from audit_pipeline.publish.swap import swap


def publish(
    layout: Layout,
    log: Entries,
    read_record: ReadRecord,
    *,
    also: Also | None = None,
    anew: bool = False,
    roles: Mapping[str, DatabaseRole] | None = None,
    key: bytes | None = None,
) -> Path:
    """Bring `audit.duckdb` up to the log and swap it in, then what each role may see; the caller is the only publisher.

    Args:
        layout: where the project keeps its things.
        log: the entries of the evidence log from an index on, in order.
        read_record: reads one record.
        also: fills further schemas of the same database (lineage).
        anew: project everything again, from an empty file.
        roles: who gets a database of their own; with any, the whole one is readable by owner and group only.
        key: of the masks in them.

    Raises:
        PublishError: the file could not be written, or a record is damaged; the old one stays as it was.
    """
    build = Build(layout.audit / ".build", layout.database)
    try:
        withdraw(layout, roles or {})
        if anew:
            build.discard()
        for otherwise in (build.drop, build.discard, None):  # from the build, from what is published, from nothing
            try:
                build.bring_up_to(log, read_record, also)
                break
            except duckdb.Error as error:
                if otherwise is None or is_full(error):
                    raise
                otherwise()
        swap(build.file, layout.database, mode=0o440 if roles else 0o444)
        publish_roles(layout, build.folder, roles or {}, key)
        build.copy_back()
    except EvidenceError as error:
        raise PublishError(f"audit.duckdb was not published. {error}") from error
    except (duckdb.Error, OSError) as error:
        why = "the disk is full" if is_full(error) else type(error).__name__
        text = (
            f"audit.duckdb was not published ({why}). The evidence is safe; run `audit-pipeline rebuild` when mended."
        )
        raise PublishError(text) from error
    return layout.database
