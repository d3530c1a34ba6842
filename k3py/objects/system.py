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
from k3py.objects.service_addresses import ServiceRanges

API_PORT: Final = 6443
SYSTEM_NAMESPACES: Final = ("default", "kube-system", "kube-public", NODE_LEASE_NAMESPACE)


async def ensure_system_objects(objects: Objects) -> None:
    """Create the system namespaces with their service accounts, as far as they are missing. May be repeated.

    Raises:
        Unavailable, Timeout: the store does not take them.
    """
    for name in SYSTEM_NAMESPACES:
        await _ensure(objects, "", core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name)))
        await ensure_service_account(objects, name)
    await _ensure(objects, "default", _api_service(objects.ranges))


def _api_service(ranges: ServiceRanges) -> core_v1.Service:
    """The service under which pods find the API server."""
    service = core_v1.Service(metadata=meta_v1.ObjectMeta(name="kubernetes", namespace="default"))
    service.metadata.labels = {"component": "apiserver", "provider": "kubernetes"}
    service.spec = core_v1.ServiceSpec(
        cluster_ip=ranges.first,
        ports=[core_v1.ServicePort(name="https", port=443, target_port=API_PORT, protocol="TCP")],
    )
    return service


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
