"""Datasets known by several names: what producers said of them, and the one name each goes by.

A name that was given to a dataset stands for that dataset: one hop, so that no chain of hearsay moves a node far.
Where a name was given to several, or was itself given other names, the first of all these in the order of text
holds: which event arrived first plays no part.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from audit_pipeline.lineage.rows import insert, show

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

GOES_BY = """
    select other, min(node) from (
        select other, node from lineage.symlink where other in (select node from lineage_asked)
        union all
        select node, node from lineage.symlink where node in (select node from lineage_asked))
    group by other"""


def names_of(connection: "DuckDBPyConnection", nodes: Iterable[str]) -> dict[str, str]:
    """Return the node each of `nodes` goes by, for those that go by another one."""
    show(connection, "lineage_asked", "node", [(node,) for node in sorted(nodes)])
    rows = connection.execute(GOES_BY).fetchall()
    connection.unregister("lineage_asked")
    return {other: node for other, node in rows if other != node}


def learn(connection: "DuckDBPyConnection", pairs: set[tuple[str, str]]) -> set[str]:
    """Add (other name, node) to lineage.symlink; return the nodes that what was known of them may have moved from."""
    known = connection.execute("select count(*) from lineage.symlink").fetchall()
    touched = {node for pair in pairs for node in pair}
    before = names_of(connection, touched)
    insert(connection, "symlink", "other node", sorted(pairs), by="other node")
    if connection.execute("select count(*) from lineage.symlink").fetchall() == known:
        return set()
    after = names_of(connection, touched)
    moved = {node for node in touched if before.get(node) != after.get(node)}
    return moved | {before[node] for node in moved if node in before}
