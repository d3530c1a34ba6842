"""Addresses to be given out, the least recently used one first. Decides.

First come those that were never given, in their order; then those that were given back, the longest ago first: an
address that somebody may still remember rests as long as possible.
"""

from collections.abc import Collection, Iterator, Mapping
from ipaddress import IPv4Network


class Pool:
    """Addresses (as numbers) of some ranges that do not overlap. ``never``: addresses that are not given."""

    def __init__(self, never: Collection[int] = ()) -> None:
        self._never = frozenset(never)
        # Each range with the first address that may never have been given.
        self._fresh: dict[IPv4Network, int] = {}
        self._used: set[int] = set()
        self._released: dict[int, int] = {}

    @property
    def used(self) -> Collection[int]:
        """Addresses that somebody has."""
        return self._used

    @property
    def ranges(self) -> Collection[IPv4Network]:
        """From which addresses are given."""
        return self._fresh.keys()

    def restore(self, used: Collection[int], released: Mapping[int, int]) -> None:
        """Take up what an earlier life has given. ``released``: address -> number, the higher the later."""
        self._used.update(used)
        earlier = {**self._released, **released}
        self._released = dict(sorted(earlier.items(), key=lambda each: each[1]))

    def add(self, network: IPv4Network) -> None:
        """Give from this range too."""
        self._fresh.setdefault(network, int(network.network_address))

    def remove(self, network: IPv4Network) -> list[int]:
        """Give from this range no more; which of its addresses had been given back, and are forgotten now."""
        self._fresh.pop(network, None)
        forgotten = [each for each in self._released if _lies_in(each, network)]
        for each in forgotten:
            del self._released[each]
        return forgotten

    def take(self) -> int | None:
        """An address that nobody has; None when there is none."""
        address = next(self._fresh_ones(), None)
        if address is None:
            address = next(iter(self._released), None)
            if address is None:
                return None
            del self._released[address]
        self._used.add(address)
        return address

    def give_back(self, address: int, number: int) -> bool:
        """Take it back; whether it will be given again: not when its range was removed."""
        self._used.discard(address)
        if not any(_lies_in(address, network) for network in self._fresh):
            return False
        self._released.pop(address, None)
        self._released[address] = number
        return True

    def free(self) -> int:
        """How many addresses could be taken."""
        return sum(self.size(network) - self.used_in(network) for network in self._fresh)

    def size(self, network: IPv4Network) -> int:
        """How many addresses of a range may be given at all."""
        return network.num_addresses - _count(self._never, network)

    def used_in(self, network: IPv4Network) -> int:
        """How many addresses of a range somebody has."""
        return _count(self._used, network)

    def _fresh_ones(self) -> Iterator[int]:
        for network, start in self._fresh.items():
            for address in range(start, int(network.broadcast_address) + 1):
                self._fresh[network] = address + 1
                if address not in self._used and address not in self._released and address not in self._never:
                    yield address


def _lies_in(address: int, network: IPv4Network) -> bool:
    return int(network.network_address) <= address <= int(network.broadcast_address)


def _count(addresses: Collection[int], network: IPv4Network) -> int:
    first, last = int(network.network_address), int(network.broadcast_address)
    return sum(first <= each <= last for each in addresses)
