"""System calls that Python 3.11 does not offer: mounts, namespaces, inotify; and threads that may visit a namespace.

Namespaces, also made by ``unshare``, belong to a thread, not to a process. A thread of its own that ends afterwards
therefore does what others fork a helper process for: no fork in a threaded process, no interpreter to start, and a
fraction of the time. Such a thread must never go back to a pool.
"""

import asyncio
import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

_libc: Final = ctypes.CDLL(None, use_errno=True)

CLONE_FS: Final = 0x200
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWNET: Final = 0x40000000

MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_BIND: Final = 4096

MNT_DETACH: Final = 2
UMOUNT_NOFOLLOW: Final = 8

IN_MODIFY: Final = 0x2
IN_CLOSE_WRITE: Final = 0x8
IN_MOVED_TO: Final = 0x80
IN_CREATE: Final = 0x100
IN_DELETE: Final = 0x200


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Give the calling thread namespaces (or an own working directory, CLONE_FS) of its own; unshare(2)."""
    _check(_libc.unshare(flags), "cannot unshare")


def setns(descriptor: int, kind: int) -> None:
    """Move the calling thread into the namespace that ``descriptor`` names; setns(2)."""
    _check(_libc.setns(descriptor, kind), "cannot enter a namespace")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """mount(2). Raises OSError naming the target."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        None if kind is None else kind.encode(),
        ctypes.c_ulong(flags),
        None if data is None else os.fsencode(data),
    )
    _check(result, f"cannot mount {source} on {target}")


def unmount(target: str) -> None:
    """Detach the topmost mount at ``target``, now or when it is no longer used; umount2(2) with MNT_DETACH."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH | UMOUNT_NOFOLLOW), f"cannot unmount {target}")


def inotify() -> int:
    """A new non-blocking inotify descriptor, closed on exec."""
    return _check(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "cannot watch files")


def inotify_watch(descriptor: int, path: Path, events: int) -> int:
    """Watch ``path``; the watch's number. Raises FileNotFoundError when it is not there."""
    return _check(_libc.inotify_add_watch(descriptor, os.fsencode(path), events), f"cannot watch {path}")


def inotify_events(data: bytes) -> list[tuple[int, str]]:
    """Event mask and file name of each event read from an inotify descriptor (inotify(7)).

    An event about the watched folder itself, or of the queue's overflow, has no name.
    """
    events: list[tuple[int, str]] = []
    offset = 0
    while offset + 16 <= len(data):
        mask = int.from_bytes(data[offset + 4 : offset + 8], "little")
        length = int.from_bytes(data[offset + 12 : offset + 16], "little")
        name = data[offset + 16 : offset + 16 + length].split(b"\0", 1)[0]
        events.append((mask, os.fsdecode(name)))
        offset += 16 + length
    return events


def mount_points_below(folder: Path, mountinfo: str) -> list[str]:
    """Mount points at or below ``folder`` out of ``/proc/self/mountinfo``, the last mounted first (proc(5))."""
    prefix = str(folder)
    found = []
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) < 5:
            continue
        point = _unescape(fields[4]).removesuffix("//deleted")
        if point == prefix or point.startswith(prefix + "/"):
            found.append(point)
    return found[::-1]


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def unmount_below(folder: Path) -> None:
    """Detach every mount at or below ``folder``."""
    for point in mount_points_below(folder, Path("/proc/self/mountinfo").read_text()):
        unmount(point)


async def in_own_thread(work: Callable[[], T]) -> T:
    """Run ``work`` in a thread that ends with it, so that it may unshare or enter namespaces; its result or error."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, problem: BaseException | None) -> None:
        if done.cancelled():
            return
        if problem is not None:
            done.set_exception(problem)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        try:
            result = work()
        except BaseException as problem:
            loop.call_soon_threadsafe(settle, None, problem)
        else:
            loop.call_soon_threadsafe(settle, result, None)

    threading.Thread(target=run, name="k3py-visit", daemon=True).start()
    return await done
