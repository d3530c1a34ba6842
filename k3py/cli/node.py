"""``k3py node``: the machines of the cluster."""

from typing import Annotated

import typer

from k3py.cli.app import app
from k3py.cli.get import get
from k3py.cli.options import Context, Kubeconfig, Selector

node = typer.Typer(help="Nodes: list.", no_args_is_help=True)
app.add_typer(node, name="node")


@node.callback()
def _group() -> None:
    """Nodes of the cluster."""


@node.command("list")
def list_nodes(
    output: Annotated[str, typer.Option("-o", "--output", help="As for 'get' [default: wide]")] = "wide",
    selector: Selector = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Show the nodes and whether they are ready."""
    get(["nodes"], output=output, selector=selector, kubeconfig=kubeconfig, context=context)
