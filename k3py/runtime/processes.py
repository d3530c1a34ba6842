"""Which process is meant: never a bare pid, which the kernel gives away again, but pid, start time and boot.

Signals go through a pidfd that was opened first and compared afterwards, so they cannot reach a stranger.
"""

import asyncio
import errno
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# pidfd_open(2) of a number that no process has, or that a thread has by now (kernels differ in how they say that).
_NO_SUCH_PROCESS = (errno.ESRCH, errno.EINVAL, errno.ENOENT)


@dataclass(frozen=True)
class Identity:
    """A process: its number, its start in clock ticks since boot (proc(5), stat field 22), and which boot."""

    pid: int
    start_ticks: int
    boot_id: str


def boot_id() -> str:
    """The running kernel's own id, new at each boot."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def parse_start_ticks(stat: bytes) -> tuple[str, int]:
    """State letter and start time out of ``/proc/PID/stat``. The name, field 2, may hold spaces and parentheses.

    Raises:
        ValueError: that is no stat line.
    """
    _, bracket, rest = stat.rpartition(b")")
    fields = rest.split()
    if not bracket or len(fields) < 20 or not fields[19].isdigit():
        raise ValueError(f"not a /proc/PID/stat line: {stat[:80]!r}")
    return fields[0].decode("ascii", "replace"), int(fields[19])


def identify(pid: int) -> Identity | None:
    """The identity of the process that has the number now; None when there is none (or only its remains).

    Raises OSError when that cannot be found out (no descriptor is free, say): a process not seen is not one that ended.
    """
    if pid <= 0:
        return None
    try:
        state, ticks = parse_start_ticks((PROC / str(pid) / "stat").read_bytes())
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return None if state in "ZX" else Identity(pid, ticks, boot_id())


def is_alive(identity: Identity) -> bool:
    """True while exactly that process runs."""
    return identify(identity.pid) == identity


def open_pidfd(identity: Identity) -> int | None:
    """A pidfd of exactly that process, to be closed by the caller; None when it has ended.

    Raises OSError when that cannot be found out.
    """
    if identity.pid <= 0:
        return None
    try:
        descriptor = os.pidfd_open(identity.pid)
    except OSError as problem:
        if problem.errno in _NO_SUCH_PROCESS:
            return None
        raise
    try:
        alive = is_alive(identity)
    except BaseException:
        os.close(descriptor)
        raise
    if alive:
        return descriptor
    os.close(descriptor)
    return None


def send_signal(identity: Identity, number: int) -> bool:
    """Send a signal to exactly that process; False when it has ended."""
    descriptor = open_pidfd(identity)
    if descriptor is None:
        return False
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


async def wait_ended(descriptors: Sequence[int], timeout_seconds: float) -> bool:
    """Wait until all processes behind the pidfds have ended; False when time is over first. Closes nothing."""
    loop = asyncio.get_running_loop()
    left = set(descriptors)
    if not left:
        return True
    done: asyncio.Future[None] = loop.create_future()

    def ended(descriptor: int) -> None:
        loop.remove_reader(descriptor)
        left.discard(descriptor)
        if not left and not done.done():
            done.set_result(None)

    for descriptor in list(left):
        loop.add_reader(descriptor, ended, descriptor)
    try:
        await asyncio.wait_for(done, timeout_seconds)
    except TimeoutError:
        return False
    finally:
        for descriptor in left:
            loop.remove_reader(descriptor)
    return True
