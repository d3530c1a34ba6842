"""``k3py delete``: remove resources."""

import time
from typing import Annotated, Any

import msgspec
import typer

from k3py.cli.access import connect
from k3py.cli.app import USAGE, Failure, app
from k3py.cli.applying import placed
from k3py.cli.asking import Question, fetch_objects
from k3py.cli.durations import parse_duration
from k3py.cli.options import (
    AllNamespaces,
    Context,
    FieldSelector,
    Files,
    Kubeconfig,
    Namespace,
    Recursive,
    Selector,
)
from k3py.cli.resources import parse_resources, path_of, qualified
from k3py.cli.saying import Errors
from k3py.cli.session import Session
from k3py.cli.sources import read_manifests
from k3py.cli.waiting import FOREVER, wait_until
from k3py.client.paths import delete_options
from k3py.model.registry import Kind

_OF_NOTHING = "say what to delete: KIND NAME, KIND -l SELECTOR, KIND --all, or -f FILE"
Doomed = tuple[Kind, str, str]  # kind, namespace, name


@app.command()
def delete(
    resources: Annotated[list[str] | None, typer.Argument(help="KIND NAME..., KIND/NAME..., or KIND")] = None,
    filename: Files = [],  # noqa: B006 - read only
    recursive: Recursive = False,
    selector: Selector = "",
    field_selector: FieldSelector = "",
    all_: Annotated[bool, typer.Option("--all", help="All objects of the kind in the namespace.")] = False,
    all_namespaces: AllNamespaces = False,
    grace_period: Annotated[
        int, typer.Option("--grace-period", help="Seconds a pod has to end by itself; -1 for its own.")
    ] = -1,
    force: Annotated[bool, typer.Option("--force", help="With --grace-period=0: do not wait for the node.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until they are gone.")] = True,
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait; 0 for as long as it takes.")] = "0",
    ignore_not_found: Annotated[bool, typer.Option("--ignore-not-found", help="What is absent is no error.")] = False,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Remove resources: by name, by label, all of a kind, or those that files describe. Waits until they are gone."""
    resources = resources or []
    chosen = bool(selector or field_selector or all_)
    if bool(resources) == bool(filename):
        raise Failure(_OF_NOTHING, USAGE)
    if force and grace_period not in (-1, 0):
        raise Failure("--force goes together with --grace-period=0 only", USAGE)
    seconds = parse_duration(timeout) or FOREVER
    grace = 0 if force else grace_period if grace_period >= 0 else None
    session = connect(kubeconfig, context)
    errors = Errors(ignore_not_found=ignore_not_found or chosen)
    if filename:
        doomed = _of_files(session, read_manifests(filename, recursive), namespace)
    else:
        place = "" if all_namespaces else namespace or session.access.namespace
        doomed = _of_words(session, resources, place, (selector, field_selector), chosen, errors)
    if not doomed and chosen:
        typer.echo("No resources found")
    gone: list[tuple[Doomed, str]] = []
    for each in doomed:
        with errors.kept():
            gone.append((each, _delete(session, each, grace, force=force)))
    if wait and not force:
        _wait_for(session, gone, time.monotonic() + seconds, errors)
    errors.end()


def _of_files(session: Session, manifests: list[Any], namespace: str) -> list[Doomed]:
    found = []
    for manifest in manifests:
        kind, obj, place = placed(manifest, namespace, session.access.namespace)
        found.append((kind, place, str(obj["metadata"].get("name") or "")))
    return found


def _of_words(
    session: Session, words: list[str], place: str, selectors: tuple[str, str], chosen: bool, errors: Errors
) -> list[Doomed]:
    """What the arguments name.

    Raises:
        Failure: names and selectors together, or neither.
    """
    found: list[Doomed] = []
    for asked in parse_resources(words):
        if bool(asked.names) == chosen:
            raise Failure(_OF_NOTHING if not chosen else "names do not go together with selectors or --all", USAGE)
        if asked.names:
            found += [(asked.kind, place, name) for name in asked.names]
            continue
        for each in fetch_objects(session, Question(asked, place, *selectors), errors):
            found.append((asked.kind, each["metadata"].get("namespace", ""), each["metadata"]["name"]))
    return found


def _delete(session: Session, doomed: Doomed, grace: int | None, *, force: bool) -> str:
    """Ask for the deletion and say so; the uid of what is being deleted."""
    kind, namespace, name = doomed
    options = msgspec.json.encode(delete_options(grace, "Background", ""))
    answer = session.request("DELETE", path_of(kind, namespace, name), body=options).plain()
    where = f" from {namespace} namespace" if kind.namespaced else ""
    typer.echo(f'{qualified(kind)} "{name}" {"force " if force else ""}deleted{where}')
    return str((answer.get("details") or {}).get("uid") or (answer.get("metadata") or {}).get("uid") or "")


def _wait_for(session: Session, gone: list[tuple[Doomed, str]], deadline: float, errors: Errors) -> None:
    for (kind, namespace, name), uid in gone:

        def is_gone(obj: dict[str, Any] | None, uid: str = uid) -> bool:
            return obj is None or (bool(uid) and obj["metadata"].get("uid") != uid)

        with errors.kept():
            wait_until(session, kind, namespace, name, is_gone, deadline - time.monotonic())
