"""Long work goes piece by piece, and everything else goes on between two pieces."""

import asyncio
from itertools import pairwise

import pytest

from k3py.api.http.turns import REST_SECONDS, SHORT_SECONDS, Hurry, Turns
from k3py.base import virtual_loop
from tests.api.http.fakes import settle


def test_one_piece_is_done_in_each_round_whoever_has_some() -> None:
    async def work() -> None:
        turns, done = Turns(), []

        async def long(name: str) -> None:
            for number in range(3):
                await turns.mine()
                done.append(f"{name}{number}")

        tasks = [asyncio.create_task(long(name)) for name in "abc"]
        rounds = []
        while not all(task.done() for task in tasks):
            before = len(done)
            await asyncio.sleep(0)
            rounds.append(len(done) - before)
        assert done == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]
        assert max(rounds) == 1

    asyncio.run(work())


def test_who_gave_up_keeps_nobody_from_a_turn() -> None:
    async def work() -> None:
        turns, done = Turns(), []
        gone = asyncio.create_task(turns.mine())
        turns.soon(lambda: done.append(1))
        await asyncio.sleep(0)
        gone.cancel()
        turns.soon(lambda: done.append(2))
        await settle()
        assert done == [1, 2]
        turns.soon(lambda: done.append(3))
        await settle()
        assert done == [1, 2, 3]

    asyncio.run(work())


def test_while_a_short_request_waits_pieces_are_some_time_apart() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        turns, given = Turns(Hurry(loop.time)), []
        for _ in range(6):
            turns.soon(lambda: given.append(loop.time()))
        with turns.hurry.short():
            await asyncio.sleep(3.5 * REST_SECONDS)
        assert [later - earlier for earlier, later in pairwise(given)] == pytest.approx([REST_SECONDS] * 3)

    virtual_loop.run(work())


def test_when_it_has_its_answer_they_come_round_by_round_again() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        turns, given = Turns(Hurry(loop.time)), []
        turns.hurry.on_end = turns.go_on
        for _ in range(4):
            turns.soon(lambda: given.append(loop.time()))
        with turns.hurry.short():
            await asyncio.sleep(REST_SECONDS / 2)
            assert len(given) == 1
        begin = loop.time()
        for _ in range(4):
            await asyncio.sleep(0)
        assert given[1:] == [begin] * 3

    virtual_loop.run(work())


def test_a_request_that_waits_for_something_else_holds_nothing_up_for_long() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        turns, given = Turns(Hurry(loop.time)), []
        with turns.hurry.short():
            await asyncio.sleep(SHORT_SECONDS)
            assert not turns.hurry.is_on()
            for _ in range(100):
                turns.soon(lambda: given.append(loop.time()))
            begin = loop.time()
            await settle()
            await settle()
            assert given == [begin] * 100
            with turns.hurry.short(is_short=False):
                assert not turns.hurry.is_on()
            with turns.hurry.short():
                assert turns.hurry.is_on()

    virtual_loop.run(work())


def test_turns_of_what_cannot_be_cut_are_further_apart_and_as_long_as_somebody_was_in_a_hurry_lately() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        hurry = Hurry(loop.time)
        turns, given = Turns(hurry, 5 * REST_SECONDS, linger_seconds=12 * REST_SECONDS), []
        with hurry.short():
            pass
        for _ in range(6):
            turns.soon(lambda: given.append(loop.time()))
        await asyncio.sleep(30 * REST_SECONDS)
        apart = [later - earlier for earlier, later in pairwise(given)]
        assert apart == pytest.approx([5 * REST_SECONDS] * 3 + [0.0] * 2)

    virtual_loop.run(work())
