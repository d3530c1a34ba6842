"""Whether a pod's packets get somewhere, by the same steps as the programs take; the deciding one in words. Decides."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

from k3py.model.vpc_socket import BAD_REQUEST, NOT_FOUND, Reachability, RouteEntry
from k3py.vpc.bpf.abi import RouteKind
from k3py.vpc.kernel.entries import Way, vpc_ways
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.wanted import HOST_IPV4, NodeConfig, PodNetwork, ServicePort, VpcNetwork, Wanted

_LOOPBACK = IPv4Network("127.0.0.0/8")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_MULTICAST_FIRST = IPv4Address("224.0.0.0")


def routes(config: NodeConfig, wanted: Wanted, vpc: VpcNetwork) -> list[RouteEntry]:
    """Where a VPC's packets go, the longest prefix first: the one that holds of those that fit."""
    ways = sorted(vpc_ways(config, wanted, vpc), key=lambda each: (-each.destination.prefixlen, each.destination))
    return [_entry(wanted, way) for way in ways]


def check(
    config: NodeConfig, wanted: Wanted, services: Sequence[ServicePort], pod_uid: str, destination: str
) -> Reachability:
    """Whether packets of a pod of this node get to an IPv4 address, or to another pod of this node (its uid).

    Raises:
        NetworkProblem: NotFound, a pod is not attached here; BadRequest, the destination is neither.
    """
    sender = _pod(wanted, pod_uid)
    vpc = wanted.vpcs.get(sender.vpc)
    if vpc is None:
        raise NetworkProblem(NOT_FOUND, f"cannot find the VPC of pod {pod_uid} (id {sender.vpc})")
    start = f'pod {pod_uid} ({sender.ipv4}) in VPC "{vpc.name}"'
    try:
        address = IPv4Address(destination)
    except ValueError:
        if not destination or any(each in destination for each in ":./ "):
            raise NetworkProblem(
                BAD_REQUEST, f"cannot check {destination!r}: it is neither an IPv4 address nor a pod's uid"
            ) from None
        receiver = _pod(wanted, destination)
        if receiver.vpc != sender.vpc:
            other = _vpc_name(wanted, receiver.vpc)
            why = f'pod {destination} is in VPC "{other}", which is not peered with "{vpc.name}"'
            return Reachability(reachable=False, why=why, way=(start,))
        address = receiver.ipv4
    reachable, why, steps = _decide(config, wanted, services, sender, vpc, address)
    return Reachability(reachable=reachable, why=why, way=(start, *steps))


_Verdict = tuple[bool, str, tuple[str, ...]]


def _decide(
    config: NodeConfig,
    wanted: Wanted,
    services: Sequence[ServicePort],
    sender: PodNetwork,
    vpc: VpcNetwork,
    to: IPv4Address,
) -> _Verdict:
    if to == sender.ipv4 or to in _LOOPBACK:
        return True, f"{to} is the pod itself: packets do not leave it", ()
    if to >= _MULTICAST_FIRST:
        return False, f"{to} is multicast or broadcast, which no VPC carries", ()
    if to in _THIS_NETWORK:
        return False, f"{to} is no destination (0.0.0.0/8)", ()
    ports = [each for each in services if each.vpc == vpc.id and to in each.addresses]
    if ports:
        return _service(ports, to)
    way = max((w for w in vpc_ways(config, wanted, vpc) if to in w.destination), key=lambda w: w.destination.prefixlen)
    step = f"route {way.destination}: {_kind(way)}"
    if way.kind is RouteKind.DENIED:
        return False, _denied(config, wanted, vpc, to, way), (step,)
    if way.kind is RouteKind.OUTSIDE:
        return _outside(sender, vpc, to, step)
    if way.vpc != vpc.id:
        return True, _system(wanted, to), (step, "the node answers it itself")
    return _inside(wanted, vpc, to, step)


def _service(ports: Sequence[ServicePort], to: IPv4Address) -> _Verdict:
    told = []
    for port in ports:
        backends = ", ".join(f"{each.ipv4}:{each.port}" for each in port.backends[:5]) or "nobody"
        more = f" and {len(port.backends) - 5} more" if len(port.backends) > 5 else ""
        told.append(f"{port.protocol.name} port {port.port} leads to {backends}{more}")
    step = f"the socket knows {to} as service {ports[0].name}"
    if any(port.backends for port in ports):
        return True, f"{to} is service {ports[0].name}, which has ready endpoints", (step, *told)
    why = f"{to} is service {ports[0].name}, which has no ready endpoint: connections are refused at once"
    return False, why, (step, *told)


def _denied(config: NodeConfig, wanted: Wanted, vpc: VpcNetwork, to: IPv4Address, way: Way) -> str:
    if to in wanted.service_cidr and to not in vpc.cidr:
        return f'{to} lies in the service range {wanted.service_cidr}, and no service of VPC "{vpc.name}" has it'
    if to in config.egress_range:
        return f"{to} lies in the egress range {config.egress_range}, which no pod may reach"
    if not way.destination.prefixlen:
        return f'{to} lies outside, and VPC "{vpc.name}" has no way out (its egress is not Masquerade)'
    return f"{to} lies in {way.destination}, which no pod may reach"


def _outside(sender: PodNetwork, vpc: VpcNetwork, to: IPv4Address, step: str) -> _Verdict:
    if sender.outside_ipv4 is None:
        return False, f'{to} lies outside, and the pod has no address to leave VPC "{vpc.name}" with', (step,)
    steps = (step, f"the pod leaves as {sender.outside_ipv4}", "the node masquerades it")
    return True, f'{to} lies outside, and VPC "{vpc.name}" has a way out; whether it answers is not known here', steps


def _inside(wanted: Wanted, vpc: VpcNetwork, to: IPv4Address, step: str) -> _Verdict:
    receiver = next((each for each in wanted.pods.values() if (each.vpc, each.ipv4) == (vpc.id, to)), None)
    if receiver is not None:
        return True, f"{to} is pod {receiver.uid} of this node, in the same VPC", (step, "handed over on this node")
    block = next((cidr for id_, cidr in wanted.blocks if id_ == vpc.id and to in cidr), None)
    if block is not None:
        return False, f"{to} lies in block {block} of this node, and no pod has it", (step, f"block {block}")
    return False, f'{to} is no pod\'s of this node, and no block of VPC "{vpc.name}" known here has it', (step,)


def _system(wanted: Wanted, to: IPv4Address) -> str:
    name = {wanted.dns: "the cluster's DNS", wanted.api: "the API", HOST_IPV4: "the node"}.get(to, "the node")
    return f"{to} is {name}, which every VPC reaches"


def _kind(way: Way) -> str:
    if way.kind is RouteKind.VPC:
        return "System" if way.vpc == 0 else "Pods"
    return "Outside" if way.kind is RouteKind.OUTSIDE else "Denied"


def _entry(wanted: Wanted, way: Way) -> RouteEntry:
    kind = _kind(way)
    via = {"Pods": "Ghost IPv6", "System": "this node", "Outside": "masquerade"}.get(kind, "")
    vpc = _vpc_name(wanted, way.vpc) if kind == "Pods" else ""
    return RouteEntry(destination=str(way.destination), kind=kind, vpc=vpc, via=via)


def _pod(wanted: Wanted, uid: str) -> PodNetwork:
    pod = wanted.pods.get(uid)
    if pod is None:
        raise NetworkProblem(NOT_FOUND, f"cannot find pod {uid}: it is not attached on this node")
    return pod


def _vpc_name(wanted: Wanted, vpc_id: int) -> str:
    vpc = wanted.vpcs.get(vpc_id)
    return vpc.name if vpc is not None else str(vpc_id)
