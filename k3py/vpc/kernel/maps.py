"""The maps that all programs of a node share, pinned in bpffs. Acts."""

import ctypes
import errno
import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.errors import BpfError
from k3py.vpc.bpf.loader import OBJECTS, read_object
from k3py.vpc.bpf.maps import Map
from k3py.vpc.bpf.object_file import MapDefinition, ObjectFile
from k3py.vpc.kernel.entries import LOCAL_PODS, PEERS, ROUTES

BPFFS: Final = Path("/sys/fs/bpf")
OBJECT_NAMES: Final = ("from_pod", "to_pod")
# Each pod has its own.
COUNTERS: Final = "counters"
EVENTS: Final = "events"
# Maps whose entries we keep.
TABLES: Final = (ROUTES, LOCAL_PODS, PEERS)

_MOUNTS: Final = Path("/proc/self/mounts")
_MAP_ID_AT: Final = 4

_libc = ctypes.CDLL(None, use_errno=True)


def mount_bpffs(folder: Path) -> None:
    """Mount bpffs there unless it is. Raises OSError."""
    if not any(kind == "bpf" and folder.is_relative_to(place) for place, kind in _mounts()):
        folder.mkdir(parents=True, exist_ok=True)
        if _libc.mount(b"bpffs", str(folder).encode(), b"bpf", 0, None):
            number = ctypes.get_errno()
            raise OSError(number, f"cannot mount bpffs at {folder}: {os.strerror(number)}")


@contextmanager
def pinned(path: Path, definition: MapDefinition) -> Iterator[Map]:
    """The map pinned there; a new one where there is none or one that the programs could not use."""
    made = open_or_make(path, definition)
    try:
        yield made
    finally:
        made.close()


def open_or_make(path: Path, definition: MapDefinition) -> Map:
    """As ``pinned``; the caller closes it. Raises BpfError."""
    existing = open_if_there(path)
    if existing is not None:
        has = (existing.kind, existing.key_size, existing.value_size, existing.entries_max)
        if has == (definition.kind, definition.key_size, definition.value_size, definition.entries_max):
            return existing
        existing.close()
        path.unlink()
    made = Map(kernel.map_create(definition))
    try:
        made.pin(path)
    except BaseException:
        made.close()
        raise
    return made


def open_if_there(path: Path) -> Map | None:
    """The map pinned there, if any. Raises BpfError."""
    try:
        return Map.open(path)
    except BpfError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


class SharedMaps:
    """All maps of the programs but their counters. ``base`` tells apart objects and maps that programs are made of.

    Raises:
        BpfError, ObjectError: on construction, when maps cannot be made or objects not read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "maps"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.objects: dict[str, ObjectFile] = {name: read_object(name) for name in OBJECT_NAMES}
        definitions = {name: each for made in self.objects.values() for name, each in made.maps.items()}
        self.counters = definitions.pop(COUNTERS)
        self.maps: dict[str, Map] = {}
        try:
            for name, definition in definitions.items():
                self.maps[name] = open_or_make(self._folder / name, definition)
            self.base = self._digest()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the descriptors back; the maps live on."""
        for each in self.maps.values():
            each.close()
        self.maps = {}

    def repin(self) -> list[str]:
        """Pin again what somebody unpinned; programs and we have it still. The names of what was missing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        missing = [name for name in self.maps if not (self._folder / name).exists()]
        for name in missing:
            self.maps[name].pin(self._folder / name)
        return missing

    def entries(self) -> dict[str, dict[bytes, bytes]]:
        """All entries of the tables that we keep."""
        return {name: self.table(name) for name in TABLES if name in self.maps}

    def table(self, name: str) -> dict[bytes, bytes]:
        """All entries of one table."""
        return dict(_items(self.maps[name]))

    def some(self, name: str, keys: list[bytes]) -> dict[bytes, bytes]:
        """The entries under some keys; missing ones are left out."""
        found = {}
        for key in keys:
            try:
                found[key] = self.maps[name][key]
            except KeyError:
                continue
        return found

    def put(self, name: str, key: bytes, value: bytes) -> None:
        """Write an entry. Raises BpfError."""
        self.maps[name][key] = value

    def remove(self, name: str, key: bytes) -> None:
        """Delete an entry; it need not be there. Raises BpfError."""
        try:
            del self.maps[name][key]
        except KeyError:
            return

    def _digest(self) -> bytes:
        digest = hashlib.sha256()
        for name in OBJECT_NAMES:
            digest.update((OBJECTS / f"{name}.o").read_bytes())
        for _, each in sorted(self.maps.items()):
            digest.update(struct.pack("<I", *struct.unpack_from("<I", kernel.info(each.descriptor, 8), _MAP_ID_AT)))
        return digest.digest()


def _items(table: Map) -> Iterator[tuple[bytes, bytes]]:
    for key in table:
        try:
            yield key, table[key]
        except KeyError:
            continue


def _mounts() -> Iterator[tuple[str, str]]:
    for line in _MOUNTS.read_text().splitlines():
        _, place, kind, *_ = line.split(" ")
        yield place.encode().decode("unicode_escape"), kind
