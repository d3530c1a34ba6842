"""Small objects beside the database: which database is the live one, the wrapped cluster key, the leader's lease.

They are changed by conditional puts alone, so several servers may try at once and exactly one of them wins.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from k3py.base.paths import write_private
from k3py.store.errors import CannotOpen

# These objects are a few hundred bytes; more is not ours.
BLOB_BYTES_MAX: Final = 1 << 20

CURRENT: Final = "current"
FIRST_DATABASE: Final = "db-1"

WHY: Final = "so two leaders would both write"


class Blobs(Protocol):
    """Named byte strings in a folder or below a bucket's prefix. All methods raise ``CannotOpen`` when it cannot be
    reached."""

    async def get(self, name: str) -> tuple[bytes, str] | None:
        """The bytes and their version, which ``replace`` wants; None when there is no such object."""
        ...

    async def put_new(self, name: str, data: bytes) -> bool:
        """Store a new object durably; False, and nothing is changed, when there is one of this name."""
        ...

    async def replace(self, name: str, data: bytes, version: str) -> bool:
        """Store other bytes if the object is still at ``version``; False, and nothing is changed, when it is not."""
        ...

    async def delete(self, name: str) -> None:
        """Remove the object if it exists."""
        ...


class MemoryBlobs:
    """Blobs in memory, for tests and ``--store memory:``."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    async def get(self, name: str) -> tuple[bytes, str] | None:
        data = self._blobs.get(name)
        return None if data is None else (data, _digest(data))

    async def put_new(self, name: str, data: bytes) -> bool:
        if name in self._blobs:
            return False
        self._blobs[name] = data
        return True

    async def replace(self, name: str, data: bytes, version: str) -> bool:
        known = self._blobs.get(name)
        if known is None or _digest(known) != version:
            return False
        self._blobs[name] = data
        return True

    async def delete(self, name: str) -> None:
        self._blobs.pop(name, None)


class FolderBlobs:
    """Blobs as files, mode 0600. A new file appears under its name whole and synced, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def get(self, name: str) -> tuple[bytes, str] | None:
        try:
            data = (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise CannotOpen(f"cannot read {self._folder / name}: {problem}") from problem
        return data, _digest(data)

    async def put_new(self, name: str, data: bytes) -> bool:
        path = self._folder / name
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                write_private(draft, data)
                os.link(draft, path)
            finally:
                with suppress(FileNotFoundError):
                    draft.unlink()
            sync_folder(path.parent)
        except FileExistsError:
            return False
        except OSError as problem:
            raise CannotOpen(f"cannot write {path}: {problem}") from problem
        return True

    async def replace(self, name: str, data: bytes, version: str) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = await self.get(name)
            if known is None or known[1] != version:
                return False
            write_private(self._folder / name, data)
        finally:
            os.close(lock)
        return True

    async def delete(self, name: str) -> None:
        with suppress(FileNotFoundError):
            (self._folder / name).unlink()


async def current_database(blobs: Blobs) -> str:
    """The name of the live database (``db-1``), made known now if the place is new.

    A restore builds another one beside it and switches this name by one conditional put.

    Raises:
        CannotOpen: the place cannot be reached, or holds something else under this name.
    """
    await blobs.put_new(CURRENT, FIRST_DATABASE.encode())
    found = await blobs.get(CURRENT)
    name = "" if found is None else found[0].decode(errors="replace").strip()
    if not name.startswith("db-") or not name[3:].isdigit():
        raise CannotOpen(
            f"cannot open the store: its object {CURRENT!r} says {name[:40]!r}, not which database is live"
        )
    return name


async def probe_conditional_puts(blobs: Blobs, random_hex: Callable[[int], str] = secrets.token_hex) -> None:
    """Check that a second conditional put is refused. A store that ignores the condition (``rclone serve s3`` does)
    would let two leaders write.

    Raises:
        CannotOpen: it is not, or the place cannot be reached.
    """
    name = f"probe-{random_hex(8)}"
    try:
        if not await blobs.put_new(name, b"1"):
            raise CannotOpen("cannot use this object store: it refuses the conditional put of a new object")
        if await blobs.put_new(name, b"2"):
            raise CannotOpen(f"cannot use this object store: it ignores If-None-Match of a put, {WHY}")
        if await blobs.replace(name, b"3", _digest(b"another version")):
            raise CannotOpen(f"cannot use this object store: it ignores If-Match of a put, {WHY}")
    finally:
        await blobs.delete(name)


def sync_folder(folder: Path) -> None:
    """Make names in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
