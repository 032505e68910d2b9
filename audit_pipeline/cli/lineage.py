"""`lineage ...`: what fed a node, what it touched, who used a file, what stands behind a column, the page."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_pipeline.cli.console import note, out, print_json, verdict
from audit_pipeline.cli.context import DAY, Context, Json

if TYPE_CHECKING:
    from audit_pipeline.lineage import Impact

app = typer.Typer(
    help="Ask the lineage graph, for any past date.",
    no_args_is_help=True,
    epilog="Example: audit-pipeline lineage upstream high_utilizer.audit",
)

Node = Annotated[str, typer.Argument(help="A node or the end of its name, e.g. high_utilizer.audit.")]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="The graph as it was then, UTC."),
]
Depth = Annotated[int, typer.Option("--depth", min=1, max=100, help="How many edges to follow.")]


@app.command(epilog="Example: audit-pipeline lineage upstream high_utilizer.audit")
def upstream(context: typer.Context, node: Node, as_of: AsOf = None, depth: Depth = 20, as_json: Json = False) -> None:
    """Show what fed a node."""
    _walk(context, "upstream", node, as_of, depth, as_json)


@app.command(epilog="Example: audit-pipeline lineage downstream snapshots/high_utilizer")
def downstream(
    context: typer.Context, node: Node, as_of: AsOf = None, depth: Depth = 20, as_json: Json = False
) -> None:
    """Show what a node touched."""
    _walk(context, "downstream", node, as_of, depth, as_json)


def _walk(context: typer.Context, way: str, node: str, as_of: datetime | None, depth: int, as_json: bool) -> None:
    from audit_pipeline import lineage

    own: Context = context.obj
    walk: Any = {"upstream": lineage.upstream, "downstream": lineage.downstream}[way]
    with own.database() as connection:
        graph = walk(connection, lineage.resolve(connection, node), as_of=as_of, depth=depth)
    if as_json:
        print_json(graph.as_dict())
    else:
        out.print(lineage.tree(graph))


@app.command(epilog="Example: audit-pipeline lineage impact --file models/high_utilizer.yaml")
def impact(
    context: typer.Context,
    file: Annotated[
        str, typer.Option("--file", help="A file's path (also with {night}), a node, an alias, or a version's sha256.")
    ],
    night: Annotated[datetime | None, typer.Option("--night", help="Only what is about this night.", **DAY)] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Show exactly the model-nights, verdicts and reports that used a file."""
    from audit_pipeline import lineage

    own: Context = context.obj
    with own.database() as connection:
        day = night.date() if night else None
        found = lineage.impact(connection, file, roots=(own.root,), night=day, as_of=as_of)
    if as_json:
        print_json(found.as_dict())
    else:
        _print_impact(own, found)


def _print_impact(own: Context, found: "Impact") -> None:
    """Print a block per record, or that there is none."""
    about = f" about {found.night}" if found.night else ""
    if not found.uses:
        out.print(f"No model-night used {found.asked}{about}.")
    for use in found.uses:
        head = f"{use.model_id} {use.night}: "
        out.print(head, verdict(use.verdict or "no verdict"), f" ({use.status})", sep="")
        report = str(own.layout.audit / use.report) if use.report else None
        lines = [("used by", "; ".join(use.how)), *(("version", version) for version in use.versions)]
        lines += [(name, value) for name, value in (("record", use.record), ("report", report)) if value]
        for name, value in lines:
            out.print(f"  {name:<8} {value}")
    if found.jobs:
        out.print(f"Other jobs that used it: {', '.join(found.jobs)}")


@app.command(epilog="Example: audit-pipeline lineage path snapshots/high_utilizer score")
def path(
    context: typer.Context,
    node: Annotated[str, typer.Argument(help="A dataset or the end of its name, e.g. snapshots/high_utilizer.")],
    column: Annotated[str, typer.Argument(help="One of its columns.")],
    as_of: AsOf = None,
    depth: Depth = 20,
    as_json: Json = False,
) -> None:
    """Show which columns stand behind a column, and where values were masked."""
    from audit_pipeline import lineage

    own: Context = context.obj
    with own.database() as connection:
        found = lineage.column_path(connection, node, column, as_of=as_of, depth=depth)
    if as_json:
        print_json(found.as_dict())
    else:
        out.print(lineage.column_tree(found))


@app.command(epilog="Example: audit-pipeline lineage graph -o lineage.html")
def graph(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")] = Path("lineage.html"),
    model: Annotated[str | None, typer.Option("--model", help="Only this model.")] = None,
    as_of: AsOf = None,
) -> None:
    """Write the graph as one self-contained page."""
    from audit_pipeline import lineage

    own: Context = context.obj
    with own.database() as connection:
        page = lineage.graph_page(connection, project=own.project.config.name, model=model, as_of=as_of)
    output.write_text(page, encoding="utf-8")
    note(f"Open {output.resolve()}")
