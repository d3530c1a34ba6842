"""One end of a tunnel on a wire that nobody else holds: bounds, silence, turns."""

import asyncio

import pytest

from k3py.model.streams import (
    MESSAGE_BYTES_MAX,
)
from k3py.proxy.connection import OUTPUT_BYTES_MAX, Connection
from k3py.proxy.frames import Frame, Hello, Type, encode_frame, encode_hello
from k3py.proxy.keepalive import DEADLINE_SECONDS as SILENCE_SECONDS
from k3py.proxy.tunnel import WINDOW_BYTES, End
from tests.proxy.helpers import request, run
from tests.proxy.wire import HandClock, Wire, on_wire


def test_a_peer_that_asks_and_never_reads_is_cut_off_at_the_bound() -> None:
    async def story() -> None:
        wire = Wire()
        lost: list[str] = []
        on_wire(wire, HandClock(), lost)
        wire.on_data(encode_hello(Hello(1, 1, WINDOW_BYTES, 1)))
        pings = encode_frame(Frame(Type.PING, 0, bytes(8))) * 20_000
        while not lost:
            wire.on_data(pings)
        assert lost == ["the other end does not read what it asked for"]
        assert wire.aborted
        assert len(wire.written) < OUTPUT_BYTES_MAX + 100

    run(story())


def test_a_silent_peer_is_asked_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        wire, clock = Wire(), HandClock()
        lost: list[str] = []

        async def sleep(seconds: float) -> None:
            clock.time += seconds

        connection = on_wire(wire, clock, lost)
        monkeypatch.setattr(asyncio, "sleep", sleep)
        await connection.watch()
        assert lost == [f"nothing was heard for {SILENCE_SECONDS:.0f} s"]
        assert clock.time == SILENCE_SECONDS
        assert wire.written.count(encode_frame(Frame(Type.PING, 0, bytes(8)))[:5]) == 2

    run(story())


class SlowWire(Wire):
    """A socket that takes nothing until ``flowing`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.flowing = asyncio.Event()

    async def drain(self) -> None:
        await self.flowing.wait()


def test_while_the_socket_is_full_writers_wait_and_then_take_turns() -> None:
    async def story() -> None:
        wire, clock = SlowWire(), HandClock()
        connection = Connection(wire, End.HUB, clock, on_ready=lambda _: None, on_lost=lambda _, reason: None)
        connection.start()
        wire.on_data(encode_hello(Hello(1, 1, WINDOW_BYTES, 100)))
        streams = [connection.open(request()) for _ in range(50)]
        wire.written.clear()
        writes = [asyncio.create_task(stream.write(b"\0" * MESSAGE_BYTES_MAX)) for stream in streams]
        for _ in range(5):
            await asyncio.sleep(0)
        assert not wire.written
        wire.flowing.set()
        await asyncio.gather(*writes)
        assert len(wire.written) == 50 * (MESSAGE_BYTES_MAX + 9)
        order = [
            int.from_bytes(wire.written[at + 1 : at + 5]) for at in range(0, len(wire.written), MESSAGE_BYTES_MAX + 9)
        ]
        assert order == sorted(order)

    run(story())
