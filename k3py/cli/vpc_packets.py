"""``k3py vpc counters`` and ``k3py vpc trace``: what happens to the packets of this node's pods, and why."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from k3py.cli.access import load_access
from k3py.cli.app import FAILED, USAGE, Failure
from k3py.cli.options import JsonOrText, Namespace, wants_json
from k3py.cli.tables import Layout
from k3py.cli.vpc_text import (
    COUNTER_HEADINGS,
    DROP_HEADINGS,
    counter_rows,
    drop_row,
    find_uid,
    is_address,
    reachability_text,
    shown_drops,
    with_names,
)
from k3py.model.vpc_socket import DropEvent, PodCounters, Reachability

if TYPE_CHECKING:
    from k3py.client.vpc import VpcClient

DEFAULT_NAMESPACE: Final = "default"


def counters(
    pod: Annotated[str, typer.Argument(help="POD or NAMESPACE/POD; 'node' is the host [default: all pods]")] = "",
    output: JsonOrText = "",
    namespace: Namespace = "",
) -> None:
    """Count what became of packets of this node's pods: which way they took, or why they were dropped."""
    from k3py.cli.vpc_daemon import ask

    as_json = wants_json(output)

    async def question(client: "VpcClient") -> list[PodCounters]:
        found = await client.counters()
        if not pod:
            return list(found)
        uid = find_uid(found, pod, namespace or _own_namespace())
        return [each for each in found if each.pod_uid == uid]

    found = ask(question)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        typer.echo(Layout().format([COUNTER_HEADINGS, *counter_rows(found)]), nl=False)


def trace(
    pod: Annotated[str, typer.Argument(help="POD or NAMESPACE/POD; 'node' is the host [default: all pods]")] = "",
    destination: Annotated[str, typer.Argument(help="Another pod, or an IP address, that its packets go to.")] = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Show drops as they happen.")] = False,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="With --follow: how long [default: until Ctrl-C]")
    ] = None,
    chatter: Annotated[
        bool, typer.Option("--all", help="Drops of multicast and neighbour discovery, too: every pod has them.")
    ] = False,
    output: JsonOrText = "",
    namespace: Namespace = "",
) -> None:
    """Say why packets of this node's pods do not arrive.

    With two pods, or a pod and an address: whether packets get there, and why. Exit code 1 means they do not. Else:
    the packets that were dropped lately.
    """
    from k3py.cli.vpc_daemon import ask

    as_json = wants_json(output)
    if seconds is not None and not follow:
        raise Failure("--seconds goes together with --follow", USAGE)
    place = namespace or _own_namespace()
    reachable = True
    uids: set[str] = set()
    # What is kept from before is passed over: it is not what happens. Asked first, so that nothing is missed after it.
    last = max((each.number for each in ask(lambda client: client.trace()).events), default=0) if follow else 0
    if pod:
        sender, receiver, found = ask(lambda client: _check(client, pod, destination, place))
        uids = {sender, receiver} - {""}
        if found is not None:
            _print_reachability(found, as_json=as_json)
            reachable = found.reachable
    if follow:
        from k3py.cli.vpc_follow import follow_drops

        follow_drops(uids, last, seconds, chatter=chatter, as_json=as_json)
    elif not destination:
        kept = ask(lambda client: client.trace(0, 0.0, next(iter(uids), "")))
        _print_drops(shown_drops(kept.events, uids, chatter=chatter), as_json=as_json)
    if not reachable:
        raise typer.Exit(FAILED)


async def _check(client: "VpcClient", pod: str, destination: str, place: str) -> tuple[str, str, Reachability | None]:
    """The uids of both pods (that of an address is empty) and, when there is a destination, whether it is reached."""
    pods = await client.counters()
    sender = find_uid(pods, pod, place)
    if not destination:
        return sender, "", None
    receiver = "" if is_address(destination) else find_uid(pods, destination, place)
    found = await client.check_reachability(sender, receiver or destination)
    return sender, receiver, with_names(found, pods)


def _own_namespace() -> str:
    """The namespace of the kubeconfig's context; the daemon answers also where there is no kubeconfig."""
    try:
        return load_access("", "").namespace or DEFAULT_NAMESPACE
    except Failure:
        return DEFAULT_NAMESPACE


def _print_reachability(found: Reachability, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        typer.echo(reachability_text(found), nl=False)


def _print_drops(events: Sequence[DropEvent], *, as_json: bool) -> None:
    if as_json:
        for each in events:
            typer.echo(msgspec.json.encode(each).decode())
    elif events:
        typer.echo(Layout().format([DROP_HEADINGS, *map(drop_row, events)]), nl=False)
    else:
        typer.echo("No drops are known.", err=True)
