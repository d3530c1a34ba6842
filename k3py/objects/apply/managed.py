"""``metadata.managedFields``: who owns what, read and written.

Source: Kubernetes' "Server-Side Apply", section "Field management", and the API reference of ``ManagedFieldsEntry``.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from k3py.objects.apply.elements import BadFields
from k3py.objects.apply.fieldset import Tree, parse, union

# More managers of single updates than these and the oldest become one, so that objects stay small.
UPDATE_MANAGERS_MAX: Final = 10
ANCIENT: Final = "ancient-changes"
UNKNOWN: Final = "unknown"
FIELDS_TYPE: Final = "FieldsV1"
_TEXTS: Final = ("manager", "operation", "apiVersion", "time", "fieldsType", "subresource")


class Operation(StrEnum):
    """How a manager came to own fields."""

    APPLY = "Apply"
    UPDATE = "Update"


class Manager(NamedTuple):
    """Who owns fields. An applier is the same in every version; an updater of another version is another one."""

    name: str
    operation: Operation
    api_version: str
    subresource: str


class Owned(NamedTuple):
    """What a manager owns (a set, root) in which version's terms, and since when (RFC 3339; empty: not said).

    ``entry`` is the entry that this was read from, as long as it still says the same.
    """

    api_version: str
    tree: Tree
    time: str
    entry: Mapping[str, Any] | None = None


Managed = dict[Manager, Owned]


def manager_of(name: str, operation: Operation, api_version: str, subresource: str) -> Manager:
    """The manager's identity; nameless ones are all the same."""
    version = "" if operation is Operation.APPLY else api_version
    return Manager(name or UNKNOWN, operation, version, subresource)


def read(entries: Sequence[Mapping[str, Any]] | None, *, stored: bool = True) -> Managed:
    """Entries of ``metadata.managedFields`` as plain values; ``stored`` ones were written by ``write``.

    Raises:
        BadFields: one of them is none.
    """
    managed: Managed = {}
    for entry in entries or ():
        if any(not isinstance(entry.get(name) or "", str) for name in _TEXTS):
            raise BadFields("an entry of managed fields has texts and a field set")
        operation = entry.get("operation")
        if operation not in (Operation.APPLY, Operation.UPDATE):
            raise BadFields("operation must be `Apply` or `Update`")
        version, kind = entry.get("apiVersion"), entry.get("fieldsType")
        if not version:
            raise BadFields("apiVersion must not be empty")
        if kind != FIELDS_TYPE:
            raise BadFields(f"invalid fieldsType {kind!r} in managed fields")
        subresource = entry.get("subresource") or ""
        name = entry.get("manager") or ""
        key = Manager(name, Operation(operation), "" if operation == Operation.APPLY else version, subresource)
        tree = parse(entry.get("fieldsV1") or {})
        managed[key] = Owned(version, tree, entry.get("time") or "", entry if stored else None)
    return managed


def read_leniently(entries: Sequence[Mapping[str, Any]] | None) -> Managed:
    """As ``read``; nobody owns anything when an entry is none."""
    try:
        return read(entries)
    except BadFields:
        return {}


def is_reset(entries: Sequence[Mapping[str, Any]] | None) -> bool:
    """Whether a user wants all ownership forgotten: an empty list, or a list of one empty entry."""
    return entries is not None and (len(entries) == 0 or (len(entries) == 1 and not any(entries[0].values())))


def write(managed: Managed) -> list[Mapping[str, Any]]:
    """Entries for ``metadata.managedFields``: appliers first, then by time and name."""
    return [owned.entry or _entry(key, owned) for key, owned in sorted(managed.items(), key=_place)]


def _place(item: tuple[Manager, Owned]) -> tuple[str, ...]:
    key, owned = item
    return (key.operation, owned.time, key.name, owned.api_version, key.subresource)


def _entry(manager: Manager, owned: Owned) -> Mapping[str, Any]:
    entry: dict[str, Any] = {
        "manager": manager.name,
        "operation": manager.operation.value,
        "apiVersion": owned.api_version,
    }
    if owned.time:
        entry["time"] = owned.time
    entry["fieldsType"] = FIELDS_TYPE
    entry["fieldsV1"] = owned.tree  # a tree has the form; the order of keys means nothing in JSON
    if manager.subresource:
        entry["subresource"] = manager.subresource
    return entry


def capped(managed: Managed) -> Managed:
    """No more updaters than there may be: the oldest of each version are put together."""
    updaters = [key for key in managed if key.operation is Operation.UPDATE]
    excess = len(updaters) - UPDATE_MANAGERS_MAX
    if excess <= 0:
        return managed
    updaters.sort(key=lambda key: (managed[key].time, key.name, key.api_version, key.subresource))
    result = dict(managed)
    first: dict[str, Manager] = {}
    for key in updaters:
        if excess <= 0:
            break
        owned = result[key]
        version = owned.api_version
        if version not in first:
            first[version] = key
            continue
        bucket = manager_of(ANCIENT, Operation.UPDATE, version, "")
        if bucket not in result:
            result[bucket] = result.pop(first[version])
        merged = union(result[bucket].tree, owned.tree)
        if key != bucket:
            del result[key]
            excess -= 1
        result[bucket] = Owned(version, merged, owned.time)
    return result


def same_but_for_times(left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two lists of entries say the same ownership."""
    return len(left) == len(right) and read_without_times(left) == read_without_times(right)


def read_without_times(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries without their times, in an order that does not depend on these."""
    plain = [{name: value for name, value in entry.items() if name != "time"} for entry in entries]
    return sorted(plain, key=lambda entry: [str(entry.get(name)) for name in ("operation", "manager", "subresource")])
