"""Two VPCs on one range, and whatever somebody tries to get from one to the other, or in from the LAN.

Every attack is a list of packets. Each pod has a sniffer, and a control frame behind the attack proves that it sees.
"""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.layers.inet6 import IPv6ExtHdrFragment as F
from scapy.packet import Raw

from k3py.model.ghost import Ghost
from tests.network.bed import NEIGHBOUR, NODE, OUTSIDE
from tests.network.by_neighbour import BY_NEIGHBOUR
from tests.network.by_pod import BY_POD, MAY_HEAR, hidden_errors
from tests.network.packets import API, DISCARD, DNS, HOST, MARK, NODE_PORTS, every, nat64, shapes, system
from tests.network.watch import Theatre, said
from tests.vpc.kernel.machine import CLUSTER, NODE_IPV4, ghost, run


@pytest.fixture
def listeners(theatre: Theatre) -> Iterator[None]:
    """The node takes connections at all of its addresses."""

    def listen() -> list[socket.socket]:
        ports = (DISCARD, 53, 443)
        return [socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) for port in ports]

    made = theatre.place.home.do(listen)
    yield
    for each in made:
        each.close()


@pytest.mark.parametrize("name", BY_POD)
def test_no_frame_of_a_pod_gets_where_it_may_not(theatre, name):
    theatre.by_pod(theatre.scene.attacker, BY_POD[name](theatre.scene))
    breaches = {who: frames for who, frames in theatre.seen().items() if who not in MAY_HEAR.get(name, ())}
    assert not breaches, said(breaches)


@pytest.mark.parametrize("name", BY_NEIGHBOUR)
def test_no_frame_of_the_lan_gets_to_a_pod(theatre, name):
    theatre.by_neighbour(BY_NEIGHBOUR[name](theatre.scene))
    breaches = theatre.seen()
    assert not breaches, said(breaches)


def test_the_same_shapes_arrive_where_they_may(theatre):
    """Else the attacks would prove nothing."""
    victim, friend = theatre.scene.victim, theatre.scene.friend
    theatre.by_pod(friend, shapes(str(friend.ipv4), str(victim.ipv4)))
    theatre.by_pod(friend, shapes(ghost(friend, native=True), ghost(victim, native=True)))
    theatre.by_pod(friend, shapes(str(friend.ipv4), OUTSIDE))
    theatre.by_pod(friend, shapes(ghost(friend, native=True), nat64(OUTSIDE)))
    heard = theatre.seen()
    marked = [each for each in heard["victim"] if MARK in bytes(each)]
    assert sum(IP in each for each in marked) == 3
    assert sum(IPv6 in each for each in marked) == 3
    assert set(heard) <= {"victim", "friend"}  # friend has answers


def test_errors_about_strangers_change_nothing_on_the_node(theatre):
    """Else a pod could tell the node's DNS that ways to others are narrow."""
    scene = theatre.scene
    targets = (*scene.natives([scene.victim]), str(scene.victim.outside_ipv4))

    def ways() -> list[str]:
        return [run("ip", "route", "get", each) for each in targets]

    before = theatre.place.home.do(ways)
    with theatre.place.home.do(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as dns:
        dns.bind(("::", 53))
        theatre.by_pod(scene.attacker, hidden_errors(scene))
    heard = theatre.seen()
    assert theatre.place.home.do(ways) == before
    # A part without its first one, which was dropped, says nothing.
    whole = [each for each in heard.pop("innocent", []) if not (F in each and each[F].offset)]
    assert not heard, said(heard)
    assert not whole


def test_what_nobody_has_does_not_leave_the_node(theatre):
    """Addresses of a VPC that no pod has are not looked for on the LAN, whatever the host's default route is."""
    own = theatre.scene.attacker
    nobody = [str(Ghost(CLUSTER, own.vpc, IPv4Address(each), True)) for each in ("10.42.0.9", "10.42.77.7")]
    theatre.by_pod(own, every([ghost(own, native=True)], nobody) + every([own.ipv4], ["10.42.0.9", "10.42.77.7"]))
    heard = theatre.seen()
    assert set(heard) == {"attacker"}, said(heard)  # it is told
    assert all(ICMP in each or ICMPv6DestUnreach in each for each in heard["attacker"])


def test_without_a_way_out_there_is_nothing_but_names_and_the_api(theatre, listeners):
    """Not the node's own addresses either, and at the system's no port but those two."""
    closed = theatre.closed
    outside = [NODE, OUTSIDE, NEIGHBOUR, str(NODE_IPV4), str(theatre.scene.victim.outside_ipv4)]
    system4 = [(HOST, DISCARD), (HOST, 443), (DNS, 443), (DNS, DISCARD), (API, 53), (API, DISCARD)]
    system6 = [(system(each, native), port) for each, port in system4 for native in (False, True)]
    own = ghost(closed, native=True)
    theatre.by_pod(closed, every([closed.ipv4], outside) + every([own], map(nat64, outside)))
    theatre.by_pod(closed, [IP(src=str(closed.ipv4), dst=to) / TCP(dport=port, flags="S") for to, port in system4])
    theatre.by_pod(closed, [IPv6(src=own, dst=to) / TCP(dport=port, flags="S") for to, port in system6])
    theatre.by_pod(closed, [IPv6(src=own, dst=to) / UDP(dport=port) / Raw(MARK) for to, port in system6])
    heard = theatre.seen()
    assert set(heard) <= {"closed"}, said(heard)
    assert all(ICMPv6DestUnreach in each for each in heard["closed"])  # some of these addresses do not exist
    theatre.by_pod(closed, [IP(src=str(closed.ipv4), dst=to) / TCP(dport=port, flags="S") for to, port in OPEN])
    answers = [each for each in theatre.seen()["closed"] if TCP in each]
    assert [each[TCP].flags for each in answers] == ["SA", "SA"]


def test_pods_with_a_way_out_reach_the_node_at_its_own_addresses(theatre, listeners):
    """As in Kubernetes; they come from an address that no pod of another VPC has."""
    own = theatre.scene.attacker
    theatre.by_pod(own, [IP(src=str(own.ipv4), dst=NODE) / TCP(sport=4711, dport=DISCARD, flags="S")])
    heard = theatre.seen()
    assert [each[TCP].flags for each in heard["attacker"] if TCP in each] == ["SA"]


def test_a_port_of_the_node_is_open_to_the_lan(theatre):
    """Else the attacks on it would prove nothing."""
    head = IP(src=NEIGHBOUR, dst=NODE)
    theatre.by_neighbour([head / UDP(sport=4711, dport=port) / Raw(MARK) for port in NODE_PORTS])
    heard = theatre.seen()
    assert set(heard) == {"victim", "apart"}, said(heard)
    assert {each[IP].src for frames in heard.values() for each in frames if IP in each} == {NEIGHBOUR}


# Where pods of every VPC find something.
OPEN = ((DNS, 53), (API, 443))
