"""How a daemon's memory is kept: when Python looks for cycles, and what the C library keeps."""

import ctypes
import gc
from typing import Final

# Python looks for cycles after 700 new containers (dicts, lists, objects); a decoded pod has dozens of them and no
# cycle. A server that takes in pods spent two fifths of its time looking, 0.2 s at once when it looked at everything.
# 10,000 in the youngest generation are a few MB, and the figures do not get better beyond.
GARBAGE_THRESHOLDS: Final = (10_000, 10, 50)
# glibc gives each thread a pool of its own, and each keeps what was freed there: SlateDB's threads some tables of 8 MB.
# (Returning large blocks to the kernel one by one would keep less still, but stood others still for up to 60 ms.)
POOLS_MAX: Final = 2
# From malloc.h.
_M_ARENA_MAX: Final = -8


def look_for_cycles_rarely() -> None:
    """Set the garbage collector's pace for a process that holds many objects."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def share_pools() -> bool:
    """Have all threads share ``POOLS_MAX`` pools of freed memory (mallopt(3)). Call before threads start.

    False where the C library has no such setting; nothing changes then.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(_M_ARENA_MAX, POOLS_MAX))
