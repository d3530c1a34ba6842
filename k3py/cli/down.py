"""``k3py down``: stop the daemons on this host; containers go on, unless asked otherwise."""

import asyncio

import typer

from k3py.base.paths import Paths
from k3py.cli.app import Failure, app
from k3py.cli.processes import TITLES, stop_daemon

STOP_SECONDS = 20.0


@app.command()
def down(
    pods: bool = typer.Option(False, "--pods", help="Stop the containers too."),
) -> None:
    """Stop the daemons on this host. Containers go on running; 'k3py up' finds them again."""
    paths = Paths.from_environment()
    stop_daemons(paths)
    if pods:
        stop_pods(paths)


def stop_daemons(paths: Paths) -> None:
    """End agent, VPC daemon and server, in this order."""
    for daemon in ("agent", "vpc", "server"):
        if stop_daemon(paths, daemon, STOP_SECONDS):
            typer.echo(f"Stopped the {TITLES[daemon]}")


def stop_pods(paths: Paths) -> None:
    """Stop and remove every container, mount, namespace and cgroup of this cluster on this host."""
    from k3py.daemons.agent import remove_all_pods

    count = asyncio.run(remove_all_pods(paths))
    if count:
        typer.echo(f"Stopped {count} pod{'s' if count != 1 else ''}")


def remove_network(paths: Paths) -> None:
    """Take away links, routes, programs and rules of this cluster on this host.

    Raises:
        Failure: what could not be taken away.
    """
    from k3py.daemons import vpc
    from k3py.vpc.ports import NetworkProblem

    try:
        asyncio.run(vpc.remove_network(paths))
    except NetworkProblem as problem:
        raise Failure(str(problem)) from None
