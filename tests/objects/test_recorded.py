"""A handful of requests whose answers were recorded from kube-apiserver 1.36: ours are the same."""

import asyncio
import ipaddress
import json
from pathlib import Path

import pytest

from k3py.objects.service_addresses import ServiceRanges
from tests.objects.replay import replay
from tests.objects.world import open_objects

CASES = [json.loads(line) for line in Path(__file__).with_name("recorded.jsonl").read_text().splitlines()]
# The recorded server gave its services addresses from this range.
RANGES = ServiceRanges(ipaddress.IPv4Network("10.96.0.0/16"))


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_answers_are_those_of_kubernetes(case):
    async def story():
        objects = await open_objects(ranges=RANGES)
        try:
            return list(await replay(objects, case))
        finally:
            await objects.store.close()

    assert asyncio.run(story()) == []
