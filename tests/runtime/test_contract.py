"""What every runtime promises, told once and asked of the OCI runtime (each that is installed) and of the fake."""

import asyncio
import contextlib
import random
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import uvloop

from k3py.base.clock import LoopClock
from k3py.runtime.fake import FakeRuntime, Script
from k3py.runtime.port import (
    ContainerConfig,
    ContainerState,
    ExecResult,
    NoSuchContainer,
    NoSuchSandbox,
    Runtime,
    SandboxConfig,
    TimedOut,
    WrongState,
)
from tests.runtime.machine import NO_TRACES, SECONDS_MAX, Machine, needs_containers

# What the fake does for the shell scripts below, which the OCI runtime really runs.
FOR_EVER = "trap 'exit 4' TERM; echo up; while :; do sleep 0.01; done"
STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.01; done"
SCRIPTS = {
    "exit 7": Script(runs_seconds=0.0, exit_code=7),
    "true": Script(runs_seconds=0.0),
    "kill -9 $$; sleep 9": Script(runs_seconds=0.0, exit_code=137),
    FOR_EVER: Script(exit_code=4),
    STUBBORN: Script(ends_after_signal_seconds=None),
}


@dataclass
class Stage:
    """The runtime under test and how to make configurations for it."""

    make: Callable[[], Runtime]
    pod: Callable[..., SandboxConfig]
    shell: Callable[..., ContainerConfig]
    loop: Callable[[], asyncio.AbstractEventLoop]


def answer(args: Any, data: bytes) -> ExecResult:
    """The commands of the exec promises, as the fake answers them."""
    return {
        "echo out; echo err >&2; exit 3": ExecResult(3, b"out\n", b"err\n"),
        "cat; exit 5": ExecResult(5, data, b""),
    }.get(args[-1], ExecResult(0, b"", b""))


def fake_script(_: SandboxConfig, config: ContainerConfig) -> Script:
    known = SCRIPTS[config.args[-1]]
    return Script(
        known.runs_seconds,
        known.exit_code,
        ends_after_signal_seconds=known.ends_after_signal_seconds,
        run_command=answer,
        output="up",
        exec_seconds=0.2,
    )


RUNTIMES = ["fake", *(pytest.param(name, marks=needs_containers) for name in ("runc", "crun", "runc on uvloop"))]


@pytest.fixture(params=RUNTIMES)
def stage(request: pytest.FixtureRequest) -> Stage:
    name, _, loop = request.param.partition(" on ")
    if name != "fake" and shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    machine: Machine = request.getfixturevalue("machine")

    def fake() -> Runtime:
        return FakeRuntime(LoopClock(asyncio.get_running_loop()), random.Random(1), fake_script)

    def real() -> Runtime:
        return machine.runtime(name)

    factory = uvloop.new_event_loop if loop else asyncio.new_event_loop
    return Stage(fake if name == "fake" else real, machine.pod, machine.shell, factory)


def promise(stage: Stage, story: Callable[[Runtime], Awaitable[None]]) -> None:
    async def run() -> None:
        runtime = stage.make()
        try:
            await asyncio.wait_for(story(runtime), SECONDS_MAX)
        finally:
            close = getattr(runtime, "close", None)
            if close is not None:
                await close()

    with asyncio.Runner(loop_factory=stage.loop) as runner:
        runner.run(run())


def test_a_container_is_created_runs_ends_and_is_removed(stage: Stage) -> None:
    async def story(runtime: Runtime) -> None:
        sandbox = await runtime.start_sandbox(stage.pod())
        assert sandbox.ready
        assert sandbox.containers == ()
        container = await runtime.create_container("uid-1", stage.shell("exit 7", attempt=2))
        created = await runtime.status(container)
        assert (created.state, created.name, created.attempt) == (ContainerState.CREATED, "main", 2)
        assert created.pid > 0
        assert (created.exit_code, created.started_at) == (None, 0.0)
        await runtime.start_container(container)
        ended = await runtime.wait_exit(container)
        assert (ended.state, ended.exit_code, ended.signal, ended.reason) == (ContainerState.EXITED, 7, 0, "Error")
        assert ended.created_at <= ended.started_at <= ended.finished_at + 0.02  # a file's time has coarse ticks
        assert (await runtime.list())[0].containers == (ended,)
        await runtime.remove_container(container)
        assert (await runtime.list())[0].containers == ()
        await runtime.stop_sandbox("uid-1")
        assert await runtime.list() == []

    promise(stage, story)


def test_steps_may_be_repeated(stage: Stage) -> None:
    async def story(runtime: Runtime) -> None:
        first = await runtime.start_sandbox(stage.pod())
        assert await runtime.start_sandbox(stage.pod()) == first
        container = await runtime.create_container("uid-1", stage.shell(FOR_EVER))
        await runtime.start_container(container)
        await runtime.start_container(container)
        await runtime.stop_container(container, 0)
        stopped = await runtime.stop_container(container, 0)
        assert stopped.state is ContainerState.EXITED
        await runtime.remove_container(container)
        await runtime.remove_container(container)
        await runtime.stop_sandbox("uid-1")
        await runtime.stop_sandbox("uid-1")

    promise(stage, story)


def test_a_container_may_end_in_good_order_when_asked(stage: Stage) -> None:
    async def story(runtime: Runtime) -> None:
        await runtime.start_sandbox(stage.pod())
        container = await started(runtime, stage.shell(FOR_EVER))
        ended = await runtime.stop_container(container, 20)
        assert (ended.exit_code, ended.reason) == (4, "Error")

    promise(stage, story)


def test_after_the_grace_a_container_is_killed(stage: Stage) -> None:
    async def story(runtime: Runtime) -> None:
        await runtime.start_sandbox(stage.pod())
        container = await started(runtime, stage.shell(STUBBORN))
        ended = await runtime.stop_container(container, 0.2)
        assert (ended.exit_code, ended.signal) == (137, 9)
        assert not ended.oom_killed

    promise(stage, story)


def test_every_end_is_told_once(stage: Stage) -> None:
    async def story(runtime: Runtime) -> None:
        await runtime.start_sandbox(stage.pod())
        exits = runtime.exits()
        ids = [await runtime.create_container("uid-1", stage.shell("true", f"c{n}")) for n in range(3)]
        for container in ids:
            await runtime.start_container(container)
        told = [await anext(exits) for _ in ids]  # type: ignore[call-overload]
        assert sorted(status.id for status in told) == sorted(ids)
        assert {status.reason for status in told} == {"Completed"}
        later = runtime.exits()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(later), 0.01)  # type: ignore[call-overload]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(exits), 0.05)  # type: ignore[call-overload]

    promise(stage, story)


def test_who_waits_for_a_container_that_is_removed_is_told(stage: Stage) -> None:
    async def story(runtime: Runtime) -> None:
        await runtime.start_sandbox(stage.pod())
        container = await runtime.create_container("uid-1", stage.shell(FOR_EVER))
        waiting = asyncio.ensure_future(runtime.wait_exit(container))
        await asyncio.sleep(0)
        await runtime.remove_container(container)
        with contextlib.suppress(NoSuchContainer):
            assert (await waiting).state is ContainerState.EXITED  # it was killed first, and may say so

    promise(stage, story)


def test_what_is_not_there_is_said(stage: Stage) -> None:
    async def story(runtime: Runtime) -> None:
        with pytest.raises(NoSuchSandbox):
            await runtime.create_container("uid-1", stage.shell("true"))
        with pytest.raises(NoSuchSandbox):
            runtime.network_namespace("uid-1")
        for act in (runtime.start_container, runtime.wait_exit, runtime.status, runtime.attach, runtime.stats):
            with pytest.raises(NoSuchContainer):
                await act("nobody")
        await runtime.start_sandbox(stage.pod())
        container = await runtime.create_container("uid-1", stage.shell("true"))
        with pytest.raises(WrongState):
            await runtime.exec_sync(container, ["true"])
        await runtime.start_container(container)
        await runtime.wait_exit(container)
        with pytest.raises(WrongState):
            await runtime.start_container(container)

    promise(stage, story)


def test_commands_run_beside_the_main_process(stage: Stage) -> None:
    async def story(runtime: Runtime) -> None:
        await runtime.start_sandbox(stage.pod())
        container = await started(runtime, stage.shell(FOR_EVER))
        result = await runtime.exec_sync(container, ["sh", "-c", "echo out; echo err >&2; exit 3"], 20)
        assert result == ExecResult(3, b"out\n", b"err\n")
        process = await runtime.exec(container, ["sh", "-c", "cat; exit 5"], stdin=True)
        await process.write_stdin(b"in")
        await process.close_stdin()
        assert b"".join([data async for _, data in process.output()]) == b"in"
        assert await process.wait() == 5
        with pytest.raises(TimedOut):
            await runtime.exec_sync(container, ["sleep", "20"], 0.1)
        assert (await runtime.stats(container)).id == container

    promise(stage, story)


async def started(runtime: Runtime, config: ContainerConfig) -> str:
    """Create and start a container and wait until it says ``up``, so that its traps are set."""
    container = await runtime.create_container("uid-1", config)
    await runtime.start_container(container)
    async with asyncio.timeout(10):
        while not (config.log_path.exists() and "up" in config.log_path.read_text()):
            await asyncio.sleep(0.005)
    return container


def test_the_corner_is_swept(machine: Machine) -> None:
    assert machine.traces() == NO_TRACES
