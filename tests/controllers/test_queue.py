"""The work queue, on virtual time."""

import asyncio
import random

from k3py.base import virtual_loop
from k3py.controllers.queue import BACKOFF_FIRST_SECONDS, BACKOFF_SECONDS_MAX, WorkQueue


def queue(keys_max: int = 100) -> WorkQueue[str]:
    return WorkQueue(random.Random(1), keys_max)


def test_a_key_waits_once() -> None:
    async def story() -> None:
        work = queue()
        work.add_all(["a", "b", "a"])
        assert [await work.get(), await work.get()] == ["a", "b"]
        assert not len(work)

    virtual_loop.run(story())


def test_a_key_that_is_worked_on_comes_back_afterwards_and_to_one_worker() -> None:
    async def story() -> None:
        work = queue()
        work.add("a")
        key = await work.get()
        work.add("a")
        assert not len(work)
        work.done(key)
        assert await work.get() == "a"
        work.done("a")
        assert work.idle

    virtual_loop.run(story())


def test_of_two_delayed_adds_the_earlier_counts() -> None:
    async def story() -> None:
        loop, work = asyncio.get_running_loop(), queue()
        work.add_after("a", 10)
        work.add_after("a", 3)
        work.add_after("a", 7)
        assert work.delayed == 1
        assert (await work.get(), loop.time()) == ("a", 3)
        work.add_after("b", 0)
        assert await work.get() == "b"

    virtual_loop.run(story())


def test_failures_back_off_with_jitter_up_to_the_bound_until_one_success() -> None:
    async def story() -> None:
        work = queue()
        waits = [work.add_failed("a") for _ in range(30)]
        for number, wait in enumerate(waits):
            full = min(BACKOFF_SECONDS_MAX, BACKOFF_FIRST_SECONDS * 2**number)
            assert full / 2 <= wait <= full
        assert work.failures("a") == 30
        work.succeeded("a")
        assert work.add_failed("a") <= BACKOFF_FIRST_SECONDS
        work.close()

    virtual_loop.run(story())


def test_beyond_its_bound_it_forgets_and_says_so() -> None:
    async def story() -> None:
        work = queue(keys_max=2)
        work.add_all("ab")
        assert not work.overflowed
        work.add("a")
        assert not work.overflowed, "a known key takes no room"
        work.add("c")
        assert work.overflowed
        assert len(work) == 2

    virtual_loop.run(story())


def test_the_rest_that_rounding_leaves_of_a_deadline_moves_the_clock() -> None:
    async def story() -> None:
        loop, work = asyncio.get_running_loop(), queue()
        await asyncio.sleep(1e6)
        before = loop.time()
        work.add_after("a", 1e-12)
        assert await work.get() == "a"
        assert loop.time() > before

    virtual_loop.run(story())
