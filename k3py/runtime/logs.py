"""Reading a container's log file, also while it is written and rotated. ``logs --previous`` is another file.

A follower waits for inotify, never for time. Rotation renames the file and conmon begins a new one: the follower reads
the old one to its end, then opens the new one.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from k3py.runtime import kernel
from k3py.runtime.log_lines import LINE_BYTES_MAX, LogOptions, Renderer, parse_line

READ_BYTES: Final = 64 * 1024
INOTIFY_READ_BYTES: Final = 16 * 1024
# A log file is rotated at 10 MiB; a tail longer than this begins here, wherever that is.
TAIL_BYTES_MAX: Final = 16 * 1024 * 1024


async def read_log(path: Path, options: LogOptions, ended: "asyncio.Future[Any] | None" = None) -> AsyncIterator[bytes]:
    """The log's content as ``kubectl logs`` shows it, in pieces of at most some 64 KiB.

    With ``options.follow`` it goes on until the caller stops, the log is removed, or ``ended`` (a task of
    ``Runtime.wait_exit``, say) is done and all has been read.

    Raises FileNotFoundError when there is no log.
    """
    renderer = Renderer(options)
    file = _File(path)
    changes = None
    try:
        if options.follow:
            changes = _Changes(path, ended)
        if options.tail_lines is not None:
            file.seek_to_last(options.tail_lines)
        while True:
            last = changes is None or changes.over()  # asked before reading, so that what was written till then is read
            async for data in _render_rest(file, renderer):
                yield data
            if renderer.done:
                return
            if changes is not None and file.reopen_if_rotated():
                continue
            if last or changes is None:
                return
            await changes.wait()
    finally:
        if changes is not None:
            changes.close()
        file.close()


async def _render_rest(file: "_File", renderer: Renderer) -> AsyncIterator[bytes]:
    """Render all whole lines up to the file's end, a block at a time, leaving the loop to others between blocks."""
    while lines := file.read_lines():
        shown = []
        for line in lines:
            piece = parse_line(line)
            if piece is not None:
                shown.append(renderer.render(piece))
        data = b"".join(shown)
        if data:
            yield data
        if renderer.done:
            return
        await asyncio.sleep(0)


class _File:
    """The open log, read by whole lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._rest = b""

    def read_lines(self) -> list[bytes]:
        """The next lines without their newlines; empty at the end. An unfinished last line waits for its rest."""
        while True:
            data = os.read(self._descriptor, READ_BYTES)
            if not data:
                return []
            *lines, self._rest = (self._rest + data).split(b"\n")
            if len(self._rest) > LINE_BYTES_MAX:
                lines.append(self._rest)
                self._rest = b""
            if lines:
                return lines

    def seek_to_last(self, count: int) -> None:
        """Go to the beginning of the last ``count`` lines, looking at no more of the end than needed."""
        end = os.fstat(self._descriptor).st_size
        window = READ_BYTES
        while True:
            start = max(0, end - window)
            offset = tail_offset(os.pread(self._descriptor, end - start, start), count)
            if offset is not None or start == 0 or window >= TAIL_BYTES_MAX:
                os.lseek(self._descriptor, start + (offset or 0), os.SEEK_SET)
                return
            window *= 2

    def reopen_if_rotated(self) -> bool:
        """True when the path names another file now, which is open from its beginning then."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        if os.path.sameopenfile(descriptor, self._descriptor):
            os.close(descriptor)
            return False
        self.close()
        self._descriptor, self._rest = descriptor, b""
        return True

    def close(self) -> None:
        os.close(self._descriptor)


def tail_offset(data: bytes, count: int) -> int | None:
    """Where the last ``count`` whole lines of log file content begin; None when they begin before ``data``.

    A line is its partial pieces and the final one. What follows the last newline is still being written: no line yet.
    """
    end = data.rfind(b"\n") + 1
    found, position = 0, end
    while position > 0:
        begin = data.rfind(b"\n", 0, position - 1) + 1
        piece = parse_line(data[begin : position - 1])
        if piece is not None and piece.final:
            found += 1
            if found > count:
                return position
        position = begin
    return None


class _Changes:
    """Wakes when the log's file, or another of its name after a rotation, changes, and when the container ended."""

    def __init__(self, path: Path, ended: "asyncio.Future[Any] | None") -> None:
        self._name = path.name
        self._ended = ended
        self._gone = False
        self._event = asyncio.Event()
        self._descriptor = kernel.inotify()
        events = kernel.IN_MOVED_TO | kernel.IN_CREATE | kernel.IN_MODIFY | kernel.IN_CLOSE_WRITE | kernel.IN_DELETE
        kernel.inotify_watch(self._descriptor, path.parent, events)
        asyncio.get_running_loop().add_reader(self._descriptor, self._readable)
        if ended is not None:
            ended.add_done_callback(self._wake)

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, INOTIFY_READ_BYTES)
        except BlockingIOError:
            return
        for mask, name in kernel.inotify_events(data):
            if name == self._name and mask & kernel.IN_DELETE:
                self._gone = True  # removed, not renamed: the pod is being removed
            if name in ("", self._name):
                self._event.set()

    def _wake(self, _: object) -> None:
        self._event.set()

    def over(self) -> bool:
        """Whether nothing more will be written."""
        return self._gone or (self._ended is not None and self._ended.done())

    async def wait(self) -> None:
        """Until something changed since the last call."""
        await self._event.wait()
        self._event.clear()

    def close(self) -> None:
        """Watch no more."""
        if self._ended is not None:
            self._ended.remove_done_callback(self._wake)
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
