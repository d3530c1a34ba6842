"""What a new process finds: records, revisions above all old ones, and a past from which watches resume."""

import asyncio

import pytest

from k3py.base.virtual_loop import run
from k3py.store.collections import Collection
from k3py.store.errors import Corrupt, TooOld, UnknownCollection
from k3py.store.keys import CEILING, CHANGES, FORMAT, floor_key
from k3py.store.memory_log import MemoryLog, MemoryMedium
from k3py.store.sealing import KeyRing
from k3py.store.store import Store
from tests.store.helpers import EVENTS, LEASES, PODS, SECRETS, GatedLog, Heard, opened, pod, tombstone


async def write_some(store: Store) -> None:
    """p0 to p3; p1 is replaced twice, p2 deleted and made anew, p3 deleted."""
    records = [await store.create("pods", "default", f"p{i}", pod(f"p{i}", {"n": str(i)})) for i in range(4)]
    second = await store.replace("pods", "default", "p1", records[1].revision, pod("p1", {"n": "x"}, step=2))
    await store.replace("pods", "default", "p1", second.revision, pod("p1", step=3))
    for record in records[2:]:
        await store.delete("pods", "default", record.name, record.revision, tombstone(record))
    await store.create("pods", "default", "p2", pod("p2", life=2))


def test_records_and_the_past_are_as_they_were() -> None:
    async def story() -> None:
        medium, before, after = MemoryMedium(), Heard(), Heard()
        async with opened(MemoryLog(medium)) as store:
            start = store.revision
            store.watch("pods", None, None, before)
            await write_some(store)
            old = store.list("pods", None)
        async with opened(MemoryLog(medium)) as store:
            new = store.list("pods", None)
            assert [(r.name, r.revision, r.raw, r.uid, r.labels, r.fields) for r in new] == [
                (r.name, r.revision, r.raw, r.uid, r.labels, r.fields) for r in old
            ]
            store.watch("pods", None, start, after)
            assert after == before
            assert [c.frame() for c in after.changes] == [c.frame() for c in before.changes]
            previous = [(c.previous and (c.previous.revision, c.previous.labels)) for c in after.changes]
            assert previous == [(c.previous and (c.previous.revision, c.previous.labels)) for c in before.changes]

    run(story())


def test_no_revision_is_given_twice_also_not_one_that_no_log_has_seen() -> None:
    async def story() -> None:
        medium = MemoryMedium()
        async with opened(MemoryLog(medium)) as store:
            await store.create("pods", "default", "a", pod("a"))
            volatile = await store.create("leases", "kube-node-lease", "n1", pod("n1"))
            ceiling = int(medium.rows[CEILING])
            assert volatile.revision < ceiling
        async with opened(MemoryLog(medium)) as store:
            assert store.revision == ceiling + 1
            assert (await store.create("pods", "default", "b", pod("b"))).revision == ceiling + 2

    run(story())


def test_revisions_are_reserved_before_the_last_ones_are_given() -> None:
    async def story() -> None:
        from k3py.store.limits import Limits

        medium = MemoryMedium()
        async with opened(MemoryLog(medium), limits=Limits(revision_chunk=16, waiting_writes=4)) as store:
            for i in range(100):
                record = await store.create("leases", "kube-node-lease", f"n{i}", pod(f"n{i}"))
                assert record.revision <= int(medium.rows[CEILING]) - 8
        assert len(medium.rows) == 2, "volatile records reserve revisions, and write nothing else"
        assert medium.rows[FORMAT] == b"1"

    run(story())


def test_the_tail_is_bounded_per_collection_and_its_end_is_known_after_a_restart() -> None:
    async def story() -> None:
        medium = MemoryMedium()
        async with opened(MemoryLog(medium)) as store:
            quiet = await store.create("nodes", "", "n1", pod("n1"))
            records = [await store.create("pods", "default", f"p{i}", pod(f"p{i}")) for i in range(60)]
            kept = [key for key in medium.rows if key.startswith(CHANGES)]
            assert 10 < len(kept) <= 1 + 11
        async with opened(MemoryLog(medium)) as store:
            heard = Heard()
            store.watch("pods", None, records[-11].revision, heard)
            assert [name for _, name, _ in heard] == [r.name for r in records[-10:]]
            with pytest.raises(TooOld):
                store.watch("pods", None, records[10].revision, heard)
            nodes = Heard()
            store.watch("nodes", None, 0, nodes)
            assert nodes == [("ADDED", "n1", quiet.revision)], "pods do not push out nodes"

    run(story())


def test_the_tail_is_bounded_in_bytes_too() -> None:
    async def story() -> None:
        medium = MemoryMedium()
        small = Collection("pods", ring_entries=1_000, ring_bytes=20_000, tail_entries=1_000)
        async with opened(MemoryLog(medium), small) as store:
            for i in range(50):
                await store.create("pods", "default", f"p{i}", pod(f"p{i}", data="x" * 1_000))
        assert sum(key.startswith(CHANGES) for key in medium.rows) <= 13
        assert floor_key("pods") in medium.rows

    run(story())


def test_volatile_records_end_with_the_process_and_their_watches_list_again() -> None:
    async def story() -> None:
        medium = MemoryMedium()
        async with opened(MemoryLog(medium)) as store:
            await store.create("leases", "kube-system", "controller-leader", pod("controller-leader"))
            lease = await store.create("leases", "kube-node-lease", "n1", pod("n1"))
            heard = Heard()
            store.watch("leases", "kube-node-lease", lease.revision - 1, heard)
            assert heard == [("ADDED", "n1", lease.revision)]
        assert not any(b"kube-node-lease" in key for key in medium.rows)
        async with opened(MemoryLog(medium)) as store:
            assert [r.name for r in store.list("leases", None)] == ["controller-leader"]
            for namespace in ("kube-node-lease", None):
                with pytest.raises(TooOld):
                    store.watch("leases", namespace, lease.revision, Heard())
            store.watch("leases", "kube-system", 1, resumed := Heard())
            assert [name for _, name, _ in resumed] == ["controller-leader"]

    run(story())


def test_records_of_a_namespace_that_has_become_volatile_are_dropped() -> None:
    async def story() -> None:
        medium = MemoryMedium()
        async with opened(MemoryLog(medium), Collection("leases")) as store:
            await store.create("leases", "kube-node-lease", "n1", pod("n1"))
        async with opened(MemoryLog(medium), LEASES) as store:
            assert store.list("leases", None) == ()
            await store.create("leases", "kube-system", "x", pod("x"))
        assert b"/registry/leases/kube-node-lease/n1" not in medium.rows

    run(story())


def test_a_custom_kind_finds_its_records_when_it_is_known() -> None:
    gnus = Collection("zoo.example.com/gnus")

    async def story() -> None:
        medium = MemoryMedium()
        async with opened(MemoryLog(medium)) as store:
            store.add_collection(gnus)
            with pytest.raises(ValueError, match="there already"):
                store.add_collection(gnus)
            start = store.revision
            await store.create(gnus.name, "default", "gary", pod("gary"))
            await store.create(gnus.name, "", "gwen", pod("gwen"))
        async with opened(MemoryLog(medium)) as store:
            with pytest.raises(UnknownCollection):
                store.list(gnus.name, None)
            store.add_collection(gnus)
            assert [(r.namespace, r.name) for r in store.list(gnus.name, None)] == [("", "gwen"), ("default", "gary")]
            store.watch(gnus.name, None, start, heard := Heard())
            assert [name for _, name, _ in heard] == ["gary", "gwen"]

    run(story())


def test_a_removed_collection_leaves_nothing_and_nobody_resumes_across_its_end() -> None:
    gnus = Collection("zoo.example.com/gnus")

    async def story() -> None:
        medium = MemoryMedium()
        async with opened(MemoryLog(medium)) as store:
            store.add_collection(gnus)
            gary = await store.create(gnus.name, "default", "gary", pod("gary"))
            with pytest.raises(ValueError, match="it has records"):
                store.remove_collection(gnus.name)
            gary = await store.delete(gnus.name, "default", "gary", gary.revision, tombstone(gary))
            watch = store.watch(gnus.name, None, None, Heard())
            store.remove_collection(gnus.name)
            assert not watch.is_open
            store.add_collection(gnus)
            with pytest.raises(TooOld):
                store.watch(gnus.name, None, gary.revision - 1, Heard())
            store.remove_collection(gnus.name)
        assert not any(key.startswith(CHANGES) for key in medium.rows)
        async with opened(MemoryLog(medium)) as store:
            store.add_collection(gnus)
            with pytest.raises(TooOld):
                store.watch(gnus.name, None, gary.revision - 1, Heard())

    run(story())


def test_secrets_are_encrypted_in_the_log_also_in_its_tail_and_plain_in_memory() -> None:
    async def story() -> None:
        medium, keys = MemoryMedium(), KeyRing({"old": b"o" * 32}, "old")
        async with opened(MemoryLog(medium), SECRETS, PODS, sealer=keys) as store:
            secret = await store.create("secrets", "default", "s", pod("s", {"l": "hidden-label"}, data="hunter2"))
            secret = await store.replace("secrets", "default", "s", secret.revision, pod("s", data="hunter3"))
            start = secret.revision - 2
            gone = await store.create("secrets", "default", "t", pod("t", data="hunter4"))
            await store.delete("secrets", "default", "t", gone.revision, tombstone(gone))
            assert b"hunter3" in secret.raw
        everything = b"".join(medium.rows.values())
        assert b"hunter" not in everything
        assert b"hidden-label" not in everything
        both = KeyRing({"old": b"o" * 32, "new": b"n" * 32}, "new")
        async with opened(MemoryLog(medium), SECRETS, PODS, sealer=both) as store:
            assert store.list("secrets", None)[0].raw == secret.raw
            store.watch("secrets", None, start, heard := Heard())
            assert [b"hunter2" in c.record.raw for c in heard.changes] == [True, False, False, False]
            assert b"hunter4" in heard.changes[3].record.raw
            again = await store.replace("secrets", "default", "s", secret.revision, pod("s", data="hunter3"))
        new = KeyRing({"new": b"n" * 32}, "new")
        only = MemoryMedium()
        only.rows = {k: v for k, v in medium.rows.items() if not k.startswith(CHANGES)}
        async with opened(MemoryLog(only), SECRETS, PODS, sealer=new) as store:
            assert store.list("secrets", None)[0].raw == again.raw

    run(story())


def test_events_expire_by_our_clock_in_batches_also_across_a_restart() -> None:
    async def story() -> None:
        log, loop = GatedLog(medium := MemoryMedium()), asyncio.get_running_loop()
        async with opened(log, EVENTS) as store:
            await asyncio.gather(*(store.create("events", "x", f"e{i}", pod(f"e{i}")) for i in range(20)))
            await asyncio.sleep(3000)
            kept = store.get("events", "x", "e7")
            assert kept is not None
            await store.replace("events", "x", "e7", kept.revision, pod("e7", count=2))
        heard = Heard()
        async with opened(again := GatedLog(medium), EVENTS) as store:
            store.watch("events", None, None, heard)
            await asyncio.sleep(590)
            assert len(store.list("events", None)) == 20
            batches = len(again.batches)
            await asyncio.sleep(30)
            assert [r.name for r in store.list("events", None)] == ["e7"]
            assert len(again.batches) == batches + 1
            assert [kind for kind, _, _ in heard] == ["DELETED"] * 19
            assert all(b'"resourceVersion":"%d"' % c.revision in c.record.raw for c in heard.changes)
            await asyncio.sleep(3600)
            assert store.list("events", None) == ()
            assert loop.time() < 3 * 3600

    run(story())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (FORMAT, b"2"),
        (CEILING, b"minus one"),
        (b"/registry/pods/default/web", b"\x02whatever"),
        (b"/registry/pods/default/web", b"\x01whatever"),
        (b"/changes/00000000000000000007", b""),
    ],
)
def test_rows_that_nobody_here_has_written_are_refused_and_stay(key: bytes, value: bytes) -> None:
    async def story() -> None:
        medium = MemoryMedium()
        medium.put([(key, value)], 1)
        with pytest.raises(Corrupt):
            async with opened(MemoryLog(medium)):
                pass
        assert medium.rows == {key: value}

    run(story())


def test_a_change_whose_body_is_missing_only_costs_the_past_before_it() -> None:
    async def story() -> None:
        medium = MemoryMedium()
        async with opened(MemoryLog(medium)) as store:
            records = [await store.create("pods", "default", f"p{i}", pod(f"p{i}")) for i in range(3)]
        medium.put([(b"/registry/pods/default/p1", None)], medium.sequence + 1)
        async with opened(MemoryLog(medium)) as store:
            with pytest.raises(TooOld):
                store.watch("pods", None, records[0].revision, Heard())
            store.watch("pods", None, records[1].revision, heard := Heard())
            assert [name for _, name, _ in heard] == ["p2"]

    run(story())
