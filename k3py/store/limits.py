"""The store's bounds, with their reasons. Tests use smaller ones."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one store.

    Attributes:
        revision_chunk: revisions reserved durably at a time. A restart skips what is left of a chunk; a larger one
            costs nothing but numbers.
        waiting_writes: writes that are not yet durable, over which the store says that it is overloaded. About a
            second's worth at full speed.
        waiting_bytes: bytes of objects these may hold.
        batch_writes: writes in one batch: larger ones only add latency.
        batch_bytes: bytes of objects in one batch; SlateDB's unflushed buffer (64 MiB) holds several.
        batch_seconds_max: a batch that is not durable after this time is reckoned as failed.
        open_seconds_max: opening and fencing that takes longer has failed; a bucket with much to replay takes seconds.
        batch_window_seconds: how long to collect before a batch is written. None is needed where a write is cheap;
            on a bucket, where each write is paid for, 20 to 50 ms.
        snapshots: listings of earlier revisions kept for clients that page through them. Each is a row of references
            (8 bytes per object); the objects in it are current or held by the collection's ring anyway.
        expiry_batch: records that expire in one step.
    """

    revision_chunk: int = 100_000
    waiting_writes: int = 20_000
    waiting_bytes: int = 64 << 20
    batch_writes: int = 2_000
    batch_bytes: int = 8 << 20
    batch_seconds_max: float = 30.0
    open_seconds_max: float = 60.0
    batch_window_seconds: float = 0.0
    snapshots: int = 16
    expiry_batch: int = 500

    def __post_init__(self) -> None:
        if self.waiting_writes < 1 or self.batch_writes < 1:
            raise ValueError("cannot use limits that let no write through")
        if self.revision_chunk < 4 * self.waiting_writes:
            raise ValueError("cannot reserve fewer revisions at a time than four times the writes that may wait")
