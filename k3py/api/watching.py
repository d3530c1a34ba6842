"""Watch: a stream of changes from a revision on (Kubernetes API Concepts, "Efficient detection of changes").

Frames are built once per change and joined once per batch for watchers without selectors. A watcher that falls too
far behind is cut off by the connection's bound and resumes by resourceVersion.
"""

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from k3py.api.columns import table
from k3py.api.http.messages import BodyWriter, Request, StreamResponse
from k3py.api.list_options import check_watch, list_options, parse_revision, sends_initial_events, too_large
from k3py.api.negotiation import Form, Wanted, wanted_stream
from k3py.api.parameters import Query
from k3py.api.reading import Now, one_of
from k3py.api.routing import Target
from k3py.api.selection import selected_fields
from k3py.model.errors import Expired, Problem
from k3py.model.registry import Kind
from k3py.objects.collections import collection_name
from k3py.objects.views import shown
from k3py.objects.watching import Selected
from k3py.store.errors import TooOld
from k3py.store.records import Change, Changes, Record
from k3py.store.store import Store
from k3py.store.watches import Watch

# kube-apiserver closes a watch that names no timeout after 30 to 60 minutes.
TIMEOUT_SECONDS_MIN = 1800.0
# A client may ask for longer; event loops count milliseconds in 64 bits.
TIMEOUT_SECONDS_MAX = 30 * 86400.0
BOOKMARK_SECONDS = 60.0
# A watch that is about to end says how far it came, so that the next one begins there.
LAST_BOOKMARK_SECONDS = 2.0
# Initial events, and changes from before the watch began, are looked at in pieces of this many: a slow client is waited
# for, and others get their turn.
PIECE = 50
# Changes that may wait for a watch which is still busy with earlier ones: all that a ring holds, and as many again.
PENDING_MAX = 20_000


@dataclass(frozen=True)
class WatchOptions:
    """What a watch's query asks for.

    Attributes:
        selection: whose changes are told.
        name: the only object that can be selected, if there is but one.
        revision: the one that the query names; 0: none.
        send_initial: begin with all that is there.
        initial_bookmark: say when that is done.
        bookmarks: say now and then how far the watch has come.
        timeout_seconds: how long the watch lasts; 0: it is over before it tells anything.
    """

    selection: Selected
    name: str | None
    revision: int
    send_initial: bool
    initial_bookmark: bool
    bookmarks: bool
    timeout_seconds: float


def watch_options(query: Query, target: Target, source: random.Random) -> WatchOptions:
    """The options in a query.

    Raises:
        BadRequest: a selector or a number cannot be parsed.
        Invalid: sendInitialEvents and resourceVersionMatch do not go together as they have to.
    """
    options = list_options(query)
    check_watch(options)
    fields = selected_fields(options.fields, target.kind, target.name)
    usual = TIMEOUT_SECONDS_MIN * (1 + source.random())
    initial = sends_initial_events(options)
    return WatchOptions(
        Selected(options.labels, fields),
        one_of(target, fields),
        parse_revision(options.resource_version),
        send_initial=initial,
        initial_bookmark=initial and options.bookmarks,
        bookmarks=options.bookmarks,
        timeout_seconds=min(max(options.timeout_seconds or usual, 0.0), TIMEOUT_SECONDS_MAX),
    )


class Frames:
    """Renders changes for one watcher: plain objects, table rows or metadata."""

    def __init__(self, kind: Kind, form: Wanted, now: Now) -> None:
        self._kind = kind
        self._form = form
        self._now = now
        self._columns_sent = False

    @property
    def plain(self) -> bool:
        """Whether the stored bytes are what the watcher gets."""
        return self._form.form is Form.OBJECT and self._kind.view_of is None

    def change(self, change: Change) -> bytes:
        if self.plain:
            return change.frame()
        return self.event(change.type.value, self._rendered(change.record.raw, change.revision))

    def added(self, record: Record) -> bytes:
        return self.event("ADDED", self._rendered(record.raw, record.revision))

    @staticmethod
    def event(kind: str, body: bytes) -> bytes:
        """One line of the stream."""
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), body)

    def bookmark(self, revision: int, *, initial: bool) -> bytes:
        """Says how far the watcher has come; ``initial`` marks the end of the initial events."""
        annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if initial else {}
        metadata: dict[str, Any] = {"resourceVersion": str(revision), **annotations}
        kind = {"kind": self._kind.name, "apiVersion": self._kind.api_version}
        raw = msgspec.json.encode({**kind, "metadata": metadata})
        return self.event("BOOKMARK", raw if self._form.form is Form.OBJECT else self._rendered(raw, revision))

    @staticmethod
    def error(problem: Problem) -> bytes:
        return Frames.event("ERROR", msgspec.json.encode(problem.status()))

    def _rendered(self, raw: bytes, revision: int) -> bytes:
        form = self._form
        if form.form is Form.OBJECT:
            return shown(self._kind, raw)
        if form.only_metadata:
            return table.partial_metadata(shown(self._kind, raw), form.version)
        row = table.row(self._kind, raw, self._now(), form.include_object, form.version)
        first, self._columns_sent = not self._columns_sent, True
        metadata = {"resourceVersion": str(revision)}
        return table.table(self._kind, [row], metadata, with_columns=first, version=form.version)


class Watcher:
    """Answers watches from the store's rings."""

    def __init__(self, store: Store, now: Now, source: random.Random) -> None:
        self._store = store
        self._now = now
        self._source = source

    def watch(self, request: Request, target: Target) -> StreamResponse:
        """The stream of changes that a query asks for.

        Raises:
            NotAcceptable, BadRequest, Invalid: it cannot be had so, or a parameter cannot be understood.
        """
        form = wanted_stream(request)
        options = watch_options(request.query, target, self._source)
        frames = Frames(target.kind, form, self._now)

        async def run(writer: BodyWriter) -> None:
            await _Stream(self._store, target, options, frames, writer).run()

        return StreamResponse(run)


class _Stream:
    """One watch while it runs."""

    def __init__(self, store: Store, target: Target, options: WatchOptions, frames: Frames, writer: BodyWriter) -> None:
        self._store = store
        self._kind = target.kind
        self._namespace = target.namespace or None
        self._options = options
        self._frames = frames
        self._writer = writer
        self._ended = asyncio.Event()
        self._pending: deque[Change] | None = deque()  # None: all earlier changes are told

    async def run(self) -> None:
        """Send until the time is over, the client is gone, or the server stops."""
        if not self._options.timeout_seconds:
            return
        self._writer.on_close = self._writer.on_stop = self._ended.set
        try:
            async with asyncio.timeout(self._options.timeout_seconds) as limit:
                await self._run(limit.when() or 0.0)
        except TimeoutError:
            return

    async def _run(self, until: float) -> None:
        """``until``: the loop's time at which the watch is over."""
        options, newest = self._options, self._store.revision
        since: int | None = options.revision or None
        if options.send_initial:
            if options.revision > newest:
                self._writer.write(self._frames.error(too_large(options.revision, newest)))
                return
            since = await self._send_initial()
        try:
            watch = self._store.watch(collection_name(self._kind), self._namespace, since, self._deliver)
        except TooOld as error:
            self._writer.write(self._frames.error(Expired(str(error))))
            return
        try:
            await self._catch_up()
            await self._until_ended(watch, since or newest, until)
        finally:
            watch.close()

    async def _send_initial(self) -> int:
        listing, revision = self._present(), self._store.revision
        chosen = self._options.selection
        for start in range(0, len(listing), PIECE):
            if start:
                await self._writer.turn()
            piece = listing[start : start + PIECE]
            frames = [self._frames.added(each) for each in piece if chosen.has(each)]
            if frames:
                self._writer.write(b"".join(frames))
                await self._writer.drain()
        if self._options.initial_bookmark:
            self._writer.write(self._frames.bookmark(revision, initial=True))
        return revision

    def _present(self) -> Sequence[Record]:
        """What is there, at least all that can be selected."""
        if self._options.name is None:
            return self._store.list(collection_name(self._kind), self._namespace)
        record = self._store.get(collection_name(self._kind), self._namespace or "", self._options.name)
        return [] if record is None else [record]

    def _deliver(self, changes: Sequence[Change]) -> None:
        if self._pending is None:
            self._tell(changes)
            return
        self._pending.extend(changes)
        if len(self._pending) > PENDING_MAX:  # the client goes on from where it got to
            self._pending.clear()
            self._ended.set()

    async def _catch_up(self) -> None:
        """Tell what was before the watch began, as fast as the client takes it, and what has come meanwhile."""
        while self._pending:
            piece = [self._pending.popleft() for _ in range(min(PIECE, len(self._pending)))]
            self._tell(piece)
            for change in piece:
                change.forget_frame()
            if self._pending:
                await self._writer.drain()
                await self._writer.turn()
        self._pending = None

    def _tell(self, changes: Sequence[Change]) -> None:
        frames, chosen = self._frames, self._options.selection
        if not (frames.plain and chosen.everything):
            parts = [frames.change(seen) for change in changes if (seen := chosen.seen(change)) is not None]
            if parts:
                self._writer.write(b"".join(parts))
        elif isinstance(changes, Changes):
            self._writer.write(changes.joined())
        else:
            self._writer.write(b"".join([change.frame() for change in changes]))

    async def _until_ended(self, watch: Watch, since: int, until: float) -> None:
        loop = asyncio.get_running_loop()
        for due in bookmark_times(loop.time(), until):
            try:
                async with asyncio.timeout_at(due):
                    await self._ended.wait()
            except TimeoutError:
                if not watch.is_open:
                    return
                if self._options.bookmarks:
                    self._writer.write(self._frames.bookmark(max(since, self._store.revision), initial=False))
            else:
                return
        await self._ended.wait()


def bookmark_times(now: float, until: float) -> Iterable[float]:
    """When bookmarks are due: every minute, and shortly before the watch is over."""
    last = until - LAST_BOOKMARK_SECONDS
    while now + BOOKMARK_SECONDS < last:
        now += BOOKMARK_SECONDS
        yield now
    if last > now:
        yield last
