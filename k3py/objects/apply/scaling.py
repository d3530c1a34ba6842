"""The subresource ``scale`` has managed fields of its own while it is written: who owns the number of replicas.

Source: the ``ScaleHandler`` of Kubernetes' apimachinery: what is written through the subresource is owned in the main
resource by an entry that names the subresource.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from k3py.objects.apply.fieldset import FieldSet, difference
from k3py.objects.apply.managed import Managed, Manager, Operation, Owned, read_leniently, write

Entries = Sequence[Mapping[str, Any]]

SCALE_VERSION: Final = "autoscaling/v1"
_REPLICAS: Final = ("f:spec", "f:replicas")
_REPLICAS_SET: Final = FieldSet.of(_REPLICAS).tree


def _owns_replicas(owned: Owned) -> bool:
    return _REPLICAS in FieldSet(owned.tree)


def _in_version(manager: Manager, api_version: str) -> Manager:
    return manager if manager.operation is Operation.APPLY else manager._replace(api_version=api_version)


def to_scale(entries: Entries | None) -> Entries:
    """Managed fields of the Scale of an object that has these."""
    managed: Managed = {
        _in_version(manager, SCALE_VERSION): Owned(SCALE_VERSION, _REPLICAS_SET, owned.time)
        for manager, owned in read_leniently(entries).items()
        if _owns_replicas(owned)
    }
    return write(managed)


def to_main(entries: Entries | None, scale: Entries | None, api_version: str) -> Entries:
    """Managed fields of the object (in ``api_version``) after its Scale got those of ``scale``."""
    result: Managed = {}
    owners = {
        _in_version(manager, api_version): owned
        for manager, owned in read_leniently(scale).items()
        if _owns_replicas(owned)
    }
    for manager, owned in read_leniently(entries).items():
        if not _owns_replicas(owned) or owners.pop(manager, None) is not None:
            result[manager] = owned
        elif rest := difference(owned.tree, _REPLICAS_SET):
            result[manager] = owned._replace(tree=rest, entry=None)
    # Without a time, as there: the entry says who, not since when.
    result |= {manager: Owned(api_version, _REPLICAS_SET, "") for manager in owners}
    return write(result)
