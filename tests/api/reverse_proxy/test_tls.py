"""TLS to a backend, inside a stream of bytes."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from k3py.api.reverse_proxy.tls import TlsDuplex
from k3py.api.streams.port_forward import StreamDuplex
from tests.api.http.certificates import Authority

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def play(folder: Path, serve: Serve, story: Callable[[TlsDuplex], Awaitable[None]], tls: bool = True) -> None:
    """A backend at a socket in the file system, with a certificate that nobody trusts."""

    async def whole() -> None:
        context = None
        if tls:
            pair = Authority(folder).issue("backend")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.cert, pair.key)
        server = await asyncio.start_unix_server(serve, folder / "s", ssl=context)
        reader, writer = await asyncio.open_unix_connection(folder / "s")
        duplex = TlsDuplex(StreamDuplex(reader, writer))
        try:
            async with asyncio.timeout(20):
                await story(duplex)
        finally:
            duplex.close()
            server.close()

    asyncio.run(whole())


def test_what_is_written_arrives_and_what_comes_is_read(tmp_path: Path) -> None:
    async def story(duplex: TlsDuplex) -> None:
        await duplex.handshake()
        sent = bytes(range(256)) * 2000
        writing = asyncio.create_task(duplex.write(sent))
        received = b""
        while len(received) < len(sent):
            received += await duplex.read(10_000)
        await writing
        assert received == sent

    play(tmp_path, echo, story)


def test_the_end_is_seen(tmp_path: Path) -> None:
    async def bye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.close()

    async def story(duplex: TlsDuplex) -> None:
        await duplex.handshake()
        assert await duplex.read(100) == b"bye"
        assert await duplex.read(100) == b""

    play(tmp_path, bye, story)


def test_who_speaks_no_tls_is_an_error(tmp_path: Path) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def story(duplex: TlsDuplex) -> None:
        with pytest.raises(OSError, match=r"(?i)wrong.version.number"):
            await duplex.handshake()

    play(tmp_path, plain, story, tls=False)
