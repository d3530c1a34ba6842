"""Local ports: what is listened on, and how many connections there may be."""

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest

from k3py.cli import forwarder
from k3py.cli.app import Failure
from k3py.cli.forwarded_ports import Joined
from k3py.cli.forwarder import Forwarder

SECONDS = 10


class Held(Forwarder):
    """Connections stay as they are until the end."""

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        await asyncio.Event().wait()


def held() -> Held:
    session: Any = SimpleNamespace(access=SimpleNamespace(tls=lambda: None))
    return Held(session, lambda port: f"/pf?ports={port}")


def test_one_connection_too_many_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(forwarder, "CONNECTIONS_MAX", 2)
    output = ""

    async def said(pattern: str) -> "re.Match[str]":
        nonlocal output
        async with asyncio.timeout(SECONDS):
            while True:
                output += capsys.readouterr().out
                if found := re.search(pattern, output):
                    return found
                await asyncio.sleep(0)

    async def story() -> None:
        running = asyncio.create_task(held().run(["127.0.0.1"], [Joined(0, 80)]))
        port = int((await said(r"Forwarding from 127\.0\.0\.1:(\d+) -> 80\n"))[1])
        kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await said(rf"(?s)(Handling connection for {port}\n.*){{2}}")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(SECONDS):
            assert await reader.read() == b""
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for each in (writer, *(each for _, each in kept)):
            each.close()

    asyncio.run(story())


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    async def story() -> None:
        async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        taken = await asyncio.start_server(nothing, "127.0.0.1", 0)
        async with taken:
            with pytest.raises(Failure, match="cannot listen on port"):
                await held().run(["127.0.0.1"], [Joined(taken.sockets[0].getsockname()[1], 80)])

    asyncio.run(story())
