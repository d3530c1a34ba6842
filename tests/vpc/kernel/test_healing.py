"""Whatever happens between any two steps, and whatever others take away: it becomes as wanted again."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from k3py.vpc.kernel import names
from k3py.vpc.kernel.actions import Action
from k3py.vpc.kernel.node import KernelNode, record_file
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.wanted import Wanted
from tests.vpc.kernel.machine import (
    CONFIG,
    INSTANCE,
    TIMEOUT_SECONDS,
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


class Stumble:
    """Fails at one action, counted from 0; without a number it counts only."""

    def __init__(self, at: int = -1) -> None:
        self.at, self.count = at, 0
        self.done: list[Action] = []

    def __call__(self, action: Action) -> None:
        self.count += 1
        if self.count - 1 == self.at:
            raise OSError(5, f"stumbled at {type(action).__name__}")
        self.done.append(action)

    def __repr__(self) -> str:
        return f"stumbled at {self.at}, after {[type(each).__name__ for each in self.done]}"


def remains(machine: Machine) -> set[str]:
    """What is left of pods: their links, routes, pins."""
    links = {each["ifname"] for each in json.loads(run("ip", "-j", "link")) if each["ifname"] != "lo"}
    routes = {each["dst"] for each in json.loads(run("ip", "-j", "-6", "route")) if each.get("dev") in links}
    pins = {each.name for each in (machine.bpffs / f"k3py-{INSTANCE}/pods").iterdir()}
    return links | routes | pins


async def attach_and_detach(node: KernelNode, now: Wanted, then: Wanted) -> None:
    """A pod's whole life."""
    await node.attach(now, "pod")
    await node.detach(then, "pod")


async def comes_true(check: Callable[[], bool]) -> None:
    """Wait until the watch has repaired."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not check():
        assert time.monotonic() < deadline, "nobody repaired it"
        await asyncio.sleep(0.01)


def test_an_attach_that_stumbles_at_any_step_heals_when_it_is_repeated(tmp_path):
    async def story(machine: Machine) -> None:
        node = machine.node
        neighbour = machine.pod("neighbour", "10.42.0.4")
        await node.converge(wanted(node_pod(), neighbour))
        pod = machine.pod("pod", "10.42.0.3")
        now = wanted(node_pod(), neighbour, pod)
        node.runner.before = counting = Stumble()
        await node.attach(now, "pod")
        await node.detach(wanted(node_pod(), neighbour), "pod")
        assert counting.count > 15
        for at in range(counting.count):
            node.runner.before = stumble = Stumble(at)
            with pytest.raises(NetworkProblem, match="stumbled"):
                await attach_and_detach(node, now, wanted(node_pod(), neighbour))
            node.runner.before = Stumble()
            await node.attach(now, "pod")
            assert ping(pod.netns, "10.42.0.4"), stumble
            assert ping("", ghost(pod)), stumble
            await node.detach(wanted(node_pod(), neighbour), "pod")

    on_a_machine(tmp_path, story)


def test_nothing_of_a_pod_is_left(tmp_path):
    async def story(machine: Machine) -> None:
        await machine.node.converge(wanted())
        before = remains(machine)
        pod = machine.pod("pod", "10.42.0.3")
        await machine.node.attach(wanted(pod), "pod")
        assert len(remains(machine) - before) == 4
        await machine.node.detach(wanted(), "pod")
        assert remains(machine) == before
        await machine.node.detach(wanted(), "pod")

    on_a_machine(tmp_path, story)


def test_an_attached_pod_needs_nothing_more(tmp_path):
    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3")
        await machine.node.converge(wanted(node_pod(), pod))
        machine.node.runner.before = counting = Stumble()
        await machine.node.converge(wanted(node_pod(), pod))
        await machine.node.attach(wanted(node_pod(), pod), "pod")
        await machine.node.recheck()
        assert counting.done == []

    on_a_machine(tmp_path, story)


def test_a_new_daemon_takes_up_what_the_old_one_left_without_touching_it(tmp_path):
    async def story(machine: Machine) -> None:
        pod, other = machine.pod("pod", "10.42.0.3"), machine.pod("other", "10.42.0.4")
        now = wanted(node_pod(), pod, other)
        await machine.node.converge(now)
        await machine.node.stop()
        assert ping(pod.netns, "10.42.0.4")
        successor = KernelNode(CONFIG, machine.folder / "state", bpffs=machine.bpffs)
        await successor.start()
        try:
            successor.runner.before = counting = Stumble()
            assert await successor.converge(now) == {}
            touched = {type(each).__name__ for each in counting.done}
            assert touched == {"WriteTable", "JoinServices"}
            assert ping(pod.netns, "10.42.0.4")
        finally:
            await successor.stop()

    on_a_machine(tmp_path, story)


def test_programs_of_another_make_are_exchanged_and_nothing_else(tmp_path):
    async def story(machine: Machine) -> None:
        pod, other = machine.pod("pod", "10.42.0.3"), machine.pod("other", "10.42.0.4")
        now = wanted(pod, other)
        await machine.node.converge(now)
        machine.node._running()._shared.base = b"another make"  # type: ignore[misc]
        machine.node.runner.before = counting = Stumble()
        await machine.node.converge(now)
        kinds = [type(each).__name__ for each in counting.done]
        assert sorted(kinds) == sorted(["LoadPrograms", "ExchangePrograms", "MarkPrograms"] * 2)
        assert ping(pod.netns, "10.42.0.4")

    on_a_machine(tmp_path, story)


def test_what_is_taken_away_comes_back_at_the_event(tmp_path):
    async def story(machine: Machine) -> None:
        pod = machine.pod("pod", "10.42.0.3")
        await machine.node.converge(wanted(node_pod(), pod))
        device = names.host_end(CONFIG, "pod")

        def routed() -> bool:
            return f"{ghost(pod)} dev {device}" in run("ip", "-6", "route")

        run("ip", "-6", "route", "del", ghost(pod))
        await comes_true(routed)
        run("ip", "link", "set", device, "down")
        await comes_true(lambda: routed() and str(pod.outside_ipv4) in run("ip", "route"))
        run("ip", "link", "del", device)
        await comes_true(lambda: routed() and ping(pod.netns, "169.254.1.1"))
        run("ip", "addr", "flush", "dev", "lo", "scope", "global")
        await comes_true(lambda: ping("", ghost(pod)))
        run("ip", "-6", "route", "flush", "type", "unreachable", "proto", "107")
        await comes_true(lambda: run("ip", "-6", "route", "show", "type", "unreachable").count("proto 107") == 4)
        run("ip", "link", "del", names.node_end(CONFIG))
        await comes_true(lambda: ping("", "10.42.0.3"))

    on_a_machine(tmp_path, story)


def test_what_no_message_tells_of_comes_back_at_the_next_look(tmp_path):
    async def story(machine: Machine) -> None:
        pod, other = machine.pod("pod", "10.42.0.3"), machine.pod("other", "10.42.0.4")
        await machine.node.converge(wanted(node_pod(), pod, other))
        pins = machine.bpffs / f"k3py-{INSTANCE}"
        (pins / "pods/pod/from_pod").unlink()
        (pins / "pods/pod/to_pod").unlink()
        (pins / "maps/routes").unlink()
        (pins / "pods/strange").mkdir()
        run("nft", "flush", "table", "inet", f"k3py-{INSTANCE}")
        write_sysctl("net/ipv4/ip_forward", "0")
        assert not ping(pod.netns, "10.42.0.4")
        await machine.node.recheck()
        await comes_true(lambda: ping(pod.netns, "10.42.0.4"))
        assert (pins / "maps/routes").exists()
        assert not (pins / "pods/strange").exists()
        assert "masquerade" in run("nft", "list", "table", "inet", f"k3py-{INSTANCE}")

    on_a_machine(tmp_path, story)


def test_a_pod_that_moves_to_a_new_namespace_gets_a_new_link(tmp_path):
    async def story(machine: Machine) -> None:
        old = machine.pod("pod", "10.42.0.3")
        await machine.node.converge(wanted(node_pod(), old))
        new = type(old)("pod", old.vpc, old.ipv4, str(machine.namespace("again")), old.outside_ipv4)
        await machine.node.attach(wanted(node_pod(), new), "pod")
        with listener_in(new.netns, 80) as listener:
            assert talk("", listener, ghost(new), 80) == "169.254.1.1"
        assert not ping(old.netns, "169.254.1.1")

    on_a_machine(tmp_path, story)


def test_reset_leaves_nothing_and_nothing_of_others_is_touched(tmp_path):
    async def story(machine: Machine) -> None:
        run("ip", "link", "add", "others0", "type", "veth", "peer", "name", "others1")
        run("ip", "link", "set", "others0", "up", "group", "7")
        run("ip", "route", "add", "203.0.113.0/24", "dev", "others0")
        run("nft", "add", "table", "inet", "others")
        run("nft", "add", "chain", "inet", "others", "c", "{ type filter hook forward priority 0; }")
        before = state_of_the_machine()
        pod = machine.pod("pod", "10.42.0.3")
        assert await machine.node.converge(wanted(node_pod(), pod)) == {}
        settings = json.loads(record_file(machine.folder / "state").read_bytes())
        assert settings["net/ipv6/conf/others0/accept_ra"] == {"was": "1", "now": "2"}
        assert state_of_the_machine() != before
        await machine.node.stop()
        await KernelNode(CONFIG, machine.folder / "state", bpffs=machine.bpffs).remove_all()
        assert state_of_the_machine() == before
        assert not (machine.bpffs / f"k3py-{INSTANCE}").exists()
        assert not record_file(machine.folder / "state").exists()
        await machine.node.remove_all()

    on_a_machine(tmp_path, story)


def test_a_setting_that_somebody_changed_meanwhile_is_left_to_them(tmp_path):
    async def story(machine: Machine) -> None:
        await machine.node.converge(wanted())
        write_sysctl("net/ipv6/conf/all/forwarding", "0")
        write_sysctl("net/ipv6/conf/all/forwarding", "2")
        await machine.node.stop()
        await machine.node.remove_all()
        assert read_sysctl("net/ipv4/ip_forward") == "0"
        assert read_sysctl("net/ipv6/conf/all/forwarding") == "2"

    on_a_machine(tmp_path, story)


def state_of_the_machine() -> list[str]:
    """Links, addresses, routes, rules and settings."""
    shown = [["ip", "-j", "link"], ["ip", "-j", "addr"], ["ip", "-j", "route"], ["ip", "-j", "-6", "route"]]
    settings = ("net/ipv6/conf/all/forwarding", "net/ipv4/ip_forward", "net/ipv6/conf/others0/accept_ra")
    return [*(run(*each) for each in shown), run("nft", "list", "ruleset"), *(read_sysctl(each) for each in settings)]


def read_sysctl(path: str) -> str:
    """A setting of the calling thread's namespace."""
    return Path("/proc/sys", path).read_text().strip()


def write_sysctl(path: str, value: str) -> None:
    """Somebody else changes it."""
    Path("/proc/sys", path).write_text(value)
