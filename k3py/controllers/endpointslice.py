"""EndpointSlice: which pods stand behind a Service, in slices of at most 100.

Kubernetes' rules (``pkg/controller/endpointslice``): a slice holds addresses of one family and one set of resolved
ports; an endpoint stays in its slice while it can, so that a change of one pod rewrites one slice. A Service is for one
VPC, so only pods of that VPC stand behind it; the slices carry the VPC's label as all others of the Service.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from k3py.controllers.actions import Action, Create, Delete, Update, reference, target
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.controllers.owners import owned_by
from k3py.controllers.pods import is_finished, is_ready
from k3py.model.codec import encode
from k3py.model.generated import core_v1, discovery_v1, meta_v1
from k3py.model.selectors import from_map
from k3py.model.vpc_v1 import vpc_of

# Kubernetes' default of --max-endpoints-per-slice; the API allows 1000.
ENDPOINTS_PER_SLICE_MAX: Final = 100
SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
MANAGER: Final = "endpointslice-controller.k8s.io"
HEADLESS: Final = "service.kubernetes.io/headless"
ZONE: Final = "topology.kubernetes.io/zone"
NO_ADDRESS: Final = "None"
IPV4: Final = "IPv4"
VERSIONS: Final = {IPV4: 4, "IPv6": 6}

Slice = discovery_v1.EndpointSlice


def reconcile(
    wanted: core_v1.Service,
    pods: Sequence[core_v1.Pod],
    zones: dict[str, str],
    slices: Sequence[Slice],
) -> list[Action]:
    """What to do about one Service's slices.

    Args:
        wanted: the Service; without a selector its slices are its owner's own business.
        pods: those of its namespace that the selector matches; those of another VPC are left out.
        zones: node name -> zone, for nodes that name one.
        slices: those that carry the Service's name and are managed by this controller.
    """
    if not wanted.spec.selector or wanted.spec.type == "ExternalName" or wanted.metadata.deletion_timestamp is not None:
        return []
    families = [each for each in wanted.spec.ip_families if each in VERSIONS] or [IPV4]
    inside = [pod for pod in pods if vpc_of(pod) == vpc_of(wanted)]
    alive = [each for each in slices if each.metadata.deletion_timestamp is None]
    actions: list[Action] = []
    for family in families:
        actions += _family(wanted, inside, zones, [each for each in alive if each.address_type == family], family)
    foreign = [each for each in alive if each.address_type in VERSIONS and each.address_type not in families]
    return actions + [Delete(target(each), "the service has no such family", unchanged=True) for each in foreign]


def _family(
    wanted: core_v1.Service,
    pods: Sequence[core_v1.Pod],
    zones: dict[str, str],
    slices: Sequence[Slice],
    family: str,
) -> list[Action]:
    """What to do about the slices of one family; ``slices`` are all of that family."""
    groups: dict[bytes, dict[str, discovery_v1.Endpoint]] = defaultdict(dict)
    ports: dict[bytes, list[discovery_v1.EndpointPort]] = {}
    for pod in pods:
        address = _address(pod, family)
        if not address:
            continue
        resolved = _ports(wanted, pod)
        key = encode(resolved)
        ports[key] = resolved
        groups[key][pod.metadata.uid] = _endpoint(wanted, pod, address, zones)
    if not groups:
        ports[encode([])], groups[encode([])] = [], {}
    shares = {key: [each for each in slices if encode(each.ports) == key] for key in groups}
    left = [each for each in slices if all(each not in share for share in shares.values())]
    actions: list[Action] = []
    for key in sorted(groups):
        if not shares[key] and left:
            shares[key].append(left.pop(0))  # rather give a slice other ports than delete one and make another
        actions += _fill(wanted, ports[key], groups[key], shares[key], family)
    actions += [Delete(target(each), "no endpoint has these ports any more", unchanged=True) for each in left]
    return actions


def _fill(
    wanted: core_v1.Service,
    ports: list[discovery_v1.EndpointPort],
    endpoints: dict[str, discovery_v1.Endpoint],
    slices: Sequence[Slice],
    family: str,
) -> list[Action]:
    """Lay the endpoints of one set of ports into slices: who is in one stays there, the rest fills the gaps."""
    rest = dict(endpoints)
    kept: list[tuple[Slice, list[discovery_v1.Endpoint]]] = []
    for each in sorted(slices, key=lambda each: each.metadata.name):
        stay: list[discovery_v1.Endpoint] = []
        for endpoint in each.endpoints:
            uid = endpoint.target_ref.uid if endpoint.target_ref is not None else ""
            if uid in rest and len(stay) < ENDPOINTS_PER_SLICE_MAX:
                stay.append(rest.pop(uid))
        kept.append((each, stay))
    fresh = list(rest.values())
    actions: list[Action] = []
    filled = sorted(kept, key=lambda pair: -len(pair[1]))
    for position, (each, stay) in enumerate(filled):
        room = ENDPOINTS_PER_SLICE_MAX - len(stay)
        stay += fresh[:room]
        fresh = fresh[room:]
        is_last_one = position == 0 and not fresh
        if not stay and not is_last_one:
            actions.append(Delete(target(each), "empty", unchanged=True))
            continue
        made = msgspec.structs.replace(
            each, metadata=_metadata(wanted, each.metadata), endpoints=stay, ports=ports, address_type=family
        )
        if made != each:
            actions.append(Update(made, f"{len(stay)} endpoints of {wanted.metadata.name}"))
    while fresh or not (slices or actions):
        part, fresh = fresh[:ENDPOINTS_PER_SLICE_MAX], fresh[ENDPOINTS_PER_SLICE_MAX:]
        base = meta_v1.ObjectMeta(
            generate_name=f"{wanted.metadata.name}-",
            namespace=wanted.metadata.namespace,
            owner_references=[owned_by(wanted)],
        )
        made = Slice(metadata=_metadata(wanted, base), address_type=family, endpoints=part, ports=ports)
        actions.append(Create(made, f"{len(part)} endpoints of {wanted.metadata.name}"))
    return actions


def _metadata(wanted: core_v1.Service, base: meta_v1.ObjectMeta) -> meta_v1.ObjectMeta:
    """Labels: the Service's own (for those who select slices by them) and those that say whose the slice is."""
    labels = {**wanted.metadata.labels, SERVICE_NAME: wanted.metadata.name, MANAGED_BY: MANAGER}
    if wanted.spec.cluster_ip == NO_ADDRESS:
        labels[HEADLESS] = ""
    return msgspec.structs.replace(base, labels=labels)


def _address(pod: core_v1.Pod, family: str) -> str:
    """The pod's address of a family if it can be an endpoint at all: it has one, a node, and did not finish."""
    if not pod.spec.node_name or is_finished(pod):
        return ""
    for text in (*(each.ip for each in pod.status.pod_ips), pod.status.pod_ip):
        try:
            if text and ipaddress.ip_address(text).version == VERSIONS[family]:
                return text
        except ValueError:
            continue
    return ""


def _endpoint(wanted: core_v1.Service, pod: core_v1.Pod, address: str, zones: dict[str, str]) -> discovery_v1.Endpoint:
    serving = is_ready(pod)
    terminating = pod.metadata.deletion_timestamp is not None
    about = reference(pod)
    return discovery_v1.Endpoint(
        addresses=[address],
        conditions=discovery_v1.EndpointConditions(
            ready=wanted.spec.publish_not_ready_addresses or (serving and not terminating),
            serving=serving,
            terminating=terminating,
        ),
        hostname=pod.spec.hostname if pod.spec.subdomain == wanted.metadata.name and pod.spec.hostname else None,
        target_ref=core_v1.ObjectReference(kind="Pod", namespace=about.namespace, name=about.name, uid=about.uid),
        node_name=pod.spec.node_name,
        zone=zones.get(pod.spec.node_name),
    )


def _ports(wanted: core_v1.Service, pod: core_v1.Pod) -> list[discovery_v1.EndpointPort]:
    """The Service's ports as this pod serves them; a named target port that the pod does not have is left out."""
    resolved = []
    for port in wanted.spec.ports:
        number = _target(port, pod)
        if number:
            resolved.append(
                discovery_v1.EndpointPort(
                    name=port.name, port=number, protocol=port.protocol or "TCP", app_protocol=port.app_protocol
                )
            )
    return resolved


def _target(port: core_v1.ServicePort, pod: core_v1.Pod) -> int:
    wanted = port.target_port
    if isinstance(wanted, int):
        return wanted or port.port
    sidecars = [each for each in pod.spec.init_containers if each.restart_policy == "Always"]
    for container in (*pod.spec.containers, *sidecars):
        for each in container.ports:
            if each.name == wanted and (each.protocol or "TCP") == (port.protocol or "TCP"):
                return each.container_port
    return 0


def _service_of_slice(old: Slice | None, new: Slice | None, caches: Caches) -> Iterable[Key]:
    del caches
    for each in (old, new):
        if each is not None and each.metadata.labels.get(MANAGED_BY) == MANAGER:
            yield each.metadata.namespace, each.metadata.labels.get(SERVICE_NAME, "")


def _services_of_pod(old: core_v1.Pod | None, new: core_v1.Pod | None, caches: Caches) -> Iterable[Key]:
    """Services that select the pod now or did; a change that no endpoint shows wakes nobody."""
    if old is not None and new is not None and _shown(old) == _shown(new):
        return
    pod = new or old
    assert pod is not None
    labels = [each.metadata.labels for each in (old, new) if each is not None]
    if not caches.values(core_v1.Service, BY_SELECTOR):
        return
    pairs = {_pair(pod.metadata.namespace, *each) for known in labels for each in known.items()}
    for service in caches.by(core_v1.Service, BY_SELECTOR, *pairs):
        matches = from_map(service.spec.selector).matches
        if any(matches(each) for each in labels):
            yield service.metadata.namespace, service.metadata.name


BY_SELECTOR: Final = "selector"


def _by_selector(service: core_v1.Service) -> Iterable[str]:
    """Index: one label that every pod of the service has."""
    for each in sorted(service.spec.selector.items())[:1]:
        yield _pair(service.metadata.namespace, *each)


def _pair(namespace: str, key: str, value: str) -> str:
    return f"{namespace}/{key}={value}"


def _shown(pod: core_v1.Pod) -> tuple[object, ...]:
    meta = pod.metadata
    addresses = [_address(pod, family) for family in VERSIONS]
    return (addresses, is_ready(pod), meta.deletion_timestamp is None, meta.labels, pod.spec.node_name, meta.uid)


def _nothing(old: object, new: object, caches: Caches) -> Iterable[Key]:
    del old, new, caches
    return ()


BY_SERVICE: Final = "service"


def _by_service(value: Slice) -> Iterable[str]:
    labels = value.metadata.labels
    if labels.get(MANAGED_BY) == MANAGER:
        yield f"{value.metadata.namespace}/{labels.get(SERVICE_NAME, '')}"


class EndpointSliceController:
    """Looks at one Service at a time."""

    name = "endpointslice-controller"
    workers = 2
    reads = (
        Reads(core_v1.Service, itself, {BY_SELECTOR: _by_selector}),
        Reads(core_v1.Pod, _services_of_pod),
        Reads(core_v1.Node, _nothing),
        Reads(Slice, _service_of_slice, {BY_SERVICE: _by_service}),
    )
    writes = (Slice,)

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see. Slices of a Service that is gone are the garbage collector's."""
        del turn
        service = caches.get(core_v1.Service, *key)
        if service is None:
            return []
        selector = from_map(service.spec.selector)
        pods = list(caches.list(core_v1.Pod, key[0]).matching(selector.matches)) if service.spec.selector else []
        zones = {}
        for name in {pod.spec.node_name for pod in pods}:
            node = caches.get(core_v1.Node, "", name) if name else None
            zone = node.metadata.labels.get(ZONE) if node is not None else None
            if zone:
                zones[name] = zone
        slices = caches.by(Slice, BY_SERVICE, f"{key[0]}/{key[1]}")
        return reconcile(service, sorted(pods, key=lambda each: each.metadata.name), zones, slices)
