"""Who may work on the kernel at the same time: one on everything, or several on a pod each. Waits; decides nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from k3py.base.turns import Gate, Turns


class Locks:
    """Work on one pod excludes other work on it; work on everything excludes all other. Who waits for everything is
    not overtaken by later work on pods.
    """

    def __init__(self) -> None:
        self._gate, self._pods = Gate(), Turns()

    @asynccontextmanager
    async def everything(self) -> AsyncIterator[None]:
        """Work on everything."""
        async with self._gate.alone():
            yield

    @asynccontextmanager
    async def pod(self, uid: str) -> AsyncIterator[None]:
        """Work on one pod."""
        async with self._gate.together(), self._pods.turn(uid):
            yield
