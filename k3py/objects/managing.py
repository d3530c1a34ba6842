"""Managed fields around the writes of objects: who comes to own what by a write that is about to be stored.

The rules are in ``apply/``, over plain values; here typed objects go in. Owned is what the user wrote, with defaults,
before admission and the kind's own rules complete it (Kubernetes does it in this order).
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from k3py.model import codec
from k3py.model.generated.meta_v1 import ManagedFieldsEntry, ObjectMeta
from k3py.model.registry import Kind
from k3py.objects.apply import target_of, updated
from k3py.objects.apply.managed import same_but_for_times

Entries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Author:
    """Who writes. ``manager``: the field manager; ``now``: seconds since 1970.

    ``entries`` are the managed fields of the object after the write, where they were decided before (an apply, or a
    write of its scale). ``is_put``: the whole object was sent, so that its uid is a precondition.
    """

    manager: str
    now: float
    entries: Entries | None = None
    is_put: bool = False


def own_creation(kind: Kind, new: Any, author: Author) -> None:
    """Give a new object, as the user wants it and with defaults, its managed fields."""
    entries = author.entries
    if entries is None:
        entries = updated(target_of(kind), None, _plain(new), manager=author.manager, now=author.now)
    new.metadata.managed_fields = typed_entries(entries)


def own_update(kind: Kind, live: bytes, new: Any, subresource: str, author: Author) -> list[ManagedFieldsEntry]:
    """The managed fields of an object that is about to take the place of ``live`` (stored JSON)."""
    entries = author.entries
    if entries is None:
        before = msgspec.json.decode(live)
        after = _plain(new)
        # A list that is written as null while it is empty is the same list still.
        after.update({member: None for member, value in before.items() if value is None and after.get(member) == []})
        entries = updated(target_of(kind, subresource), before, after, manager=author.manager, now=author.now)
    return typed_entries(entries)


def _plain(obj: Any) -> dict[str, Any]:
    # Field sets that stayed JSON have no plain form but through JSON; most objects that are sent have none.
    if not obj.metadata.managed_fields:
        with contextlib.suppress(TypeError):  # a template may have some
            return dict(msgspec.to_builtins(obj))
    return dict(codec.to_plain(obj))


def typed_entries(entries: Entries) -> list[ManagedFieldsEntry]:
    """Entries as Structs. Their field sets stay JSON: who reads objects by the thousand has no use for them."""
    raw = msgspec.Raw
    return [
        ManagedFieldsEntry(
            manager=entry.get("manager") or "",
            operation=entry.get("operation") or "",
            api_version=entry.get("apiVersion") or "",
            time=entry.get("time"),
            fields_type=entry.get("fieldsType") or "",
            fields_v1=raw(codec.encode_sorted(entry.get("fieldsV1") or {})),
            subresource=entry.get("subresource") or "",
        )
        for entry in entries
    ]


def plain_entries(entries: Sequence[ManagedFieldsEntry]) -> list[dict[str, Any]]:
    """Entries as plain values."""
    plain: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(entries))
    return plain


def keep_times(new: Any, old: Any) -> None:
    """A write that changes nothing but the times of managed fields leaves these as they were (and so nothing)."""
    meta: ObjectMeta = new.metadata
    fresh, stored = meta.managed_fields, old.metadata.managed_fields
    if fresh == stored:
        return
    meta.managed_fields = stored
    if new != old or not same_but_for_times(plain_entries(fresh), plain_entries(stored)):
        meta.managed_fields = fresh
