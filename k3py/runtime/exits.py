"""Who ended, told at once and once: an inotify watch on the folder of exit files, and a pidfd per container.

The pidfd is conmon's: should conmon be killed, no exit file will come, and the container's own process is watched
from then on. Nothing is polled.
"""

import asyncio
import contextlib
import logging
import os
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from k3py.runtime import kernel
from k3py.runtime.port import ContainerState, ContainerStatus, NoSuchContainer
from k3py.runtime.processes import open_pidfd
from k3py.runtime.records import ContainerRecord, Records

log = logging.getLogger(__name__)

INOTIFY_READ_BYTES = 64 * 1024


@dataclass
class _Followed:
    descriptor: int | None = None
    waiters: list[asyncio.Future[ContainerStatus]] = field(default_factory=list)


class ExitStream:
    """An iterator over ends. At most one entry per container waits in it, so the number of containers bounds it."""

    def __init__(self, closed: Callable[["ExitStream"], None]) -> None:
        self._pending: dict[str, ContainerStatus] = {}
        self._news = asyncio.Event()
        self._closed = closed

    def put(self, status: ContainerStatus) -> None:
        self._pending[status.id] = status
        self._news.set()

    def __aiter__(self) -> AsyncIterator[ContainerStatus]:
        return self

    async def __anext__(self) -> ContainerStatus:
        while not self._pending:
            self._news.clear()
            await self._news.wait()
        return self._pending.pop(next(iter(self._pending)))

    async def aclose(self) -> None:
        """Ask for no more."""
        self._closed(self)


class ExitWatch:
    """Watches all containers it was told to follow.

    ``status`` judges a record by what is seen now; ``ended`` is called with the record of each that ended.
    """

    def __init__(
        self,
        records: Records,
        status: Callable[[ContainerRecord], ContainerStatus],
        ended: Callable[[ContainerRecord], None],
    ) -> None:
        self._records = records
        self._status = status
        self._ended = ended
        self._followed: dict[str, _Followed] = {}
        self._streams: weakref.WeakSet[ExitStream] = weakref.WeakSet()  # one that is dropped is closed
        self._inotify: int | None = None

    def follow(self, record: ContainerRecord) -> None:
        """Tell of this container's end. May be repeated."""
        self._open()
        if record.id in self._followed:
            return
        self._followed[record.id] = _Followed()
        self._watch_process(record)

    def stream(self) -> ExitStream:
        """A new iterator over the ends of all that is followed, from now on."""
        self._open()
        stream = ExitStream(self._streams.discard)
        self._streams.add(stream)
        return stream

    async def wait(self, record: ContainerRecord) -> ContainerStatus:
        """The status once the container has ended. Raises NoSuchContainer when it is removed meanwhile."""
        self.follow(record)
        followed = self._followed[record.id]
        waiter: asyncio.Future[ContainerStatus] = asyncio.get_running_loop().create_future()
        followed.waiters.append(waiter)
        status = self._status(record)
        if _over(status):
            self._end(record, status)
        try:
            return await waiter
        finally:
            with contextlib.suppress(ValueError):
                followed.waiters.remove(waiter)

    def forget(self, container_id: str) -> None:
        """The container was removed: whoever waits for it is told so."""
        followed = self._pop(container_id)
        for waiter in followed.waiters if followed else ():
            if not waiter.done():
                waiter.set_exception(NoSuchContainer(f"container {container_id} was removed"))

    def close(self) -> None:
        """Watch nothing any more."""
        for container_id in list(self._followed):
            self.forget(container_id)
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify)
            os.close(self._inotify)
            self._inotify = None

    def _open(self) -> None:
        if self._inotify is not None:
            return
        self._records.exits.mkdir(parents=True, exist_ok=True)
        self._inotify = kernel.inotify()
        kernel.inotify_watch(self._inotify, self._records.exits, kernel.IN_MOVED_TO | kernel.IN_CLOSE_WRITE)
        asyncio.get_running_loop().add_reader(self._inotify, self._files_changed)

    def _files_changed(self) -> None:
        assert self._inotify is not None
        try:
            data = os.read(self._inotify, INOTIFY_READ_BYTES)
        except BlockingIOError:
            return
        for _, name in kernel.inotify_events(data):
            # An event without a name is the queue's overflow: look at everything.
            for container_id in (name,) if name else list(self._followed):
                self._look(container_id)

    def _watch_process(self, record: ContainerRecord) -> None:
        """Wake when conmon ends, or, when it has, when the container's own process does."""
        loop = asyncio.get_running_loop()
        try:
            descriptor = open_pidfd(record.conmon)
            if descriptor is None:
                descriptor = open_pidfd(record.process)
        except OSError as problem:
            # The exit file tells of the end nevertheless; only a conmon that is killed goes unnoticed for a while.
            log.warning("cannot watch the processes of container %s: %s", record.id, problem)
            return
        if descriptor is None:
            loop.call_soon(self._look, record.id)
            return
        self._followed[record.id].descriptor = descriptor
        loop.add_reader(descriptor, self._process_ended, record.id)

    def _process_ended(self, container_id: str) -> None:
        self._close_descriptor(self._followed[container_id])
        self._look(container_id)
        record = self._records.find(container_id)
        if record is not None and container_id in self._followed:
            self._watch_process(record)

    def _look(self, container_id: str) -> None:
        if container_id not in self._followed:
            return
        record = self._records.find(container_id)
        if record is None:
            self.forget(container_id)
            return
        status = self._status(record)
        if _over(status):
            self._end(record, status)

    def _end(self, record: ContainerRecord, status: ContainerStatus) -> None:
        followed = self._pop(record.id)
        if followed is None:
            return
        self._ended(record)
        for waiter in followed.waiters:
            if not waiter.done():
                waiter.set_result(status)
        for stream in list(self._streams):
            stream.put(status)

    def _pop(self, container_id: str) -> _Followed | None:
        followed = self._followed.pop(container_id, None)
        if followed is not None:
            self._close_descriptor(followed)
        return followed

    def _close_descriptor(self, followed: _Followed) -> None:
        if followed.descriptor is not None:
            asyncio.get_running_loop().remove_reader(followed.descriptor)
            os.close(followed.descriptor)
            followed.descriptor = None


def _over(status: ContainerStatus) -> bool:
    return status.state is ContainerState.EXITED or (status.state is ContainerState.UNKNOWN and status.pid == 0)
