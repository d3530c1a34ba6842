"""Objects of every kind with any of their fields, put into good ones, through every way of writing and reading them."""

import asyncio
import random
from collections import Counter
from typing import Any

import orjson
import pytest

from k3py.api.http.messages import Response
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from tests.api.world import World
from tests.fuzz.operations import EXPLAINED_500
from tests.fuzz.recorded import examples
from tests.fuzz.typed import json_of, made
from tests.objects.world import open_objects

REQUESTS, REQUESTS_LONG = 3_000, 20_000
SECONDS = 300.0
NAMES = "abcd"
_STREAMS = ("exec", "attach", "portforward", "proxy", "log")
_METHODS = ("POST", "POST", "PUT", "PATCH", "PATCH", "GET", "LIST", "DELETE")
_PATCHES = ("application/apply-patch+yaml", "application/merge-patch+json", "application/strategic-merge-patch+json")
_ACCEPT = ("application/json", "application/json;as=Table;v=v1;g=meta.k8s.io")


def put_into(source: random.Random, example: Any, part: Any, share: float) -> Any:
    """An example with about ``share`` of the parts of another object in it."""
    if isinstance(example, dict) and isinstance(part, dict):
        found = {
            key: put_into(source, each, part[key], share) if key in part else each for key, each in example.items()
        }
        return found | {key: each for key, each in part.items() if key not in found and source.random() < share}
    if isinstance(example, list) and isinstance(part, list) and example and part:
        return [put_into(source, example[0], part[0], share), *example[1:]]
    return part if source.random() < share / 3 else example


def body_of(source: random.Random, kind: Kind, template: str, name: str) -> dict[str, Any]:
    """An object of the kind, mostly near to a good one."""
    body = made(source, kind.type, source.choice((0.05, 0.15, 0.3, 0.6)))
    example = examples().get(template)
    if example is not None and source.random() < 0.8:
        body = put_into(source, example, body, source.choice((0.05, 0.2, 0.5)))
    meta = body.get("metadata") if source.random() < 0.3 else {}
    own = ("namespace", "uid", "resourceVersion", "generateName")
    kept = {key: each for key, each in (meta or {}).items() if key not in own}
    return {**body, "apiVersion": kind.api_version, "kind": kind.name, "metadata": {**kept, "name": name}}


async def ask(world: World, source: random.Random, kind: Kind) -> int:
    """One request; its status code."""
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else "/api/v1"
    template = f"{base}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{base}/{kind.plural}"
    collection, name = template.replace("{namespace}", "default"), source.choice(NAMES)
    below = source.choice(["", "", *(f"/{each}" for each in kind.subresources if each not in _STREAMS)])
    method, one = source.choice(_METHODS), f"{collection}/{name}{below}"
    path = {"POST": collection, "LIST": collection, "PATCH": f"{one}?fieldManager=m&force=true"}.get(method, one)
    media_type = source.choice(_PATCHES) if method == "PATCH" else "application/json"
    body = json_of(body_of(source, kind, template, name)) if method in ("POST", "PUT", "PATCH") else None
    headers = {"content-type": media_type, "accept": source.choice(_ACCEPT)}
    answer = await world.ask("GET" if method == "LIST" else method, path, body, headers=headers)
    place = (method, path, media_type, body)
    assert isinstance(answer, Response), place
    told = orjson.loads(bytes(answer.content))
    assert answer.status < 500 or EXPLAINED_500.search(told["message"]), (told, place)
    return answer.status


def hunt(seed: int, count: int) -> None:
    """So many requests; any exception but a Problem comes out."""
    print(f"seed {seed}")
    source, kinds = random.Random(seed), list(KINDS)

    async def story() -> "Counter[int]":
        objects = await open_objects()
        try:
            async with asyncio.timeout(SECONDS):
                world = World(objects)
                return Counter([await ask(world, source, source.choice(kinds)) for _ in range(count)])
        finally:
            await objects.store.close()

    codes = asyncio.run(story())
    assert all(codes[each] for each in (200, 201, 400, 404, 409, 422)), codes


def test_no_object_of_the_right_types_makes_it_fall() -> None:
    hunt(random.Random().getrandbits(32), REQUESTS)


@pytest.mark.long
@pytest.mark.parametrize("turn", range(20))
def test_no_object_of_the_right_types_ever_makes_it_fall(turn: int) -> None:
    hunt(random.Random().getrandbits(32) + turn, REQUESTS_LONG)
