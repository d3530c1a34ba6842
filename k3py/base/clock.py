"""Time as a parameter.

Waiting is ``asyncio.sleep`` on whatever loop runs (a test's loop may be virtual); what a component needs beyond that
is what time it is, and this port says so.
"""

import asyncio
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

# Stamps are mostly of now: what is written in the same second has the same.
CACHE_ENTRIES: Final = 8


class Clock(Protocol):
    """What time it is."""

    def now(self) -> float:
        """Wall-clock time in seconds since 1970-01-01T00:00:00Z. May jump; only for stamps that people read."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back. For intervals and deadlines."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class LoopClock:
    """The running event loop's clock: on a virtual-time loop both times are virtual.

    ``epoch`` is the wall-clock second at loop time zero.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch: float = 1_700_000_000.0) -> None:
        self._loop = loop
        self._epoch = epoch

    def now(self) -> float:
        return self._epoch + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()


def rfc3339(seconds: float) -> str:
    """Seconds since 1970 as Kubernetes writes a ``Time``: ``2026-11-22T15:45:10Z`` (RFC 3339, whole seconds, UTC)."""
    return _written(int(seconds))


@lru_cache(CACHE_ENTRIES)
def _written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(seconds: float) -> str:
    """Seconds since 1970 as Kubernetes writes a ``MicroTime``: six digits of fraction, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> float:
    """An RFC 3339 date-time as seconds since 1970.

    Raises:
        ValueError: the text is no RFC 3339 date-time, or names no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"cannot parse {text!r}: it has no time zone")
    return moment.timestamp()
