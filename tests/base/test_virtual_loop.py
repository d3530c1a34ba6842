"""The loop on virtual time: waiting costs nothing, a seed repeats its story, and the dead stay silent."""

import asyncio
import gc
import random
import time

import pytest

from k3py.base.virtual_loop import Deadlock, HotLoop, Life, VirtualLoop, current_life, new_loop, run


def the_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def test_a_year_of_waiting_takes_no_time() -> None:
    async def story() -> float:
        await asyncio.sleep(365 * 86_400)
        return the_loop().time()

    begin = time.monotonic()
    assert run(story()) == 365 * 86_400
    assert time.monotonic() - begin < 5


def test_timers_come_in_order_and_cancelled_ones_not_at_all() -> None:
    async def story() -> list[str]:
        loop, seen = the_loop(), list[str]()
        loop.call_later(2, seen.append, "second")
        loop.call_later(1, seen.append, "first")
        loop.call_later(2, seen.append, "third")
        loop.call_later(1.5, seen.append, "never").cancel()
        loop.call_later(-5, seen.append, "at once")
        await asyncio.sleep(3)
        return seen

    assert run(story()) == ["at once", "first", "second", "third"]


def test_asyncio_works_on_it() -> None:
    async def story() -> None:
        queue, lock, event = asyncio.Queue[int](maxsize=1), asyncio.Lock(), asyncio.Event()

        async def producer() -> None:
            for i in range(3):
                async with lock:
                    await queue.put(i)
                    await asyncio.sleep(1)
            event.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(producer())
            taken = [await queue.get() for _ in range(3)]
        assert taken == [0, 1, 2]
        await event.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await queue.get()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 5)
        assert the_loop().time() == 3 + 10 + 5
        assert await the_loop().run_in_executor(None, lambda a: a + 1, 1) == 2
        assert await asyncio.to_thread(lambda: "here") == "here"

    run(story())


def test_everybody_waiting_for_nobody_is_an_error() -> None:
    with pytest.raises(Deadlock):
        run(asyncio.Event().wait())


def test_going_round_without_time_passing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("k3py.base.virtual_loop.STEPS_WITHOUT_TIME_MAX", 1_000)

    async def story() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(HotLoop):
        run(story())


def order(seed: int | None) -> list[int]:
    async def story() -> list[int]:
        seen: list[int] = []

        async def one(number: int) -> None:
            await asyncio.sleep(1)
            seen.append(number)

        await asyncio.gather(*map(one, range(20)))
        return seen

    return run(story(), None if seed is None else random.Random(seed))


def test_a_seed_decides_the_order_of_tasks_that_are_ready() -> None:
    assert order(None) == list(range(20))
    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == list(range(20))


def test_plain_callbacks_keep_their_order_whatever_the_seed() -> None:
    async def story() -> list[int]:
        seen: list[int] = []
        for number in range(20):
            the_loop().call_soon(seen.append, number)
        await asyncio.sleep(1)
        return seen

    assert run(story(), random.Random(1)) == list(range(20))


def test_the_dead_do_nothing_more_not_even_finally() -> None:
    seen: list[str] = []

    async def victim() -> None:
        assert current_life() is not None
        try:
            child = asyncio.ensure_future(grandchild())
            await asyncio.sleep(5)
            seen.append("lived on")
            await child
        finally:
            seen.append("finally")

    async def grandchild() -> None:
        try:
            await asyncio.sleep(4)
            seen.append("child lived on")
        except BaseException:
            seen.append("cancelled")
            raise

    async def story() -> None:
        loop, life = the_loop(), Life("victim")
        assert current_life() is None
        task = loop.start_in(life, victim())
        await asyncio.sleep(3)
        loop.kill(life)
        del task
        gc.collect()
        await asyncio.sleep(100)
        assert seen == []
        assert len(loop.held) == 2

    run(story())


def test_the_living_are_not_held_by_what_the_dead_have_set_in_motion() -> None:
    """A future that the dead resolved wakes a living task, whose own context is empty."""

    async def story() -> str:
        loop, life = the_loop(), Life("giver")
        present: asyncio.Future[str] = loop.create_future()

        async def giver() -> None:
            present.set_result("here")
            loop.kill(life)

        loop.start_in(life, giver())
        return await present

    assert run(story()) == "here"


def test_a_kill_between_two_steps_is_possible_everywhere() -> None:
    async def story() -> int:
        loop, life, steps = the_loop(), Life("worker"), [0]

        async def worker() -> None:
            while True:
                steps[0] += 1
                await asyncio.sleep(0.1)

        def before() -> None:
            if steps[0] == 7:
                loop.kill(life)

        loop.before_step = before
        loop.start_in(life, worker())
        await asyncio.sleep(60)
        return steps[0]

    assert run(story()) == 7


def test_what_nobody_catches_is_kept() -> None:
    def fails() -> None:
        raise RuntimeError("callback")

    loop = new_loop()
    loop.call_soon(fails)
    loop.run_until_complete(asyncio.wait_for(loop.create_task(asyncio.sleep(1)), 2))
    assert [str(failure["exception"]) for failure in loop.failures] == ["callback"]
    loop.close()
    assert loop.is_closed()


def test_cancelled_timers_of_one_moment_are_told_apart() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        timers = [loop.call_at(5.0, lambda: None) for _ in range(8)]
        for timer in timers:
            timer.cancel()
        for _ in range(8):
            loop.call_at(5.0, lambda: None)
        await asyncio.sleep(6)

    run(story())
