"""Connections that change their protocol behind the proxy."""

import asyncio
from collections.abc import Callable
from typing import Any

from k3py.api.http.messages import RawConnection, Upgrade
from k3py.model.streams import Channel, messages
from tests.api.reverse_proxy.backend import POD, Backend, read, ready_pod
from tests.api.world import World, run


class Raw:
    """The client's connection after 101."""

    def __init__(self) -> None:
        self.on_data: Callable[[bytes], None] | None = None
        self.on_close: Callable[[], None] | None = None
        self.on_stop: Callable[[], None] | None = None
        self.sent, self.closed, self.paused = b"", False, False
        self.tasks: list[asyncio.Task[None]] = []

    def write(self, data: bytes) -> None:
        self.sent += data

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def start(self, work: Any, name: str) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work, name=name))
        return self.tasks[-1]

    def close(self) -> None:
        self.closed = True

    abort = close
    buffered = 0


def test_an_upgrade_is_passed_through_both_ways() -> None:
    switched = (
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: k\r\n\r\nearly"
    )
    backend = Backend("", *messages(Channel.STDOUT, switched.encode()), *messages(Channel.STDOUT, b" and late"))

    async def story(world: World) -> None:
        await ready_pod(world)
        headers = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-key": "k"}
        answer = await world.ask("GET", f"{POD}", headers=headers)
        assert isinstance(answer, Upgrade)
        assert answer.headers == [("Upgrade", "websocket"), ("Sec-WebSocket-Accept", "k")]
        assert backend.heard()[0] == "GET / HTTP/1.1"
        assert backend.heard()[1]["upgrade"] == "websocket"
        raw = Raw()
        taken: RawConnection = raw
        answer.take_over(taken)
        assert raw.on_data is not None
        raw.on_data(b"from the client")
        await asyncio.gather(*raw.tasks)
        assert raw.sent == b"early and late"
        assert raw.closed
        assert backend.streams[0].heard[-1] == bytes((Channel.STDIN,)) + b"from the client"
        assert backend.streams[0].reset_reason is not None

    run(story, backend)


def test_an_upgrade_that_is_refused_is_an_answer() -> None:
    async def story(world: World) -> None:
        await ready_pod(world)
        headers = {"connection": "Upgrade", "upgrade": "websocket"}
        assert (await read(await world.ask("GET", f"{POD}/x", headers=headers)))[:2] == (426, b"no")

    run(story, Backend("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno"))
