"""One message and its answer, on real sockets: what can go wrong is an OSError, and soon."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from k3py.agent.dns.cache import Server
from k3py.agent.dns.exchange import STRANGERS_MAX, exchange

SECONDS = 10


class Talker(asyncio.DatagramProtocol):
    """Answers each datagram with many."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for each in self._answers:
            self._transport.sendto(each, addr)


def by_udp(answers: list[bytes], seconds: float = SECONDS) -> bytes:
    async def run() -> bytes:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Talker(answers), local_addr=("127.0.0.1", 0))
        try:
            server: Server = transport.get_extra_info("sockname")
            return await exchange(server, b"question", lambda data: data == b"answer", seconds, tcp=False)
        finally:
            transport.close()

    return asyncio.run(run())


def by_tcp(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> bytes:
    async def run() -> bytes:
        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            server: Server = listener.sockets[0].getsockname()
            return await exchange(server, b"question", lambda data: data == b"answer", SECONDS, tcp=True)
        finally:
            listener.close()

    return asyncio.run(run())


def test_strange_datagrams_are_passed_over_up_to_a_bound() -> None:
    assert by_udp([b"x"] * STRANGERS_MAX + [b"answer"]) == b"answer"
    with pytest.raises(ConnectionAbortedError, match="not asked for"):
        by_udp([b"x"] * (STRANGERS_MAX + 1) + [b"answer"])


def test_silence_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        by_udp([], 0.05)


@pytest.mark.parametrize("tcp", [False, True])
def test_a_closed_port_is_refused_at_once(tcp: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        server: Server = free.getsockname()
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(exchange(server, b"question", lambda data: True, SECONDS, tcp=tcp))


@pytest.mark.parametrize(
    ("said", "problem"),
    [(b"", ConnectionResetError), (b"\0\6ans", ConnectionResetError), (b"\0\5other", ConnectionAbortedError)],
)
def test_by_tcp_a_wrong_or_short_answer_is_none(said: bytes, problem: type[Exception]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(10)
        writer.write(said)
        writer.close()

    with pytest.raises(problem):
        by_tcp(serve)


def test_by_tcp_messages_follow_their_length() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"\0\x08question"
        writer.write(b"\0\6answer")
        writer.close()

    assert by_tcp(serve) == b"answer"
