"""How much of the server's time a connection takes: who takes much waits its turn while others are in a hurry.

Pure: the time is told. One client in a closed loop takes a third of a core or more; sixty-four take less than two
hundredths each, and one that writes takes little, for it waits most of the time.
"""

from typing import Final

# Time is reckoned in windows of this length; the last whole one and the one that runs count.
WINDOW_SECONDS: Final = 0.1
# More than this of a window is much: a twelfth of it. A single dear request is no reason to wait: it comes to its turn.
MUCH_SECONDS: Final = 0.008


class Share:
    """Of one connection. All times in seconds of one clock that only goes forward."""

    __slots__ = ("_before", "_begin", "_used")

    def __init__(self) -> None:
        self._begin = 0.0  # of the window that runs
        self._before = 0.0  # used in the window before
        self._used = 0.0

    def took(self, begin: float, end: float) -> None:
        """Work for this connection was done from ``begin`` to ``end``."""
        if end - self._begin >= WINDOW_SECONDS:
            self._roll(end)
        self._used += end - begin

    def is_much(self, now: float) -> bool:
        """Whether it has had more than its share lately."""
        self._roll(now)
        return self._used > MUCH_SECONDS or self._before > MUCH_SECONDS

    def _roll(self, now: float) -> None:
        passed = now - self._begin
        if passed >= WINDOW_SECONDS:
            self._before = self._used if passed < 2 * WINDOW_SECONDS else 0.0
            self._used = 0.0
            self._begin = now
