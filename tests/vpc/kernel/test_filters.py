"""Kernels before 6.6 have no links for interfaces: pods by filters, from the first packet to the last."""

import asyncio
import json
import socket
import threading
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from k3py.vpc.bpf import attach
from k3py.vpc.bpf.abi import Direction, Outcome
from k3py.vpc.bpf.errors import NotSupportedError
from k3py.vpc.bpf.links import Link
from k3py.vpc.kernel import names, namespaces
from k3py.vpc.kernel.attachments import Filters, Links, choose
from k3py.vpc.kernel.node import KernelNode
from k3py.vpc.kernel.notes import Notes
from k3py.vpc.wanted import PodNetwork
from tests.vpc.kernel.machine import (
    CONFIG,
    DEFAULT,
    INSTANCE,
    OUTSIDE,
    UPLINK,
    Machine,
    ghost,
    listener_in,
    node_pod,
    on_a_machine,
    ping,
    run,
    talk,
    wanted,
)  # fmt: skip
from tests.vpc.kernel.test_healing import Stumble, attach_and_detach, comes_true, remains

EXCHANGES = 20


def filters_of(device: str) -> list[str]:
    """The names of the filters at both hooks of a device."""
    shown = [run("tc", "-j", "filter", "show", "dev", device, hook) for hook in ("ingress", "egress")]
    return [each["options"]["bpf_name"] for hook in shown for each in json.loads(hook) if "options" in each]


def test_the_way_is_chosen_by_trying(monkeypatch):
    assert attach.has_links()
    assert isinstance(choose(Notes(), None), Links)
    assert isinstance(choose(Notes(), True), Filters)

    def refuse(*_: object) -> Link:
        raise NotSupportedError(22, "this kernel does not take programs as TCX_INGRESS")

    monkeypatch.setattr(Link, "to_interface", refuse)
    assert not attach.has_links()
    assert isinstance(choose(Notes(), None), Filters)


def test_pods_talk_and_nothing_of_them_is_left(tmp_path):
    async def story(machine: Machine) -> None:
        outside = machine.outside()
        assert await machine.node.converge(wanted(node_pod())) == {}
        before = remains(machine)
        first, second = machine.pod("first", "10.42.0.3"), machine.pod("second", "10.42.0.4")
        now = wanted(node_pod(), first, second)
        await machine.node.attach(now, "first")
        device = (await machine.node.attach(now, "second")).device
        assert filters_of(device) == ["k3py_from_pod", "k3py_to_pod"]
        assert not (machine.bpffs / f"k3py-{INSTANCE}/pods/second/from_pod").exists()
        for client, address in ((first.netns, "10.42.0.4"), (second.netns, "10.42.0.3"), ("", "10.42.0.4")):
            assert ping(client, address)
        with listener_in(second.netns, 80, socket.AF_INET6) as listener:
            assert talk(first.netns, listener, ghost(second, native=True), 80) == ghost(first, native=True)
        with listener_in(str(outside), 80) as listener:
            assert talk(first.netns, listener, OUTSIDE, 80) == UPLINK
        assert machine.node.counters("first")[Direction.FROM_POD][Outcome.SENT_SHORT_CUT].packets > 0
        await machine.node.detach(wanted(node_pod(), second), "first")
        await machine.node.detach(wanted(node_pod()), "second")
        assert remains(machine) == before

    on_a_machine(tmp_path, story, filters=True)


def test_an_attach_that_stumbles_at_any_step_heals_when_it_is_repeated(tmp_path):
    async def story(machine: Machine) -> None:
        node = machine.node
        await node.converge(wanted(node_pod()))
        pod = machine.pod("pod", "10.42.0.3")
        now = wanted(node_pod(), pod)
        node.runner.before = counting = Stumble()
        await attach_and_detach(node, now, wanted(node_pod()))
        for at in range(counting.count):
            node.runner.before = Stumble(at)
            await asyncio.gather(attach_and_detach(node, now, wanted(node_pod())), return_exceptions=True)
            node.runner.before = Stumble()
            await node.attach(now, "pod")
            assert ping("", ghost(pod))
            await node.detach(wanted(node_pod()), "pod")

    on_a_machine(tmp_path, story, filters=True)


def test_filters_that_somebody_took_away_come_back_at_the_next_look(tmp_path):
    async def story(machine: Machine) -> None:
        pod, other = machine.pod("pod", "10.42.0.3"), machine.pod("other", "10.42.0.4")
        await machine.node.converge(wanted(node_pod(), pod, other))
        run("tc", "filter", "del", "dev", names.host_end(CONFIG, "pod"), "egress")
        run("tc", "qdisc", "del", "dev", names.host_end(CONFIG, "other"), "clsact")
        assert not ping(pod.netns, "10.42.0.4")
        await machine.node.recheck()
        await comes_true(lambda: ping(pod.netns, "10.42.0.4") and ping("", ghost(pod)))

    on_a_machine(tmp_path, story, filters=True)


def test_a_new_daemon_takes_up_what_the_old_one_left_without_touching_it(tmp_path):
    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3")
        now = wanted(node_pod(), pod)
        await machine.node.converge(now)
        await machine.node.stop()
        assert ping(pod.netns, "169.254.1.1")
        successor = KernelNode(CONFIG, machine.folder / "state", bpffs=machine.bpffs, filters=True)
        await successor.start()
        try:
            successor.runner.before = counting = Stumble()
            assert await successor.converge(now) == {}
            assert {type(each).__name__ for each in counting.done} == {"WriteTable", "JoinServices"}
            assert ping(pod.netns, "169.254.1.1")
        finally:
            await successor.stop()

    on_a_machine(tmp_path, story, filters=True)


def test_programs_are_exchanged_under_traffic_without_a_lost_packet(tmp_path):
    async def story(machine: Machine) -> None:
        pod, other = machine.pod("pod", "10.42.0.3"), machine.pod("other", "10.42.0.4")
        now = wanted(node_pod(), pod, other)
        await machine.node.converge(now)
        enough = threading.Event()

        def pings() -> tuple[int, int]:
            answered = [ping("", ghost(pod)) and ping(pod.netns, "10.42.0.4")]
            while not enough.is_set():
                answered.append(ping("", ghost(pod)) and ping(pod.netns, "10.42.0.4"))
            return len(answered), sum(answered)

        pinging = asyncio.create_task(asyncio.to_thread(namespaces.inside, own_namespace(), pings))
        for number in range(EXCHANGES):
            machine.node._running()._shared.base = number.to_bytes(32, "little")  # type: ignore[misc]
            assert await machine.node.converge(now) == {}
        enough.set()
        asked, answered = await pinging
        assert asked == answered

    on_a_machine(tmp_path, story, filters=True)


def own_namespace() -> Path:
    """The calling thread's network namespace, for other threads."""
    return Path(f"/proc/self/task/{threading.get_native_id()}/ns/net")


@pytest.mark.parametrize("reset", [False, True], ids=["detached", "reset"])
def test_a_virtual_machines_device_is_left_without_filters(tmp_path, reset):
    async def story(machine: Machine) -> None:
        run("ip", "tuntap", "add", "tap7", "mode", "tap")
        vm = PodNetwork("vm", DEFAULT.id, IPv4Address("10.42.0.5"), tap="tap7", mac="02:00:00:00:00:07")
        await machine.node.attach(wanted(vm), "vm")
        assert filters_of("tap7") == ["k3py_from_pod", "k3py_to_pod"]
        if reset:
            await machine.node.remove_all()
        else:
            await machine.node.detach(wanted(), "vm")
        assert filters_of("tap7") == []
        assert not (machine.bpffs / f"k3py-{INSTANCE}/pods/vm").exists()

    on_a_machine(tmp_path, story, filters=True)
