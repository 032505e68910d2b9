"""`lineage upstream|downstream|graph`: what fed a node, what it touched, and the page for people."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from audit_pipeline.cli.console import note, out, print_json
from audit_pipeline.cli.context import Context, Json

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
