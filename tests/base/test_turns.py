"""Who goes when."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from k3py.base.turns import Gate, Turns
from k3py.base.virtual_loop import run


def play(story: Coroutine[Any, Any, None]) -> None:
    run(story)


def test_one_key_in_order_many_keys_at_once() -> None:
    async def story() -> None:
        turns, told = Turns(), list[str]()

        async def work(key: str, name: str) -> None:
            async with turns.turn(key):
                told.append(f"{name} in")
                await asyncio.sleep(1)
                told.append(f"{name} out")

        await asyncio.gather(work("a", "a1"), work("a", "a2"), work("b", "b1"))
        assert told == ["a1 in", "b1 in", "a1 out", "b1 out", "a2 in", "a2 out"]
        assert not len(turns)

    play(story())


def test_who_gives_up_waiting_holds_up_nobody() -> None:
    async def story() -> None:
        turns = Turns()
        async with turns.turn("a"):
            waiting = asyncio.ensure_future(_hold(turns))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await _hold(turns)
        assert not len(turns)

    play(story())


async def _hold(turns: Turns) -> None:
    async with turns.turn("a"):
        pass


def test_the_one_alone_waits_for_those_inside_and_goes_before_those_who_come_later() -> None:
    async def story() -> None:
        gate, told = Gate(), list[str]()

        async def together(name: str) -> None:
            async with gate.together():
                told.append(name)
                await asyncio.sleep(1)

        async def alone() -> None:
            async with gate.alone():
                told.append("alone in")
                await asyncio.sleep(1)
                told.append("alone out")

        tasks = [asyncio.ensure_future(together(each)) for each in ("1", "2")]
        await asyncio.sleep(0.1)
        tasks.append(asyncio.ensure_future(alone()))
        await asyncio.sleep(0.1)
        tasks.append(asyncio.ensure_future(together("3")))
        await asyncio.gather(*tasks)
        assert told == ["1", "2", "alone in", "alone out", "3"]

    play(story())


def test_one_who_gives_up_being_alone_lets_the_others_in() -> None:
    async def story() -> None:
        gate = Gate()
        async with gate.together():
            alone = asyncio.ensure_future(_alone(gate))
            await asyncio.sleep(0.1)
            other = asyncio.ensure_future(_together(gate))
            await asyncio.sleep(0.1)
            assert not other.done()
            alone.cancel()
            await asyncio.gather(alone, return_exceptions=True)
            async with asyncio.timeout(1):
                await other
        await _alone(gate)

    play(story())


async def _alone(gate: Gate) -> None:
    async with gate.alone():
        pass


async def _together(gate: Gate) -> None:
    async with gate.together():
        pass
