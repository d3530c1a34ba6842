"""What ``apply`` does with one object: reads it, and creates or patches it. Acts."""

from typing import Any, Final

import msgspec

from k3py.cli.app import Failure
from k3py.cli.manifests import Manifest
from k3py.cli.resources import kind_of_object, path_of
from k3py.cli.session import Answer, Session
from k3py.cli.three_way import LAST_APPLIED, last_applied, three_way_patch, with_last_applied
from k3py.client.port import PatchType
from k3py.model.errors import NotFound
from k3py.model.registry import Kind

FIELD_MANAGER: Final = "k3py-client-side-apply"
NO_DRY_RUN: Final = "none"
DRY_RUNS: Final = (NO_DRY_RUN, "client", "server")
WRITE_QUERY: Final = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}


def placed(manifest: Manifest, asked: str, default: str) -> tuple[Kind, dict[str, Any], str]:
    """The manifest's kind, its object in a namespace, and that namespace (empty for kinds that have none).

    ``asked`` is the namespace of ``-n``, ``default`` the context's. Decides.

    Raises:
        Failure: the kind is unknown, or ``-n`` names another namespace than the object does.
    """
    kind = kind_of_object(manifest.object, manifest.where)
    metadata: dict[str, Any] = dict(manifest.object.get("metadata") or {})
    if not kind.namespaced:
        metadata.pop("namespace", None)
        return kind, {**manifest.object, "metadata": metadata}, ""
    own = metadata.get("namespace")
    if asked and own and own != asked:
        raise Failure(f"cannot use {manifest.where}: an object there is of namespace {own!r}, -n says {asked!r}")
    metadata["namespace"] = own or asked or default
    return kind, {**manifest.object, "metadata": metadata}, metadata["namespace"]


def apply_object(
    session: Session, kind: Kind, wanted: dict[str, Any], namespace: str, dry_run: str = NO_DRY_RUN
) -> tuple[str, Answer]:
    """``created``, ``configured`` or ``unchanged``, and the server's last answer.

    With the dry run ``server`` the server only tries it; with ``client`` nothing is sent, and the answer is the object
    as it would be sent or as it is now.

    Raises:
        Problem: the server refuses.
    """
    query = {**WRITE_QUERY, **({"dryRun": "All"} if dry_run == "server" else {})}
    remembered = with_last_applied(wanted)
    path = path_of(kind, namespace, wanted["metadata"]["name"])
    try:
        there = session.request("GET", path)
    except NotFound:
        body = msgspec.json.encode(remembered)
        if dry_run == "client":
            return "created", Answer(body)
        return "created", session.request("POST", path_of(kind, namespace), query, body)
    patch = difference(kind, remembered, there.plain())
    if not patch:
        return "unchanged", there
    if dry_run == "client":
        return "configured", there
    answer = session.request("PATCH", path, query, msgspec.json.encode(patch), PatchType.STRATEGIC)
    return "configured", answer


def difference(kind: Kind, remembered: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    """The patch between an object there and one with its annotation. Decides."""
    original = last_applied(current)
    annotations = (original.get("metadata") or {}).get("annotations")
    if isinstance(annotations, dict):
        annotations.pop(LAST_APPLIED, None)
    return three_way_patch(original, remembered, current, kind.definition)
