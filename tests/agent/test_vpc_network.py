"""Pods' network by the VPC daemon: whatever of the two is away, and whenever, no pod loses or leaks an address."""

import asyncio
import errno
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest

from k3py.agent import vpc_network
from k3py.agent.network import NO_VPC_DAEMON
from k3py.agent.vpc_network import VpcNetwork, host_ports
from k3py.base.backoff import Backoff
from k3py.client.vpc import VpcRefused
from k3py.model.generated import core_v1
from k3py.model.vpc_socket import VPC_FULL, HostPort
from tests.agent.world import FakeVpcDaemon, World, container, pod, run


def play(root: Path, story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def begin() -> None:
        world = World(root, vpc=FakeVpcDaemon())
        world.start()
        await story(world)

    run(begin())


async def beats(count: int) -> None:
    """Let everybody do so many steps."""
    for _ in range(count):
        await asyncio.sleep(0)


def addresses(world: World) -> list[str]:
    found = world.cluster.pod()
    return [each.ip for each in found.status.pod_ips] if found else []


def test_a_pod_gets_its_addresses_and_gives_them_back(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        made = pod(host_network=False)
        made.metadata.labels = {"k3py.io/vpc": "red"}
        world.cluster.put(made)
        await world.until(lambda: world.phase() == "Running")
        assert addresses(world) == ["10.42.0.2", "fd6b:3370:1001::2"]
        (asked,) = world.vpc.pods.values()  # type: ignore[union-attr]
        assert (asked.vpc, asked.namespace, asked.name) == ("red", "default", "web")
        world.cluster.ask_deletion()
        await world.until(lambda: world.phase() == "gone")
        await world.until(lambda: not world.vpc.pods)  # type: ignore[union-attr]
        assert [each.name for each in (world.paths.agent_state / "network").iterdir()] == ["cluster.json"]

    play(tmp_path, story)


def test_a_node_is_ready_when_it_had_its_network_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert world.vpc is not None
        world.vpc.away = True
        world.cluster.put(pod(host_network=False))
        await world.until(lambda: "NetworkNotReady" in world.cluster.events())
        assert NO_VPC_DAEMON in world.agent.node.trouble
        world.vpc.away = False
        await world.until(lambda: world.phase() == "Running")
        assert not world.agent.node.trouble
        # From now on a daemon that is away harms nobody who runs, not even with a new agent.
        world.vpc.away = True
        world.kill()
        world.start()
        await world.until(lambda: world.agent.pods.knows_all)
        assert not world.agent.node.trouble
        assert addresses(world) == ["10.42.0.2", "fd6b:3370:1001::2"]

    play(tmp_path, story)


def test_what_cannot_be_given_back_is_given_back_later(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert world.vpc is not None
        world.cluster.put(pod(host_network=False))
        await world.until(lambda: world.phase() == "Running")
        world.vpc.away = True
        world.cluster.ask_deletion()
        await world.until(lambda: world.phase() == "gone")
        assert world.vpc.pods
        world.kill()
        world.start()
        world.vpc.away = False
        await world.until(lambda: not world.vpc.pods)  # type: ignore[union-attr]

    play(tmp_path, story)


def test_a_full_disk_keeps_no_pod_from_ending_and_no_node_from_being_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def story(world: World) -> None:
        assert world.vpc is not None
        with monkeypatch.context() as disk:
            disk.setattr(vpc_network, "write_private", full)
            await world.until(lambda: not world.agent.node.trouble)
        world.cluster.put(pod(host_network=False))
        await world.until(lambda: world.phase() == "Running")
        with monkeypatch.context() as disk:
            disk.setattr(vpc_network, "write_private", full)
            world.cluster.ask_deletion()
            await world.until(lambda: world.phase() == "gone")
            await world.until(lambda: not world.vpc.pods)  # type: ignore[union-attr]

    play(tmp_path, story)


def test_a_refusal_is_told_and_tried_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert world.vpc is not None
        await world.until(lambda: not world.agent.node.trouble)
        world.vpc.refusal = VpcRefused(VPC_FULL, "VPC default has no free address")
        world.cluster.put(pod(host_network=False))
        await world.until(lambda: "FailedCreatePodSandBox" in world.cluster.events())
        assert world.phase() == "Pending"
        world.vpc.refusal = None
        await world.until(lambda: world.phase() == "Running")

    play(tmp_path, story)


def test_a_sandbox_made_anew_is_connected_anew(tmp_path: Path) -> None:
    """After a reboot the agent knows the pod's old addresses, and the daemon is slower than the agent."""

    async def story(world: World) -> None:
        assert world.vpc is not None
        world.cluster.put(pod(host_network=False))
        await world.until(lambda: world.phase() == "Running")
        world.kill()
        world.runtime.sandboxes.clear()
        world.vpc.pods.clear()
        world.vpc.away = True
        world.start()
        await world.until(lambda: bool(world.runtime.sandboxes))
        world.kill()
        world.start()
        await asyncio.sleep(30)
        (sandbox,) = world.runtime.sandboxes.values()
        assert not sandbox.containers
        world.vpc.away = False
        await world.until(lambda: bool(sandbox.containers))
        assert world.vpc.pods

    play(tmp_path, story)


def test_nothing_that_is_given_back_late_takes_a_new_network_away(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert world.vpc is not None
        network = VpcNetwork(world.vpc, tmp_path / "network", world.clock, lambda *_: Backoff(Random(1), 0.1, 0.1))
        made = pod(host_network=False)
        made.metadata.uid = "1"
        await network.attach(made, Path("/run/netns/old"))
        world.vpc.away = True
        await network.detach("1")
        world.vpc.away, world.vpc.attach_seconds = False, 5.0
        await network.attach(made, Path("/run/netns/new"))
        await asyncio.sleep(10)
        assert world.vpc.pods["1"].netns == "/run/netns/new"
        assert network.addresses("1")
        await network.stop()

    play(tmp_path, story)


# Enough for all steps of a start or of a deletion.
STEPS = 150


@pytest.mark.parametrize("moment", range(STEPS))
def test_an_agent_killed_at_any_moment_neither_leaks_nor_forgets(tmp_path: Path, moment: int) -> None:
    async def story(world: World) -> None:
        assert world.vpc is not None
        await world.until(lambda: not world.agent.node.trouble)
        world.cluster.put(pod(host_network=False))
        await beats(moment)
        world.kill()
        world.start()
        await world.until(lambda: world.phase() == "Running")
        assert addresses(world) == ["10.42.0.2", "fd6b:3370:1001::2"]
        assert world.vpc.pods
        world.cluster.ask_deletion()
        await beats(moment)
        world.kill()
        world.start()
        await world.until(lambda: world.phase() == "gone")
        await world.until(lambda: not world.vpc.pods)  # type: ignore[union-attr]

    play(tmp_path, story)


def test_host_ports_of_all_containers_that_last() -> None:
    def port(**fields: Any) -> core_v1.ContainerPort:
        return core_v1.ContainerPort(container_port=80, **fields)

    made = pod(
        "web",
        container("a", ports=[port(host_port=8080), port()]),
        container("b", ports=[port(host_port=53, protocol="UDP", host_ip="192.0.2.7")]),
        init_containers=[
            container("once", ports=[port(host_port=1)]),
            container("sidecar", ports=[port(host_port=9090, host_ip="0.0.0.0")], restart_policy="Always"),
        ],
    )
    assert host_ports(made) == (
        HostPort(protocol="TCP", host_port=8080, container_port=80),
        HostPort(protocol="UDP", host_port=53, container_port=80, host_ip="192.0.2.7"),
        HostPort(protocol="TCP", host_port=9090, container_port=80),
    )
