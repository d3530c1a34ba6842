"""The entries of the shared maps."""

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model.ghost import NAT64, Ghost
from k3py.vpc.bpf.abi import LocalFlag, LocalPod, Route, RouteKey, RouteKind
from k3py.vpc.kernel import names
from k3py.vpc.kernel.entries import all_routes, index_of, local_key, local_pod, local_pods
from k3py.vpc.wanted import PodNetwork
from tests.vpc.kernel.machine import CLOSED, CLUSTER, CONFIG, DEFAULT, TWIN, node_pod, wanted


def way(vpc: int, destination: str) -> tuple[RouteKind, int] | None:
    """What the programs would find: the longest prefix of the sender's VPC."""
    best: tuple[int, Route] | None = None
    for key, value in all_routes(CONFIG, wanted()).items():
        route = RouteKey.from_buffer_copy(key)
        network = IPv4Network((bytes(route.destination), route.prefix_length - 32))
        if route.vpc == vpc and IPv4Address(destination) in network and (not best or best[0] < network.prefixlen):
            best = network.prefixlen, Route.from_buffer_copy(value)
    return (RouteKind(best[1].kind), best[1].vpc) if best else None


def test_ways_of_a_vpc():
    cases = [
        (DEFAULT.id, "10.42.7.9", (RouteKind.VPC, DEFAULT.id)),
        (TWIN.id, "10.42.7.9", (RouteKind.VPC, TWIN.id)),
        (DEFAULT.id, "10.43.0.10", (RouteKind.VPC, 0)),
        (DEFAULT.id, "10.43.0.1", (RouteKind.VPC, 0)),
        (DEFAULT.id, "169.254.1.1", (RouteKind.VPC, 0)),
        (DEFAULT.id, "10.43.0.11", (RouteKind.DENIED, 0)),
        (DEFAULT.id, "100.64.0.9", (RouteKind.DENIED, 0)),
        (DEFAULT.id, "100.127.0.9", (RouteKind.OUTSIDE, 0)),  # not of the egress range: somebody else's network
        (DEFAULT.id, "169.254.169.254", (RouteKind.DENIED, 0)),
        (DEFAULT.id, "192.0.2.1", (RouteKind.OUTSIDE, 0)),
        (CLOSED.id, "192.0.2.1", (RouteKind.DENIED, 0)),
        (CLOSED.id, "10.43.0.10", (RouteKind.VPC, 0)),
        (77, "10.43.0.10", None),
    ]
    for vpc, destination, expected in cases:
        assert way(vpc, destination) == expected, destination


def test_prefixes_are_those_of_the_destination():
    for key, value in all_routes(CONFIG, wanted()).items():
        route, parsed = RouteKey.from_buffer_copy(key), Route.from_buffer_copy(value)
        if parsed.kind == RouteKind.OUTSIDE:
            assert bytes(parsed.prefix) == NAT64.network_address.packed[:12]
        if parsed.kind == RouteKind.VPC:
            vpc = Ghost(CLUSTER, parsed.vpc, IPv4Address(bytes(route.destination)))
            assert bytes(parsed.prefix) == vpc.prefix


def test_pods_of_the_node():
    pod = PodNetwork("pod", TWIN.id, IPv4Address("10.42.0.3"), "/ns")
    vm = PodNetwork("vm", DEFAULT.id, IPv4Address("10.42.0.4"), tap="tap1", mac="02:00:00:00:00:01")
    pods = {each.uid: each for each in (pod, vm, node_pod())}
    indexes = {names.host_end(CONFIG, "pod"): 5, "tap1": 6}
    made = local_pods(CONFIG, pods, indexes)
    assert made == {local_key(pod): local_pod(pod, 5), local_key(vm): local_pod(vm, 6)}
    flags = {LocalFlag(LocalPod.from_buffer_copy(each).flags) for each in made.values()}
    assert flags == {LocalFlag.NATIVE, LocalFlag.NATIVE | LocalFlag.PLAIN}
    assert LocalPod.from_buffer_copy(local_pod(node_pod(), 7)).flags == LocalFlag.PLAIN
    assert bytes(LocalPod.from_buffer_copy(made[local_key(vm)]).mac) == b"\x02\0\0\0\0\x01"


@given(uid=st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_every_uid_has_names_that_the_kernel_takes(uid):
    pod = PodNetwork(uid, 1, IPv4Address("10.42.0.3"))
    assert len(names.host_end(CONFIG, uid)) == 13
    assert len(names.node_end(CONFIG)) <= 15
    pin = names.pin_name(uid)
    assert pin
    assert not set(pin) & set("./\0")
    assert int(names.pod_mac(pod)[:2], 16) & 3 == 2
    assert index_of(local_pod(pod, 2**31)) == 2**31
