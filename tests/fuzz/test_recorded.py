"""The requests of the recorded suites with parts changed at random, straight into the API: thousands in a second."""

import asyncio
import random
import re
import time
from collections import Counter

import orjson
import pytest

from k3py.api.http.messages import Response
from tests.api.world import World
from tests.fuzz.operations import EXPLAINED_500
from tests.fuzz.recorded import Request, changed, stock
from tests.objects.world import open_objects

REQUESTS, REQUESTS_LONG = 6_000, 400_000
REQUESTS_PER_WORLD = 10_000
SECONDS = 300.0
SECONDS_MAX = 1.0
"""Of processor time, for one request: a hundred times what the slowest takes."""
_NAMESPACE = re.compile(r"/namespaces/([a-z0-9-]+)/")


async def ask(world: World, source: random.Random, request: Request, codes: "Counter[int]") -> None:
    """One request; any exception but a Problem comes out."""
    method, path, headers, body = changed(source, request)
    begun = time.thread_time()
    answer = await world.ask(method, path, body, headers=headers)
    took = time.thread_time() - begun
    place = (method, path, headers, body)
    assert took < SECONDS_MAX, (took, place)
    assert isinstance(answer, Response), place
    codes[answer.status] += 1
    if answer.status >= 500:
        message = orjson.loads(bytes(answer.content))["message"]
        assert EXPLAINED_500.search(message), (message, place)


async def tell(world: World, source: random.Random, cases: list[list[Request]], count: int) -> "Counter[int]":
    """So many requests, case by case, each request several times; the status codes."""
    for name in sorted({each for case in cases for request in case for each in _NAMESPACE.findall(request["path"])}):
        await world.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    codes: Counter[int] = Counter()
    while codes.total() < count:
        for request in source.choice(cases):
            for _ in range(4):
                await ask(world, source, request, codes)
        await asyncio.sleep(0)
    return codes


def hunt(seed: int, count: int) -> None:
    print(f"seed {seed}")
    source, cases = random.Random(seed), stock()

    async def story() -> "Counter[int]":
        objects = await open_objects()
        try:
            async with asyncio.timeout(SECONDS):
                return await tell(World(objects), source, cases, count)
        finally:
            await objects.store.close()

    codes = asyncio.run(story())
    assert all(codes[each] for each in (200, 201, 400, 404, 409, 422)), codes


def test_nothing_near_to_what_was_recorded_makes_it_fall() -> None:
    hunt(random.Random().getrandbits(32), REQUESTS)


@pytest.mark.long
@pytest.mark.parametrize("turn", range(REQUESTS_LONG // REQUESTS_PER_WORLD))
def test_much_that_is_near_to_what_was_recorded_does_not_make_it_fall(turn: int) -> None:
    hunt(random.Random().getrandbits(32) + turn, REQUESTS_PER_WORLD)
