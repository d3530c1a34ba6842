"""Long work in short pieces, one piece in each round of the event loop, whoever has some.

However many clients ask for long lists, tables or compressed answers: all others wait for one piece at most. A short
request that waits for other threads (a durable write passes the event loop half a dozen times, and its threads want
the processor too) would wait for as many pieces; so while there is one, pieces are some time apart.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

# From one piece to the next while short requests are under way. A piece takes a quarter of that at most, a durable
# write about as long: it meets one piece or two, and long work still gets a good tenth of the time.
REST_SECONDS: Final = 0.001
# A short request that takes longer than this waits for something that no piece of ours holds up: a bucket, a webhook,
# another server. Long work goes on beside it as usual.
SHORT_SECONDS: Final = 0.005


class Hurry:
    """Whether short requests are under way. ``now``: seconds of any clock that only goes forward."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.on_end: Callable[[], None] | None = None
        """Called when the last short request has its answer."""
        self.count = 0  # of short requests, and of those that are no longer short
        self._until = 0.0  # then none of them is short any more
        self._last = float("-inf")  # time of the last end

    @contextlib.contextmanager
    def short(self, is_short: bool = True) -> Iterator[None]:
        """While the block runs, a request waits that should be answered soon; unless it is not ``is_short``."""
        if not is_short:
            yield
            return
        self.count += 1
        self._until = self.now() + SHORT_SECONDS
        try:
            yield
        finally:
            self.count -= 1
            self._last = self.now()
            if not self.count and self.on_end is not None:
                self.on_end()

    def is_on(self, linger_seconds: float = 0.0) -> bool:
        """Whether a short request is under way, or ended less than ``linger_seconds`` ago."""
        now = self.now()
        return (self.count > 0 and now < self._until) or now < self._last + linger_seconds


class Turns:
    """Whose turn it is. Use on one event loop only.

    While ``hurry`` is on, pieces are ``rest_seconds`` apart; for these turns it is on ``linger_seconds`` longer.
    """

    def __init__(
        self, hurry: Hurry | None = None, rest_seconds: float = REST_SECONDS, linger_seconds: float = 0.0
    ) -> None:
        self.hurry = hurry or Hurry()
        self._rest_seconds = rest_seconds
        self._linger_seconds = linger_seconds
        self._waiting: deque[Callable[[], object]] = deque()
        self._next_round: asyncio.Handle | None = None
        self._given_at = float("-inf")  # the last piece's time
        self._resting = False

    def soon(self, piece: Callable[[], object]) -> None:
        """Do a piece of work when it is its turn."""
        self._waiting.append(piece)
        if self._next_round is None:
            self._next_round = asyncio.get_running_loop().call_soon(self._next)

    async def mine(self) -> None:
        """Wait for one's turn to do a piece of work."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.soon(lambda: None if turn.done() else turn.set_result(None))
        await turn

    def go_on(self) -> None:
        """The hurry is over: the next piece need not wait."""
        if self._resting:
            assert self._next_round is not None
            self._next_round.cancel()
            self._resting = False
            self._next_round = asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        hurry, rested_at = self.hurry, self._given_at + self._rest_seconds
        if not self._resting and hurry.is_on(self._linger_seconds) and (missing := rested_at - hurry.now()) > 0:
            self._resting = True
            # Event loops count milliseconds: what is rounded to none would be no rest.
            self._next_round = loop.call_later(max(missing, REST_SECONDS), self._next)
            return
        self._resting = False
        piece = self._waiting.popleft()
        self._next_round = loop.call_soon(self._next) if self._waiting else None
        self._given_at = hurry.now()
        piece()
