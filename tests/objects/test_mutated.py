"""Recorded objects with parts changed at random: stored or refused, never a crash; what is stored is stable."""

import asyncio
import contextlib
import copy
import json
import random
from pathlib import Path

import orjson
import pytest

from k3py.model.errors import Problem
from k3py.objects.decode import decode_body
from k3py.objects.options import FieldValidation, Patch, PatchType
from tests.objects.replay import Unsupported, _located
from tests.objects.world import ADMIN, WRITE, open_objects

VALUES = [
    None, 0, 1, -1, 2**31, 2**62, 1.5, "", "a", "A_b", "x" * 70, "1Gi", "500m", "50%", "-1", "None", "::1", "10.0.0.1",
    "2020-01-01T00:00:00Z", "hugepages-2Mi", True, False, [], {}, ["a"], [{}], {"a": "b"}, [[]],
]  # fmt: skip
ROUNDS = 150


def recorded_bodies():
    found = []
    for line in Path(__file__).with_name("recorded.jsonl").read_text().splitlines():
        for step in json.loads(line)["steps"]:
            request = step["request"]
            try:
                kind, _, name, _ = _located(request["path"])
            except Unsupported:
                continue
            if request["method"] == "POST" and isinstance(request.get("body"), dict) and not name and kind.stored:
                found.append((kind, request["body"]))
    return found


def paths(value, path=()):
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from paths(each, (*path, key))


def mutated(source, body):
    body = copy.deepcopy(body)
    for _ in range(source.randint(1, 3)):
        path = source.choice(list(paths(body)))
        holder = body
        for part in path[:-1]:
            holder = holder[part]
        action = source.random()
        if action < 0.2 and isinstance(holder, dict):
            del holder[path[-1]]
        elif action < 0.35 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
        else:
            alike = [value for value in VALUES if type(value) is type(holder[path[-1]])]
            holder[path[-1]] = copy.deepcopy(source.choice(alike if alike and action < 0.9 else VALUES))
        if not body:
            return {}
    return body


async def one_round(objects, source, number, kind, body):
    changed = mutated(source, body)
    if isinstance(changed.get("metadata"), dict):
        changed["metadata"]["name"] = f"n{number}"
        changed["metadata"].pop("namespace", None)
    obj, _ = decode_body(kind, orjson.dumps(changed), "", FieldValidation.IGNORE)
    written = await objects.create(kind, "default" if kind.namespaced else "", obj, WRITE, ADMIN)
    record = written.record
    stored = decode_body(kind, record.raw, "", FieldValidation.STRICT)[0]
    again = await objects.update(kind, record.namespace, record.name, stored, WRITE, ADMIN)
    assert again.raw == record.raw
    patch = mutated(source, orjson.loads(record.raw))
    for patch_type in (PatchType.MERGE, PatchType.STRATEGIC):
        await objects.patch(kind, record.namespace, record.name, Patch(patch_type, patch), WRITE, ADMIN)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_a_client_sends_makes_it_fall(seed):
    source, bodies, stored = random.Random(seed), recorded_bodies(), 0

    async def story():
        nonlocal stored
        objects = await open_objects()
        start = objects.store.revision
        try:
            for number in range(ROUNDS):
                kind, body = source.choice(bodies)
                with contextlib.suppress(Problem):
                    await one_round(objects, source, number, kind, body)
            stored = objects.store.revision - start
        finally:
            await objects.store.close()

    asyncio.run(story())
    assert stored > 0
