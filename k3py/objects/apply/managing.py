"""Writes and ``metadata.managedFields``: the way in for whoever stores objects.

All objects are plain JSON values and never changed here; what comes back shares parts with them. Nothing is stored:
a dry run asks the same and keeps nothing. Source: Kubernetes' "Server-Side Apply".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from k3py.base.clock import rfc3339
from k3py.model.errors import BadRequest
from k3py.objects.apply import last_applied, ownership
from k3py.objects.apply.conflicts import Conflicts
from k3py.objects.apply.fieldset import FieldSet, Tree, difference, union
from k3py.objects.apply.managed import (
    Managed,
    Operation,
    Owned,
    capped,
    is_reset,
    manager_of,
    read,
    read_leniently,
    same_but_for_times,
    write,
)
from k3py.objects.apply.targets import Target
from k3py.objects.apply.values import Unfit
from k3py.objects.problems import Unexplained

Plain = Mapping[str, Any]
Entries = Sequence[Mapping[str, Any]]

# Owns everything in an object whose fields nobody owned when it was first applied to.
BEFORE_FIRST_APPLY: Final = "before-first-apply"

# What the server decides, or what names the object, belongs to nobody.
_NOBODYS: Final[Tree] = FieldSet.of(
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata",),
    *[
        ("f:metadata", f"f:{name}")
        for name in (
            "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields",
            "resourceVersion",
        )
    ],
).tree  # fmt: skip


@dataclass(frozen=True)
class Applied:
    """What an apply makes of an object.

    ``object`` has no ``managedFields``, and defaults are not filled in again where fields were removed: that is the
    caller's, who then puts ``managed_fields`` in.
    """

    object: dict[str, Any]
    managed_fields: Entries


def applied(target: Target, live: Plain | None, patch: Plain, *, manager: str, force: bool, now: float) -> Applied:
    """A server-side apply to a stored object, or to none (None).

    ``manager``: the field manager of the request; ``now``: seconds since 1970.

    Raises:
        BadRequest: the patch is of another kind or version, or has managed fields.
        Unexplained: it does not fit the kind's schema (Kubernetes answers 500).
        Conflicts: others own fields with other values, and ``force`` is not set.
    """
    _check(target, patch)
    stored = target.zero if live is None else live
    managed, before = read_leniently(_entries(stored)), _bare(stored)
    if not managed:
        managed = _tracked(target, target.zero, before, managed, BEFORE_FIRST_APPLY, now)
    key = manager_of(manager, Operation.APPLY, target.api_version, target.subresource)
    try:
        obj, after = _apply(target, before, patch, managed, key, force=force)
    except Unfit as error:
        raise Unexplained(f"failed to create typed patch object ({place_of(patch)}): {error}") from None
    last = managed.get(key)
    mine = after.get(key)
    if mine is not None:
        time = rfc3339(now) if obj != before else last.time if last is not None else ""
        _put(after, key, Owned(mine.api_version, difference(mine.tree, _NOBODYS), time), last)
    if manager == last_applied.MANAGER:
        obj = last_applied.renewed(obj, patch)
    return Applied(dict(obj), write(after))


def _apply(
    target: Target, before: Plain, patch: Plain, managed: Managed, key: Any, *, force: bool
) -> tuple[Plain, Managed]:
    try:
        return ownership.apply(target.frame, before, patch, managed, key, force=force)
    except Conflicts as conflicts:
        if key.name != last_applied.MANAGER:
            raise
        allowed = last_applied.takeable(before, target.node, target.api_version)
        rest = {who: tree for who, lost in conflicts.sets.items() if (tree := difference(lost, allowed))}
        if rest:
            raise Conflicts(rest, managed) from None
    return ownership.apply(target.frame, before, patch, managed, key, force=True)


def _put(managed: Managed, key: Any, owned: Owned, last: Owned | None) -> None:
    """Note what an applier owns; nothing is no entry, the same as before the same entry."""
    if not owned.tree:
        del managed[key]
    elif last is not None and owned[:3] == last[:3]:
        managed[key] = last
    else:
        managed[key] = owned


def updated(target: Target, live: Plain | None, new: Plain, *, manager: str, now: float) -> Entries:
    """The managed fields of an object after any other write: create (``live`` is None), update, patch, status.

    ``new`` is the object as it is about to be stored, with defaults, before admission. Its own ``managedFields``, when
    they say something, take the place of the stored ones (not through subresources); an empty list or one empty entry
    has everything forgotten. An object of which nobody owns anything stays so until somebody applies to it.
    """
    managed = _before_update(target, live, new)
    if not managed and live is not None:
        return []
    return write(_tracked(target, _bare(live if live is not None else target.zero), _bare(new), managed, manager, now))


def _before_update(target: Target, live: Plain | None, new: Plain) -> Managed:
    given = _entries(new)
    if not target.subresource:
        if is_reset(given):
            return {}
        stored = live is not None and given == _entries(live)
        try:
            managed = read(given, stored=stored)
        except ValueError:
            managed = {}
        if managed:
            return managed
    return read_leniently(_entries(live)) if live is not None else {}


def _tracked(target: Target, live: Plain, new: Plain, managed: Managed, manager: str, now: float) -> Managed:
    """Everybody's fields after an update by a manager."""
    changed, after = ownership.update(target.frame, live, new, managed, manager_of("", Operation.UPDATE, "", ""))
    taken = difference(changed, _NOBODYS)
    if taken:
        key = manager_of(manager, Operation.UPDATE, target.api_version, target.subresource)
        present = after.get(key)
        tree = taken if present is None else union(taken, present.tree)
        after[key] = Owned(target.api_version, tree, rfc3339(now))
    return capped(after)


def same_but_for_managed_times(old: Plain, new: Plain) -> bool:
    """Whether a write would change nothing but its resourceVersion and the times of managed fields: it is none then.

    ``metadata.managedFields`` of both are compared without their times.
    """
    old_entries, new_entries = _entries(old) or (), _entries(new) or ()
    if not same_but_for_times(old_entries, new_entries):
        return False
    return _bare(old, "resourceVersion") == _bare(new, "resourceVersion")


def _check(target: Target, patch: Plain) -> None:
    version, kind = (said if isinstance(said := patch.get(name), str) else "" for name in ("apiVersion", "kind"))
    if (version, kind) != (target.api_version, target.kind):
        version, kind = (version, kind) if version.count("/") <= 1 else ("", "")
        group, _, rest = version.rpartition("/")
        raise BadRequest(f"invalid object type: {group}/{rest}, Kind={kind}")
    metadata = patch.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise BadRequest("metadata.managedFields must be nil")


def place_of(patch: Plain) -> str:
    """What is applied, as Kubernetes names it: ``namespace/name; group/version, Kind=Name``."""
    metadata = patch.get("metadata")
    meta = metadata if isinstance(metadata, dict) else {}
    # Names of another type count as none.
    namespace, name = (each if isinstance(each := meta.get(key), str) else "" for key in ("namespace", "name"))
    group, _, version = patch["apiVersion"].rpartition("/")
    return f"{namespace}/{name}; {group}/{version}, Kind={patch['kind']}"


def _entries(obj: Plain) -> Entries | None:
    """The object's entries; None where there are none or no list of objects."""
    found: Any = (obj.get("metadata") or {}).get("managedFields")
    return found if isinstance(found, list) and all(isinstance(entry, dict) for entry in found) else None


def _bare(obj: Plain, *further: str) -> dict[str, Any]:
    """The object without managed fields (and ``further`` fields of its metadata)."""
    metadata = obj.get("metadata") or {}
    hidden = ("managedFields", *further)
    if not any(name in metadata for name in hidden):
        return dict(obj)
    return {**obj, "metadata": {name: value for name, value in metadata.items() if name not in hidden}}
