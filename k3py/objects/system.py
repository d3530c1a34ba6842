"""What every cluster has from the first start on."""

import ipaddress
import logging
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any, Final

from k3py.model import codec
from k3py.model.errors import AlreadyExists, Invalid
from k3py.model.generated import core_v1, meta_v1, scheduling_v1
from k3py.model.kinds import KINDS
from k3py.model.struct import Wire
from k3py.model.user import CONTROLLER_MANAGER
from k3py.model.vpc_v1 import DEFAULT_CIDR, DEFAULT_VPC, VPC, VPCSpec
from k3py.objects.admission import DEFAULT_SERVICE_ACCOUNT
from k3py.objects.collections import NODE_LEASE_NAMESPACE
from k3py.objects.options import WriteOptions
from k3py.objects.service import Objects
from k3py.objects.service_addresses import SYSTEM_NAMESPACE, ServiceRanges
from k3py.objects.validation.scheduling_classes import SYSTEM_CLASSES
from k3py.store.store import Store

log = logging.getLogger(__name__)

API_PORT: Final = 6443
DNS_PORT: Final = 53
SYSTEM_NAMESPACES: Final = ("default", SYSTEM_NAMESPACE, "kube-public", NODE_LEASE_NAMESPACE)

_PRIORITY_DESCRIPTIONS: Final = {
    "system-node-critical": ("Used for system critical pods that must not be moved from their current node."),
    "system-cluster-critical": (
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
    ),
}


def decided_ranges(store: Store, wanted: ServiceRanges) -> ServiceRanges:
    """The ranges that the cluster has: what was decided at its first start stays, whatever the settings say now."""
    record = store.get("vpcs", "", DEFAULT_VPC)
    stored = codec.decode(VPC, record.raw).status.service_cidr if record is not None else ""
    if not stored or stored == str(wanted.cluster_ips):
        return wanted
    log.warning("the services' range stays %s, as decided at the first start; it cannot become %s",
                stored, wanted.cluster_ips)  # fmt: skip
    return replace(wanted, cluster_ips=IPv4Network(stored))


async def ensure_system_objects(objects: Objects, cluster_cidr: str = DEFAULT_CIDR) -> None:
    """Create what every cluster has, as far as it is missing: the system namespaces with their service accounts, the
    VPC ``default``, the priority classes of the system, and the services of API and DNS. May be repeated.

    Raises:
        Unavailable, Timeout: the store does not take them.
    """
    await _ensure_default_vpc(objects, cluster_cidr)
    for priority_class in _priority_classes():
        await _ensure(objects, "", priority_class)
    for name in SYSTEM_NAMESPACES:
        await _ensure(objects, "", core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name)))
        await ensure_service_account(objects, name)
    await _ensure(objects, "default", _api_service(objects.ranges))
    await _ensure_dns_service(objects)


async def _ensure_default_vpc(objects: Objects, cidr: str) -> None:
    """The VPC of everything that names none: all namespaces are in it."""
    record = objects.store.latest("vpcs", "", DEFAULT_VPC)
    if record is not None:
        stored = codec.decode(VPC, record.raw).spec.cidr
        if stored != cidr:
            log.warning("VPC %s keeps its range %s, as decided at the first start; it cannot become %s",
                        DEFAULT_VPC, stored, cidr)  # fmt: skip
        return
    vpc = VPC(metadata=meta_v1.ObjectMeta(name=DEFAULT_VPC))
    vpc.spec = VPCSpec(cidr=cidr, allowed_namespaces=meta_v1.LabelSelector())
    await _ensure(objects, "", vpc)


def _priority_classes() -> Iterator[scheduling_v1.PriorityClass]:
    """The classes of what nodes and the cluster cannot do without."""
    for name, value in SYSTEM_CLASSES.items():
        found = scheduling_v1.PriorityClass(metadata=meta_v1.ObjectMeta(name=name), value=value)
        found.description = _PRIORITY_DESCRIPTIONS[name]
        yield found


def _api_service(ranges: ServiceRanges) -> core_v1.Service:
    """The service under which pods find the API server."""
    service = core_v1.Service(metadata=meta_v1.ObjectMeta(name="kubernetes", namespace="default"))
    service.metadata.labels = {"component": "apiserver", "provider": "kubernetes"}
    service.spec = core_v1.ServiceSpec(
        cluster_ip=ranges.first,
        ports=[core_v1.ServicePort(name="https", port=443, target_port=API_PORT, protocol="TCP")],
    )
    return service


async def _ensure_dns_service(objects: Objects) -> None:
    if ipaddress.IPv4Address(objects.ranges.dns) not in objects.ranges.cluster_ips:
        return
    try:
        await _ensure(objects, SYSTEM_NAMESPACE, _dns_service(objects.ranges))
    except Invalid as problem:  # a cluster older than this service may have given its address away
        log.error("pods find no service kube-dns: %s", problem.message)


def _dns_service(ranges: ServiceRanges) -> core_v1.Service:
    """The service under which pods find names. It has no pods: each node's agent answers at its address."""
    service = core_v1.Service(metadata=meta_v1.ObjectMeta(name="kube-dns", namespace=SYSTEM_NAMESPACE))
    service.metadata.labels = {"k8s-app": "kube-dns"}
    service.spec = core_v1.ServiceSpec(
        cluster_ip=ranges.dns,
        ports=[
            core_v1.ServicePort(name="dns", port=DNS_PORT, target_port=DNS_PORT, protocol="UDP"),
            core_v1.ServicePort(name="dns-tcp", port=DNS_PORT, target_port=DNS_PORT, protocol="TCP"),
        ],
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
