"""What the programs tell about dropped packets: read, kept for a while, and waited for."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether

from k3py.vpc.bpf.abi import Direction, Event, Outcome
from k3py.vpc.drops import Head, read_drop, read_head
from k3py.vpc.trace import EVENTS_MAX
from tests.vpc.world import World, vpc


def record(frame: bytes = b"", outcome: int = Outcome.DROP_NO_ROUTE, ifindex: int = 0, **values: int) -> bytes:
    event = Event(
        time_ns=values.get("time_ns", 0),
        ifindex=ifindex,
        length=values.get("length", len(frame)),
        outcome=outcome,
        direction=values.get("direction", Direction.FROM_POD),
        head_length=min(64, len(frame)),
    )
    event.head[: min(64, len(frame))] = frame[:64]
    return bytes(event)


def head(packet: Any) -> Head:
    return read_head(bytes(packet)[:64])


def test_heads_of_all_kinds() -> None:
    ether = Ether()
    ipv4, ipv6 = IP(src="10.42.0.5", dst="10.42.0.9"), IPv6(src="fd6b::1", dst="fd6b::2")
    addresses4, addresses6 = ("10.42.0.5", "10.42.0.9"), ("fd6b::1", "fd6b::2")
    assert head(ether / ipv4 / TCP(sport=1234, dport=80)) == Head("TCP", *addresses4, 1234, 80)
    assert head(ether / ipv4 / UDP(sport=53, dport=5353)) == Head("UDP", *addresses4, 53, 5353)
    assert head(ether / ipv4 / ICMP()) == Head("ICMP", *addresses4)
    assert head(ether / ipv6 / TCP(sport=1, dport=2)) == Head("TCP", *addresses6, 1, 2)
    assert head(ether / ipv6 / ICMPv6EchoRequest()) == Head("ICMPv6", *addresses6)
    assert head(ether / ARP(psrc="10.42.0.5", pdst="169.254.1.1")) == Head("ARP", "10.42.0.5", "169.254.1.1")
    later = IP(src="10.42.0.5", dst="10.42.0.9", proto=17, frag=100)
    assert head(ether / later / (b"x" * 20)) == Head("UDP", *addresses4)
    assert head(ether / IP(src="10.42.0.5", dst="10.42.0.9", proto=47) / b"xxxx") == Head("protocol 47", *addresses4)
    assert head(Ether(type=0x88CC) / b"xx") == Head("ethertype 0x88cc")
    assert read_head(bytes(ether / ipv4 / TCP())[:20]) == Head("IPv4")
    assert read_head(b"short") == Head()


def test_a_drop_says_why() -> None:
    drop = read_drop(record(bytes(Ether() / IP(dst="10.9.0.1") / TCP()), direction=Direction.TO_POD, length=1500))
    assert drop is not None
    assert (drop.outcome, drop.direction, drop.length) == ("DROP_NO_ROUTE", "ToPod", 1500)
    assert drop.meaning == "the VPC has no route to its destination"
    newer = read_drop(record(outcome=47))
    assert newer is not None
    assert newer.outcome == "OUTCOME_47"


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_bytes_are_worse_than_nothing(data: bytes) -> None:
    read_head(data)
    read_drop(data)
    read_drop(record() + data)
    read_drop((data * 200)[: len(record())])


def test_drops_are_told_with_their_pod_and_waited_for() -> None:
    world = World()

    async def story() -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        got = await world.attach("p1", namespace="default", name="web")
        asked = asyncio.ensure_future(daemon.trace.after(0, 30.0))
        elsewhere = asyncio.ensure_future(daemon.trace.after(0, 30.0, "p2"))
        await asyncio.sleep(1)
        assert not asked.done()
        ifindex = daemon.machine.node.ifindex("p1")
        frame = bytes(Ether() / IP(src=got.ipv4, dst="10.9.0.1") / UDP(sport=7, dport=8))
        daemon.on_drop(record(frame, ifindex=ifindex, time_ns=int(world.clock.monotonic() * 1e9)))
        (event,) = (await asked).events
        assert (event.pod_uid, event.namespace, event.name) == ("p1", "default", "web")
        assert (event.protocol, event.destination, event.destination_port) == ("UDP", "10.9.0.1", 8)
        assert abs(event.time - world.clock.now()) < 0.01
        began = world.clock.monotonic()
        assert (await elsewhere).events == ()
        assert 28 < world.clock.monotonic() - began < 30
        assert (await daemon.trace.after(event.number, 0.0)).events == ()
        # A number of an earlier life of the daemon.
        assert (await daemon.trace.after(4711, 0.0)).events == (event,)
        daemon.on_drop(record(frame, ifindex=999))
        daemon.on_drop(b"nonsense")
        (stranger,) = (await daemon.trace.after(event.number, 5.0)).events
        assert stranger.pod_uid == ""

    world.run(story())


def test_only_the_last_are_kept_and_how_many_were_lost_is_said() -> None:
    world = World()

    async def story() -> None:
        world.cluster.put(vpc())
        daemon = await world.ready()
        for _ in range(EVENTS_MAX + 25):
            daemon.on_drop(record())
        traced = await daemon.trace.after(0, 0.0)
        assert (len(traced.events), traced.lost) == (EVENTS_MAX, 25)
        traced = await daemon.trace.after(EVENTS_MAX, 0.0)
        assert (len(traced.events), traced.lost) == (25, 0)

    world.run(story())
