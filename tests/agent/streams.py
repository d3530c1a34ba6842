"""The server's end of a stream to the agent, in memory."""

import asyncio
import json
from typing import Any

from k3py.model.streams import Channel, StreamReset


class ServerEnd:
    """A ``MessageStream`` whose other end is the test: ``send`` what a client types, read what the node answered."""

    def __init__(self) -> None:
        self._incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._broken = False
        self.messages: list[bytes] = []
        self.arrived = asyncio.Event()
        self.closed = False

    # --- the agent's side

    async def read(self) -> bytes | None:
        message = await self._incoming.get()
        if self._broken:
            raise StreamReset("given up")
        return message

    async def write(self, message: bytes) -> None:
        if self._broken:
            raise StreamReset("given up")
        assert not self.closed
        self.messages.append(message)
        self.arrived.set()

    async def close(self) -> None:
        self.closed = True
        self.arrived.set()

    def reset(self, reason: str = "") -> None:
        self._broken = True
        self._incoming.put_nowait(None)

    # --- the client's side

    def send(self, channel: Channel, data: bytes = b"") -> None:
        self._incoming.put_nowait(bytes((channel,)) + data)

    def hang_up(self) -> None:
        """Say that nothing more will be sent."""
        self._incoming.put_nowait(None)

    def text(self, channel: Channel = Channel.STDOUT) -> str:
        return b"".join(each[1:] for each in self.messages if each[0] == channel).decode()

    def status(self) -> dict[str, Any]:
        found = [each[1:] for each in self.messages if each[0] == Channel.STATUS]
        assert len(found) == 1, "there is one final status"
        assert self.messages[-1][0] == Channel.STATUS, "nothing comes after the status"
        result: dict[str, Any] = json.loads(found[0])
        return result

    async def until(self, text: str, channel: Channel = Channel.STDOUT) -> None:
        """Wait until the node has written this."""
        async with asyncio.timeout(20):
            while text not in self.text(channel):
                self.arrived.clear()
                await self.arrived.wait()
