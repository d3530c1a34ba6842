"""The server's end of its helper process: starts it when there is heavy work, hands it one write at a time, commits
what it decides, and lets it go when there is nothing more to do.

A write is decided there against what the store said while it was decided. Before it is committed all of that is looked
at again, without an await in between: when anything has changed, it is decided again. So a heavy write replaces what it
was decided against, as any other does.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any, Final

from k3py.api.heavy.messages import (
    LENGTH,
    Again,
    Answer,
    Ask,
    Begin,
    Commit,
    Done,
    Failed,
    Refused,
    Settle,
    Told,
    frame,
    understand,
)
from k3py.api.heavy.writes import Outcome, Write
from k3py.model.errors import Details, Timeout, TooManyRequests, Unavailable
from k3py.objects.encoding import at_revision
from k3py.objects.service import Objects
from k3py.objects.vpc_admission import MayUse
from k3py.store.errors import Stale, StoreError
from k3py.store.records import Encoded, Record

log = logging.getLogger(__name__)

# Heavy writes that may wait; their bodies may have 3 MiB each.
WAITING_MAX: Final = 32
RETRY_AFTER_SECONDS: Final = 1
# As often as Kubernetes tries a patch anew; what somebody changes all the time is told to be in conflict then.
ATTEMPTS_MAX: Final = 5
# The heaviest write takes some seconds.
SECONDS_MAX: Final = 45.0
# A helper works when nobody else wants to; on a core that is never idle it shall end all the same.
HURRY_SECONDS: Final = 3.0
# Taking bodies in and handing objects out is left to the event loop: there is a pause after each write, so that it has
# no more to do than this.
BYTES_PER_SECOND: Final = 16 << 20
# And no matter how small they are, one costs the event loop some tenths of a millisecond.
PAUSE_SECONDS_MIN: Final = 0.02
# A helper takes 45 MB and a third of a second to start.
IDLE_SECONDS: Final = 60.0
_MODULE: Final = "k3py.api.heavy.helper_process"


class HelperGone(Exception):
    """The helper process ended in the middle of a write."""


class Helper:
    """Does heavy writes, one at a time. Use on one event loop only; ``stop`` at the end."""

    def __init__(self, objects: Objects, may_use_vpc: MayUse) -> None:
        self._objects = objects
        self._may_use_vpc = may_use_vpc
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._process: _Process | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._pause_until = 0.0  # in the event loop's time

    async def perform(self, write: Write) -> Outcome:
        """As ``writes.perform``, elsewhere.

        Raises:
            TooManyRequests: too many wait already.
            Timeout, Unavailable: the helper did not come to an end; nothing was written unless it says otherwise.
            Problem: it is refused.
        """
        if self._waiting >= WAITING_MAX:
            said = "too many large requests are waiting; please try again later"
            raise TooManyRequests(said, Details(retry_after_seconds=RETRY_AFTER_SECONDS))
        self._waiting += 1
        try:
            async with self._turn:
                return await self._performed(write)
        finally:
            self._waiting -= 1

    async def stop(self) -> None:
        """End the helper process."""
        if self._idle is not None:
            self._idle.cancel()
        await self._end()

    async def _performed(self, write: Write) -> Outcome:
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(self._pause_until - loop.time())
            done = await self._held(write)
        finally:
            self._idle = loop.call_later(IDLE_SECONDS, self._let_go)
        moved = len(write.body) + (len(done.raw) if isinstance(done, Outcome) else 0)
        self._pause_until = loop.time() + PAUSE_SECONDS_MIN + moved / BYTES_PER_SECOND
        if isinstance(done, Outcome):
            return done
        try:
            raise done.problem
        finally:
            del done  # else the problem's traceback holds the problem, and the body with it

    async def _held(self, write: Write) -> Outcome | Refused:
        try:
            async with asyncio.timeout(SECONDS_MAX):
                if self._process is None or self._process.is_over:
                    self._process = await _Process.started()
                with self._process.hurrying():
                    return await _Conversation(self._objects, self._may_use_vpc, self._process).hold(write)
        except (TimeoutError, HelperGone, OSError) as error:
            await self._end()
            if isinstance(error, TimeoutError):
                raise Timeout(f"the request was too much work: it did not end within {SECONDS_MAX:g} s") from None
            log.error("the helper for heavy writes failed: %s", error)
            raise Unavailable("the server was not able to work on the request; please try again later") from None
        except asyncio.CancelledError:
            await self._end()
            raise

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.end()

    def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.dismiss()


class _Conversation:
    """One write: what the helper asks is answered and remembered, and holds still when the write is committed."""

    def __init__(self, objects: Objects, may_use_vpc: MayUse, process: "_Process") -> None:
        self._objects = objects
        self._store = objects.store
        self._may_use_vpc = may_use_vpc
        self._process = process
        self._told: dict[tuple[Any, ...], Any] = {}
        self._attempts = 1
        self._committed: Record | None = None

    async def hold(self, write: Write) -> Outcome | Refused:
        """From the beginning to the end.

        Raises:
            HelperGone.
        """
        now = self._objects.clock.now()
        message = await self._process.answered(Begin(write, now, self._objects.ranges))
        while not isinstance(message, Done | Refused):
            message = await self._process.answered(await self._answer(message))
        if isinstance(message, Refused):
            return message
        outcome = message.outcome
        if self._committed is not None and not outcome.raw:
            return Outcome(self._committed.raw, outcome.type, outcome.created, outcome.warnings)
        return outcome

    async def _answer(self, message: Ask | Settle | Commit) -> Answer:
        try:
            if isinstance(message, Ask):
                said = self._told[(message.what, *message.of)] = self._look(message.what, message.of)
                return Told(_bare(said))
            if isinstance(message, Settle):
                await self._store.settled()
                return Told(None)
            return await self._commit(message)
        except StoreError as error:
            return Failed(error)

    def _look(self, what: str, of: tuple[Any, ...]) -> Any:
        if what == "latest":
            return self._store.latest(*of)
        if what == "list_latest":
            return list(self._store.list_latest(*of))
        return self._may_use_vpc(*of)

    def _holds(self) -> bool:
        """Whether everything is still as it was told. Records never change; another state is another record."""
        for (what, *of), said in self._told.items():
            now = self._look(what, tuple(of))
            if what != "list_latest":
                if now is not said and now != said:
                    return False
            elif len(now) != len(said) or any(one is not other for one, other in zip(now, said, strict=True)):
                return False
        return True

    async def _commit(self, commit: Commit) -> Answer:
        if not self._holds():
            if self._attempts >= ATTEMPTS_MAX:
                return Failed(Stale(f"{commit.collection} {commit.name} is changed all the time"))
            self._attempts += 1
            self._told.clear()
            return Again()
        record = self._committed = await self._stored(commit)
        return Told(record.revision)

    async def _stored(self, commit: Commit) -> Record:
        place = (commit.collection, commit.namespace, commit.name)
        expected = commit.expected_revision

        def encode(revision: int) -> Encoded:
            return Encoded(at_revision(commit.raw, revision), commit.uid, commit.labels, tuple(commit.fields))

        if expected is None:
            return await self._store.create(*place, encode)
        if commit.is_deletion:
            return await self._store.delete(*place, expected, lambda revision: at_revision(commit.raw, revision))
        return await self._store.replace(*place, expected, encode)


def _bare(said: Any) -> Any:
    """Records without what readers of the server keep with them."""
    if isinstance(said, list):
        return [_bare(each) for each in said]
    if isinstance(said, Record) and said.cached is not None:
        place = (said.collection, said.namespace, said.name)
        return Record(*place, said.revision, said.uid, said.raw, said.labels, said.fields)
    return said


class _Process:
    """A helper process and the socket to it."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def started(cls) -> "_Process":
        """A new one.

        Raises:
            OSError: it cannot be started.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", _MODULE, stdin=theirs.fileno(), start_new_session=True
                )
            ours.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        return cls(process, reader, writer)

    @property
    def is_over(self) -> bool:
        return self._process.returncode is not None

    async def answered(self, message: Answer) -> Any:
        """Say something and wait for what the helper says then.

        Raises:
            HelperGone.
        """
        try:
            self._writer.write(frame(message))
            await self._writer.drain()
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            return understand(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise HelperGone("the process ended in the middle of a write") from error

    @contextlib.contextmanager
    def hurrying(self) -> Iterator[None]:
        """Work that takes long in this block is done beside others, no longer after them."""
        loop = asyncio.get_running_loop()
        later = loop.call_later(HURRY_SECONDS, self._schedule, os.SCHED_OTHER)
        try:
            yield
        finally:
            later.cancel()
            if loop.time() >= later.when():
                self._schedule(os.SCHED_IDLE)

    def _schedule(self, policy: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.sched_setscheduler(self._process.pid, policy, os.sched_param(0))

    def dismiss(self) -> None:
        """Let it end by itself."""
        self._writer.close()

    async def end(self) -> None:
        """Make it end, whatever it does."""
        self._writer.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
