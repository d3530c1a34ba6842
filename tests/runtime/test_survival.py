"""``kill -9`` of whoever started containers: they go on, their logs are whole, their exit codes are known afterwards.

The one to be killed is a process of its own, which kills itself at a chosen step of a story.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from k3py.runtime.port import EXIT_CODE_UNKNOWN, ContainerState, NoSuchContainer
from k3py.runtime.processes import identify
from k3py.runtime.steps import Step
from tests.runtime.machine import Machine, log_text, needs_containers, play, run, until

pytestmark = needs_containers

# The whole life of a pod with two containers; `python -c VICTIM root layer step shared`. Dies after the step.
VICTIM = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[5])
from tests.runtime.machine import Machine

def step(done):
    if done.name == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

async def story():
    machine = Machine(Path(sys.argv[1]), Path(sys.argv[2]))
    runtime = machine.runtime(step=step)
    await runtime.start_sandbox(machine.pod(share_process_namespace=sys.argv[4] == "shared"))
    for name in ("a", "b"):
        container = await runtime.create_container("uid-1", machine.shell("echo up; sleep 300", name))
        await runtime.start_container(container)
    await runtime.stop_container(container, 0.05)
    await runtime.remove_container(container)
    await runtime.stop_sandbox("uid-1")
    await runtime.close()

asyncio.run(story())
"""
SHARED = (Step.SANDBOX_PAUSE_CREATED, Step.SANDBOX_PAUSE_STARTED, Step.SANDBOX_PROCESSES_PINNED)
REPOSITORY = Path(__file__).parents[2]


def run_victim(machine: Machine, step: str, shared: bool) -> int:
    """Run the story in a process that dies after ``step``; its exit code."""
    arguments = [str(machine.root), str(machine.layer), step, "shared" if shared else "own", str(REPOSITORY)]
    line = [sys.executable, "-c", VICTIM, *arguments]
    return subprocess.run(line, stdin=subprocess.DEVNULL, timeout=60, check=False).returncode


@pytest.mark.parametrize("step", list(Step), ids=lambda step: step.name)
def test_a_kill_after_any_step_leaves_what_can_be_listed_and_removed(machine: Machine, step: Step) -> None:
    assert run_victim(machine, step.name, shared=step in SHARED) == -signal.SIGKILL

    async def story() -> None:
        runtime = machine.runtime()
        seen = await runtime.list()
        assert [sandbox.pod_uid for sandbox in seen] in (["uid-1"], [])
        if step is not Step.TEARDOWN_FILES:
            assert seen, "what is left must be seen, or nobody removes it"
        for sandbox in seen:
            if not step.name.startswith(("TEARDOWN", "SANDBOX")):
                assert sandbox.ready
                assert sandbox.name == "web"
            await runtime.stop_sandbox(sandbox.pod_uid)
        assert await runtime.list() == []
        await runtime.close()

    play(story)


GONE_ON_WITH = [step for step in Step if not step.name.startswith("TEARDOWN") and step not in SHARED]


@pytest.mark.parametrize("step", GONE_ON_WITH, ids=lambda step: step.name)
def test_a_kill_after_any_step_leaves_what_can_be_gone_on_with(machine: Machine, step: Step) -> None:
    """The same pod is brought up over the remains: what is half made is removed, what runs is kept."""
    assert run_victim(machine, step.name, shared=False) == -signal.SIGKILL

    async def story() -> None:
        runtime = machine.runtime()
        before = {c.id: c for sandbox in await runtime.list() for c in sandbox.containers}
        sandbox = await runtime.start_sandbox(machine.pod())
        assert sandbox.ready
        for container in sandbox.containers:
            assert container.id in before
            match container.state:
                case ContainerState.CREATED:
                    await runtime.start_container(container.id)
                case ContainerState.RUNNING:
                    assert (await runtime.exec_sync(container.id, ["true"])).exit_code == 0
                    assert (await runtime.status(container.id)).pid == before[container.id].pid
                case ContainerState.UNKNOWN | ContainerState.EXITED:
                    await runtime.remove_container(container.id)
        again = await runtime.create_container("uid-1", machine.shell("exit 3", "c"))
        await runtime.start_container(again)
        assert (await runtime.wait_exit(again)).exit_code == 3
        await runtime.stop_sandbox("uid-1")
        await runtime.close()

    play(story)


@pytest.mark.parametrize("seed", range(12))
def test_a_kill_at_any_moment_leaves_what_can_be_removed(machine: Machine, seed: int) -> None:
    """Also in the middle of a step, when conmon and the runtime are still at work for the dead."""
    line = [sys.executable, "-c", VICTIM, str(machine.root), str(machine.layer), "NONE", "own", str(REPOSITORY)]
    victim = subprocess.Popen(line, stdin=subprocess.DEVNULL)
    source = random.Random(seed)

    async def story() -> None:
        await until(lambda: (machine.root / "state/pods").exists() or victim.poll() is not None)
        await asyncio.sleep(source.random() * 0.25)  # the length of the story: any moment in it
        victim.kill()
        victim.wait()
        runtime = machine.runtime()
        for sandbox in await runtime.list():
            await runtime.stop_sandbox(sandbox.pod_uid)
        await runtime.close()
        assert await runtime.list() == []

    play(story)


ORPHAN_MAKER = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.runtime.machine import Machine

async def story():
    machine = Machine(Path(sys.argv[1]), Path(sys.argv[2]))
    runtime = machine.runtime()
    await runtime.start_sandbox(machine.pod())
    for name, script in (
        ("ends", "for i in 1 2 3 4 5; do echo $i; done; touch /data/near; while ! [ -e /data/go ]; do sleep 0.01; done;"
                 " echo six >&2; exit 42"),
        ("stays", "echo up; sleep 300"),
    ):
        from k3py.runtime.port import Mount
        mounts = [Mount(machine.root / "shared", "/data")]
        container = await runtime.create_container("uid-1", machine.shell(script, name, mounts=mounts))
        await runtime.start_container(container)
    while not (machine.root / "shared/near").exists():
        await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(story())
"""


def test_containers_outlive_their_starter_and_their_ends_are_known(machine: Machine) -> None:
    shared = machine.root / "shared"
    shared.mkdir()
    line = [sys.executable, "-c", ORPHAN_MAKER, str(machine.root), str(machine.layer), str(REPOSITORY)]
    assert subprocess.run(line, timeout=60, check=False).returncode == -signal.SIGKILL

    async def story() -> None:
        runtime = machine.runtime()
        exits = runtime.exits()
        sandbox = (await runtime.list())[0]
        by_name = {container.name: container for container in sandbox.containers}
        assert {c.state for c in by_name.values()} == {ContainerState.RUNNING}
        (shared / "go").touch()
        ended = await anext(exits)
        assert (ended.id, ended.exit_code) == (by_name["ends"].id, 42)
        assert log_text(machine, "ends") == ["1", "2", "3", "4", "5", "six"]
        assert (await runtime.status(by_name["stays"].id)).state is ContainerState.RUNNING
        assert (await runtime.exec_sync(by_name["stays"].id, ["sh", "-c", "exit 6"])).exit_code == 6
        stopped = await runtime.stop_container(by_name["stays"].id, 0)
        assert stopped.exit_code == 137
        await runtime.close()

    play(story)


def test_an_end_while_nobody_looked_is_known(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        container = await runtime.create_container("uid-1", machine.shell("sleep 0.1; exit 42"))
        await runtime.start_container(container)
        await runtime.close()
        await until(lambda: (machine.root / "state/exits" / container).exists())
        again = machine.runtime()
        status = (await again.list())[0].containers[0]
        assert (status.state, status.exit_code) == (ContainerState.EXITED, 42)
        assert (await again.wait_exit(container)) == status
        await again.close()

    play(story)


def test_a_container_that_lost_its_conmon_runs_on_and_its_end_is_told(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        exits = runtime.exits()
        await runtime.start_sandbox(machine.pod())
        container = await runtime.create_container("uid-1", machine.shell("echo up; sleep 300"))
        await runtime.start_container(container)
        record = runtime._records.find(container)
        assert record is not None
        os.kill(record.conmon_pid, signal.SIGKILL)
        await until(lambda: identify(record.conmon_pid) != record.conmon)
        orphan = await runtime.status(container)
        assert (orphan.state, orphan.pid, orphan.reason) == (ContainerState.UNKNOWN, record.pid, "Orphaned")
        await runtime.signal_container(container, signal.SIGKILL)
        ended = await anext(exits)
        assert (ended.state, ended.exit_code) == (ContainerState.EXITED, EXIT_CODE_UNKNOWN)
        assert ended.reason == "ContainerStatusUnknown"
        await runtime.close()

    play(story)


def test_a_pid_that_now_belongs_to_a_stranger_is_left_alone(machine: Machine) -> None:
    """The record names a pid with another start time, as after the kernel has given the number away again."""

    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        container = await runtime.create_container("uid-1", machine.shell("exit 0"))
        await runtime.start_container(container)
        await runtime.wait_exit(container)
        (machine.root / "state/exits" / container).unlink()
        record = runtime._records.find(container)
        stranger = subprocess.Popen(["sleep", "60"])
        try:
            assert record is not None
            claimed = msgspec.structs.replace(record, pid=stranger.pid, conmon_pid=stranger.pid)
            runtime._records.write_container(claimed)
            status = await runtime.status(container)
            assert (status.state, status.pid) == (ContainerState.EXITED, 0)
            await runtime.signal_container(container, signal.SIGKILL)
            await runtime.stop_container(container, 0)
            await runtime.remove_container(container)
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()
        await runtime.close()

    play(story)


def test_after_a_reboot_a_sandbox_is_not_ready_and_its_containers_have_ended(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        container = await runtime.create_container("uid-1", machine.shell("sleep 300"))
        await runtime.start_container(container)
        record, sandbox = runtime._records.find(container), runtime._records.sandbox("uid-1")
        assert record is not None
        assert sandbox is not None
        runtime._records.write_container(msgspec.structs.replace(record, boot_id="an earlier boot"))
        runtime._records.write_sandbox(msgspec.structs.replace(sandbox, boot_id="an earlier boot"))
        seen = (await runtime.list())[0]
        assert not seen.ready
        assert seen.containers[0].state is ContainerState.EXITED
        assert seen.containers[0].exit_code == EXIT_CODE_UNKNOWN
        assert (await runtime.start_sandbox(machine.pod())).ready
        with pytest.raises(NoSuchContainer):
            await runtime.status(container)
        await runtime.close()

    play(story)


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"id": 7}', b"\xff\xfe", b"0" * 100_000])
def test_a_torn_record_is_as_good_as_none_and_the_pod_can_be_removed(machine: Machine, torn: bytes) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        folder = machine.root / "state/pods/uid-9/containers/c"
        folder.mkdir(parents=True)
        (folder / "container.json").write_bytes(torn)
        (folder.parents[1] / "sandbox.json").write_bytes(torn)
        seen = await runtime.list()
        assert [(s.pod_uid, s.ready, s.containers) for s in seen] == [("uid-9", False, ())]
        await runtime.stop_sandbox("uid-9")
        assert await runtime.list() == []
        await runtime.close()

    asyncio.run(story())


@pytest.mark.parametrize("torn", [["sandbox.json"], ["container.json"], ["sandbox.json", "container.json"]])
def test_a_record_that_the_disk_spoils_stops_nothing_and_starts_nothing_twice(
    machine: Machine, torn: list[str]
) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        container = await run(runtime, machine.shell("sleep 300"))
        before = await runtime.status(container)
        await runtime.close()
        for path in machine.root.rglob("*.json"):
            if path.name in torn and "records" not in path.parts:
                path.write_bytes(path.read_bytes()[:20])
        again = machine.runtime()
        (seen,) = await again.list()
        assert seen.ready
        assert seen.containers == (before,)
        await again.stop_sandbox("uid-1")
        assert not machine.processes()
        await again.close()

    play(story)


def test_a_sandbox_whose_record_is_lost_for_good_leaves_no_process(machine: Machine) -> None:
    async def story() -> None:
        runtime = machine.runtime()
        await runtime.start_sandbox(machine.pod())
        await run(runtime, machine.shell("sleep 300"))
        for path in machine.root.rglob("sandbox.json"):
            path.write_bytes(b"{")
        await runtime.stop_sandbox("uid-1")
        assert not machine.processes()
        await runtime.close()

    play(story)
