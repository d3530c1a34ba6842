"""``k3py port-forward``: ports of a pod, here."""

import asyncio
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from k3py.cli.access import connect
from k3py.cli.app import Failure, app
from k3py.cli.forwarded_ports import join_ports, parse_pair
from k3py.cli.options import Context, Kubeconfig, Namespace
from k3py.cli.pods import find_pod
from k3py.cli.resources import find_kind, path_of

LOCALHOST: Final = ("127.0.0.1", "::1")


@app.command("port-forward")
def port_forward(
    pod: Annotated[str, typer.Argument(help="POD, or KIND/NAME of something that has pods: svc/web, deploy/web")],
    ports: Annotated[list[str], typer.Argument(help="LOCAL:REMOTE, REMOTE (the same here) or :REMOTE (any here)")],
    address: Annotated[
        list[str] | None,
        typer.Option("--address", help="Local address to listen on; may be repeated. [default: 127.0.0.1 and ::1]"),
    ] = None,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Carry connections from local ports to those of a pod: 'port-forward svc/web 8080:80'. Ends with Ctrl-C."""
    asked = [parse_pair(each) for each in ports]
    session = connect(kubeconfig, context)
    place = namespace or session.access.namespace
    found = find_pod(session, pod, place)
    phase = (found.get("status") or {}).get("phase", "")
    name = found["metadata"]["name"]
    if phase != "Running":
        raise Failure(f"cannot forward ports of pod {name}: it is {phase or 'not started'}, not Running")
    kind, slash, word = pod.partition("/")
    service: dict[str, Any] | None = None
    if slash and find_kind(kind).name == "Service":
        service = session.request("GET", path_of(find_kind("services"), place, word)).plain()
    joined = join_ports(asked, found, service)
    path = path_of(find_kind("pods"), place, name, "portforward")

    from k3py.cli.forwarder import Forwarder

    addresses = [each for one in address or ["localhost"] for each in (LOCALHOST if one == "localhost" else (one,))]
    forwarder = Forwarder(session, lambda port: f"{path}?{urlencode({'ports': port})}")
    asyncio.run(forwarder.run(addresses, joined))
