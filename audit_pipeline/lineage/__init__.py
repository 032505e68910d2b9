"""What fed what: OpenLineage events of every stage, kept as a graph one can ask for any past night.

    trace --events_of--> events --outbox.append--> outbox --store.load--> lineage.* tables --> queries, page
    other producers --files--> inbox --------------------^

Names of nodes: a job is `job:<project>:<model>.<stage>`, a dataset `dataset:<namespace>:<name>`. Nobody needs to
type these: every node has an alias, the shortest end of its name that is unique (`high_utilizer.audit`,
`snapshots/high_utilizer`), and macros and commands take either.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit_pipeline.lineage.column_sources import ColumnPath, Step, column_path, column_tree
    from audit_pipeline.lineage.events import aborted_events, events_of, run_id
    from audit_pipeline.lineage.inbox import inbox_marks
    from audit_pipeline.lineage.outbox import append
    from audit_pipeline.lineage.page import graph_page
    from audit_pipeline.lineage.queries import Graph, Node, downstream, resolve, tree, upstream
    from audit_pipeline.lineage.store import create, load, unfinished
    from audit_pipeline.lineage.used_by import Impact, Use, impact

_HOMES = {
    "column_sources": ("ColumnPath", "Step", "column_path", "column_tree"),
    "events": ("aborted_events", "events_of", "run_id"),
    "used_by": ("Impact", "Use", "impact"),
    "inbox": ("inbox_marks",),
    "outbox": ("append",),
    "page": ("graph_page",),
    "queries": ("Graph", "Node", "downstream", "resolve", "tree", "upstream"),
    "store": ("create", "load", "unfinished"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ColumnPath",
    "Graph",
    "Impact",
    "Node",
    "Step",
    "Use",
    "aborted_events",
    "append",
    "column_path",
    "column_tree",
    "create",
    "downstream",
    "events_of",
    "graph_page",
    "impact",
    "inbox_marks",
    "load",
    "resolve",
    "run_id",
    "tree",
    "unfinished",
    "upstream",
]


def __getattr__(name: str) -> Any:
    """Import a part when it is first asked for: events need OpenLineage's classes, questions do not."""
    if name not in _HOME:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
