"""Real kubectls of several generations against our streams."""

import asyncio
import hashlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from k3py.api.streams.port_forward import StreamDuplex
from k3py.api.streams.remote_command import Output, RemoteCommand, Stdin, StdinClosed
from tests.api.streams.pod_server import KUBECTL_SECONDS, KUBECTLS, ended, kubectl, pod_server, start_kubectl, status

pytestmark = pytest.mark.parametrize("binary", KUBECTLS, ids=lambda path: path.parent.name)
BIG = bytes(range(256)) * 16 * 1024  # 4 MiB: far beyond every window and buffer


def on_uvloop(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(work, 4 * KUBECTL_SECONDS))


async def echo(command: RemoteCommand) -> None:
    """What ``cat`` does."""
    async for event in command.incoming():
        if isinstance(event, Stdin):
            await command.write(Output.STDOUT, event.data)
        elif isinstance(event, StdinClosed):
            await command.write(Output.STDERR, b"that was all\n")
            await command.finish(status(0))


def test_exec_carries_input_output_and_errors(binary: Path, tmp_path: Path) -> None:
    async def story() -> None:
        async with pod_server(tmp_path, echo) as served:
            said = await kubectl(binary, served, tmp_path, "exec", "-i", "web", "--", "cat", stdin=b"hello\n")
            assert said == (0, b"hello\n", b"that was all\n")
            assert served.upgrades[0].split(",")[0] in ("websocket v5.channel.k8s.io", "spdy/3.1")

    on_uvloop(story())


def test_exec_carries_megabytes_unharmed(binary: Path, tmp_path: Path) -> None:
    async def story() -> None:
        async with pod_server(tmp_path, echo) as served:
            code, out, _ = await kubectl(binary, served, tmp_path, "exec", "-i", "web", "--", "cat", stdin=BIG)
            assert code == 0
            assert hashlib.sha256(out).digest() == hashlib.sha256(BIG).digest()

    on_uvloop(story())


def test_exec_tells_the_exit_code(binary: Path, tmp_path: Path) -> None:
    async def fails(command: RemoteCommand) -> None:
        await command.finish(status(7))

    async def story() -> None:
        async with pod_server(tmp_path, fails) as served:
            code, _, errors = await kubectl(binary, served, tmp_path, "exec", "web", "--", "false")
            assert code == 7
            assert b"exit code 7" in errors

    on_uvloop(story())


def test_killing_kubectl_is_seen_by_the_program(binary: Path, tmp_path: Path) -> None:
    async def story() -> None:
        began, gone = asyncio.Event(), asyncio.Event()

        async def waits(command: RemoteCommand) -> None:
            began.set()
            await command.until_disconnected()
            assert [event async for event in command.incoming()] == []
            await command.write(Output.STDOUT, b"nobody hears this")
            gone.set()

        async with pod_server(tmp_path, waits) as served:
            process = await start_kubectl(binary, served, tmp_path, "exec", "-i", "web", "--", "sleep", "9")
            try:
                await asyncio.wait_for(began.wait(), KUBECTL_SECONDS)
                process.kill()
                await asyncio.wait_for(gone.wait(), KUBECTL_SECONDS)
            finally:
                await ended(process)

    on_uvloop(story())


def test_port_forward_carries_several_connections_of_megabytes(binary: Path, tmp_path: Path) -> None:
    async def pod(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes as much as BIG, then gives it back and ends."""
        data = await reader.readexactly(len(BIG))
        writer.write(data)
        await writer.drain()
        writer.close()

    async def client(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(BIG)
        got = await reader.read(-1)
        writer.close()
        return got

    async def story() -> None:
        listener = await asyncio.start_server(pod, "127.0.0.1", 0)
        asked: list[int] = []

        async def connect(port: int) -> StreamDuplex:
            asked.append(port)
            return StreamDuplex(*await asyncio.open_connection(*listener.sockets[0].getsockname()[:2]))

        async with pod_server(tmp_path, connect=connect) as served:
            process = await start_kubectl(binary, served, tmp_path, "port-forward", "pod/web", ":80")
            try:
                assert process.stdout is not None
                line = await asyncio.wait_for(process.stdout.readline(), KUBECTL_SECONDS)
                port = int(line.split(b" -> ")[0].rpartition(b":")[2])
                for got in await asyncio.wait_for(asyncio.gather(*(client(port) for _ in range(3))), KUBECTL_SECONDS):
                    assert hashlib.sha256(got).digest() == hashlib.sha256(BIG).digest()
                assert asked == [80, 80, 80]
                assert served.upgrades[0] in ("websocket SPDY/3.1+portforward.k8s.io", "spdy/3.1")
            finally:
                await ended(process)
        listener.close()
        await listener.wait_closed()

    on_uvloop(story())


def test_port_forward_tells_why_it_cannot_connect(binary: Path, tmp_path: Path) -> None:
    async def refuses(port: int) -> StreamDuplex:
        raise ConnectionRefusedError("nobody listens there")

    async def story() -> None:
        async with pod_server(tmp_path, connect=refuses) as served:
            process = await start_kubectl(binary, served, tmp_path, "port-forward", "pod/web", ":80")
            try:
                assert process.stdout is not None
                assert process.stderr is not None
                line = await asyncio.wait_for(process.stdout.readline(), KUBECTL_SECONDS)
                port = int(line.split(b" -> ")[0].rpartition(b":")[2])
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                assert await asyncio.wait_for(reader.read(-1), KUBECTL_SECONDS) == b""
                writer.close()
                said = await asyncio.wait_for(process.stderr.readline(), KUBECTL_SECONDS)
                assert b"cannot connect to port 80: nobody listens there" in said
            finally:
                await ended(process)

    on_uvloop(story())
