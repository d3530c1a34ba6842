"""How a daemon's memory is kept: when Python looks for cycles, and when what is freed goes back to the kernel."""

import ctypes
import gc
from typing import Final

# Python looks for cycles after 700 new containers (dicts, lists, objects); a decoded pod has dozens of them and no
# cycle. A server that takes in pods spent two fifths of its time looking, 0.2 s at once when it looked at everything.
# 10,000 in the youngest generation are a few MB, and the figures do not get better beyond.
GARBAGE_THRESHOLDS: Final = (10_000, 10, 50)
# glibc keeps what was large and freed for the next time, and raises that bound by itself up to 32 MB; each thread has a
# pool of its own. SlateDB's tables of some MB then stayed with each of its threads: 314 MB for 50,000 pods, not 267.
MMAP_BYTES: Final = 1024 * 1024
POOLS_MAX: Final = 2
# From malloc.h.
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def look_for_cycles_rarely() -> None:
    """Set the garbage collector's pace for a process that holds many objects."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def give_back_what_is_freed() -> bool:
    """Have the C library return large blocks to the kernel when they are freed (mallopt(3)). Call before threads start.

    False where the C library has no such settings; nothing changes then.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MMAP_BYTES)) and bool(mallopt(_M_ARENA_MAX, POOLS_MAX))
