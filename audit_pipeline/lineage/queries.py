"""Questions to the lineage graph: what fed a node, what it fed, as of any past night.

The time axis is the night a run is about, not the moment it ran: a backfill made today of a night in March shows
in the graph of March. When a night is audited again, its newer run is right.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from audit_pipeline.errors import LineageError, did_you_mean
from audit_pipeline.lineage.drawing import drawn

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DEPTH = 20  # links; a model-night's line has 8
SHOWN = 8  # candidates named in an error
AUDIT = "audit"  # the stage a model's name stands for


@dataclass(frozen=True, slots=True)
class Node:
    """A job or dataset of the graph."""

    node: str
    alias: str
    type: str  # job or dataset
    kind: str | None  # of a dataset what it is, of a job its stage
    model_id: str | None
    depth: int  # links from the root
    night: date | None  # of a job: its newest run as of the date, with how it ended
    state: str | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Graph:
    """A node and what is up- or downstream of it."""

    root: str
    direction: str  # upstream or downstream
    as_of: datetime | None  # UTC; None is now
    nodes: tuple[Node, ...]  # nearest first
    edges: tuple[tuple[str, str], ...]  # data goes from the first to the second

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        nodes = [{**asdict(node), "night": node.night.isoformat() if node.night else None} for node in self.nodes]
        return {
            "root": self.root,
            "direction": self.direction,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "nodes": nodes,
            "edges": [{"src": src, "dst": dst} for src, dst in self.edges],
        }


def upstream(connection: "DuckDBPyConnection", node: str, *, as_of: date | None = None, depth: int = DEPTH) -> Graph:
    """Return what fed `node`.

    Args:
        connection: the published database, as the current one.
        node: anything `resolve` takes.
        as_of: a date (the whole of that day) or an instant in UTC; None is the graph of now.
        depth: links to follow.

    Raises:
        LineageError: there is no such node, or several.
    """
    return _walk(connection, "upstream", node, as_of, depth)


def downstream(connection: "DuckDBPyConnection", node: str, *, as_of: date | None = None, depth: int = DEPTH) -> Graph:
    """Return what `node` fed; arguments and errors as in `upstream`."""
    return _walk(connection, "downstream", node, as_of, depth)


def resolve(connection: "DuckDBPyConnection", text: str) -> str:
    """Return the node meant by `text`: its full name, its alias, a model's name, or a unique end of one of its names.

    A model's name stands for its audit, the job that gives the verdict.

    Raises:
        LineageError: nothing or several nodes are meant; names those that could be.
    """
    rows = connection.execute("select node, alias, model_id, type, kind from lineage.node").fetchall()
    tries = (
        [node for node, alias, *_ in rows if text in (node, alias)],
        [node for node, _, model, kind, stage in rows if (model, kind, stage) == (text, "job", AUDIT)],
        [node for node, *_ in rows if node.endswith(tuple(mark + text for mark in "/:."))] if text else [],
    )
    found = next((nodes for nodes in tries if nodes), []) or _by_other_name(connection, text)
    if len(found) == 1:
        return str(found[0])
    aliases = sorted(alias for node, alias, *_ in rows if node in found or not found)
    some = ", ".join(aliases[:SHOWN]) + (", ..." if len(aliases) > SHOWN else "")
    if found:
        raise LineageError(f"'{text}' may be any of {len(found)} nodes: {some}. Give more of its name.")
    hint = did_you_mean(text, [*(model for _, _, model, *_ in rows if model), *aliases])
    raise LineageError(f"No node of the lineage graph is called '{text}'.{hint} There are: {some or 'none yet'}.")


def _by_other_name(connection: "DuckDBPyConnection", text: str) -> list[str]:
    """Return the datasets to which a producer gave a name that is `text` or ends so."""
    rows = connection.execute(
        "select distinct min(node) from lineage.symlink "
        "where $1 <> '' and (other = $1 or ends_with(other, '/' || $1) or ends_with(other, ':' || $1)) group by other",
        [text],
    ).fetchall()
    return [node for (node,) in rows]


def instant(as_of: date | None) -> datetime | None:
    """Return the moment meant by `as_of`: the end of a date, so that all of that day is in."""
    if as_of is None or isinstance(as_of, datetime):
        return as_of
    return datetime.combine(as_of, time.max)


def tree(graph: Graph) -> str:
    """Return `graph` as indented text, root first; a node met again is named and not unfolded."""
    nodes = {node.node: node for node in graph.nodes}
    below: dict[str, list[tuple[str, str]]] = {}
    for src, dst in graph.edges:
        near, far = (dst, src) if graph.direction == "upstream" else (src, dst)
        below.setdefault(near, []).append((far, _label(nodes[far])))
    for children in below.values():
        children.sort(key=lambda child: nodes[child[0]].alias)
    return drawn(graph.root, _label(nodes[graph.root]), below)


def _label(node: Node) -> str:
    """Return alias and facts of one line of the tree."""
    if node.type == "dataset":
        return f"{node.alias}  ({node.kind})" if node.kind else node.alias
    result = node.outcome or node.state
    return f"{node.alias}  [{result}{f', night {node.night}' if node.night else ''}]" if result else node.alias


def _walk(connection: "DuckDBPyConnection", direction: str, text: str, as_of: date | None, depth: int) -> Graph:
    """Ask the macro for the nodes, then for the links among them."""
    root, at = resolve(connection, text), instant(as_of)
    rows = connection.execute(
        f"""with walked as materialized (from lineage.{direction}($root, as_of := $at::timestamp, depth := $depth)),
            latest as (
                select node, night, state, outcome from lineage.run
                where node in (select node from walked) and ($at is null or effective <= $at)
                qualify row_number() over (partition by node order by effective desc, started desc, run_id desc) = 1)
            select n.node, n.alias, n.type, n.kind, n.model_id, w.depth, l.night, l.state, l.outcome
            from walked w join lineage.node n using (node) left join latest l using (node)
            order by w.depth, n.alias, n.node""",
        {"root": root, "at": at, "depth": depth},
    ).fetchall()
    nodes = tuple(Node(*row) for row in rows)
    links = connection.execute(
        "select src, dst from lineage.edges_at(as_of := $at::timestamp) "
        "where src in (select unnest($names)) and dst in (select unnest($names))",
        {"at": at, "names": [node.node for node in nodes]},
    ).fetchall()
    edges = tuple(sorted((str(src), str(dst)) for src, dst in links))
    return Graph(root, direction, at, nodes, edges)
