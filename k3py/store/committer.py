"""The one who makes writes durable: one batch in flight, while the next collects.

Nothing is seen, published or answered before its batch is durable: a fenced writer's put "succeeds" in memory. When
the log cannot say whether a batch is durable, neither can the store: it ends, and the next one reads what is there.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from k3py.store.batch import Batch, Write
from k3py.store.errors import Fenced, LogFailed, NotOpen, OutcomeUnknown, Overloaded
from k3py.store.limits import Limits
from k3py.store.log import Log, Put

log = logging.getLogger(__name__)

# Between telling the writers that their outcome is unknown and ending the process: enough to send the answers.
ANSWER_GRACE_SECONDS: Final = 0.05


class Committer:
    """Queue and loop. ``prepare`` makes a batch's rows and sequence number, ``publish`` makes it visible."""

    def __init__(
        self,
        durable: Log,
        limits: Limits,
        prepare: Callable[[Batch], tuple[list[Put], int]],
        publish: Callable[[Batch], None],
        on_fatal: Callable[[str], None],
    ) -> None:
        self._log = durable
        self._limits = limits
        self._prepare = prepare
        self._publish = publish
        self._on_fatal = on_fatal
        self._queue: deque[Batch] = deque()
        self._in_flight: Batch | None = None
        self._waiting_writes = 0
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._stopping = False
        self.failure: str | None = None
        self.batches = 0
        self.ended = asyncio.Event()

    def admit(self) -> None:
        """Check that one more write may come.

        Raises:
            NotOpen: the store is closing or has failed.
            Overloaded: too many writes wait.
        """
        if self._stopping or self.failure is not None:
            raise NotOpen(f"cannot write: the store has stopped ({self.failure or 'it is closing'})")
        limits = self._limits
        if self._waiting_writes >= limits.waiting_writes or self._waiting_bytes >= limits.waiting_bytes:
            raise Overloaded(f"cannot write: {self._waiting_writes} writes wait already")

    def add(self, write: Write) -> None:
        """Take a write that was admitted. Never fails, never waits."""
        limits, queue = self._limits, self._queue
        last = queue[-1] if queue else None
        if last is None or len(last.writes) >= limits.batch_writes or last.size_bytes >= limits.batch_bytes:
            last = Batch()
            queue.append(last)
        last.add(write)
        self._waiting_writes += 1
        self._waiting_bytes += len(write.change.record.raw)
        self._wake.set()

    def add_rows(self, rows: list[Put]) -> None:
        """Rows that belong to no write; they ride on the next batch and cause none."""
        if not rows:
            return
        if not self._queue:
            self._queue.append(Batch())
        self._queue[-1].extra_rows.extend(rows)

    def settle(self) -> asyncio.Future[None] | None:
        """Done when everything that waits now is durable, or failed with ``OutcomeUnknown``; None when nothing waits.

        Raises:
            OutcomeUnknown: the committer has failed.
        """
        if self.failure is not None:
            raise OutcomeUnknown(self.failure)
        batch = next((b for b in reversed(self._queue) if b.writes), self._in_flight)
        if batch is None:
            return None
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        batch.waiters.append(waiter)
        return waiter

    def stop(self) -> None:
        """Take no more writes; ``run`` returns when those that wait are durable."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Commit batch after batch until ``stop``, or until the log fails."""
        try:
            while not self._stopping and self.failure is None:
                await self._wake.wait()
                if self._limits.batch_window_seconds and not self._stopping:
                    await asyncio.sleep(self._limits.batch_window_seconds)
                self._wake.clear()
                await self._commit_queue()
        finally:
            self.ended.set()

    async def _commit_queue(self) -> None:
        while self._queue and (self._queue[0].writes or self._stopping):
            batch = self._in_flight = self._queue.popleft()
            if not await self._commit(batch):
                return
            self._in_flight = None

    async def _commit(self, batch: Batch) -> bool:
        try:
            rows, sequence = self._prepare(batch)
            if rows:
                async with asyncio.timeout(self._limits.batch_seconds_max):
                    await self._log.write(rows, sequence)
        except Fenced as problem:
            await self._fail(batch, f"another server has become the leader: {problem}")
            return False
        except TimeoutError:
            await self._fail(batch, f"a batch was not durable after {self._limits.batch_seconds_max:g} seconds")
            return False
        except LogFailed as problem:
            await self._fail(batch, f"a batch failed: {problem}")
            return False
        except Exception as problem:
            log.exception("a batch could not be written")
            await self._fail(batch, f"a batch failed: {problem!r}")
            return False
        self._waiting_writes -= len(batch.writes)
        self._waiting_bytes -= batch.size_bytes
        self.batches += 1
        try:
            self._publish(batch)
        except Exception as problem:
            log.exception("a batch is durable and could not be made visible")
            await self._fail(batch, f"a durable batch could not be made visible: {problem!r}")
            return False
        batch.succeed()
        return True

    async def _fail(self, batch: Batch, why: str) -> None:
        self.failure = why
        batch.fail(OutcomeUnknown, f"the outcome is unknown: {why}")
        while self._queue:
            self._queue.popleft().fail(NotOpen, f"nothing was written: {why}")
        await asyncio.sleep(ANSWER_GRACE_SECONDS)
        self._on_fatal(why)
