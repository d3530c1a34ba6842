"""Who may have what of a server that many clients share: places for connections, handshakes, memory for bodies."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from k3py.api.http.limits import Limits
from k3py.api.http.shared import Served


class Bodies:
    """The memory for bodies that are being received (``reader.BodyBudget``)."""

    def __init__(self, limit_bytes: int, limit_bytes_per_client: int) -> None:
        self._free = limit_bytes
        self._limit_per_client = limit_bytes_per_client
        self._per_client: Counter[str] = Counter()

    def take(self, size: int, address: str) -> bool:
        if size > self._free or self._per_client[address] + size > self._limit_per_client:
            return False
        self._free -= size
        self._per_client[address] += size
        return True

    def give_back(self, size: int, address: str) -> None:
        self._free += size
        self._per_client[address] -= size
        if not self._per_client[address]:
            del self._per_client[address]


class Gate:
    """Counts connections, in all and per client address."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._per_client: Counter[str] = Counter()
        self.count = 0
        self.refused = 0

    def enter(self, address: str) -> bool:
        """Whether one more connection from here is allowed; it counts from now on."""
        full = self.count >= self._limits.connections
        if full or self._per_client[address] >= self._limits.connections_per_client:
            self.refused += 1
            return False
        self._count(address)
        return True

    def enter_instead(self, address: str) -> None:
        """Count a connection that was refused before: another one has just been broken off for it."""
        self.refused -= 1
        self._count(address)

    def _count(self, address: str) -> None:
        self.count += 1
        self._per_client[address] += 1

    def leave(self, address: str) -> None:
        """A connection from here is gone."""
        self.count -= 1
        self._per_client[address] -= 1
        if not self._per_client[address]:
            del self._per_client[address]

    def crowded(self, address: str) -> str:
        """Which address has to make room for one more connection from ``address``: itself at its own bound, else the
        one that has most."""
        if self._per_client[address] >= self._limits.connections_per_client:
            return address
        return max(self._per_client, key=self._per_client.__getitem__)


def replaceable(connections: Iterable[Served], address: str) -> Served | None:
    """A connection from ``address`` on which nothing is being answered; None when there is none."""
    return next((each for each in connections if each.address == address and each.is_replaceable), None)


class Handshakes:
    """Handshakes that have not ended, oldest first; an address with too many loses its oldest."""

    def __init__(self, limit_per_client: int) -> None:
        self._limit = limit_per_client
        self._under_way: defaultdict[str, dict[asyncio.Task[Any], None]] = defaultdict(dict)

    def begin(self, address: str, task: "asyncio.Task[Any]") -> None:
        """One more has begun."""
        of_address = self._under_way[address]
        of_address[task] = None
        if len(of_address) > self._limit:
            self.give_up_oldest(address)

    def give_up_oldest(self, address: str) -> bool:
        """End the oldest one of an address; whether there was one."""
        oldest = next(iter(self._under_way.get(address, ())), None)
        if oldest is None:
            return False
        del self._under_way[address][oldest]
        oldest.cancel()
        return True

    def end(self, address: str) -> None:
        """The current task's handshake has ended, however it did."""
        task, of_address = asyncio.current_task(), self._under_way.get(address)
        if task is None or of_address is None:
            return
        of_address.pop(task, None)
        if not of_address:
            del self._under_way[address]
