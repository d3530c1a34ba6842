"""The leader's lease: who holds it, and since when."""

import asyncio
import random

from k3py.base.clock import parse_rfc3339
from k3py.daemons.leadership import DURATION_SECONDS, NAME, NAMESPACE, RENEW_SECONDS, lead, renewed
from k3py.model.generated import coordination_v1
from k3py.objects.collections import collections
from k3py.objects.service import Objects
from k3py.objects.system import ensure_system_objects
from k3py.store.memory_log import MemoryLog
from k3py.store.sealing import KeyRing
from k3py.store.store import Store
from tests.pki.helpers import StoppedClock

START = 1_800_000_000.0


def test_a_holder_keeps_its_lease_and_another_takes_it_over() -> None:
    first = renewed(None, "a", START)
    again = renewed(first, "a", START + 10)
    other = renewed(again, "b", START + 20)
    told = [each.spec for each in (first, again, other)]
    assert [spec.holder_identity for spec in told if spec] == ["a", "a", "b"]
    assert [spec.lease_transitions for spec in told if spec] == [0, 0, 1]
    assert [parse_rfc3339(spec.acquire_time or "") - START for spec in told if spec] == [0, 0, 20]
    assert [parse_rfc3339(spec.renew_time or "") - START for spec in told if spec] == [0, 10, 20]


def test_a_lease_outlives_two_renewals_that_fail() -> None:
    assert DURATION_SECONDS >= 3 * RENEW_SECONDS


def test_the_leader_writes_at_once() -> None:
    async def story() -> None:
        clock = StoppedClock(START)
        store = Store(MemoryLog(), collections(), clock, KeyRing({"k": b"k" * 32}, "k"))
        await store.open()
        objects = Objects(store, clock, random.Random(1))
        await ensure_system_objects(objects)
        written = asyncio.Event()
        store.watch("leases", NAMESPACE, None, lambda changes: written.set())
        leading = asyncio.create_task(lead(objects, clock, "a"))
        await asyncio.wait_for(written.wait(), 10)
        spec = objects.read(coordination_v1.Lease, NAMESPACE, NAME).spec
        assert spec is not None
        assert spec.holder_identity == "a"
        leading.cancel()
        await asyncio.wait([leading])
        await store.close()

    asyncio.run(story())
