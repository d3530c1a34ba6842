"""What every cluster has from the first start on."""

from typing import Any, Final

from k3py.model.errors import AlreadyExists
from k3py.model.generated import core_v1, meta_v1
from k3py.model.registry import KINDS
from k3py.model.struct import Wire
from k3py.model.user import CONTROLLER_MANAGER
from k3py.objects.admission import DEFAULT_SERVICE_ACCOUNT
from k3py.objects.collections import NODE_LEASE_NAMESPACE
from k3py.objects.options import WriteOptions
from k3py.objects.service import Objects

SYSTEM_NAMESPACES: Final = ("default", "kube-system", "kube-public", NODE_LEASE_NAMESPACE)


async def ensure_system_objects(objects: Objects) -> None:
    """Create the system namespaces with their service accounts, as far as they are missing. May be repeated.

    Raises:
        Unavailable, Timeout: the store does not take them.
    """
    for name in SYSTEM_NAMESPACES:
        await _ensure(objects, "", core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name)))
        await ensure_service_account(objects, name)


async def ensure_service_account(objects: Objects, namespace: str) -> None:
    """Create a namespace's service account ``default`` unless it is there.

    Raises:
        NotFound, Forbidden: the namespace is gone or going. Unavailable, Timeout.
    """
    account = core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name=DEFAULT_SERVICE_ACCOUNT, namespace=namespace))
    await _ensure(objects, namespace, account)


async def _ensure(objects: Objects, namespace: str, obj: Wire) -> None:
    kind, named = KINDS.of(type(obj)), obj
    meta: Any = named
    if objects.store.latest(kind.plural, namespace, meta.metadata.name) is not None:
        return
    try:
        await objects.create(kind, namespace, obj, WriteOptions(), CONTROLLER_MANAGER)
    except AlreadyExists:
        return
