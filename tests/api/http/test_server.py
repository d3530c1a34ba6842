"""The server on real sockets: TLS, who the client is, limits on connections, stopping. On both event loops."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from k3py.api.http.intake import STREAM_RECEIVE_BYTES, Intake
from k3py.api.http.limits import Limits
from k3py.api.http.messages import Answer, BodyWriter, Request, Response, StreamResponse
from k3py.api.http.server import RECEIVE_BYTES, HttpServer, prepare
from k3py.api.http.turns import Turns
from k3py.pki.errors import BadCertificate
from k3py.pki.rotation import install
from tests.api.http.certificates import Authority, server_context

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SECONDS = 10.0
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def run_it(work: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(asyncio.wait_for(work, 3 * SECONDS))

    return run_it


async def ask(port: int, data: bytes = GET, context: ssl.SSLContext | None = None) -> bytes:
    """Send, then read one answer with a Content-Length; b"" when the connection is closed instead."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(data)
        return await answer(reader)
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head + await asyncio.wait_for(reader.readexactly(length), SECONDS)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def test_the_handler_sees_who_the_client_is(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server_pair, alice = authority.issue("server"), authority.issue("alice")
    stranger = Authority(tmp_path, "other").issue("mallory")
    seen: list[tuple[bytes | None, str]] = []

    def handler(request: Request) -> Response:
        seen.append((request.peer_certificate, request.remote))
        return Response(200, b"{}")

    async def work() -> None:
        server = HttpServer(handler)
        context = server_context(server_pair.cert, server_pair.key, authority.file)
        port = await server.start("127.0.0.1", 0, context)
        try:
            assert await ask(port, context=authority.client_context())
            assert await ask(port, context=authority.client_context(alice))
            assert seen == [(None, "127.0.0.1"), (alice.der(), "127.0.0.1")]
            try:
                refused = await ask(port, context=authority.client_context(stranger)) == b""
            except (OSError, ssl.SSLError):
                refused = True
            assert refused
            assert await ask(port) == b""  # no TLS at all
            assert await ask(port, context=authority.client_context())
        finally:
            await server.stop(1)
        assert server._gate.count == 0

    run(work())


def test_a_renewed_certificate_is_shown_to_new_connections_only(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first, second = authority.issue("first"), authority.issue("second")

    async def work() -> None:
        server = HttpServer(lambda request: Response(200, b"{}"))
        context = server_context(first.cert, first.key, authority.file)
        port = await server.start("127.0.0.1", 0, context)
        try:
            kept, writer = await asyncio.open_connection("127.0.0.1", port, ssl=authority.client_context())
            assert writer.get_extra_info("ssl_object").getpeercert(True) == first.der()
            with pytest.raises(BadCertificate):
                install(context, second.cert.read_bytes(), first.key.read_bytes())
            install(context, second.cert.read_bytes(), second.key.read_bytes())
            writer.write(GET)
            assert await answer(kept)
            _, other = await asyncio.open_connection("127.0.0.1", port, ssl=authority.client_context())
            assert other.get_extra_info("ssl_object").getpeercert(True) == second.der()
            writer.close()
            other.close()
        finally:
            await server.stop(1)

    run(work())


def much_or_little(request: Request) -> Answer:
    return StreamResponse(forever) if request.path == "/watch" else Response(200, b"{}")


async def forever(writer: BodyWriter) -> None:
    writer.write(b"begun")
    await asyncio.Event().wait()


@pytest.mark.parametrize("limits", [Limits(connections=3), Limits(connections_per_client=3)])
def test_connections_beyond_the_limit_are_closed_and_places_are_given_back(run: Run, limits: Limits) -> None:
    async def work() -> None:
        server = HttpServer(much_or_little, limits)
        port = await server.start("127.0.0.1", 0)
        try:
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            for reader, writer in held:
                writer.write(GET.replace(b"/", b"/watch", 1))
                await reader.readuntil(b"begun")
            assert await ask(port) == b""
            assert server.refused_connections == 1
            held[0][1].close()
            deadline = asyncio.get_running_loop().time() + SECONDS
            while server.connections == 3:
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0)
            assert await ask(port)
            for _, writer in held[1:]:
                writer.close()
        finally:
            await server.stop(1)

    run(work())


@pytest.mark.parametrize("limits", [Limits(connections=3), Limits(connections_per_client=3)])
def test_idle_connections_lock_nobody_out(run: Run, limits: Limits) -> None:
    async def work() -> None:
        server = HttpServer(lambda request: Response(200, b"{}"), limits)
        port = await server.start("127.0.0.1", 0)
        try:
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            for reader, writer in held:
                writer.write(GET)
                assert await answer(reader)
            assert await ask(port)
            assert server.refused_connections == 0
            for _, writer in held:
                writer.close()
        finally:
            await server.stop(1)

    run(work())


def test_stopping_does_not_wait_for_idle_clients(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("server")

    async def work() -> None:
        server = HttpServer(lambda request: Response(200, b"{}"))
        port = await server.start("127.0.0.1", 0, server_context(pair.cert, pair.key, authority.file))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=authority.client_context())
        writer.write(GET)
        assert await answer(reader)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.wait_for(server.stop(SECONDS), SECONDS / 4)
        writer.transport.abort()

    run(work())


def test_stopping_answers_what_runs_ends_streams_and_breaks_off_the_rest(run: Run) -> None:
    async def work() -> None:
        release, running = asyncio.Event(), asyncio.Semaphore(0)

        async def waits(request: Request) -> Response:
            running.release()
            await (release.wait() if request.path == "/short" else asyncio.Event().wait())
            return Response(200, b"done")

        async def watch(writer: BodyWriter) -> None:
            writer.write(b"event")
            running.release()
            await asyncio.Event().wait()

        def handler(request: Request) -> Answer | Awaitable[Answer]:
            return StreamResponse(watch) if request.path == "/watch" else waits(request)

        server = HttpServer(handler)
        port = await server.start("127.0.0.1", 0)
        readers, writers = [], []
        for path in (b"/short", b"/watch", b"/endless"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET.replace(b"/ ", path + b" "))
            await asyncio.wait_for(running.acquire(), SECONDS)
            readers.append(reader)
            writers.append(writer)
        stopping = asyncio.create_task(server.stop(0.3))
        watched = await asyncio.wait_for(readers[1].read(-1), SECONDS)
        assert watched.endswith(b"5\r\nevent\r\n0\r\n\r\n")
        release.set()
        assert (await answer(readers[0])).endswith(b"done")
        await asyncio.wait_for(stopping, SECONDS)
        assert await answer(readers[2]) == b""
        assert server.connections == 0
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        for writer in writers:
            writer.close()

    run(work())


def test_a_large_body_reaches_a_slow_client_over_tls(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("server")
    body = bytes(range(256)) * 40_000

    async def work() -> None:
        server = HttpServer(lambda request: Response(200, body))
        port = await server.start("127.0.0.1", 0, server_context(pair.cert, pair.key, authority.file))
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=authority.client_context(), limit=64 * 1024
            )
            writer.write(GET * 2)
            for _ in range(2):
                assert (await answer(reader)).endswith(body)
            writer.close()
        finally:
            await server.stop(1)

    run(work())


def test_deadlines_are_looked_at(run: Run) -> None:
    async def work() -> None:
        server = HttpServer(lambda request: Response(200, b"{}"), Limits(head_seconds=0.1, linger_seconds=0.1))
        port = await server.start("127.0.0.1", 0)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET[:-1])
            assert b"408 Request Timeout" in await answer(reader)
            assert await asyncio.wait_for(reader.read(-1), SECONDS) == b""
            writer.close()
        finally:
            await server.stop(1)

    run(work())


def test_a_handshake_that_never_ends_is_counted_and_ended(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("server")

    async def work() -> None:
        limits = Limits(connections=1, handshake_seconds=0.2)
        server = HttpServer(lambda request: Response(200, b"{}"), limits)
        port = await server.start("127.0.0.1", 0, server_context(pair.cert, pair.key, authority.file))
        try:
            silent, writer = await asyncio.open_connection("127.0.0.1", port)
            refused, other = await asyncio.open_connection("127.0.0.1", port)
            assert await asyncio.wait_for(refused.read(-1), SECONDS) == b""
            assert await asyncio.wait_for(silent.read(-1), SECONDS) == b""
            assert await ask(port, context=authority.client_context())
            writer.close()
            other.close()
        finally:
            await server.stop(1)

    run(work())


def test_the_kernel_keeps_little_of_a_connection_that_is_not_read_and_more_of_a_stream(run: Run) -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            theirs = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()
        with theirs:
            prepare(ours)
            assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * RECEIVE_BYTES
            transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
            Intake(transport, Turns(), Turns(), lambda: False, lambda: None).widen()
            now = ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            allowed = int(Path("/proc/sys/net/core/rmem_max").read_text())
            assert now == 2 * min(STREAM_RECEIVE_BYTES, allowed)
            transport.close()

    run(work())
