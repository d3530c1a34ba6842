"""Maps: tables that programs and daemons share. Keys and values are bytes; ``abi`` gives them shape. Acts."""

import errno
import os
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.errors import BpfError

_PER_CPU: Final = frozenset({5, 6, 10, 21})
_INFO_BYTES: Final = 88
_POSSIBLE_CPUS: Final = Path("/sys/devices/system/cpu/possible")


@lru_cache(maxsize=1)
def possible_cpus() -> int:
    """How many values a per-CPU entry has."""
    return int(_POSSIBLE_CPUS.read_text().strip().replace(",", "-").split("-")[-1]) + 1


class Map:
    """A map by its descriptor, which it owns; ``close`` or leaving the context gives it back, the map may live on.

    Entries are read, written and deleted as those of a dictionary. A per-CPU value is the CPUs' values, each padded to
    8 bytes, one after the other.

    Raises:
        KeyError: there is no such entry.
        BpfError: the map is full, or another refusal of the kernel.
        ValueError: a key or value of the wrong size.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        described = kernel.info(descriptor, _INFO_BYTES)
        self.kind, _, self.key_size, self.value_size, self.entries_max = struct.unpack_from("<IIIII", described)
        self._stride = (self.value_size + 7) & ~7
        self._length = self._stride * possible_cpus() if self.kind in _PER_CPU else self.value_size

    @classmethod
    def open(cls, path: Path) -> "Map":
        """The map pinned there."""
        return cls(kernel.get_pinned(str(path)))

    def __getitem__(self, key: bytes) -> bytes:
        value = kernel.buffer(bytes(self._length))
        self._element(kernel.MAP_LOOKUP, key, kernel.address(value), "look up")
        return value.raw[: self._length]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        if len(value) != self._length:
            raise ValueError(f"a value of {len(value)} bytes, not {self._length}")
        memory = kernel.buffer(value)
        self._element(kernel.MAP_UPDATE, key, kernel.address(memory), "write")

    def __delitem__(self, key: bytes) -> None:
        self._element(kernel.MAP_DELETE, key, 0, "delete")

    def __iter__(self) -> Iterator[bytes]:
        """The keys. An entry that goes meanwhile may start the walk again, so a key can come twice."""
        key = None
        while True:
            following = kernel.buffer(bytes(self.key_size))
            attributes = struct.pack("<IIQQQ", self.descriptor, 0, kernel.address(key), kernel.address(following), 0)
            try:
                kernel.call(kernel.MAP_NEXT_KEY, attributes, "walk a map")
            except BpfError as error:
                if error.errno == errno.ENOENT:
                    return
                raise
            yield following.raw[: self.key_size]
            key = following

    def per_cpu(self, key: bytes) -> list[bytes]:
        """One value per possible CPU."""
        raw = self[key]
        return [raw[start : start + self.value_size] for start in range(0, len(raw), self._stride)]

    def pin(self, path: Path) -> None:
        """Let the map live on under a name in bpffs."""
        kernel.pin(self.descriptor, str(path))

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)

    def __enter__(self) -> "Map":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _element(self, command: int, key: bytes, value: int, doing: str) -> None:
        if len(key) != self.key_size:
            raise ValueError(f"a key of {len(key)} bytes, not {self.key_size}")
        memory = kernel.buffer(key)
        attributes = struct.pack("<IIQQQ", self.descriptor, 0, kernel.address(memory), value, 0)
        try:
            kernel.call(command, attributes, f"{doing} an entry")
        except BpfError as error:
            if error.errno == errno.ENOENT:
                raise KeyError(key) from error
            raise
