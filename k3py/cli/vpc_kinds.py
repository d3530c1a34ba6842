"""``k3py vpc list``, ``create``, ``delete``: VPCs as the API has them."""

import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
import typer

from k3py.cli.access import connect
from k3py.cli.app import USAGE, Failure
from k3py.cli.applying import WRITE_QUERY
from k3py.cli.asking import Question
from k3py.cli.durations import parse_duration
from k3py.cli.options import Context, Kubeconfig, Selector
from k3py.cli.output import parse_output
from k3py.cli.resources import Asked, find_kind, path_of, qualified
from k3py.cli.saying import Errors, warn
from k3py.cli.showing import print_tables, show_objects
from k3py.cli.tables import Shown
from k3py.cli.waiting import FOREVER, follow
from k3py.client.paths import delete_options
from k3py.model.registry import Kind
from k3py.model.vpc_v1 import API_VERSION, EGRESS_MASQUERADE, EGRESS_NONE

# Every namespace has its name as a label (Kubernetes, "Automatic labelling").
NAME_LABEL: Final = "kubernetes.io/metadata.name"
# The condition of a VPC that is being deleted; its message says what is left.
_REMAINING: Final = "ContentRemaining"
Plain = dict[str, Any]
Name = Annotated[str, typer.Argument(help="The VPC's name.")]


class Egress(StrEnum):
    """The ways out of a VPC."""

    MASQUERADE = EGRESS_MASQUERADE
    NONE = EGRESS_NONE


def _kind() -> Kind:
    return find_kind("vpcs")


def list_vpcs(
    output: Annotated[str, typer.Option("-o", "--output", help="json, yaml, wide, name ...")] = "",
    selector: Selector = "",
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Without the headings.")] = False,
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Show the VPCs: their ranges, their ways out, their ids, how many pods they have."""
    shown = parse_output(output)
    session, errors = connect(kubeconfig, context), Errors()
    questions = [Question(Asked(_kind()), "", selector)]
    if shown.is_table:
        print_tables(session, questions, Shown(wide=shown.form == "wide", headers=not no_headers), errors)
    else:
        show_objects(session, questions, shown, errors, headers=not no_headers)
    errors.end()


def create_vpc(
    name: Name,
    cidr: Annotated[str, typer.Option("--cidr", help="Its IPv4 range, as 10.50.0.0/16; may be that of another VPC.")],
    egress: Annotated[
        Egress, typer.Option("--egress", help="The way out of the cluster: Masquerade or None.", case_sensitive=False)
    ] = Egress.MASQUERADE,
    allow_namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-namespace", help="Who may use it; may be repeated. [default: namespaces labelled k3py.io/vpc=NAME]"
        ),
    ] = None,
    allow_all_namespaces: Annotated[
        bool, typer.Option("--allow-all-namespaces", help="Every namespace may use it.")
    ] = False,
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Make a VPC. The label k3py.io/vpc=NAME, on a pod, a Service or a whole namespace, puts it there."""
    if allow_namespace and allow_all_namespaces:
        raise Failure("--allow-namespace does not go together with --allow-all-namespaces", USAGE)
    made = vpc_object(name, cidr, egress, allow_namespace or (), everybody=allow_all_namespaces)
    session = connect(kubeconfig, context)
    warn(session.request("POST", path_of(_kind(), ""), WRITE_QUERY, msgspec.json.encode(made)))
    typer.echo(f"{qualified(_kind())}/{name} created")


def vpc_object(name: str, cidr: str, egress: str, namespaces: Sequence[str], *, everybody: bool) -> Plain:
    """The VPC as it is sent. ``namespaces`` may use it; without any, those that carry its name in the VPC label."""
    spec: Plain = {"cidr": cidr, "egress": str(egress)}
    if everybody:
        spec["allowedNamespaces"] = {}
    elif namespaces:
        expression = {"key": NAME_LABEL, "operator": "In", "values": list(namespaces)}
        spec["allowedNamespaces"] = {"matchExpressions": [expression]}
    return {"apiVersion": API_VERSION, "kind": "VPC", "metadata": {"name": name}, "spec": spec}


def delete_vpc(
    name: Name,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is gone.")] = True,
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait; 0 for as long as it takes.")] = "0",
    kubeconfig: Kubeconfig = "",
    context: Context = "",
) -> None:
    """Remove a VPC. It goes once its last pod has gone; meanwhile this says what it waits for."""
    seconds = parse_duration(timeout) or FOREVER
    session, kind = connect(kubeconfig, context), _kind()
    body = msgspec.json.encode(delete_options(None, "Background", ""))
    answer = session.request("DELETE", path_of(kind, "", name), body=body).plain()
    uid = (answer.get("details") or answer.get("metadata") or {}).get("uid")
    typer.echo(f'{qualified(kind)} "{name}" deleted')
    if not wait:
        return
    said = ""
    for obj in follow(session, kind, "", name, time.monotonic() + seconds):
        if obj is None or (uid and obj["metadata"].get("uid") != uid):
            return
        if (why := waits_for(obj)) != said:
            said = why
            typer.echo(f"VPC {name} {said}")
    raise Failure(f"timed out waiting for the end of {kind.plural}/{name}: it {said or 'is still there'}")


def waits_for(vpc: Mapping[str, Any]) -> str:
    """What a VPC that is being deleted waits for, in words."""
    status = vpc.get("status") or {}
    for each in status.get("conditions") or ():
        if each.get("type") == _REMAINING and each.get("status") == "True" and each.get("message"):
            return str(each["message"])
    if pods := status.get("allocated"):
        return f"waits for {pods} pod{'s' if pods != 1 else ''}"
    return "waits until nothing is left in it"
