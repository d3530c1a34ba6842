"""Records that end some time after their last write (Events: an hour), by our own clock.

SlateDB could expire rows itself, but not those it has not flushed, and nobody would hear of it.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Due:
    """A record that ends at ``at`` (monotonic seconds), unless it is written again."""

    at: float
    collection: str
    namespace: str
    name: str
    revision: int


class Expiry:
    """One collection's records in the order of their ends. As all live equally long, this is the order of writes."""

    def __init__(self, ttl_seconds: float) -> None:
        self._ttl_seconds = ttl_seconds
        self._queue: deque[Due] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def written(self, collection: str, namespace: str, name: str, revision: int, now: float, age: float = 0.0) -> None:
        """A record was written ``age`` seconds before ``now`` (monotonic seconds).

        Its age after a restart comes from a wall clock that may have jumped: it is taken to be between nothing and
        the whole time to live.
        """
        left = self._ttl_seconds - min(max(age, 0.0), self._ttl_seconds)
        self._queue.append(Due(now + left, collection, namespace, name, revision))

    def next_at(self) -> float | None:
        """When the next record ends, monotonic seconds; None when there is none."""
        return self._queue[0].at if self._queue else None

    def take(self, now: float, count: int) -> list[Due]:
        """At most ``count`` records that have ended; they are forgotten here."""
        found: list[Due] = []
        while self._queue and len(found) < count and self._queue[0].at <= now:
            found.append(self._queue.popleft())
        return found

    def put_back(self, due: Due) -> None:
        """It could not be ended now."""
        self._queue.appendleft(due)
