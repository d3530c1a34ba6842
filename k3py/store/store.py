"""The store: records, revisions, listings and watches over a log. It knows nothing of kinds.

All state is in memory and all reads answer from there; the log is read once, at ``open``. A write is decided, given
its revision and encoded in the first step of the call, before any await; its result arrives when it is durable.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.store.batch import Batch, Refusal, Write, rows_of
from k3py.store.collections import Collection
from k3py.store.committer import Committer
from k3py.store.errors import (
    CannotOpen,
    LogFailed,
    NotOpen,
    StoreError,
    TooOld,
    UnknownCollection,
)
from k3py.store.expirer import Expirer
from k3py.store.expiry import Expiry
from k3py.store.history import listing_before
from k3py.store.keys import FORMAT, registry_key
from k3py.store.limits import Limits
from k3py.store.listing import Listing
from k3py.store.log import Log, Puts
from k3py.store.records import Change, Changes, ChangeType, Record, intern_labels, share, share_fields
from k3py.store.recovery import FORMAT_VERSION, Found, Past, read_all, resolve_changes
from k3py.store.refusals import refusal_of
from k3py.store.revisions import Revisions
from k3py.store.rows import number_row
from k3py.store.sealing import Sealer
from k3py.store.shelf import Shelf
from k3py.store.snapshots import Snapshots
from k3py.store.watches import Deliver, Watch
from k3py.store.writes import Create, Delete, Encode, EncodeTombstone, Operation, Outcomes, Replace


class Store:
    """One cluster's records. Used from one event loop only."""

    def __init__(
        self,
        log: Log,
        collections: Sequence[Collection],
        clock: Clock,
        sealer: Sealer | None = None,
        *,
        limits: Limits | None = None,
        on_fatal: Callable[[str], None] = lambda why: None,
    ) -> None:
        """``on_fatal`` is called when the store cannot go on (fenced, a batch failed or did not end in time): the
        process has to end there. Those who wait have been told shortly before."""
        self._log = log
        self._configured = list(collections)
        self._clock = clock
        self._sealer = sealer
        self._limits = limits or Limits()
        self._on_fatal = on_fatal
        self._shelves: dict[str, Shelf] = {}
        self._found = Found()
        self._revision = 0
        self._revisions = Revisions(self._limits.revision_chunk, 0)
        self._committer: Committer | None = None
        self._expirer = Expirer(self, clock, self._limits.expiry_batch)
        self._snapshots = Snapshots(self._limits.snapshots)
        self._watch_count = 0
        self._tasks = Tasks(lambda name, problem: on_fatal(f"{name} failed: {problem!r}"))

    # --- life ---

    async def open(self) -> None:
        """Fence every earlier writer, load everything, rebuild the rings, reserve revisions, start committing.

        Raises:
            CannotOpen: what the log has is not usable, or it cannot be reached.
            LogFailed: it failed on the way, e.g. because another writer was faster.
        """
        if self._sealer is None and any(c.sealed for c in self._configured):
            raise CannotOpen("cannot open the store: a collection is to be encrypted, and no key was given")
        try:
            await self._load()
        except BaseException:
            await self._log.close()
            raise
        self._committer = Committer(self._log, self._limits, self._prepare, self._publish, self._on_fatal)
        for collection in self._configured:
            self._place(collection, self._found.collections.pop(collection.name, Past()))
        self._tasks.start(self._committer.run(), "store committer")
        self._tasks.start(self._expirer.run(), "store expiry")

    async def close(self) -> None:
        """Make durable what waits, then let go of the log. Writes that come later raise ``NotOpen``."""
        if self._committer is not None:
            self._committer.stop()
            await self._committer.ended.wait()
        await self._tasks.stop()
        await self._log.close()

    def add_collection(self, collection: Collection) -> None:
        """Serve one more collection (a custom kind); what the log had of it when it was opened is there at once.

        Raises:
            ValueError: there is one of this name.
        """
        if collection.name in self._shelves:
            raise ValueError(f"cannot add the collection {collection.name}: it is there already")
        past = self._found.collections.pop(collection.name, None)
        if past is None:  # an earlier life of the name may have ended since: nobody resumes from there
            past = Past(floor=self._revision)
        self._place(collection, past)

    def remove_collection(self, name: str) -> None:
        """Serve a collection no more; its watches are closed.

        Raises:
            UnknownCollection: there is none of this name.
            ValueError: it has records, or writes are on their way to it.
        """
        shelf = self._shelf(name)
        if not shelf.is_empty:
            raise ValueError(f"cannot remove the collection {name}: it has records")
        for watch in tuple(shelf.watches.values()):
            watch.close()
        del self._shelves[name]
        self._snapshots.drop_before(name, self._revision + 1)
        self._expirer.collections.pop(name, None)
        self._running().add_rows(shelf.tail.drop_all(self._revision))

    # --- reads: committed records only, but for `latest` and `list_latest` ---

    @property
    def revision(self) -> int:
        """The last durable, visible revision."""
        return self._revision

    @property
    def collections(self) -> Sequence[str]:
        """Names of the collections that are served."""
        return tuple(self._shelves)

    def get(self, collection: str, namespace: str, name: str) -> Record | None:
        """The committed record; ``namespace`` is empty for cluster-wide ones."""
        return self._shelf(collection).get(namespace, name)

    def latest(self, collection: str, namespace: str, name: str) -> Record | None:
        """The record as pending writes leave it, else the committed one: only to decide a write, never to answer."""
        return self._shelf(collection).latest(namespace, name)

    def list_latest(self, collection: str, namespace: str | None) -> Iterator[Record]:
        """All records as ``latest`` would return them, in no order; to be gone through without an await."""
        return self._shelf(collection).list_latest(namespace)

    def list(self, collection: str, namespace: str | None) -> Listing:
        """Committed records of one namespace, or of all (None), sorted by namespace and name.

        The same object until something changes; its contents are those at the store's ``revision``.
        """
        return self._shelf(collection).list(namespace)

    def snapshot(self, collection: str, namespace: str | None) -> tuple[int, Listing]:
        """The listing and its revision, for a client that pages: ``list_at`` finds it again without making it anew."""
        listing = self.list(collection, namespace)
        self._snapshots.keep((collection, namespace, self._revision), listing)
        return self._revision, listing

    def list_at(self, collection: str, namespace: str | None, revision: int) -> Listing:
        """The listing as it was at ``revision``: the current one with the changes since then taken back.

        Raises:
            TooOld: some of these changes are no longer kept, or the revision has not come yet.
        """
        shelf = self._shelf(collection)
        listing = shelf.list(namespace)
        if revision > self._revision:
            raise TooOld(f"resource version {revision} has not come yet, current: {self._revision}")
        if listing.revision <= revision:
            return listing
        key = (collection, namespace, revision)
        kept = self._snapshots.find(key)
        if kept is None:
            kept = listing_before(listing, shelf.since(namespace, revision))
            self._snapshots.keep(key, kept)
        return kept

    def watch(self, collection: str, namespace: str | None, since: int | None, deliver: Deliver) -> Watch:
        """Hear of changes after ``since`` (None: from now on), of one namespace or of all (None).

        What has happened since is delivered before the call returns, in one piece; then each durable batch is, in
        the step in which it becomes visible. Nothing is missed and nothing comes twice. A ``since`` in the future is
        waited for.

        Raises:
            TooOld: some of the changes are no longer kept: list again.
        """
        shelf = self._shelf(collection)
        past: Sequence[Change] = () if since is None else shelf.since(namespace, since)
        self._watch_count += 1
        number = self._watch_count
        position = self._revision if since is None else max(since, self._revision)
        forget = shelf.watches.pop
        watch = Watch(number, namespace, position, deliver, lambda n: forget(n, None))
        shelf.watches[number] = watch
        if past:
            watch.replay(Changes(past))
        return watch

    # --- writes ---

    async def create(self, collection: str, namespace: str, name: str, encode: Encode) -> Record:
        """Store a new record; returns when it is durable.

        Raises:
            AlreadyExistsInStore: the key is taken, durably.
            Overloaded, NotOpen: nothing was written.
            OutcomeUnknown: it may be stored or not.
        """
        return await self._finish(self._decide(Create(collection, namespace, name, encode)))

    async def replace(
        self, collection: str, namespace: str, name: str, expected_revision: int, encode: Encode
    ) -> Record:
        """Store another version of the record that is at ``expected_revision``.

        Raises:
            Stale: it is at another revision, or gone, durably.
            Overloaded, NotOpen: nothing was written.
            OutcomeUnknown: it may be stored or not.
        """
        return await self._finish(self._decide(Replace(collection, namespace, name, expected_revision, encode)))

    async def delete(
        self,
        collection: str,
        namespace: str,
        name: str,
        expected_revision: int,
        encode_tombstone: EncodeTombstone,
    ) -> Record:
        """Remove the record that is at ``expected_revision``; returns its last version at the deletion's revision.

        Raises: as ``replace``.
        """
        return await self._finish(
            self._decide(Delete(collection, namespace, name, expected_revision, encode_tombstone))
        )

    async def write_many(self, operations: Sequence[Operation]) -> Outcomes:
        """Several writes in one batch (several when they pass a batch's bound), each decided on its own, in order.

        Returns what each came to; what single writes would raise stands in its place.
        """
        decided = [self._decide(operation) for operation in operations]
        outcomes: Outcomes = []
        for each in decided:
            try:
                outcomes.append(await self._finish(each))
            except StoreError as problem:
                outcomes.append(problem)
        return outcomes

    async def settled(self) -> None:
        """Wait until all that is pending now is durable: a refusal that was decided against ``latest`` waits for this,
        else it speaks of a write that a crash may erase.

        Raises:
            OutcomeUnknown: it may never be.
        """
        waiter = self._running().settle()
        if waiter is not None:
            await waiter

    # --- inside ---

    async def _load(self) -> None:
        """Become the writer, read everything, and reserve revisions above all that were ever given."""
        await self._within(self._log.open(), self._limits.open_seconds_max, "open the log")
        self._found = found = await read_all(self._log, self._sealer)
        self._revisions = Revisions(self._limits.revision_chunk, found.ceiling)
        self._revision = first = self._revisions.give()
        reservation = self._revisions.reservation(first)
        assert reservation is not None
        rows = [reservation]
        if found.is_new:
            rows.append((FORMAT, number_row(FORMAT_VERSION)))
        await self._within(self._log.write(rows, first), self._limits.batch_seconds_max, "reserve revisions")

    async def _within(self, step: Awaitable[None], seconds: float, what: str) -> None:
        try:
            async with asyncio.timeout(seconds):
                await step
        except TimeoutError as problem:
            raise LogFailed(f"cannot {what}: it takes more than {seconds:g} seconds") from problem

    def _place(self, collection: Collection, past: Past) -> None:
        changes, floor = resolve_changes(past)
        shelf = self._shelves[collection.name] = Shelf(collection, self._revision, floor, past.floor)
        forgotten = [record for record, _ in past.records if collection.volatile(record.namespace)]
        self._running().add_rows([(registry_key(r.collection, r.namespace, r.name), None) for r in forgotten])
        shelf.restore([r for r, _ in past.records if not collection.volatile(r.namespace)], changes)
        if collection.ttl_seconds is None:
            return
        self._expirer.collections[collection.name] = Expiry(collection.ttl_seconds)
        now = self._clock.now()
        for record, written_at in sorted(past.records, key=lambda each: each[1]):
            self._expirer.written(record, now - written_at)

    def _decide(self, operation: Operation) -> Write | Refusal:
        """Check against what is pending and committed; a write that passes is pending when this returns."""
        shelf = self._shelf(operation.collection)
        committer = self._running()
        namespace, name = operation.namespace, operation.name
        registry_key(operation.collection, namespace, name)
        latest = shelf.latest(namespace, name)
        problem = refusal_of(operation, latest)
        if problem is not None:
            return Refusal(problem, committer.settle() if shelf.is_pending(namespace, name) else None)
        try:
            committer.admit()
        except StoreError as overload:
            return Refusal(overload, None)
        change = self._encode(operation, latest)
        written_at = 0.0 if shelf.collection.ttl_seconds is None else self._clock.now()
        done: asyncio.Future[Record] = asyncio.get_running_loop().create_future()
        write = Write(shelf, change, latest, written_at, done)
        shelf.expect(change)
        committer.add(write)
        return write

    def _encode(self, operation: Operation, latest: Record | None) -> Change:
        revision = self._revisions.next
        collection, namespace, name = operation.collection, share(operation.namespace), operation.name
        if isinstance(operation, Delete):
            assert latest is not None
            kind, raw = ChangeType.DELETED, operation.encode_tombstone(revision)
            record = Record(collection, namespace, name, revision, latest.uid, raw, latest.labels, latest.fields)
        else:
            kind = ChangeType.ADDED if latest is None else ChangeType.MODIFIED
            encoded = operation.encode(revision)
            labels, fields = intern_labels(encoded.labels), share_fields(encoded.fields)
            record = Record(collection, namespace, name, revision, encoded.uid, encoded.raw, labels, fields)
        assert self._revisions.next == revision, "encode wrote to the store"
        self._revisions.give()
        return Change(kind, record, latest)

    async def _finish(self, decided: Write | Refusal) -> Record:
        if isinstance(decided, Write):
            return await decided.done
        if decided.settled is not None:
            await decided.settled
        raise decided.problem

    def _prepare(self, batch: Batch) -> tuple[Puts, int]:
        """A batch's rows and its sequence number: the last revision in it."""
        last = batch.writes[-1].change.revision if batch.writes else self._revisions.give()
        rows = rows_of(batch.writes, self._sealer)
        rows.update(batch.extra_rows)
        reservation = self._revisions.reservation(last)
        if reservation is not None:
            rows.update([reservation])
        return list(rows.items()), last

    def _publish(self, batch: Batch) -> None:
        """The batch is durable: make all of it visible first, then tell."""
        changed: dict[str, list[Change]] = {}
        for write in batch.writes:
            write.shelf.apply(write.change)
            changed.setdefault(write.shelf.collection.name, []).append(write.change)
            if write.shelf.collection.ttl_seconds is not None and write.change.type is not ChangeType.DELETED:
                self._expirer.written(write.change.record)
        if batch.writes:
            self._revision = batch.writes[-1].change.revision
        for name, changes in changed.items():
            self._snapshots.drop_before(name, self._shelves[name].ring.floor)
            self._shelves[name].publish(changes)

    def _shelf(self, collection: str) -> Shelf:
        shelf = self._shelves.get(collection)
        if shelf is None:
            raise UnknownCollection(f"the store has no collection {collection}")
        return shelf

    def _running(self) -> Committer:
        if self._committer is None:
            raise NotOpen("cannot use the store: it is not open")
        return self._committer
