"""Reads a ring buffer that programs write events into (``BPF_MAP_TYPE_RINGBUF``). Acts.

Layout: kernel documentation, ``bpf/ringbuf``: a page with the reader's position, a page with the writers', then the
data, mapped twice in a row so that a record never breaks.
"""

import mmap
import struct
from collections.abc import Iterator
from typing import Final

from k3py.vpc.bpf.maps import Map

_BUSY: Final = 1 << 31
_DISCARDED: Final = 1 << 30
_HEADER_BYTES: Final = 8


class RingBuffer:
    """The reading side of a ring buffer; the map is readable (poll) when events wait. One reader at a time."""

    def __init__(self, ring: Map) -> None:
        self._size = ring.entries_max
        page = mmap.PAGESIZE
        self._read = mmap.mmap(ring.descriptor, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        length = page + 2 * self._size
        self._written = mmap.mmap(ring.descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)

    def events(self) -> Iterator[bytes]:
        """All events that wait now, oldest first; each is gone once the next is asked for."""
        (position,) = struct.unpack_from("<Q", self._read)
        (end,) = struct.unpack_from("<Q", self._written)
        while position < end:
            start = mmap.PAGESIZE + position % self._size
            (header,) = struct.unpack_from("<I", self._written, start)
            if header & _BUSY:
                return
            length = header & ~(_BUSY | _DISCARDED)
            if not header & _DISCARDED:
                yield self._written[start + _HEADER_BYTES : start + _HEADER_BYTES + length]
            position += (_HEADER_BYTES + length + 7) & ~7
            struct.pack_into("<Q", self._read, 0, position)

    def close(self) -> None:
        """Give the memory back."""
        self._read.close()
        self._written.close()

    def __enter__(self) -> "RingBuffer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
