"""Pods on a real kernel, each test on a machine of its own."""

import asyncio
import socket
import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from k3py.model.ghost import Ghost
from k3py.vpc.bpf.abi import Direction, Event, Outcome
from k3py.vpc.kernel import namespaces
from k3py.vpc.kernel.names import GATEWAY_MAC
from k3py.vpc.kernel.node import KernelNode
from k3py.vpc.kernel.ruleset import DnatRule
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.wanted import HostPort, NodeConfig, PodNetwork, Protocol
from tests.vpc.kernel.machine import (
    CLOSED,
    CLUSTER,
    DEFAULT,
    INSTANCE,
    NODE_IPV4,
    OUTSIDE,
    TIMEOUT_SECONDS,
    TWIN,
    UPLINK,
    Machine,
    ghost,
    listener_in,
    listening,
    node_pod,
    on_a_machine,
    ping,
    run,
    talk,
    wanted,
)  # fmt: skip


def test_two_pods_talk(tmp_path):
    async def story(machine: Machine) -> None:
        first, second = machine.pod("first", "10.42.0.3"), machine.pod("second", "10.42.0.4")
        now = wanted(node_pod(), first, second)
        assert await machine.node.converge(wanted(node_pod())) == {}
        assert (await machine.node.attach(now, "first")).device.startswith(f"k{INSTANCE[:4]}")
        await machine.node.attach(now, "second")
        with listener_in(second.netns, 80) as listener:
            assert talk(first.netns, listener, "10.42.0.4", 80) == "10.42.0.3"
        with listener_in(first.netns, 80) as listener:
            assert talk(second.netns, listener, "10.42.0.3", 80) == "10.42.0.4"
        with listener_in(second.netns, 81, socket.AF_INET6) as listener:
            assert talk(first.netns, listener, ghost(second, native=True), 81) == ghost(first, native=True)
        assert ping(first.netns, "10.42.0.4")
        assert ping(first.netns, "169.254.1.1")
        counted = machine.node.counters("first")[Direction.FROM_POD]
        assert counted[Outcome.SENT_SHORT_CUT].packets > 0
        both = [machine.node.counters(uid)[direction] for uid in ("first", "second") for direction in Direction]
        assert [each for outcomes in both for each in outcomes if each.dropped] == [], "drops are news"

    on_a_machine(tmp_path, story)


def test_the_node_reaches_its_pods(tmp_path):
    async def story(machine: Machine) -> None:
        pod, twin = machine.pod("pod", "10.42.0.3"), machine.pod("twin", "10.42.0.3", TWIN)
        assert await machine.node.converge(wanted(node_pod(), pod, twin)) == {}
        assert ping("", "10.42.0.3")
        for each in (pod, twin):
            with listener_in(each.netns, 80) as listener:
                assert talk("", listener, ghost(each), 80) == "169.254.1.1"
        with listener_in(pod.netns, 82) as listener:
            assert talk("", listener, "10.42.0.3", 82) == str(NODE_IPV4)
        with listening(8080) as listener:
            assert talk(pod.netns, listener, str(NODE_IPV4), 8080) == "10.42.0.3"
        assert not ping(twin.netns, str(NODE_IPV4))

    on_a_machine(tmp_path, story)


def test_pods_reach_the_outside_as_the_node(tmp_path):
    async def story(machine: Machine) -> None:
        outside = machine.outside()
        pod, twin = machine.pod("pod", "10.42.0.3"), machine.pod("twin", "10.42.0.3", TWIN)
        closed = machine.pod("closed", "10.44.0.3", CLOSED, outside=False)
        assert await machine.node.converge(wanted(node_pod(), pod, twin, closed)) == {}
        with listener_in(str(outside), 80) as listener:
            assert talk(pod.netns, listener, OUTSIDE, 80) == UPLINK
            assert talk(twin.netns, listener, OUTSIDE, 80) == UPLINK
            with pytest.raises(OSError):  # noqa: PT011 - refused or silent, either is right
                talk(closed.netns, listener, OUTSIDE, 80, timeout=0.5)

    on_a_machine(tmp_path, story)


def test_ways_around_a_vpc_are_closed(tmp_path):
    async def story(machine: Machine) -> None:
        outside = machine.outside()
        pod, twin = machine.pod("pod", "10.42.0.3"), machine.pod("twin", "10.42.0.3", TWIN)
        alone = machine.pod("alone", "10.44.0.3", CLOSED)
        assert await machine.node.converge(wanted(node_pod(), pod, twin, alone)) == {}
        for address in (pod.outside_ipv4, pod.outside_native_ipv4, "10.42.0.3", "10.43.0.9", "169.254.169.254"):
            assert not ping(alone.netns, str(address)), address
        assert not ping(twin.netns, str(pod.outside_ipv4))

        def neighbour() -> None:
            for each in ("10.42.0.0/16", "100.64.0.0/10"):
                run("ip", "route", "add", each, "via", UPLINK)
            run("ip", "route", "add", "fd6b:3370::/32", "via", "2001:db8::1")

        namespaces.inside(outside, neighbour)
        for address in ("10.42.0.3", str(pod.outside_ipv4), str(NODE_IPV4), ghost(pod), ghost(pod, native=True)):
            assert not ping(str(outside), address), address
        assert ping(pod.netns, OUTSIDE)

    on_a_machine(tmp_path, story)


def test_a_vpc_without_the_range_of_default_does_not_get_in_through_the_node_pod(tmp_path):
    """The outside of VPC ``elsewhere`` is what the host routes, and the host routes pods of VPC default."""

    async def story(machine: Machine) -> None:
        elsewhere = type(CLOSED)(4, "elsewhere", CLOSED.cidr)
        pod, stranger = machine.pod("pod", "10.42.0.3"), machine.pod("stranger", "10.44.0.3", elsewhere)
        assert await machine.node.converge(wanted(node_pod(), pod, stranger, vpcs=(DEFAULT, elsewhere))) == {}
        assert ping("", "10.42.0.3")
        assert not ping(stranger.netns, "10.42.0.3")

    on_a_machine(tmp_path, story)


def test_ports_of_the_host_lead_to_pods_but_not_for_pods(tmp_path):
    async def story(machine: Machine) -> None:
        outside = machine.outside()
        port = HostPort(Protocol.TCP, 8080, 80)
        pod, other = machine.pod("pod", "10.42.0.3", host_ports=(port,)), machine.pod("other", "10.42.0.4")
        assert await machine.node.converge(wanted(node_pod(), other)) == {}
        await machine.node.attach(wanted(node_pod(), other, pod), "pod")
        with listener_in(pod.netns, 80) as listener:
            assert talk(str(outside), listener, UPLINK, 8080) == OUTSIDE
            assert talk("", listener, UPLINK, 8080) == UPLINK
            with pytest.raises(ConnectionRefusedError):
                talk(other.netns, listener, UPLINK, 8080)
            assert pod.outside_ipv4
            machine.node.set_node_ports([DnatRule(Protocol.TCP, 30080, ((pod.outside_ipv4, 80),), affinity=True)])
            await machine.node.recheck()
            assert talk(str(outside), listener, UPLINK, 30080) == OUTSIDE
        await machine.node.detach(wanted(node_pod(), other), "pod")
        assert "8080" not in run("nft", "list", "table", "inet", f"k3py-{INSTANCE}")

    on_a_machine(tmp_path, story)


def test_a_pod_with_a_new_namespace_keeps_its_services(tmp_path):
    """As when its sandbox was made again before its old network was given back."""

    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3", TWIN)
        old = namespaces.inside(Path(pod.netns), namespaces.cookie)
        await machine.node.converge(wanted(pod))
        pod = replace(pod, netns=str(machine.namespace("pod2")))
        new = namespaces.inside(Path(pod.netns), namespaces.cookie)
        await machine.node.attach(wanted(pod), "pod")
        assert old != new
        assert machine.services.vpcs == {new: (TWIN.id, False)}

    on_a_machine(tmp_path, story)


def test_the_socket_programs_are_told_of_namespaces(tmp_path):
    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3", TWIN)
        number = namespaces.inside(Path(pod.netns), namespaces.cookie)
        assert await machine.node.converge(wanted(node_pod(), pod)) == {}
        assert machine.services.vpcs == {number: (TWIN.id, False), namespaces.cookie(): (DEFAULT.id, True)}
        await machine.node.detach(wanted(node_pod()), "pod")
        assert machine.services.vpcs == {namespaces.cookie(): (DEFAULT.id, True)}

    on_a_machine(tmp_path, story)


def test_a_virtual_machines_device_gets_programs_and_is_left_when_they_go(tmp_path):
    async def story(machine: Machine) -> None:
        run("ip", "tuntap", "add", "tap7", "mode", "tap")
        vm = PodNetwork("vm", DEFAULT.id, IPv4Address("10.42.0.5"), tap="tap7", mac="02:00:00:00:00:07")
        assert (await machine.node.attach(wanted(vm), "vm")).device == "tap7"
        assert "master" not in run("ip", "link", "show", "tap7")
        assert ghost(vm) in run("ip", "-6", "route")
        assert {each.name for each in (machine.bpffs / f"k3py-{INSTANCE}/pods/vm").iterdir()} >= {"from_pod", "to_pod"}
        await machine.node.detach(wanted(), "vm")
        assert "group default" in run("ip", "link", "show", "tap7")
        assert ghost(vm) not in run("ip", "-6", "route")
        assert not (machine.bpffs / f"k3py-{INSTANCE}/pods/vm").exists()

    on_a_machine(tmp_path, story)


def test_what_cannot_be_connected_is_named_and_the_others_are_connected(tmp_path):
    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3")
        gone = PodNetwork("gone", DEFAULT.id, IPv4Address("10.42.0.4"), str(tmp_path / "no-such-namespace"))
        lost = PodNetwork("lost", DEFAULT.id, IPv4Address("10.42.0.5"), tap="tap9", mac="02:00:00:00:00:09")
        strange = PodNetwork("strange", 77, IPv4Address("10.42.0.6"), pod.netns)
        problems = await machine.node.converge(wanted(node_pod(), pod, gone, lost, strange))
        reasons = {uid: each.reason for uid, each in problems.items()}
        assert reasons == {"gone": "DeviceVanished", "lost": "DeviceVanished", "strange": "VPCNotFound"}
        assert ping("", "10.42.0.3")
        with pytest.raises(NetworkProblem, match="no network namespace"):
            await machine.node.attach(wanted(node_pod(), pod, gone), "gone")

    on_a_machine(tmp_path, story)


def test_a_dropped_packet_is_told_of(tmp_path):
    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3")
        assert await machine.node.converge(wanted(pod)) == {}
        assert not await asyncio.to_thread(ping, pod.netns, "100.64.0.9")
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not (events := [each for each in told(machine) if each.outcome == Outcome.DROP_ROUTE_DENIED]):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert events[0].ifindex == machine.node.ifindex("pod") != 0
        assert machine.node.ifindex("nobody") == 0
        assert machine.node.counters("nobody") == {}

    on_a_machine(tmp_path, story)


def told(machine: Machine) -> list[Event]:
    """The dropped packets that came out of the ring."""
    return [Event.from_buffer_copy(each) for each in machine.drops]


def test_a_pod_whose_namespace_has_no_ipv6_goes_on_with_ipv4(tmp_path):
    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3")
        off = [Path("/proc/sys/net/ipv6/conf", each, "disable_ipv6") for each in ("all", "default")]
        namespaces.inside(Path(pod.netns), lambda: [each.write_text("1") for each in off])
        assert await machine.node.converge(wanted(node_pod(), pod)) == {}
        assert ping("", "10.42.0.3")
        assert ping("", ghost(pod))
        assert not ping("", ghost(pod, native=True))

    on_a_machine(tmp_path, story)


def test_two_clusters_share_a_host(tmp_path):
    async def story(machine: Machine) -> None:
        config = NodeConfig("0ddba115", "n2", IPv4Network("100.64.64.0/18"), host_access=False)
        second = KernelNode(config, tmp_path / "state2", bpffs=machine.bpffs)
        await second.start()
        ours, theirs = machine.pod("ours", "10.42.0.3"), machine.pod("theirs", "10.42.0.3")
        theirs = replace(theirs, outside_ipv4=IPv4Address("100.64.64.2"), outside_native_ipv4=None)
        try:
            assert await machine.node.converge(wanted(node_pod(), ours)) == {}
            assert await second.converge(wanted(theirs, cluster=7)) == {}
            assert await machine.node.converge(wanted(node_pod(), ours)) == {}
            their_ghost = str(Ghost(7, theirs.vpc, theirs.ipv4))
            assert ping("", ghost(ours))
            assert ping("", their_ghost)
            assert not ping(ours.netns, "100.64.64.2")
            assert not ping(ours.netns, str(Ghost(7, theirs.vpc, theirs.ipv4, native=True)))
        finally:
            await second.remove_all()
        assert ping("", ghost(ours))
        assert not ping("", their_ghost)
        assert "0ddb" not in run("nft", "list", "ruleset") + run("ip", "link") + run("ip", "-6", "route")
        await machine.node.recheck()
        assert ping("", "10.42.0.3")

    on_a_machine(tmp_path, story)


def test_an_attach_that_nobody_waits_for_is_finished_before_the_next_begins(tmp_path):
    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3")
        assert await machine.node.converge(wanted(node_pod())) == {}
        for _ in range(3):
            attaching = asyncio.create_task(machine.node.attach(wanted(node_pod(), pod), "pod"))
            await asyncio.sleep(0.01)
            attaching.cancel()
            await asyncio.gather(attaching, return_exceptions=True)
            await machine.node.attach(wanted(node_pod(), pod), "pod")
            assert ping("", "10.42.0.3")
            await machine.node.detach(wanted(node_pod()), "pod")

    on_a_machine(tmp_path, story)


def test_without_programs_a_pod_can_be_neither_the_node_nor_a_stranger(tmp_path):
    """The second line: what holds when somebody has unpinned a pod's programs."""

    async def story(machine: Machine) -> None:
        machine.outside()
        pod, bare = machine.pod("pod", "10.42.0.3"), machine.pod("bare", "10.42.0.4")
        assert await machine.node.converge(wanted(node_pod(), pod, bare)) == {}
        (machine.bpffs / f"k3py-{INSTANCE}/pods/bare/from_pod").unlink()
        as_the_node = str(Ghost(CLUSTER, 0, IPv4Address("169.254.1.9")))

        def forge() -> None:
            for each in ("fe80::1", "169.254.1.1"):
                run("ip", "neigh", "replace", each, "lladdr", GATEWAY_MAC, "dev", "eth0")
            for each in (as_the_node, "2001:db8::66"):
                run("ip", "addr", "add", f"{each}/128", "dev", "eth0", "nodad")
                run("ip", "-6", "route", "replace", ghost(pod), "via", "fe80::1", "dev", "eth0", "src", each)
                ping("", ghost(pod))
            ping("", OUTSIDE)

        def received() -> int:
            counted = machine.node.counters("pod")[Direction.TO_POD].items()
            return sum(each.packets for outcome, each in counted if outcome is not Outcome.IGNORED_MULTICAST_REPORT)

        before, forwarded = received(), ipv4_forwarded()
        namespaces.inside(Path(bare.netns), forge)
        assert (received(), ipv4_forwarded()) == (before, forwarded)
        ping("", ghost(pod))
        assert received() > before

    on_a_machine(tmp_path, story)


def ipv4_forwarded() -> int:
    """How many IPv4 packets the node has forwarded."""
    names, values = (each.split() for each in Path("/proc/thread-self/net/snmp").read_text().splitlines()[:2])
    return int(values[names.index("ForwDatagrams")])


def test_pods_that_come_at_the_same_time_all_get_their_ports(tmp_path):
    async def story(machine: Machine) -> None:
        assert await machine.node.converge(wanted(node_pod())) == {}
        pods = [
            machine.pod(f"pod{each}", f"10.42.0.{each + 3}", host_ports=(HostPort(Protocol.TCP, 7000 + each, 80),))
            for each in range(4)
        ]
        coming = [wanted(node_pod(), *pods[: each + 1]) for each in range(4)]
        await asyncio.gather(*(machine.node.attach(now, pod.uid) for now, pod in zip(coming, pods, strict=True)))
        table = run("nft", "list", "table", "inet", f"k3py-{INSTANCE}")
        assert [each for each in range(4) if f"dport {7000 + each} " not in table] == []
        assert all(ping("", ghost(each)) for each in pods)
        going = [wanted(node_pod(), *pods[each + 1 :]) for each in range(4)]
        await asyncio.gather(*(machine.node.detach(now, pod.uid) for now, pod in zip(going, pods, strict=True)))
        assert "dnat ip" not in run("nft", "list", "table", "inet", f"k3py-{INSTANCE}")
        assert await machine.node.converge(wanted(node_pod())) == {}

    on_a_machine(tmp_path, story)
