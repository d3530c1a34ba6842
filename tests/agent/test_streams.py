"""Streams that the server opens: what they answer, also when there is nothing to answer."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from k3py.model.streams import Attach, Channel, Exec, Logs, StreamRequest
from k3py.runtime.port import ExecResult
from tests.agent.streams import ServerEnd
from tests.agent.test_restarts import first, play
from tests.agent.world import Script, World, container, pod

HERE = {"namespace": "default", "pod": "web", "container": "web"}


def asking(kind: Any, world: World, **fields: Any) -> StreamRequest:
    found = world.cluster.pod()
    made: StreamRequest = kind(**{**HERE, "uid": found.metadata.uid if found else "", **fields})
    return made


async def answer(world: World, request: StreamRequest) -> ServerEnd:
    stream = ServerEnd()
    await world.agent.handle_stream(request, stream)
    assert stream.closed
    return stream


def test_exec_passes_streams_and_the_exit_code(tmp_path: Path) -> None:
    script = Script(run_command=lambda args, stdin: ExecResult(len(args), b"out:" + stdin, b"err"))

    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        stream = ServerEnd()
        wanted = asking(Exec, world, command=("a", "b"), stdin=True, stdout=True, stderr=True)
        serving = asyncio.create_task(world.agent.handle_stream(wanted, stream))
        stream.send(Channel.STDIN, b"in")
        stream.send(Channel.CLOSE, bytes((Channel.STDIN,)))
        await serving
        assert (stream.text(), stream.text(Channel.STDERR)) == ("out:in", "err")
        assert stream.status()["details"]["causes"][0]["message"] == "2"

    play(tmp_path, story, web=script)


def test_a_client_that_gives_up_ends_its_command_and_nothing_else(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        stream = ServerEnd()
        wanted = asking(Exec, world, command=("a",), stdin=True)
        serving = asyncio.create_task(world.agent.handle_stream(wanted, stream))
        await asyncio.sleep(1)
        stream.reset()
        await serving
        assert stream.messages == []
        assert first(world).state.running is not None

    play(tmp_path, story)


REFUSED = [
    (Exec, {"command": ("a",), "uid": "another"}, 404, 'pods "web" not found'),
    (Exec, {"command": ("a",), "container": "none"}, 404, 'unable to upgrade connection: container not found ("none")'),
    (Attach, {"container": "none"}, 404, 'unable to upgrade connection: container not found ("none")'),
    (Logs, {"container": "none"}, 400, "container none is not valid for pod web"),
    (Logs, {"previous": True}, 400, 'previous terminated container "web" in pod "web" not found'),
    (Logs, {"since_time": "yesterday"}, 400, "Invalid isoformat string"),
]


@pytest.mark.parametrize(("kind", "fields", "code", "text"), REFUSED)
def test_what_cannot_be_served_is_said(tmp_path: Path, kind: Any, fields: dict[str, Any], code: int, text: str) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running")
        status = (await answer(world, asking(kind, world, **fields))).status()
        assert (status["status"], status["code"]) == ("Failure", code)
        assert text in status["message"]

    play(tmp_path, story)


def test_logs_of_a_container_that_never_ran(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod("web", container(image_pull_policy="Never")))
        await world.until(lambda: world.cluster.pod().status.container_statuses)  # type: ignore[union-attr]
        await world.until(lambda: first(world).state.waiting.reason == "ErrImageNeverPull")  # type: ignore[union-attr]
        status = (await answer(world, asking(Logs, world))).status()
        assert status["message"] == 'container "web" in pod "web" is waiting to start: ErrImageNeverPull'

    play(tmp_path, story)


def test_logs_of_this_attempt_and_of_the_one_before(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.cluster.put(pod())
        await world.until(lambda: world.phase() == "Running" and first(world).restart_count == 1)
        found = world.cluster.pod()
        assert found is not None
        for path in sorted((world.paths.log / "pods").rglob("*.log")):
            path.write_text(f"2026-01-01T00:00:00Z stdout F this is {path.name}\n")
        assert (await answer(world, asking(Logs, world))).text() == "this is 1.log\n"
        assert (await answer(world, asking(Logs, world, previous=True))).text() == "this is 0.log\n"
        stamped = await answer(world, asking(Logs, world, timestamps=True, limit_bytes=10))
        assert stamped.text() == "2026-01-01"

    play(tmp_path, story, web=Script(runs_seconds=30, exit_code=1, output="x"))
