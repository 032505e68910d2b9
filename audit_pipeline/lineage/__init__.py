"""What fed what: OpenLineage events of every stage, kept as a graph one can ask for any past night.

    trace --events_of--> events --outbox.append--> outbox --store.load--> lineage.* tables --> queries, page
    other producers --files--> inbox --------------------^
                                                 outbox --relay--> one HTTP consumer, where configured

    writing   events, dataset_facets, own_facets (what an event says), trace_json (a trace in Dagster's log), outbox
    keeping   store, inbox, normal, fields, claims (what is taken), runs, names, derived, rows, *.sql (what follows)
    asking    queries, column_sources, used_by, drawing, raw; page/ for people
    judging   validation, schemas, habits, spec/, facets/
    sending   relay, cursor, transport; problems (what could not be written)

Names of nodes: a job is `job:<project>:<model>.<stage>`, a dataset `dataset:<namespace>:<name>`. Nobody needs to
type these: every node has an alias, the shortest end of its name that is unique (`high_utilizer.audit`,
`snapshots/high_utilizer`), and macros and commands take either.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit_pipeline.lineage.column_sources import ColumnPath, Step, column_path, column_tree
    from audit_pipeline.lineage.events import aborted_events, events_of, nightly_events, nightly_id
    from audit_pipeline.lineage.inbox import inbox_marks
    from audit_pipeline.lineage.outbox import append
    from audit_pipeline.lineage.page import graph_page
    from audit_pipeline.lineage.problems import problems_of, tell_problems
    from audit_pipeline.lineage.queries import Graph, Node, downstream, resolve, tree, upstream
    from audit_pipeline.lineage.raw import raw_events
    from audit_pipeline.lineage.relay import Behind, Relayed, behind, relay_events
    from audit_pipeline.lineage.store import create, load
    from audit_pipeline.lineage.trace_json import decode, encode
    from audit_pipeline.lineage.used_by import Impact, Use, impact
    from audit_pipeline.lineage.validation import Validated, read_file, read_outbox, validate

_HOMES = {
    "column_sources": ("ColumnPath", "Step", "column_path", "column_tree"),
    "events": ("aborted_events", "events_of", "nightly_events", "nightly_id"),
    "inbox": ("inbox_marks",),
    "outbox": ("append",),
    "page": ("graph_page",),
    "problems": ("problems_of", "tell_problems"),
    "queries": ("Graph", "Node", "downstream", "resolve", "tree", "upstream"),
    "raw": ("raw_events",),
    "relay": ("Behind", "Relayed", "behind", "relay_events"),
    "store": ("create", "load"),
    "trace_json": ("decode", "encode"),
    "used_by": ("Impact", "Use", "impact"),
    "validation": ("Validated", "read_file", "read_outbox", "validate"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Behind",
    "ColumnPath",
    "Graph",
    "Impact",
    "Node",
    "Relayed",
    "Step",
    "Use",
    "Validated",
    "aborted_events",
    "append",
    "behind",
    "column_path",
    "column_tree",
    "create",
    "decode",
    "downstream",
    "encode",
    "events_of",
    "graph_page",
    "impact",
    "inbox_marks",
    "load",
    "nightly_events",
    "nightly_id",
    "problems_of",
    "raw_events",
    "read_file",
    "read_outbox",
    "relay_events",
    "resolve",
    "tell_problems",
    "tree",
    "upstream",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import a part when it is first asked for: events need OpenLineage's classes, questions do not."""
    if name not in _HOME:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
