"""Long work in short pieces, one piece in each round of the event loop, whoever has some.

However many clients ask for long lists, tables or compressed answers: all others wait for one piece at most.
"""

import asyncio
from collections import deque
from collections.abc import Callable


class Turns:
    """Whose turn it is. Use on one event loop only."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], object]] = deque()
        self._awake = False

    def soon(self, piece: Callable[[], object]) -> None:
        """Do a piece of work when it is its turn."""
        self._waiting.append(piece)
        if not self._awake:
            self._awake = True
            asyncio.get_running_loop().call_soon(self._next)

    async def mine(self) -> None:
        """Wait for one's turn to do a piece of work."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.soon(lambda: None if turn.done() else turn.set_result(None))
        await turn

    def _next(self) -> None:
        piece = self._waiting.popleft()
        self._awake = bool(self._waiting)
        if self._awake:
            asyncio.get_running_loop().call_soon(self._next)
        piece()
