"""The images of one node: a folder that several processes may use at once, and that any of them may be killed over.

::

    lock                 short sections that change what is listed here (flock)
    index.json           names -> digest -> record; replaced as a whole
    blobs/<hex>          configurations and manifests, by digest
    layers/<hex>/fs      an unpacked layer, by diff id; layer.json beside it has its size
    work/<id>/           what one pull, import or collection is about; work/<id>/lease is locked while it lives

A layer is made in ``work``, synced, and renamed into place, so what is in ``layers`` is complete. A lease names the
layers that its owner counts on, and a garbage collection leaves those alone. What a killed owner left in ``work`` is
removed by whoever comes next. The folder is closed to other users: layers hold set-uid files and device nodes.
"""

import ctypes
import errno
import json
import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from k3py.base.paths import write_private
from k3py.image import locks
from k3py.image.errors import StorageFailed
from k3py.image.image import Freed
from k3py.image.manifest import digest_of
from k3py.image.unpack import Unpacked


class Record(msgspec.Struct, frozen=True):
    """One complete image: digests of its manifest and configuration, diff ids bottom to top, where it came from."""

    manifest: str
    config: str
    layers: list[str]
    repositories: list[str]
    size: int


class Index(msgspec.Struct):
    """What the node has: names lead to digests, digests to records."""

    names: dict[str, str] = {}
    images: dict[str, Record] = {}


class LayerFile(msgspec.Struct):
    """What is known of an unpacked layer; fields as in ``Unpacked``, odd bytes in paths escaped as surrogates."""

    bytes: int = 0
    entries: int = 0
    implied: list[str] = []


class _LeaseFile(msgspec.Struct):
    layers: list[str] = []


@dataclass(frozen=True)
class Lease:
    """A claim on layers, and a folder for unfinished work on the cache's own file system."""

    folder: Path
    _lock: Path = field(repr=False)

    def hold(self, diff_ids: Collection[str]) -> None:
        """From now on no garbage collection takes these layers. Call it before looking which are there."""
        with locks.exclusive(self._lock):
            (self.folder / "lease").write_bytes(msgspec.json.encode(_LeaseFile(list(diff_ids))))


class Cache:
    """The folder. All methods block for short, and may be called from any thread.

    Raises everywhere:
        StorageFailed: the folder cannot be used.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._index_seen: tuple[int, int, int] | None = None
        self._index = Index()
        try:
            for folder in (root, root / "blobs", root / "layers", root / "work"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            root.chmod(0o700)
        except OSError as error:
            raise StorageFailed(f"cannot use {root} for images: {error.strerror}") from error
        self.clean()

    def index(self) -> Index:
        """What the node has right now. Not to be changed by the caller."""
        path = self._root / "index.json"
        try:
            status = path.stat()
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if seen != self._index_seen:
                self._index = msgspec.json.decode(path.read_bytes(), type=Index)
                self._index_seen = seen
        except FileNotFoundError:
            self._index, self._index_seen = Index(), None
        except (OSError, msgspec.DecodeError) as error:
            raise StorageFailed(f"cannot read {path}: {error}; move it away to start with no images") from error
        return self._index

    @contextmanager
    def changing(self) -> Iterator[Index]:
        """A copy of the index to change, under the lock; written when the block ends without an error."""
        with locks.exclusive(self._root / "lock"):
            current = self.index()
            index = Index(dict(current.names), dict(current.images))
            yield index
            self._write(self._root / "index.json", msgspec.json.encode(index))

    def add_blob(self, data: bytes) -> str:
        """Keep a small blob; its digest. To be called while ``changing``, or a collection may take it away again."""
        digest = digest_of(data)
        if self.blob(digest) is None:
            self._write(self._blob_path(digest), data)
        return digest

    def blob(self, digest: str) -> bytes | None:
        """A kept blob, or None if it is not there or damaged."""
        with suppress(OSError):
            data = self._blob_path(digest).read_bytes()
            return data if digest_of(data) == digest else None
        return None

    def has_layer(self, diff_id: str) -> bool:
        """Whether the unpacked layer is there, complete."""
        return self.layer_path(diff_id).is_dir()

    def layer_path(self, diff_id: str) -> Path:
        """The layer's folder for overlayfs, there or not."""
        return self._layer_folder(diff_id) / "fs"

    def layer_bytes(self, diff_id: str) -> int:
        """Sum of the sizes of the layer's files; 0 for a layer that is not there."""
        return self.layer_file(diff_id).bytes

    def layer_file(self, diff_id: str) -> LayerFile:
        """What is known of the layer; nothing for one that is not there."""
        try:
            text = (self._layer_folder(diff_id) / "layer.json").read_bytes()
            return msgspec.convert(json.loads(text), LayerFile)
        except (OSError, ValueError):
            return LayerFile()

    def commit_layer(self, made: Path, unpacked: Unpacked) -> None:
        """Move a finished layer into place. ``made`` lies in a lease's folder and has ``fs`` in it.

        Slow: everything is synced to the disk before. A layer that another process has put there meanwhile stays.
        """
        try:
            known = {"bytes": unpacked.bytes, "entries": unpacked.entries, "implied": list(unpacked.implied)}
            # Not by msgspec, which refuses the lone surrogates that stand for bytes outside UTF-8.
            (made / "layer.json").write_text(json.dumps(known))
            made.chmod(0o700)
            sync_file_system(made)
            os.rename(made, self._layer_folder(unpacked.diff_id))
            _sync_folder(self._root / "layers")
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                shutil.rmtree(made, ignore_errors=True)
                return
            raise StorageFailed(f"cannot keep layer {unpacked.diff_id}: {error.strerror}") from error

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """A lease until the block ends; its folder is removed then."""
        folder = self._root / "work" / uuid.uuid4().hex
        try:
            # Under the lock, or a cleaner could see the folder before its lease is locked.
            with locks.exclusive(self._root / "lock"):
                folder.mkdir(mode=0o700)
                descriptor = locks.take(folder / "lease")
        except OSError as error:
            raise StorageFailed(f"cannot use {self._root} for images: {error.strerror}") from error
        assert descriptor is not None
        try:
            yield Lease(folder, self._root / "lock")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)

    def clean(self) -> None:
        """Remove what killed processes left behind."""
        with locks.exclusive(self._root / "lock"):
            abandoned = [folder for folder in (self._root / "work").iterdir() if _is_abandoned(folder)]
        for folder in abandoned:
            shutil.rmtree(folder, ignore_errors=True)

    def collect(self, in_use: Collection[str]) -> Freed:
        """Remove images that have no name and whose id (configuration digest) is not in use, and layers of no image."""
        self.clean()
        with self.lease() as lease, locks.exclusive(self._root / "lock"):
            current = self.index()
            named = set(current.names.values())
            kept = {d: r for d, r in current.images.items() if d in named or r.config in in_use}
            # The index first: whoever reads it must never be led to a layer that is gone.
            self._write(self._root / "index.json", msgspec.json.encode(Index(current.names, kept)))
            needed = {layer for record in kept.values() for layer in record.layers}
            gone = self._unneeded_layers(needed | self._held_layers())
            freed = Freed(len(current.images) - len(kept), len(gone), sum(map(self.layer_bytes, gone)))
            for diff_id in gone:
                os.rename(self._layer_folder(diff_id), lease.folder / diff_id.removeprefix("sha256:"))
            self._remove_blobs(kept.values())
        return freed

    def _unneeded_layers(self, needed: Collection[str]) -> list[str]:
        present = [f"sha256:{folder.name}" for folder in (self._root / "layers").iterdir()]
        return [diff_id for diff_id in present if diff_id not in needed]

    def _held_layers(self) -> set[str]:
        held: set[str] = set()
        for path in (self._root / "work").glob("*/lease"):
            with suppress(OSError, msgspec.DecodeError):
                held.update(msgspec.json.decode(path.read_bytes(), type=_LeaseFile).layers)
        return held

    def _remove_blobs(self, records: Collection[Record]) -> None:
        needed = {digest for record in records for digest in (record.manifest, record.config)}
        for path in (self._root / "blobs").iterdir():
            if f"sha256:{path.name}" not in needed:
                path.unlink(missing_ok=True)

    def _blob_path(self, digest: str) -> Path:
        return self._root / "blobs" / digest.removeprefix("sha256:")

    def _layer_folder(self, diff_id: str) -> Path:
        return self._root / "layers" / diff_id.removeprefix("sha256:")

    def _write(self, path: Path, data: bytes) -> None:
        try:
            write_private(path, data)
        except OSError as error:
            raise StorageFailed(f"cannot write {path}: {error.strerror}") from error


def _is_abandoned(folder: Path) -> bool:
    """Whether nobody holds the lease of a work folder. The lock must be held."""
    try:
        descriptor = locks.take(folder / "lease")
    except OSError:
        return True
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def topmost(diff_ids: Sequence[str]) -> list[str]:
    """The layers without repetitions, bottom to top, the topmost of equal ones staying.

    overlayfs refuses a folder that comes twice, and the lower one adds nothing to what the upper one shows.
    """
    return list(reversed(dict.fromkeys(reversed(diff_ids))))


def sync_file_system(path: Path) -> None:
    """syncfs(2): one call for thousands of new files.

    Raises:
        OSError: the disk says so.
    """
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
