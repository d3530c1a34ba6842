"""The fake keeps time by its loop, survives its agent, and fails when told to (its promises: test_contract.py)."""

import asyncio
import random
from pathlib import Path

import pytest

from k3py.base.clock import LoopClock
from k3py.runtime.fake import FakeRuntime, Script
from k3py.runtime.port import (
    CannotStart,
    ContainerConfig,
    ContainerState,
    NoSuchSandbox,
    SandboxConfig,
)

POD = SandboxConfig("u", "web", "default", "web", "k3py/u")
MAIN = ContainerConfig("main", 0, (), ("run",), Path("/no/log"))


def fake(script: Script = Script()) -> FakeRuntime:
    return FakeRuntime(LoopClock(asyncio.get_running_loop()), random.Random(0), lambda _pod, _container: script)


def test_a_script_says_what_happens() -> None:
    async def story() -> None:
        runtime = fake(Script(runs_seconds=0.01, exit_code=137, oom_killed=True))
        await runtime.start_sandbox(POD)
        container = await runtime.create_container("u", MAIN)
        await runtime.start_container(container)
        ended = await runtime.wait_exit(container)
        assert (ended.reason, ended.signal) == ("OOMKilled", 9)
        assert runtime.acts[:2] == [("start_sandbox", "u"), ("stop_sandbox", "u")]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("field", "reason"), [("create_error", "CreateContainerError"), ("start_error", "RunContainerError")]
)
def test_a_script_may_refuse(field: str, reason: str) -> None:
    async def story() -> None:
        runtime = fake(Script(**{field: "no"}))  # type: ignore[arg-type]
        await runtime.start_sandbox(POD)
        with pytest.raises(CannotStart) as refused:
            await runtime.start_container(await runtime.create_container("u", MAIN))
        assert refused.value.reason == reason

    asyncio.run(story())


def test_a_test_may_end_a_container_and_break_a_sandbox() -> None:
    async def story() -> None:
        runtime = fake()
        exits = runtime.exits()
        await runtime.start_sandbox(POD)
        container = await runtime.create_container("u", MAIN)
        await runtime.start_container(container)
        runtime.end(container, 3)
        assert (await anext(exits)).exit_code == 3
        runtime.sandboxes["u"].ready = False
        assert not (await runtime.list())[0].ready
        with pytest.raises(NoSuchSandbox):
            await runtime.create_container("u", MAIN)
        assert (await runtime.start_sandbox(POD)).containers == ()

    asyncio.run(story())


def test_the_hook_may_let_any_act_fail() -> None:
    async def story() -> None:
        def before(act: str, subject: str) -> None:
            if act == "start_container":
                raise OSError("the disk is gone")

        runtime = FakeRuntime(LoopClock(asyncio.get_running_loop()), random.Random(0), before=before)
        await runtime.start_sandbox(POD)
        container = await runtime.create_container("u", MAIN)
        with pytest.raises(OSError, match="disk"):
            await runtime.start_container(container)
        assert (await runtime.status(container)).state is ContainerState.CREATED

    asyncio.run(story())


def test_a_connection_echoes_or_is_refused() -> None:
    async def story() -> None:
        runtime = fake()
        await runtime.start_sandbox(POD)
        connection = await runtime.connect("u", 80)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, b"x")
        assert await loop.sock_recv(connection, 9) == b"x"
        connection.close()
        with pytest.raises(ConnectionRefusedError):
            await runtime.connect("u", 1)

    asyncio.run(story())
