"""From a place to what a ``Store`` needs: the log, and the blobs beside the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from k3py.base.clock import Clock
from k3py.store.blobs import (
    Blobs,
    FolderBlobs,
    MemoryBlobs,
    current_database,
    probe_conditional_puts,
)
from k3py.store.errors import CannotOpen
from k3py.store.folder import make_power_safe
from k3py.store.log import Log
from k3py.store.memory_log import MemoryLog
from k3py.store.place import S3, Folder, Memory, Place
from k3py.store.s3 import Bucket, S3Blobs
from k3py.store.slate_log import SlateLog

# Every write to a bucket is paid for; writes of this time share one. Long enough for a good saving under load, short
# enough that people do not notice.
S3_BATCH_WINDOW_SECONDS: Final = 0.03

FORGETS: Final = "the state is kept in memory: when this server ends, the cluster is forgotten"


@dataclass
class Opened:
    """What was found at a place. ``warnings`` are for people; ``batch_window_seconds`` is for the store's limits."""

    log: Log
    blobs: Blobs
    database: str
    batch_window_seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


async def open_place(place: Place, environment: Mapping[str, str], clock: Clock) -> Opened:
    """Reach a place, check that it is fit to hold a cluster's state, and find its live database.

    ``environment`` has the ``AWS_*`` variables for a bucket.

    Raises:
        CannotOpen: it cannot be reached, or ignores the conditions of puts.
    """
    match place:
        case Memory():
            return Opened(MemoryLog(), MemoryBlobs(), "memory", warnings=[FORGETS])
        case Folder(path):
            return await _open_folder(path)
        case S3(bucket, prefix):
            return await _open_bucket(Bucket.from_environment(bucket, environment), prefix, clock)


async def _open_folder(folder: Path) -> Opened:
    from k3py.store.slate import Target

    try:
        warning = make_power_safe(folder)
    except OSError as problem:
        raise CannotOpen(f"cannot open the store in {folder}: {problem}") from problem
    blobs = FolderBlobs(folder)
    database = await current_database(blobs)
    target = Target("file:///", str(folder.resolve() / database).lstrip("/"), {}, remote=False)
    return Opened(SlateLog(target), blobs, database, warnings=[warning] if warning else [])


async def _open_bucket(bucket: Bucket, prefix: str, clock: Clock) -> Opened:
    from k3py.store.slate import Target

    blobs = S3Blobs(bucket, prefix, clock)
    await probe_conditional_puts(blobs)
    database = await current_database(blobs)
    options = {
        "access_key_id": bucket.access_key,
        "secret_access_key": bucket.secret_key,
        "region": bucket.region,
        "endpoint": bucket.endpoint,
        "allow_http": "true" if bucket.endpoint.startswith("http://") else "false",
    }
    if bucket.session_token:
        options["session_token"] = bucket.session_token
    name = "/".join(filter(None, (prefix, database)))
    target = Target(f"s3://{bucket.name}", name, options, remote=True)
    return Opened(SlateLog(target), blobs, database, S3_BATCH_WINDOW_SECONDS)
