"""The helper: decides one heavy write after the other, for a server that has better things to do meanwhile.

It reads and writes a socket that is its standard input and keeps nothing between two writes. It ends when the server
does, or closes the socket. The kernel lets it run when nobody else wants to: the server, which may share its core,
never waits for it.
"""

import contextlib
import os
import random
import resource
import socket
from collections.abc import Coroutine
from typing import Any, Final, cast

from k3py.api.heavy.messages import LENGTH, Answer, Begin, Done, Question, Refused, frame, plain, understand
from k3py.api.heavy.remote_store import DecideAgain, RemoteStore
from k3py.api.heavy.writes import Outcome, perform
from k3py.model.errors import Problem
from k3py.objects.service import Objects
from k3py.store.store import Store

# The largest body takes a tenth of it; who finds a way to more has the helper killed and not the machine.
MEMORY_BYTES_MAX: Final = 1 << 30
# For when the server has it hurry: it weighs a tenth of a normal process on a core that is never idle.
NICENESS: Final = 10


class _Line:
    """The socket, one whole message at a time."""

    def __init__(self, made: socket.socket) -> None:
        self._file = made.makefile("rwb")

    def receive(self) -> Answer | None:
        """The next message; None when the server is gone."""
        head = self._file.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        answer: Answer = understand(self._file.read(LENGTH.unpack(head)[0]))
        return answer

    def send(self, message: Question) -> None:
        self._file.write(frame(message))
        self._file.flush()

    def converse(self, question: Question) -> Answer:
        self.send(question)
        answer = self.receive()
        if answer is None:
            raise EOFError
        return answer


class _Moment:
    """A clock that stands still at the moment of a request."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now


def _run(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Run what never really waits."""
    try:
        work.send(None)
    except StopIteration as ended:
        outcome: Outcome = ended.value
        return outcome
    raise AssertionError("a write that is decided here waits for nothing")


def _done(line: _Line, begin: Begin, source: random.Random) -> Done | Refused:
    while True:
        store = RemoteStore(line.converse)
        # As far as decisions go, it is one.
        objects = Objects(cast(Store, store), _Moment(begin.now), source, begin.ranges, store.may_use_vpc)
        try:
            outcome = _run(perform(objects, begin.write))
        except DecideAgain:
            continue
        except Problem as problem:
            return Refused(plain(problem))
        if outcome.raw is store.committed:
            outcome = Outcome(b"", outcome.type, outcome.created, outcome.warnings)
        return Done(outcome)


def serve(made: socket.socket) -> None:
    """Do what the other end of a socket asks for until it is closed."""
    line, source = _Line(made), random.Random()
    with contextlib.suppress(EOFError, ConnectionError):
        while (begin := line.receive()) is not None:
            assert isinstance(begin, Begin)
            line.send(_done(line, begin, source))


def main() -> None:
    """Be the helper of the process that holds the other end of standard input."""
    os.nice(NICENESS)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    with socket.socket(fileno=0) as made:
        serve(made)


if __name__ == "__main__":
    main()
