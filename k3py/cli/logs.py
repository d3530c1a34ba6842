"""``k3py logs``: what containers wrote."""

import math
import sys
from typing import Annotated

import typer

from k3py.cli.access import connect
from k3py.cli.app import USAGE, Failure, app
from k3py.cli.durations import parse_duration
from k3py.cli.options import Container, Context, Kubeconfig, Namespace
from k3py.cli.pods import choose_container, container_names, find_pod
from k3py.cli.resources import find_kind, path_of


@app.command()
def logs(
    pod: Annotated[str, typer.Argument(help="POD, or KIND/NAME of something that has pods: deploy/web")],
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as more is written.")] = False,
    container: Container = "",
    all_containers: Annotated[bool, typer.Option("--all-containers", help="Of all containers, in turn.")] = False,
    previous: Annotated[bool, typer.Option("-p", "--previous", help="Of the run before the last restart.")] = False,
    tail: Annotated[int, typer.Option("--tail", help="Only the last lines, so many; -1 for all.")] = -1,
    since: Annotated[str, typer.Option("--since", help="Only what is newer than this: 30s, 5m, 1h.")] = "",
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Put the time before each line.")] = False,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Show what containers wrote: 'logs deploy/web -f'."""
    if all_containers and (follow or container):
        raise Failure("--all-containers goes together neither with --follow nor with --container", USAGE)
    if tail < -1:
        raise Failure(f"cannot use --tail={tail}: it is a number of lines, or -1 for all", USAGE)
    query = {"follow": "true" if follow else "", "previous": "true" if previous else ""}
    query["timestamps"] = "true" if timestamps else ""
    query["tailLines"] = str(tail) if tail >= 0 else ""
    if since:
        seconds = math.ceil(parse_duration(since))
        if seconds < 1:
            raise Failure(f"cannot use --since={since}: it has to be positive", USAGE)
        query["sinceSeconds"] = str(seconds)
    session = connect(kubeconfig, context)
    place = namespace or session.access.namespace
    found = find_pod(session, pod, place)
    path = path_of(find_kind("pods"), place, found["metadata"]["name"], "log")
    for each in container_names(found) if all_containers else [choose_container(found, container)]:
        asked = {"container": each, **{key: value for key, value in query.items() if value}}
        with session.stream(path, asked) as pieces:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
