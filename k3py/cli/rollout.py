"""``k3py rollout``: watch, repeat and undo changes of Deployments."""

import time
from typing import Annotated, Any

import msgspec
import typer

from k3py.base.clock import rfc3339
from k3py.cli.access import connect
from k3py.cli.app import USAGE, Failure, app
from k3py.cli.durations import parse_duration
from k3py.cli.options import Context, Kubeconfig, Namespace
from k3py.cli.pods import selector_of
from k3py.cli.resources import find_kind, parse_one, path_of
from k3py.cli.rollouts import choose_revision, history_rows, progress, restart_patch, revisions, undo_patch
from k3py.cli.session import Session
from k3py.cli.tables import Layout
from k3py.cli.waiting import FOREVER, follow
from k3py.client.port import PatchType

rollout = typer.Typer(help="Changes of Deployments: status, history, undo, restart.", no_args_is_help=True)
app.add_typer(rollout, name="rollout")
Target = Annotated[list[str], typer.Argument(help="deployment/NAME")]
Plain = dict[str, Any]


@rollout.command()
def status(
    deployment: Target,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Wait until it is through.")] = True,
    timeout: Annotated[str, typer.Option("--timeout", help="How long; 0 for as long as it takes.")] = "0",
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Show how far a change is, until all pods are new."""
    seconds = parse_duration(timeout) or FOREVER
    session = connect(kubeconfig, context)
    name, place = _target(deployment), namespace or session.access.namespace
    said = ""
    for each in follow(session, find_kind("deployments"), place, name, time.monotonic() + seconds):
        if each is None:
            session.request("GET", path_of(find_kind("deployments"), place, name))  # says NotFound
            continue
        now = progress(each)
        if now.failed:
            raise Failure(now.said)
        if now.said != said:
            typer.echo(now.said)
        if now.done or not watch:
            return
        said = now.said
    raise Failure("timed out waiting for the rollout to finish")


@rollout.command()
def history(deployment: Target, namespace: Namespace = "", kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Show the revisions one can go back to."""
    session = connect(kubeconfig, context)
    place = namespace or session.access.namespace
    obj, found = _read(session, _target(deployment), place)
    typer.echo(f"deployment.apps/{obj['metadata']['name']} ")
    typer.echo(Layout(padding=2).format(history_rows(found)))


@rollout.command()
def undo(
    deployment: Target,
    to_revision: Annotated[int, typer.Option("--to-revision", min=0, help="0 for the one before.")] = 0,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Go back to an earlier revision."""
    session = connect(kubeconfig, context)
    name, place = _target(deployment), namespace or session.access.namespace
    obj, found = _read(session, name, place)
    patch = undo_patch(obj, choose_revision(found, to_revision))
    if patch:
        _patch(session, name, place, msgspec.json.encode(patch), PatchType.JSON)
        typer.echo(f"deployment.apps/{name} rolled back")
    else:
        typer.echo(f"deployment.apps/{name} skipped rollback (current template already matches the revision)")


@rollout.command()
def restart(deployment: Target, namespace: Namespace = "", kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Start all pods anew, as for a change."""
    session = connect(kubeconfig, context)
    name, place = _target(deployment), namespace or session.access.namespace
    patch = msgspec.json.encode(restart_patch(rfc3339(time.time())))
    _patch(session, name, place, patch, PatchType.STRATEGIC)
    typer.echo(f"deployment.apps/{name} restarted")


def _target(words: list[str]) -> str:
    kind, name = parse_one(words)
    if kind.name != "Deployment":
        raise Failure(f"cannot roll out {kind.plural}: only deployments have rollouts", USAGE)
    return name


def _read(session: Session, name: str, namespace: str) -> tuple[Plain, dict[int, Plain]]:
    """The Deployment and its revisions."""
    obj: Plain = session.request("GET", path_of(find_kind("deployments"), namespace, name)).plain()
    query = {"labelSelector": selector_of(obj)}
    items = session.request("GET", path_of(find_kind("replicasets"), namespace), query).plain()["items"]
    return obj, revisions(obj, items)


def _patch(session: Session, name: str, namespace: str, body: bytes, patch_type: PatchType) -> None:
    path = path_of(find_kind("deployments"), namespace, name)
    session.request("PATCH", path, body=body, content_type=patch_type)
