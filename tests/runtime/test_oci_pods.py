"""What a pod's containers share, what is refused, and who does not see whom."""

import asyncio
import json
import os
import shutil
from dataclasses import replace
from typing import Any

import pytest

from k3py.runtime import runc
from k3py.runtime.port import (
    CannotStart,
    ContainerState,
    Mount,
    Resources,
)
from tests.runtime.machine import Machine, log_text, needs_containers, new_machine, play, run, until

pytestmark = needs_containers


def test_a_pods_containers_share_network_name_and_memory_but_not_processes(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        pod = machine.pod(sysctls={"net.core.somaxconn": "77", "kernel.shm_rmid_forced": "1"})
        sandbox = await runtime.start_sandbox(pod)
        assert sandbox.network_namespace == runtime.network_namespace("uid-1")
        server = await run(runtime, machine.shell("echo shared > /dev/shm/f; nc -l -p 8080 -e cat", "server"))
        look = "hostname; cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shm_rmid_forced; cat /dev/shm/f; echo $$"
        await until(lambda: (machine.root / "run/pods/uid-1/ns/shm/f").exists())
        result = await runtime.exec_sync(await run(runtime, machine.shell("sleep 300", "other")), ["sh", "-c", look])
        *same, pid = result.stdout.decode().split()
        assert same == ["web-0", "77", "1", "shared"]
        assert int(pid) < 20
        connection = None
        async with asyncio.timeout(10):
            while connection is None:  # nc needs a moment to listen
                try:
                    connection = await runtime.connect("uid-1", 8080)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, b"through the pod's own loopback")
        assert await loop.sock_recv(connection, 100) == b"through the pod's own loopback"
        connection.close()
        for elsewhere in ("localhost", "192.0.2.1"):  # names are known; what only the host reaches is out of reach
            with pytest.raises(OSError, match=r"Connect call failed|unreachable"):
                await runtime.connect("uid-1", 8081, elsewhere)
        for nowhere in ("a..b", "x" * 70):
            with pytest.raises(OSError, match="no such host"):
                await runtime.connect("uid-1", 8081, nowhere)
        assert (await runtime.status(server)).state in (ContainerState.RUNNING, ContainerState.EXITED)
        with pytest.raises(ConnectionRefusedError):
            await runtime.connect("uid-1", 8081)
        await runtime.close()

    play(story)


def test_with_the_hosts_namespaces_a_container_sees_the_host(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        sandbox = await runtime.start_sandbox(machine.pod(host_network=True, host_pid=True, host_ipc=True))
        assert sandbox.network_namespace is None
        container = await run(runtime, machine.shell(f"[ -d /proc/{os.getpid()} ] && hostname; sleep 300"))
        await until(lambda: (machine.logs / "main-0.log").exists() and log_text(machine) != [])
        assert log_text(machine) == [os.uname().nodename]
        record = runtime._records.find(container)
        assert record is not None
        for kind in ("net", "ipc", "uts", "pid"):
            assert os.readlink(f"/proc/{record.pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")
        assert (await runtime.stop_container(container, 0)).exit_code == 137
        await runtime.close()

    play(story)


def test_a_container_joins_the_processes_of_another_and_ends_with_it(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        target = await run(runtime, machine.shell("sleep 301; true", "main"))
        debugger = await run(runtime, machine.shell("sleep 302; true", "debugger", process_namespace_of=target))
        seen = (await runtime.exec_sync(debugger, ["ps"])).stdout.decode()
        assert "sleep 301" in seen
        assert "sleep 302" in seen
        assert (await runtime.exec_sync(debugger, ["ls", "/proc/1/root/"])).exit_code == 0
        # Another one, that ends by itself, ends alone.
        other = await run(runtime, machine.shell("exit 4", "other", process_namespace_of=target))
        assert (await runtime.wait_exit(other)).exit_code == 4
        await runtime.close()
        runtime = machine.runtime()  # as after a restart of the agent
        assert (await runtime.status(debugger)).state is ContainerState.RUNNING
        assert (await runtime.stop_container(target, 0)).exit_code == 137
        assert (await runtime.wait_exit(debugger)).exit_code == 137
        with pytest.raises(CannotStart, match="target container does not run"):
            await runtime.create_container("uid-1", machine.shell("true", "late", process_namespace_of=target))
        await runtime.close()

    play(story)


@pytest.mark.parametrize("shared", [{"share_process_namespace": True}, {"host_pid": True}], ids=["pod", "host"])
def test_where_all_processes_are_seen_a_target_changes_nothing(machine: Machine, shared: dict[str, Any]) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod(**shared))
        target = await run(runtime, machine.shell("sleep 301; true", "main"))
        debugger = await run(runtime, machine.shell("sleep 302; true", "debugger", process_namespace_of=target))
        assert (await runtime.exec_sync(debugger, ["sh", "-c", "ps | grep '[s]leep 301'"])).exit_code == 0
        await runtime.stop_container(target, 0)
        assert (await runtime.status(debugger)).state is ContainerState.RUNNING
        await runtime.close()

    play(story)


def test_a_sandbox_is_removed_with_containers_that_share_processes(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        target = await run(runtime, machine.shell("trap '' TERM; sleep 301; true", "main"))
        for name in ("one", "two"):
            await run(runtime, machine.shell("sleep 302 & sleep 303; true", name, process_namespace_of=target))
        async with asyncio.timeout(20):
            await runtime.stop_sandbox("uid-1")
        assert await runtime.list() == []
        await runtime.close()

    play(story)


def test_a_shared_process_namespace_outlives_its_containers_and_buries_orphans(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod(share_process_namespace=True))
        first = await run(runtime, machine.shell("(sleep 0.2 &) ; sleep 300", "first"))
        second = await run(runtime, machine.shell("sleep 300", "second"))
        seen = (await runtime.exec_sync(second, ["ps"])).stdout.decode()
        assert "/pause" in seen.splitlines()[1]
        assert seen.count("sh -c") == 2 or seen.count("sleep 300") == 2
        assert (await runtime.stop_container(first, 0)).exit_code == 137
        assert (await runtime.exec_sync(second, ["true"])).exit_code == 0
        assert "sleep 0.2" not in (await runtime.exec_sync(second, ["ps"])).stdout.decode()
        await runtime.close()

    play(story)


@pytest.mark.parametrize(
    ("sysctls", "why"),
    [
        ({"kernel.panic": "1"}, "belongs to the whole host"),
        ({"net.core.somaxconn": "no number"}, "somaxconn"),
        ({"net/../../etc/passwd": "x"}, "no name"),
    ],
)
def test_a_sandbox_that_cannot_be_made_leaves_nothing(machine: Machine, sysctls: dict[str, str], why: str) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        with pytest.raises(CannotStart, match=why if why != "somaxconn" else "Invalid argument"):
            await runtime.start_sandbox(machine.pod(sysctls=sysctls))
        assert await runtime.list() == []
        await runtime.close()

    play(story)


def test_what_cannot_be_created_says_why_and_leaves_nothing(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        plain = machine.shell("true")
        for config, why in (
            (replace(plain, args=("nope",)), "executable file .*not found"),
            (replace(plain, image_layers=(machine.root / "no-layer",)), "no-layer"),
            (replace(plain, mounts=(Mount(machine.root / "no-source", "/data"),)), "no-source"),
        ):
            with pytest.raises(CannotStart, match=why) as refused:
                await runtime.create_container("uid-1", config)
            assert refused.value.reason == "CreateContainerError"
        assert (await runtime.list())[0].containers == ()
        await runtime.close()

    play(story)


def test_two_instances_on_one_host_do_not_see_one_another(machine: Machine) -> None:
    with new_machine() as neighbour:

        async def story() -> None:
            ours, theirs = machine.runtime(), neighbour.runtime()
            for place, runtime in ((machine, ours), (neighbour, theirs)):
                await runtime.start_sandbox(place.pod())
                await run(runtime, place.shell("sleep 300"))
            assert len(await ours.list()) == len(await theirs.list()) == 1
            assert machine.processes().isdisjoint(neighbour.processes())
            await ours.stop_sandbox("uid-1")
            assert (await theirs.list())[0].containers[0].state is ContainerState.RUNNING
            await ours.close()
            await theirs.close()

        play(story)


def test_what_the_first_process_leaves_behind_ends_with_it(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod(host_pid=True))
        container = await run(runtime, machine.shell("sleep 300 & sleep 300 & exit 3"))
        assert (await runtime.wait_exit(container)).exit_code == 3
        await until(lambda: machine.processes() == set())
        await runtime.close()

    play(story)


def test_a_fork_bomb_is_killed_whole(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod(host_pid=True, resources=Resources(pids_limit=200)))
        script = "f() { sleep 0.01; f & f & }; f; trap '' TERM; while :; do sleep 1; done"
        await run(runtime, machine.shell(script, resources=Resources(pids_limit=100)))
        await until(lambda: len(machine.processes()) > 60)
        await runtime.stop_sandbox("uid-1")
        assert machine.processes() == set()
        await runtime.close()

    play(story)


def test_the_runtime_that_made_a_container_is_kept_with_it(machine: Machine) -> None:
    """A node that changes its runtime still knows what the old one made."""

    async def story() -> None:
        first = machine.runtime("runc")
        await first.start_sandbox(machine.pod())
        container = await run(first, machine.shell("sleep 300"))
        await first.close()
        second = machine.runtime("crun")
        assert (await second.exec_sync(container, ["sh", "-c", "exit 4"])).exit_code == 4
        other = await run(second, machine.shell("exit 5", "other"))
        assert (await second.wait_exit(other)).exit_code == 5
        record = second._records.find(container)
        assert record is not None
        listed = json.loads(
            await runc.call(runc.RuntimeCommand(record.runtime_path, record.runtime_root), "list", "-f", "json")
        )
        assert [entry["id"] for entry in listed] == [container]
        await second.close()

    if shutil.which("crun") is None or shutil.which("runc") is None:
        pytest.skip("needs runc and crun")
    play(story)
