"""The binding to SlateDB: what is open, what its settings are, and its errors as the store's."""

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from k3py.store.errors import CannotOpen, Fenced, LogFailed
from k3py.store.log import Put, Row
from k3py.store.slate_binding import batch_of, binding, generated

log = logging.getLogger(__name__)

# A scan reads ahead: block by block it is ten times slower. In a bucket each read takes its time, so more of them are
# under way; in a folder small ones do, and leave 30 MB less memory behind.
READ_AHEAD_BYTES: Final = 1 << 18
READ_AHEAD_TASKS: Final = 2
READ_AHEAD_BYTES_REMOTE: Final = 1 << 20
READ_AHEAD_TASKS_REMOTE: Final = 4
SCAN_ROWS: Final = 250

# Every batch is flushed explicitly, so the timer has nothing to do; an idle server wakes for nothing.
FLUSH_INTERVAL: Final = "3600s"
# Small tables and buffers: 216 MB instead of 315 MB of memory after 100,000 writes. The cache above is ours.
TABLE_BYTES: Final = 8 << 20
UNFLUSHED_BYTES_MAX: Final = 64 << 20
# Tables that may wait to be merged with older ones. When there are as many, and UNFLUSHED_BYTES_MAX more in memory, a
# write waits. With the usual 8, and work looked for every 5 s, 2,000 updates a second stood still for up to 4 s.
TABLES_WAITING_MAX: Final = 24


@dataclass(frozen=True)
class Target:
    """Where a database lies: the URL of an object store, the database's name in it, and what the provider needs."""

    url: str
    name: str
    options: Mapping[str, str]
    remote: bool


def settings_for(target: Target) -> dict[str, Any]:
    """SlateDB's settings: names as its ``Settings`` has them, values as JSON values.

    In a folder a write-ahead file per batch is cheap but there are hundreds a second: they are removed soon, and often,
    as removing many takes its time. In a bucket requests cost money: it is looked at less often.
    """
    poll = "10s" if target.remote else "1s"
    return {
        "flush_interval": FLUSH_INTERVAL,
        "l0_sst_size_bytes": TABLE_BYTES,
        "l0_max_ssts": TABLES_WAITING_MAX,
        "l0_max_ssts_per_key": TABLES_WAITING_MAX,  # a key that is always written is in each of them
        "max_unflushed_bytes": UNFLUSHED_BYTES_MAX,
        "manifest_poll_interval": poll,
        "compactor_options.poll_interval": poll,
        "compactor_options.commit_compacted_interval": poll,
        "compactor_options.worker.compactions_poll_interval": poll,
        "garbage_collector_options.wal_options.interval": "300s" if target.remote else "10s",
        "garbage_collector_options.wal_options.min_age": "300s" if target.remote else "30s",
    }


class Database:
    """An open SlateDB database; its errors are the store's."""

    def __init__(self, handle: Any, remote: bool) -> None:
        self._handle = handle
        self._remote = remote
        self._flush = binding.FlushOptions(flush_type=binding.FlushType.WAL)

    @classmethod
    async def open(cls, target: Target) -> "Database":
        """Open it for writing, which fences every earlier writer.

        Raises:
            CannotOpen: it cannot be reached, or its files are not usable.
        """
        try:
            builder = binding.DbBuilder(target.name, _object_store(target))
            settings = binding.Settings.default()
            for key, value in settings_for(target).items():
                settings.set(key, json.dumps(value))
            builder.with_settings(settings)
            builder.with_db_cache_disabled()
            return cls(await builder.build(), target.remote)
        except (binding.Error, generated.InternalError) as problem:
            raise CannotOpen(f"cannot open the database {target.name} at {target.url}: {problem}") from problem

    async def write(self, rows: Sequence[Put], sequence: int) -> None:
        """Write a batch and wait until it is durable: one flush of the write-ahead log, one wait.

        Raises:
            Fenced, LogFailed: see ``Log.write``.
        """
        try:
            batch = batch_of(rows)
            options = binding.WriteOptions(seqnum=sequence)
            written = await self._handle.write_with_options(batch, options)
            await self._handle.flush_with_options(self._flush)
            await written.await_durable()
        except (binding.Error, generated.InternalError) as problem:
            raise _failure(problem) from problem

    async def scan(self, prefix: bytes) -> AsyncIterator[Sequence[Row]]:
        """Rows below a prefix in order, durable ones only.

        Raises:
            LogFailed: they cannot be read.
        """
        everything = binding.KeyRange(start=None, start_inclusive=False, end=None, end_inclusive=False)
        options = binding.ScanOptions(
            durability_filter=binding.DurabilityLevel.REMOTE,
            dirty=False,
            read_ahead_bytes=READ_AHEAD_BYTES_REMOTE if self._remote else READ_AHEAD_BYTES,
            cache_blocks=False,
            max_fetch_tasks=READ_AHEAD_TASKS_REMOTE if self._remote else READ_AHEAD_TASKS,
        )
        try:
            rows = await self._handle.scan_prefix_with_options(prefix, everything, options)
            while True:
                batch = await rows.next_batch(SCAN_ROWS)
                if batch:
                    yield [(row.key, row.value) for row in batch]
                if len(batch) < SCAN_ROWS:
                    return
        except (binding.Error, generated.InternalError) as problem:
            raise _failure(problem) from problem

    async def flush_tables(self) -> None:
        """Move everything out of the write-ahead log, as a checkpoint or clone sees only that.

        Raises:
            Fenced, LogFailed: it could not be done.
        """
        try:
            await self._handle.flush_with_options(binding.FlushOptions(flush_type=binding.FlushType.MEM_TABLE))
        except (binding.Error, generated.InternalError) as problem:
            raise _failure(problem) from problem

    async def close(self) -> None:
        """Let go of it. What fails is not of interest any more: every acknowledged batch is durable."""
        try:
            await self._handle.shutdown()
        except (binding.Error, generated.InternalError) as problem:
            log.debug("closing the database: %s", problem)


def _object_store(target: Target) -> Any:
    if not target.options:
        return binding.ObjectStore.resolve(target.url)
    builder = binding.ObjectStoreBuilder.from_env(binding.ObjectStoreType.S3)
    builder.with_url(target.url)
    for key, value in target.options.items():
        builder.with_config(key, value)
    return builder.build()


def _failure(problem: Exception) -> LogFailed:
    if isinstance(problem, binding.Error.Closed) and problem.reason is binding.CloseReason.FENCED:
        return Fenced("another writer has opened the database")
    return LogFailed(f"the database failed: {problem}")
