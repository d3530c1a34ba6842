"""Server-side apply as the write of an object: from the patch to the object that is to be stored."""

from collections.abc import Mapping
from typing import Any

import msgspec

from k3py.model.errors import conflict, not_found
from k3py.model.registry import Kind
from k3py.objects.apply import applied, place_of, target_of
from k3py.objects.decode import typed
from k3py.objects.go_types import mismatch
from k3py.objects.identity import check_name
from k3py.objects.managing import Author
from k3py.objects.options import WriteOptions
from k3py.objects.problems import Unexplained


def decide(
    kind: Kind,
    name: str,
    live: bytes | None,
    patch: Mapping[str, Any],
    subresource: str,
    options: WriteOptions,
    now: float,
) -> tuple[Any, Author]:
    """What an apply makes of the stored JSON (None: there is no such object), and who wrote it.

    ``patch`` is the object as the manager wants it, as plain values; ``now`` in seconds since 1970. Defaults and
    checks are those of the create or update that follows.

    Raises:
        NotFound: there is nothing, and the subresource cannot make it. BadRequest, Conflicts, Unexplained.
    """
    if live is None and subresource:
        raise not_found(kind.plural, kind.group, name)
    before = None if live is None else msgspec.json.decode(live)
    result = applied(
        target_of(kind, subresource), before, patch, manager=options.field_manager, force=options.force, now=now
    )
    try:
        new, _ = typed(kind, result.object)
    except ValueError as error:
        raise unconvertible(kind, patch, result.object, error) from None
    if live is None:
        _check_new(kind, name, new)
    return new, Author(options.field_manager, now, result.managed_fields)


def unconvertible(kind: Kind, patch: Mapping[str, Any], merged: Any, error: ValueError) -> Unexplained:
    """What is said of an apply that fits the schema and leaves what is no object of the kind."""
    wrong = mismatch(kind.type, merged)
    why = str(error) if wrong is None else wrong.as_unstructured()
    place = place_of(patch)
    found = place.partition("; ")[2]
    return Unexplained(
        f"failed to convert new object ({place}) to proper version:"
        f" unable to convert unstructured object to {found}: {why}"
    )


def _check_new(kind: Kind, name: str, new: Any) -> None:
    """A new object is the one that the URL names."""
    meta = new.metadata
    check_name(name, meta)
    if meta.uid:
        why = f"uid mismatch: the provided object specified uid {meta.uid}, and no existing object was found"
        raise conflict(kind.plural, kind.group, name, why)
