"""Which columns stand behind a column, and where their values were masked on the way."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from audit_pipeline.errors import LineageError, did_you_mean
from audit_pipeline.lineage.drawing import drawn
from audit_pipeline.lineage.queries import DEPTH, instant, resolve

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Step:
    """One column behind another one."""

    depth: int  # steps from the column asked for
    src: str  # node and column it comes from
    src_column: str
    dst: str  # node and column it goes to
    dst_column: str
    type: str  # DIRECT or INDIRECT
    subtype: str | None
    masking: bool  # values are replaced in this step
    masked: bool  # values were replaced on every path from here to the column asked for


@dataclass(frozen=True, slots=True)
class ColumnPath:
    """A column and what stands behind it."""

    root: str
    column: str
    as_of: datetime | None  # UTC; None is now
    steps: tuple[Step, ...]  # nearest first
    aliases: dict[str, str]  # of the nodes

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "root": self.root,
            "column": self.column,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "steps": [asdict(step) for step in self.steps],
        }


def column_path(
    connection: "DuckDBPyConnection", node: str, column: str, *, as_of: date | None = None, depth: int = DEPTH
) -> ColumnPath:
    """Return the columns behind `column` of `node`.

    Args:
        connection: the published database, as the current one.
        node: anything `resolve` takes.
        column: name of one of its columns.
        as_of: a date (the whole of that day) or an instant in UTC; None is now.
        depth: steps to follow.

    Raises:
        LineageError: there is no such node, or nothing is known of such a column of it.
    """
    root, at = resolve(connection, node), instant(as_of)
    rows = connection.execute(
        "select depth, src, src_column, dst, dst_column, type, subtype, masking, masked "
        "from lineage.column_path($root, $column, as_of := $at::timestamp, depth := $depth)",
        {"root": root, "column": column, "at": at, "depth": depth},
    ).fetchall()
    steps = tuple(Step(*row) for row in rows)
    if not steps:
        _require_column(connection, root, column)
    names = {root, *(name for step in steps for name in (step.src, step.dst))}
    aliases = connection.execute("select node, alias from lineage.node where list_contains($1, node)", [sorted(names)])
    known = dict(aliases.fetchall())
    return ColumnPath(root, column, at, steps, {name: known.get(name, name) for name in names})


def column_tree(path: ColumnPath) -> str:
    """Return `path` as indented text, the column asked for first."""
    below: dict[tuple[str, str], list[tuple[tuple[str, str], str]]] = {}
    for step in path.steps:
        label = f"{path.aliases[step.src]}  {step.src_column}  {_how(step)}"
        below.setdefault((step.dst, step.dst_column), []).append(((step.src, step.src_column), label))
    for children in below.values():
        children.sort(key=lambda child: child[1])
    return drawn((path.root, path.column), f"{path.aliases[path.root]}  {path.column}", below)


def _how(step: Step) -> str:
    """Say what happened to the values between the two columns."""
    kind = step.subtype or step.type
    words = [kind if step.type in ("DIRECT", kind) else f"{step.type} {kind}"]
    return f"({', '.join([*words, 'MASKED'] if step.masking else words)})"


def _require_column(connection: "DuckDBPyConnection", node: str, column: str) -> None:
    """Refuse a column that no link has ever named.

    Raises:
        LineageError: with the columns there are.
    """
    rows = connection.execute(
        "select src_column from lineage.column_link where src = $1 "
        "union select dst_column from lineage.column_link where dst = $1 order by 1",
        [node],
    ).fetchall()
    known = [name for (name,) in rows]
    if column not in known:
        there = f"There are: {', '.join(known)}." if known else "No run said where its columns come from or go to."
        raise LineageError(f"No column '{column}' is known of '{node}'.{did_you_mean(column, known)} {there}")
