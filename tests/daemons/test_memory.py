"""What a daemon sets for its memory."""

import gc
import subprocess
import sys

import pytest

from k3py.daemons.memory import GARBAGE_THRESHOLDS, look_for_cycles_rarely

# Memory of this process after 64 MB in blocks of 4 MB, each with a smaller one behind it, were freed.
KEPT = """
import ctypes, sys
from k3py.daemons.memory import give_back_what_is_freed
if sys.argv[1] == "set":
    assert give_back_what_is_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.free(libc.malloc(16 << 20))  # from now on glibc keeps blocks of this size, if nobody says otherwise
blocks = [(libc.malloc(4 << 20), libc.malloc(100 << 10)) for _ in range(16)]
for large, _ in blocks:
    ctypes.memset(large, 1, 4 << 20)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before = resident()
for large, _ in blocks:
    libc.free(large)
print(before - resident())
"""


def test_cycles_are_looked_for_rarely() -> None:
    before = gc.get_threshold()
    try:
        look_for_cycles_rarely()
        assert gc.get_threshold() == GARBAGE_THRESHOLDS
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)


@pytest.mark.parametrize(("settings", "returned_mb"), [("set", 60), ("unset", 0)])
def test_large_blocks_go_back_to_the_kernel_when_they_are_freed(settings: str, returned_mb: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KEPT, settings], capture_output=True, text=True, timeout=60, check=True
    )
    returned = int(done.stdout) >> 20
    assert returned >= returned_mb if returned_mb else returned < 8
