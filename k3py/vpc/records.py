"""The VPC daemon's own store: what it has to know again after a crash, without the server. Acts.

Rows that were decided on together are written together, and in the order of the decisions; while a batch is on its way
to the disk the next one collects. The server's objects are written behind them, in pieces.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from k3py.store.errors import LogFailed
from k3py.store.folder import make_power_safe
from k3py.store.log import Log, Put
from k3py.store.memory_log import MemoryLog
from k3py.store.slate_log import SlateLog
from k3py.vpc.rows import FORMAT_KEY, Kept, put_sequence, read_format, read_row

log = logging.getLogger(__name__)

# Pieces of the cached objects, so that an address never waits for ten thousand Services.
CACHED_ROWS_MAX: Final = 500
# A disk that needs longer is broken.
WRITE_SECONDS_MAX: Final = 30.0
# A store that opens later than this waits for its disk, without end; people are told.
OPEN_SECONDS_TOLD: Final = 5.0


class Records:
    """The store. ``failed`` is told once when it can write no more: the process has to end."""

    def __init__(self, log_: Log, failed: Callable[[str], None]) -> None:
        self._log = log_
        self._failed = failed
        self._own: dict[bytes, bytes | None] = {}
        self._cached: dict[bytes, bytes | None] = {}
        self._waiters: list[asyncio.Future[None]] = []
        self._sequence = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.failure = ""

    async def open(self) -> Kept:
        """Become the writer and read everything.

        Raises:
            CannotOpen: it cannot be opened or (Corrupt) read; nothing was changed.
            LogFailed: reading failed.
        """
        later = asyncio.get_running_loop().call_later
        told = later(
            OPEN_SECONDS_TOLD, log.warning, "the VPC daemon's store does not open yet: is its disk full or away?"
        )
        try:
            await self._log.open()
        finally:
            told.cancel()
        async for batch in self._log.scan(FORMAT_KEY):
            for key, value in batch:
                if key == FORMAT_KEY:
                    read_format(value)
        kept = Kept()
        async for batch in self._log.scan(b""):
            for row in batch:
                read_row(row, kept)
        if kept.damaged:
            log.warning("left out of the store until the server says them again: %s", ", ".join(kept.damaged[:10]))
        self._sequence = kept.sequence
        self._task = asyncio.get_running_loop().create_task(self._run(), name="records of the VPC daemon")
        return kept

    def put(self, puts: Sequence[Put]) -> asyncio.Future[None]:
        """Write rows that were decided on just now; done when they, and all earlier ones, are durable.

        The future raises LogFailed.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.failure:
            done.set_exception(LogFailed(self.failure))
            done.exception()  # told, also when nobody listens
            return done
        self._own.update(puts)
        self._waiters.append(done)
        self._wake.set()
        return done

    def put_cached(self, put: Put) -> None:
        """Write a row that the server can say again, soon."""
        if not self.failure:
            self._cached[put[0]] = put[1]
            self._wake.set()

    async def close(self) -> None:
        """Write what waits and let go of the log. May be called twice."""
        task, self._task = self._task, None
        if task is not None:
            with contextlib.suppress(LogFailed):
                # Also waits for the batch that is on its way.
                await self.put([])
                while self._own or self._waiters or self._cached:
                    await self.put([])
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._log.close()

    async def _run(self) -> None:
        while not self.failure:
            await self._wake.wait()
            self._wake.clear()
            while (self._own or self._waiters or self._cached) and not self.failure:
                await self._write()

    async def _write(self) -> None:
        rows, waiters = self._own, self._waiters
        self._own, self._waiters = {}, []
        for key in list(self._cached)[:CACHED_ROWS_MAX]:
            rows[key] = self._cached.pop(key)
        self._sequence += 1
        try:
            if rows:
                async with asyncio.timeout(WRITE_SECONDS_MAX):
                    await self._log.write([*rows.items(), *put_sequence(self._sequence)], self._sequence)
        except (LogFailed, TimeoutError) as problem:
            self._fail(waiters, str(problem) or f"no answer of the disk within {WRITE_SECONDS_MAX:g} seconds")
            return
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _fail(self, waiters: Sequence[asyncio.Future[None]], why: str) -> None:
        self.failure = f"cannot write the VPC daemon's store: {why}"
        for waiter in (*waiters, *self._waiters):
            if not waiter.done():
                waiter.set_exception(LogFailed(self.failure))
                waiter.exception()
        self._waiters = []
        self._failed(self.failure)


def log_in(folder: Path | None) -> Log:
    """The log in a folder (None: in memory). The folder is made, and closed to others.

    Raises:
        OSError: it cannot be made.
    """
    if folder is None:
        return MemoryLog()
    from k3py.store.slate import Target

    warning = make_power_safe(folder)
    if warning:
        log.info("%s", warning)
    return SlateLog(Target("file:///", str(folder.resolve() / "db").lstrip("/"), {}, remote=False))
