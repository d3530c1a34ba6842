"""A large body in pieces that are kept elsewhere anyway: it goes out slice by slice and is never one piece of memory.

A list of 50,000 objects is as many references; a client that reads it slowly costs no copy of it.
"""

from collections.abc import Callable, Collection, Iterator

SEPARATOR = b","


class Parts:
    """``head``, then ``items`` with commas between them, then ``tail``.

    ``omitted``: what most items begin with after their first byte, and what is left out of those.
    """

    __slots__ = ("_head", "_items", "_omitted", "_size", "_tail")

    def __init__(self, head: bytes, items: Collection[bytes], tail: bytes, omitted: bytes = b"") -> None:
        self._head = head
        self._items = items
        self._tail = tail
        self._omitted = omitted
        self._size = -1

    def __len__(self) -> int:
        """Bytes of the whole. All items are looked at, once."""
        if self._size < 0:
            items, omitted = self._items, self._omitted
            separators = max(0, len(items) - 1) * len(SEPARATOR)
            left_out = len(omitted) * sum([each.startswith(omitted, 1) for each in items]) if omitted else 0
            self._size = len(self._head) + len(self._tail) + sum(map(len, items)) + separators - left_out
        return self._size

    def __bytes__(self) -> bytes:
        return b"%b%b%b" % (self._head, SEPARATOR.join(map(self._sent, self._items)), self._tail)

    def _sent(self, item: bytes) -> bytes:
        if self._omitted and item.startswith(self._omitted, 1):
            return item[:1] + item[1 + len(self._omitted) :]
        return item

    def slices(self, size: int) -> Iterator[bytes]:
        """The body in slices of ``size`` bytes or a little more: an item is not cut."""
        pieces, gathered = [self._head], len(self._head)
        last = len(self._items) - 1
        for index, item in enumerate(self._items):
            pieces.append(self._sent(item))
            gathered += len(pieces[-1]) + 1
            if index != last:
                pieces.append(SEPARATOR)
            if gathered >= size:
                yield b"".join(pieces)
                pieces, gathered = [], 0
        pieces.append(self._tail)
        yield b"".join(pieces)


class Steps:
    """A body that is made while it is sent, and of which nobody knows the length before.

    ``make`` yields its pieces; to come to the next one is a short piece of work. An empty piece is work without bytes.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Iterator[bytes]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[bytes]:
        return self._make()

    def __bytes__(self) -> bytes:
        return b"".join(self)


def slices_of(body: bytes | Parts, size: int) -> Iterator[bytes]:
    """The slices of a body that may be one piece already."""
    if isinstance(body, Parts):
        yield from body.slices(size)
        return
    view = memoryview(body)
    for start in range(0, len(body), size):
        yield bytes(view[start : start + size])
