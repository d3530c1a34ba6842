"""Watch: a stream of changes from a revision on (Kubernetes API Concepts, "Efficient detection of changes").

Frames are built once per change and joined once per batch for watchers without selectors. A watcher that falls too
far behind is cut off by the connection's bound and resumes by resourceVersion.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from k3py.api.columns import table
from k3py.api.http.messages import BodyWriter, Request, StreamResponse
from k3py.api.negotiation import Form, Wanted, wanted
from k3py.api.parameters import Query, integer, is_true, last
from k3py.api.reading import Now, match_refusal, parse_revision
from k3py.api.routing import Target
from k3py.api.selection import selection
from k3py.model.errors import Expired, Problem
from k3py.model.registry import Kind
from k3py.objects.collections import collection_name
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
# Initial events are written in pieces of this many, so that a slow client is waited for.
INITIAL_PIECE = 500


@dataclass(frozen=True)
class WatchOptions:
    """What a watch's query asks for. ``since`` None: begin with all that is there."""

    selection: Selected
    since: int | None
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
    revision = parse_revision(last(query, "resourceVersion"))
    asked = last(query, "sendInitialEvents")
    match = last(query, "resourceVersionMatch")
    bookmarks = is_true(last(query, "allowWatchBookmarks"))
    _check_initial(asked, match)
    timeout = integer(query, "timeoutSeconds") or 0
    usual = TIMEOUT_SECONDS_MIN * (1 + source.random())
    initial = is_true(asked) if asked else revision == 0
    return WatchOptions(
        selection(query, target.kind, target.name),
        since=None if initial or not revision else revision,
        send_initial=initial,
        initial_bookmark=is_true(asked) and bookmarks,
        bookmarks=bookmarks,
        timeout_seconds=min(timeout, TIMEOUT_SECONDS_MAX) if timeout > 0 else usual,
    )


def _check_initial(asked: str, match: str) -> None:
    problem = ""
    if asked and match != "NotOlderThan":
        problem = (
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            if not match
            else f'Unsupported value: "{match}": supported values: "NotOlderThan"'
        )
        problem = problem if match else f"Forbidden: {problem}"
    elif match and not asked:
        problem = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    if problem:
        raise match_refusal(problem)


class Frames:
    """Renders changes for one watcher: plain objects, table rows or metadata."""

    def __init__(self, kind: Kind, form: Wanted, now: Now) -> None:
        self._kind = kind
        self._form = form
        self._now = now
        self._columns_sent = False

    @property
    def plain(self) -> bool:
        return self._form.form is Form.OBJECT

    def change(self, change: Change) -> bytes:
        return change.frame() if self.plain else self.event(change.type.value, self._rendered(change.record))

    def added(self, record: Record) -> bytes:
        return self.event("ADDED", record.raw if self.plain else self._rendered(record))

    @staticmethod
    def event(kind: str, body: bytes) -> bytes:
        """One line of the stream."""
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), body)

    def bookmark(self, revision: int, *, initial: bool) -> bytes:
        """Says how far the watcher has come; ``initial`` marks the end of the initial events."""
        annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if initial else {}
        metadata: dict[str, object] = {"resourceVersion": str(revision), **annotations}
        if self._form.form is Form.TABLE:
            return self.event("BOOKMARK", self._table([], metadata))
        kind, version = self._kind.name, self._kind.api_version
        if self._form.form is Form.PARTIAL:
            kind, version = "PartialObjectMetadata", "meta.k8s.io/v1"
        plain = {"kind": kind, "apiVersion": version, "metadata": metadata}
        return self.event("BOOKMARK", msgspec.json.encode(plain))

    @staticmethod
    def error(problem: Problem) -> bytes:
        return Frames.event("ERROR", msgspec.json.encode(problem.status()))

    def _rendered(self, record: Record) -> bytes:
        if self._form.form is Form.PARTIAL:
            return table.partial_metadata(record.raw)
        row = table.row(self._kind, record.raw, self._now(), self._form.include_object)
        return self._table([row], {"resourceVersion": str(record.revision)})

    def _table(self, rows: list[bytes], metadata: dict[str, object]) -> bytes:
        first, self._columns_sent = not self._columns_sent, True
        return table.table(self._kind, rows, metadata, with_columns=first)


class Watcher:
    """Answers watches from the store's rings."""

    def __init__(self, store: Store, now: Now, source: random.Random) -> None:
        self._store = store
        self._now = now
        self._source = source

    def watch(self, request: Request, target: Target) -> StreamResponse:
        """The stream of changes that a query asks for."""
        options = watch_options(request.query, target, self._source)
        frames = Frames(target.kind, wanted(request), self._now)

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

    async def run(self) -> None:
        """Send until the time is over, the client is gone, or the server stops."""
        self._writer.on_close = self._writer.on_stop = self._ended.set
        try:
            async with asyncio.timeout(self._options.timeout_seconds):
                await self._run()
        except TimeoutError:
            return

    async def _run(self) -> None:
        since = self._options.since
        if self._options.send_initial:
            since = await self._send_initial()
        try:
            watch = self._store.watch(collection_name(self._kind), self._namespace, since, self._deliverer())
        except TooOld:
            self._writer.write(self._frames.error(Expired("too old resource version: the changes since are gone")))
            return
        try:
            await self._until_ended(watch)
        finally:
            watch.close()

    async def _send_initial(self) -> int:
        listing, revision = self._store.list(collection_name(self._kind), self._namespace), self._store.revision
        chosen = self._options.selection
        for start in range(0, len(listing), INITIAL_PIECE):
            piece = listing[start : start + INITIAL_PIECE]
            frames = [self._frames.added(each) for each in piece if chosen.has(each)]
            if frames:
                self._writer.write(b"".join(frames))
                await self._writer.drain()
        if self._options.initial_bookmark:
            self._writer.write(self._frames.bookmark(revision, initial=True))
        return revision

    def _deliverer(self) -> Callable[[Sequence[Change]], None]:
        write, frames, chosen = self._writer.write, self._frames, self._options.selection

        def everything(changes: Sequence[Change]) -> None:
            if isinstance(changes, Changes):
                write(changes.joined())
            else:
                write(b"".join([change.frame() for change in changes]))

        def selected(changes: Sequence[Change]) -> None:
            parts = [frames.change(seen) for change in changes if (seen := chosen.seen(change)) is not None]
            if parts:
                write(b"".join(parts))

        return everything if frames.plain and chosen.everything else selected

    async def _until_ended(self, watch: Watch) -> None:
        while watch.is_open and not self._ended.is_set():
            try:
                async with asyncio.timeout(BOOKMARK_SECONDS):
                    await self._ended.wait()
            except TimeoutError:
                if self._options.bookmarks:
                    self._writer.write(self._frames.bookmark(self._store.revision, initial=False))
