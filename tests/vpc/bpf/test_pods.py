"""Pods talk, to each other and to the world outside, through the real programs at real devices."""

import contextlib
import socket

import pytest
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from k3py.vpc.bpf.abi import Direction, Outcome, Setting
from tests.packets.frames import routed
from tests.packets.world import ghost
from tests.vpc.bpf.kernel_objects import in_network_namespace, ip
from tests.vpc.bpf.live import (
    EXCHANGES,
    GATEWAY,
    HOST,
    NARROW_MTU,
    NOWHERE,
    POD_MTU,
    SERVER,
    SYSTEM,
    LivePod,
    host,
    two_pods,
    world,
)

WAYS = pytest.mark.parametrize(
    "flags", [Setting.NATIVE | Setting.SHORT_CUT, Setting.NATIVE], ids=["short cut", "translated"]
)
VERSIONS = pytest.mark.parametrize("native", [False, True], ids=["IPv4", "native"])
# What a pod's own kernel sends besides: it looks for routers and listeners, in vain.
IGNORED = Outcome.IGNORED_MULTICAST_REPORT
CHATTER = {Outcome.NEIGHBOR_ANSWERED, Outcome.DROP_MULTICAST, Outcome.DROP_NEIGHBOR, IGNORED}


def counted(pod: LivePod, direction: Direction) -> dict[Outcome, int]:
    """What became of a pod's packets, without its kernel's chatter. Every packet is counted."""
    total = pod.total(direction)
    passed = sum(packets for outcome, packets in total.items() if not outcome.dropped and outcome is not IGNORED)
    carried = pod.carried()[direction]
    assert carried == (sum(total.values()) if direction is Direction.FROM_POD else passed)
    return {outcome: packets for outcome, packets in total.items() if outcome not in CHATTER}


@WAYS
@VERSIONS
def test_pods_talk(flags, native):
    def story() -> None:
        with two_pods(flags) as (first, second):
            target = second.native if native else second.ipv4
            first.asks(f"udp {target} 64 50", "answered 50")
            first.asks(f"udp {target} 20000 5", "answered 5")
            first.asks(f"unsummed {target} 64 50", "answered 50")
            first.asks(f"segmented {target} 1000 40", "answered 40")
            first.asks(f"refused {target} 0 0", "refused")
            first.asks(f"tcp {target} 1000000 20", "swallowed 20000000")
            first.asks(f"echo {target} 56 10", "answered 10")
            first.asks(f"echo {target} 4000 10", "answered 10")
            check_counters(first, second)

    def check_counters(first: LivePod, second: LivePod) -> None:
        sent, received = Outcome.SENT_TO_VPC, Outcome.RECEIVED_FROM_VPC
        if native:
            sent, received = Outcome.SENT_NATIVE, Outcome.RECEIVED_NATIVE
        if Setting.SHORT_CUT in flags:
            for pod in (first, second):
                assert set(pod.total(Direction.FROM_POD)) <= {Outcome.SENT_SHORT_CUT, *CHATTER}
            return
        for pod, other in ((first, second), (second, first)):
            left, arrived = counted(pod, Direction.FROM_POD), counted(other, Direction.TO_POD)
            assert set(left) == {sent}
            assert arrived.pop(Outcome.RECEIVED_NEIGHBOR) == other.total(Direction.FROM_POD)[Outcome.NEIGHBOR_ANSWERED]
            assert arrived == {received: left[sent]}

    in_network_namespace(story)


@VERSIONS
def test_pods_and_the_node_itself_talk(native):
    def story() -> None:
        with two_pods(Setting.NATIVE | Setting.SHORT_CUT) as (pod, _), host() as node:
            target = ghost(HOST, SYSTEM) if native else HOST
            for talker, asked in ((pod, target), (node, pod.native if native else ghost(pod.ipv4))):
                talker.asks(f"udp {asked} 64 50", "answered 50")
                talker.asks(f"udp {asked} 20000 5", "answered 5")
                talker.asks(f"unsummed {asked} 64 50", "answered 50")
                talker.asks(f"segmented {asked} 1000 40", "answered 40")
                talker.asks(f"refused {asked} 0 0", "refused")
                talker.asks(f"tcp {asked} 1000000 5", "swallowed 5000000")
                talker.asks(f"echo {asked} 56 10", "answered 10")
            left, arrived = pod.total(Direction.FROM_POD), pod.total(Direction.TO_POD)
            assert set(left) - CHATTER == {Outcome.SENT_NATIVE if native else Outcome.SENT_TO_VPC}
            received = Outcome.RECEIVED_NATIVE if native else Outcome.RECEIVED_FROM_VPC
            assert set(arrived) - CHATTER == {received, Outcome.RECEIVED_NEIGHBOR}

    in_network_namespace(story)


@WAYS
@VERSIONS
def test_the_node_tells_a_packet_at_the_end_of_its_hops(flags, native):
    def story() -> None:
        with two_pods(flags) as (first, second):
            target = second.native if native else second.ipv4
            first.asks(f"told {target} 64 1", f"No route to host {POD_MTU}")
            received = Outcome.RECEIVED_NATIVE if native else Outcome.RECEIVED_FROM_VPC
            assert first.total(Direction.TO_POD)[received] == 1

    in_network_namespace(story)


def test_a_smaller_mtu_on_the_way_is_learned():
    def story() -> None:
        with two_pods(Setting.NATIVE) as (first, second):
            for target in (ghost(second.ipv4), second.native):
                ip("route", "replace", target, "dev", "pod2", "mtu", 1400)
            first.asks(f"told {second.ipv4} 1440 64", "Message too long 1380")
            first.asks(f"told {second.ipv4} 20000 64", "Message too long 1372")  # fragments need a header more
            first.asks(f"told {second.native} 1400 64", "Message too long 1400")
            for target in (second.ipv4, second.native):
                first.asks(f"udp {target} 20000 5", "answered 5")
                first.asks(f"tcp {target} 1000000 5", "swallowed 5000000")

    in_network_namespace(story)


@WAYS
def test_programs_are_exchanged_under_traffic_without_a_lost_packet(flags):
    def story() -> None:
        with two_pods(flags) as (first, second):
            first.says(f"udp {second.ipv4} 64 5000")
            for _ in range(EXCHANGES):
                first.exchange_programs()
                second.exchange_programs()
            first.hears("answered 5000")

    in_network_namespace(story)


@VERSIONS
def test_the_world_outside_is_reached(native):
    def story() -> None:
        with two_pods(Setting.NATIVE | Setting.SHORT_CUT) as (first, _), world():
            target = f"64:ff9b::{SERVER}" if native else SERVER
            first.asks(f"tcp {target} 1000000 20", "swallowed 20000000")
            first.asks(f"udp {target} 64 50", "answered 50")
            first.asks(f"udp {target} 20000 5", "answered 5")
            first.asks(f"unsummed {target} 64 50", "answered 50")
            first.asks(f"unsummed {target} 1300 5", "answered 5")
            first.asks(f"segmented {target} 1000 40", "answered 40")
            first.asks(f"echo {target} 56 10", "answered 10")
            if not native:  # what a fragmented echo's checksum covers in IPv6 cannot be known
                first.asks(f"echo {target} 4000 10", "answered 10")
            first.asks(f"refused {target} 0 0", "refused")
            assert set(counted(first, Direction.FROM_POD)) == {Outcome.SENT_OUTSIDE}
            arrived = counted(first, Direction.TO_POD)
            assert set(arrived) == {Outcome.RECEIVED_FROM_OUTSIDE, Outcome.RECEIVED_NEIGHBOR}

    in_network_namespace(story)


@VERSIONS
def test_errors_come_back_from_outside(native):
    def story() -> None:
        with two_pods(Setting.NATIVE) as (first, _), world():
            prefix, longer = ("64:ff9b::", 20) if native else ("", 0)
            first.asks(f"told {prefix}{SERVER} 64 1", f"No route to host {POD_MTU}")  # by the node
            first.asks(f"told {prefix}{SERVER} 64 2", f"No route to host {POD_MTU}")  # by the router
            unreachable = "Network is unreachable" if native else "No route to host"  # ICMPv6 has one word for both
            first.asks(f"told {prefix}{NOWHERE} 64 64", f"{unreachable} {POD_MTU}")
            first.asks(f"told {prefix}{SERVER} 1410 64", f"Message too long {NARROW_MTU + longer}")
            first.asks(f"refused {prefix}{GATEWAY} 0 0", "refused")
            received = first.total(Direction.TO_POD)
            assert received[Outcome.RECEIVED_FROM_OUTSIDE] == 5
            assert not [each for each in received if each.dropped and each not in CHATTER]

    in_network_namespace(story)


# Below 32 pieces of 128 bytes with the UDP header, and one byte more (bpf/lib/translatable.h).
@pytest.mark.parametrize(
    ("size", "outcome"), [(4087, Outcome.RECEIVED_FROM_OUTSIDE), (4088, Outcome.DROP_ZERO_CHECKSUM)]
)
def test_the_longest_datagram_that_is_given_a_checksum(size, outcome):
    def story() -> None:
        with two_pods(Setting.NATIVE) as (pod, _):
            pod.widen(4200)
            data = Raw(bytes(index % 251 for index in range(size)))
            datagram = IP(src=SERVER, dst=pod.outside_native) / UDP(sport=99, dport=9, chksum=0) / data
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                raw.bind((pod.name, 0))
                with contextlib.suppress(OSError):  # it is told of a drop at once
                    raw.send(routed(datagram))
            assert pod.total(Direction.TO_POD)[outcome] == 1
            # The pod's kernel says that nobody listens, but only of what has a good checksum.
            answered = pod.total(Direction.FROM_POD).get(Outcome.SENT_OUTSIDE, 0)
            assert answered == (outcome is Outcome.RECEIVED_FROM_OUTSIDE)

    in_network_namespace(story)


@VERSIONS
def test_two_pods_ask_the_same_server_at_once(native):
    def story() -> None:
        with two_pods(Setting.NATIVE) as pods, world():
            for pod in pods:
                pod.says(f"udp {'64:ff9b::' if native else ''}{SERVER} 64 200")
            for pod in pods:
                pod.hears("answered 200")

    in_network_namespace(story)
