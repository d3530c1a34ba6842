"""Long work goes piece by piece, and everything else goes on between two pieces."""

import asyncio

from k3py.api.http.turns import Turns
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
