"""One message to a name server and its answer, by UDP or TCP. Acts."""

import asyncio
import struct
from collections.abc import Callable
from typing import Final

from k3py.agent.dns.cache import Server

# So many strange datagrams to one socket are somebody guessing: better no answer than a forged one.
STRANGERS_MAX: Final = 64
_LENGTH: Final = struct.Struct("!H")


class _Datagrams(asyncio.DatagramProtocol):
    """Waits for the one datagram that is accepted."""

    def __init__(self, accept: Callable[[bytes], bool], answer: "asyncio.Future[bytes]") -> None:
        self._accept = accept
        self._answer = answer
        self._strangers = 0

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self._answer.done():
            return
        if self._accept(data):
            self._answer.set_result(data)
            return
        self._strangers += 1
        if self._strangers > STRANGERS_MAX:
            self._answer.set_exception(ConnectionAbortedError("too many answers that were not asked for"))

    def error_received(self, exc: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc)


async def exchange(
    server: Server, message: bytes, accept: Callable[[bytes], bool], seconds: float, *, tcp: bool
) -> bytes:
    """As ``forwarder.Exchange`` says. A socket for each question: the kernel chooses its port at random."""
    async with asyncio.timeout(seconds):
        return await (_by_tcp(server, message, accept) if tcp else _by_udp(server, message, accept))


async def _by_udp(server: Server, message: bytes, accept: Callable[[bytes], bool]) -> bytes:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(accept, answer), remote_addr=server)
    try:
        transport.sendto(message)
        return await answer
    finally:
        transport.close()


async def _by_tcp(server: Server, message: bytes, accept: Callable[[bytes], bool]) -> bytes:
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(_LENGTH.pack(len(message)) + message)
        data = await reader.readexactly(_LENGTH.unpack(await reader.readexactly(2))[0])
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("the server hung up") from error
    finally:
        writer.close()
    if not accept(data):
        raise ConnectionAbortedError("the server answered something else")
    return data
