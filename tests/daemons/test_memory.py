"""What a daemon sets for its memory."""

import gc
import subprocess
import sys

import pytest

from k3py.daemons.memory import GARBAGE_THRESHOLDS, POOLS_MAX, look_for_cycles_rarely

# How many pools the C library says it has after eight threads took memory.
POOLS = """
import ctypes, sys, threading
from k3py.daemons.memory import share_pools
if sys.argv[1] == "set":
    assert share_pools()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
together = threading.Barrier(8)
def take():
    libc.malloc(1000)
    together.wait(30)
threads = [threading.Thread(target=take) for _ in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
libc.malloc_stats()
"""


def test_cycles_are_looked_for_rarely() -> None:
    before = gc.get_threshold()
    try:
        look_for_cycles_rarely()
        assert gc.get_threshold() == GARBAGE_THRESHOLDS
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)


@pytest.mark.parametrize("settings", ["set", "unset"])
def test_threads_share_pools(settings: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", POOLS, settings], capture_output=True, text=True, timeout=60, check=True
    )
    pools = done.stderr.count("Arena ")
    assert pools <= POOLS_MAX if settings == "set" else pools > POOLS_MAX
