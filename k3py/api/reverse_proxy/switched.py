"""A connection after ``101``: bytes both ways between client and backend, each as fast as the other reads. Acts."""

import asyncio
import contextlib
import logging
from collections import deque
from typing import Final

from k3py.api.http.messages import RawConnection
from k3py.api.streams.forward import Duplex
from k3py.model.errors import Problem

log = logging.getLogger(__name__)

READ_BYTES: Final = 32 * 1024
# Received from the client and not yet taken by the backend; then the client is not read any more.
UNREAD_BYTES_MAX: Final = 256 * 1024


class Switched:
    """``early`` are bytes of the backend that came with its answer."""

    def __init__(self, raw: RawConnection, backend: Duplex, early: bytes) -> None:
        self._raw, self._backend, self._early = raw, backend, early
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._paused = False
        self._news = asyncio.Event()
        self._gone = False

    def start(self) -> None:
        """Take the client's connection over."""
        self._raw.on_data = self._received
        self._raw.on_close = self._lost
        self._raw.on_stop = self._raw.close
        self._raw.start(self._run(), "switched connection")

    def _received(self, data: bytes) -> None:
        self._unread.append(data)
        self._unread_bytes += len(data)
        self._news.set()
        if self._unread_bytes > UNREAD_BYTES_MAX and not self._paused:
            self._paused = True
            self._raw.pause_reading()

    def _lost(self) -> None:
        self._gone = True
        self._news.set()
        self._backend.close()

    async def _run(self) -> None:
        sending = asyncio.create_task(self._to_backend(), name="to the backend")
        try:
            await self._to_client()
        except (OSError, Problem) as error:
            log.debug("the backend of a switched connection failed: %s", error)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            self._backend.close()
            self._raw.close()

    async def _to_client(self) -> None:
        data = self._early or await self._backend.read(READ_BYTES)
        while data and not self._gone:
            self._raw.write(data)
            await self._raw.drain()
            data = await self._backend.read(READ_BYTES)

    async def _to_backend(self) -> None:
        with contextlib.suppress(OSError, Problem):  # the other direction hears of it too
            while not self._gone:
                while not self._unread and not self._gone:
                    self._news.clear()
                    await self._news.wait()
                while self._unread:
                    data = self._unread.popleft()
                    await self._backend.write(data)
                    self._unread_bytes -= len(data)
                if self._paused:
                    self._paused = False
                    self._raw.resume_reading()
