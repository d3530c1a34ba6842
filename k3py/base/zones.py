"""Time zones by name, from the system's database or the one that the package ``tzdata`` brings."""

from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

# There are some 600 names; whatever else clients ask for is not kept.
CACHE_ENTRIES: Final = 1_024


@lru_cache(CACHE_ENTRIES)
def time_zone(name: str) -> tzinfo | None:
    """The zone of an IANA name such as ``Europe/Berlin``; None when there is none of this name."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return None
