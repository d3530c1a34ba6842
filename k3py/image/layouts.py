"""Read-only views of an image archive: a folder, or a tar file that is indexed once and never unpacked.

Both answer paths below their root; a path that leads out of it, or over a symbolic link of the file system, is refused.
Links inside a tar (old ``docker save`` has them instead of equal layers) are looked up in the tar's own index.
"""

import os
import posixpath
import stat
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final, Protocol

from k3py.image import tar_stream as tar
from k3py.image.apply_layer import components
from k3py.image.errors import CorruptImage, ImageNotFound, ImageTooLarge
from k3py.image.tar_stream import ChunkReader, TarStream

# 500 layers of some dozens of images, with three members each in docker's old form.
ARCHIVE_MEMBERS_MAX: Final = 100_000
READ_BYTES: Final = 256 * 1024
# A link to a link to a link: docker writes one level.
LINKS_MAX: Final = 8


class Layout(Protocol):
    """Files of an image archive, by their path in it."""

    def size(self, path: str) -> int | None:
        """Bytes of a file; None if there is none of that path."""
        ...

    def read(self, path: str, bytes_max: int) -> bytes:
        """A whole file.

        Raises:
            ImageNotFound: there is no such file.
            ImageTooLarge: it has more than ``bytes_max`` bytes.
        """
        ...

    def chunks(self, path: str) -> AsyncGenerator[bytes, None]:
        """A file in pieces.

        Raises:
            ImageNotFound: there is no such file.
        """
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


class FolderLayout:
    """An OCI layout as a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def size(self, path: str) -> int | None:
        try:
            status = os.lstat(self._root / path)
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def read(self, path: str, bytes_max: int) -> bytes:
        descriptor = self._open(path)
        try:
            data = os.pread(descriptor, bytes_max + 1, 0)
        finally:
            os.close(descriptor)
        return _bounded(data, path, bytes_max)

    async def chunks(self, path: str) -> AsyncGenerator[bytes, None]:
        descriptor = self._open(path)
        try:
            while chunk := os.read(descriptor, READ_BYTES):
                yield chunk
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Nothing is kept open."""

    def _open(self, path: str) -> int:
        if self.size(path) is None:
            raise ImageNotFound(f"the archive has no file {path[:128]!r}")
        try:
            return os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise ImageNotFound(f"cannot read {path[:128]!r} of the archive: {error.strerror}") from error


class _FileReader(ChunkReader):
    """Reads a file by offset, so that contents are passed over instead of read."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(lambda: b"")
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size

    def exactly(self, count: int) -> bytes:
        data = os.pread(self._descriptor, count, self.offset)
        self.offset += len(data)
        return data

    def some(self, most: int) -> memoryview:
        return memoryview(self.exactly(min(most, READ_BYTES)))

    def skip(self, count: int) -> None:
        if self.offset + count > self._size:
            raise CorruptImage("the archive ends in the middle of a member")
        self.offset += count


class TarLayout:
    """A plain tar file: OCI layout or ``docker save``."""

    def __init__(self, path: Path) -> None:
        """Index the file; blocks while it goes from header to header.

        Raises:
            ImageNotFound: the file cannot be opened.
            CorruptImage, ImageTooLarge: it is no sound tar, or has too many members.
        """
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise ImageNotFound(f"cannot open {path}: {error.strerror}") from error
        self._members: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        try:
            self._index()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _index(self) -> None:
        for count, entry in enumerate(TarStream(_FileReader(self._descriptor)), start=1):
            if count > ARCHIVE_MEMBERS_MAX:
                raise ImageTooLarge(f"the archive has more than {ARCHIVE_MEMBERS_MAX} members")
            name = _text(b"/".join(components(entry.name)))
            if entry.kind == tar.REGULAR:
                self._members[name] = (entry.offset, entry.size)
            elif entry.kind == tar.HARD_LINK:
                self._links[name] = posixpath.normpath(_text(entry.link)).lstrip("/")
            elif entry.kind == tar.SYMBOLIC_LINK:
                self._links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), _text(entry.link)))

    def size(self, path: str) -> int | None:
        member = self._find(path)
        return None if member is None else member[1]

    def read(self, path: str, bytes_max: int) -> bytes:
        offset, size = self._member(path)
        data = os.pread(self._descriptor, min(size, bytes_max + 1), offset)
        if len(data) < min(size, bytes_max + 1):
            raise CorruptImage("the archive ends in the middle of a member")
        return _bounded(data, path, bytes_max)

    async def chunks(self, path: str) -> AsyncGenerator[bytes, None]:
        offset, size = self._member(path)
        while size:
            chunk = os.pread(self._descriptor, min(size, READ_BYTES), offset)
            if not chunk:
                raise CorruptImage("the archive ends in the middle of a member")
            offset, size = offset + len(chunk), size - len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _find(self, path: str) -> tuple[int, int] | None:
        path = posixpath.normpath(path)
        for _ in range(LINKS_MAX):
            if path in self._members:
                return self._members[path]
            if path not in self._links:
                return None
            path = self._links[path]
        return None

    def _member(self, path: str) -> tuple[int, int]:
        member = self._find(path)
        if member is None:
            raise ImageNotFound(f"the archive has no file {path[:128]!r}")
        return member


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise CorruptImage("the archive has a member whose name is not UTF-8") from None


def _bounded(data: bytes, path: str, bytes_max: int) -> bytes:
    if len(data) > bytes_max:
        raise ImageTooLarge(f"file {path[:128]!r} of the archive has more than {bytes_max} bytes")
    return data
