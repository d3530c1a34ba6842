"""Turns a resolved image, wherever its bytes come from, into layers and a record in the cache.

Layers come in parallel, and one that several pulls want at the same time comes once: the first fetches it, the others
wait, and if it fails, the next one tries with its own source.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from k3py.image.cache import Cache, Lease, Record, topmost
from k3py.image.errors import CorruptImage, ImageTooLarge, StorageFailed
from k3py.image.image import Progress
from k3py.image.manifest import (
    DOCUMENT_BYTES_MAX,
    INDEX_DEPTH_MAX,
    Configuration,
    Descriptor,
    Index,
    Manifest,
    Platform,
    check_platform,
    choose,
    decode_configuration,
    decode_document,
)
from k3py.image.parents import LayerFolders, lost_folders, make_folders, parents_id
from k3py.image.unpack import Limits, Unpacked, unpack_layer

# Unpackings at the same time on one node, over all pulls. Each is a process of some 40 MB that keeps a core busy.
LAYERS_AT_ONCE_MAX: Final = 4
# Callers draw a bar or a line; they need no call per packet.
PROGRESS_STEP_BYTES: Final = 256 * 1024

OpenBlob = Callable[[Descriptor], AsyncGenerator[bytes, None]]
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Resolved:
    """An image found for this platform. ``digest`` is what its name led to: the index's, if there is one."""

    digest: str
    manifest_data: bytes
    manifest: Manifest
    config_data: bytes
    configuration: Configuration


async def resolve(
    digest: str,
    data: bytes,
    media_type: str,
    platform: Platform,
    get_document: Callable[[Descriptor], Awaitable[bytes]],
    open_blob: OpenBlob,
) -> Resolved:
    """From the bytes of a manifest or index to manifest and configuration for ``platform``.

    Raises:
        CorruptImage, ImageTooLarge, UnsupportedImage, and what the two callables raise.
    """
    top = digest
    for _ in range(INDEX_DEPTH_MAX + 1):
        document = decode_document(data, media_type)
        if isinstance(document, Manifest):
            config_data = await read_blob(document.config, open_blob)
            configuration = decode_configuration(config_data, len(document.layers))
            check_platform(configuration, platform)
            return Resolved(top, data, document, config_data, configuration)
        descriptor = choose(document, platform)
        data, media_type = await get_document(descriptor), descriptor.media_type
    raise CorruptImage(f"cannot use the image: {Index.__name__.lower()} in index, more than {INDEX_DEPTH_MAX} deep")


async def read_blob(descriptor: Descriptor, open_blob: OpenBlob) -> bytes:
    """A small blob as a whole.

    Raises:
        ImageTooLarge: it is no small blob.
    """
    if descriptor.size > DOCUMENT_BYTES_MAX:
        raise ImageTooLarge(f"blob {descriptor.digest} has {descriptor.size} bytes, more than {DOCUMENT_BYTES_MAX}")
    data = bytearray()
    async with aclosing(open_blob(descriptor)) as chunks:
        async for chunk in chunks:
            data += chunk
    return bytes(data)


async def verified(descriptor: Descriptor, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same chunks, with a check of size and digest at the end.

    Raises:
        CorruptImage: they are not the blob that the descriptor means.
    """
    digest, size = hashlib.sha256(), 0
    async with aclosing(chunks):
        async for chunk in chunks:
            size += len(chunk)
            digest.update(chunk)
            if size <= descriptor.size:
                yield chunk
    if size != descriptor.size or f"sha256:{digest.hexdigest()}" != descriptor.digest:
        raise CorruptImage(f"blob {descriptor.digest} of {descriptor.size} bytes has {size} bytes of another digest")


class _Meter:
    """Adds up and reports, at most once per step and layer."""

    def __init__(self, missing: Sequence[Descriptor], layers: int, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress
        self._layers = layers
        self._layers_done = layers - len(missing)
        self._bytes = sum(descriptor.size for descriptor in missing)
        self._bytes_done = self._reported = 0
        self.report()

    def report(self) -> None:
        self._reported = self._bytes_done
        if self._on_progress is not None:
            self._on_progress(Progress(self._layers, self._layers_done, self._bytes, self._bytes_done))

    def add(self, count: int) -> None:
        self._bytes_done += count
        if self._bytes_done - self._reported >= PROGRESS_STEP_BYTES:
            self.report()

    def finish_layer(self, left: int) -> None:
        """A layer is there; ``left`` of its bytes were fetched by somebody else."""
        self._layers_done += 1
        self._bytes_done += left
        self.report()


class Installer:
    """Fetches and unpacks what the cache lacks. One per event loop and cache."""

    def __init__(self, cache: Cache, limits: Limits) -> None:
        self._cache = cache
        self._limits = limits
        self._slots = asyncio.Semaphore(LAYERS_AT_ONCE_MAX)
        self._fetching: dict[str, asyncio.Event] = {}

    async def install(
        self,
        image: Resolved,
        names: Sequence[str],
        repositories: Sequence[str],
        open_blob: OpenBlob,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Bring in the layers that are missing, then write the record; before that the image is not there at all.

        Raises:
            CorruptImage, ImageTooLarge, StorageFailed, and what ``open_blob`` raises.
        """
        declared = sum(descriptor.size for descriptor in image.manifest.layers)
        if declared > self._limits.image_bytes_max:
            raise ImageTooLarge(f"its layers have {declared} bytes, more than {self._limits.image_bytes_max}")
        layers = dict(zip(image.configuration.diff_ids, image.manifest.layers, strict=True))
        with self._cache.lease() as lease:
            lease.hold([*layers, parents_id(image.configuration.diff_ids)])
            missing = [d for diff_id, d in layers.items() if not self._cache.has_layer(diff_id)]
            meter = _Meter(missing, len(layers), on_progress)
            await self._fetch_all(layers, missing, lease, open_blob, meter)
            await asyncio.to_thread(self._record, image, names, repositories, lease)

    async def _fetch_all(
        self,
        layers: dict[str, Descriptor],
        missing: Sequence[Descriptor],
        lease: Lease,
        open_blob: OpenBlob,
        meter: _Meter,
    ) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for diff_id, descriptor in layers.items():
                    if descriptor in missing:
                        group.create_task(self._ensure(diff_id, descriptor, lease, open_blob, meter))
        except BaseExceptionGroup as several:
            # The others were cancelled on account of the first.
            raise several.exceptions[0] from several

    async def _ensure(
        self, diff_id: str, descriptor: Descriptor, lease: Lease, open_blob: OpenBlob, meter: _Meter
    ) -> None:
        fetched = 0

        async def counted() -> AsyncGenerator[bytes, None]:
            nonlocal fetched
            async with aclosing(open_blob(descriptor)) as chunks:
                async for chunk in chunks:
                    fetched += len(chunk)
                    meter.add(len(chunk))
                    yield chunk

        async with self._slots:
            while not self._cache.has_layer(diff_id):
                running = self._fetching.get(diff_id)
                if running is not None:
                    await running.wait()
                    continue
                done = self._fetching[diff_id] = asyncio.Event()
                try:
                    await self._fetch(diff_id, lease, counted())
                finally:
                    del self._fetching[diff_id]
                    done.set()
        meter.finish_layer(descriptor.size - fetched)

    async def _fetch(self, diff_id: str, lease: Lease, chunks: AsyncGenerator[bytes, None]) -> None:
        made = lease.folder / diff_id.removeprefix("sha256:")
        try:
            _make_root(made)
        except OSError as error:
            raise StorageFailed(f"cannot make {made}: {error.strerror}") from error
        async with aclosing(chunks):
            unpacked = await unpack_layer(made / "fs", chunks, self._limits)
        if unpacked.diff_id != diff_id:
            raise CorruptImage(f"a layer has the diff id {unpacked.diff_id}, its image says {diff_id}")
        await asyncio.to_thread(self._cache.commit_layer, made, unpacked)

    def _add_parents(self, diff_ids: Sequence[str], lease: Lease) -> list[str]:
        """The layers to mount, bottom to top, with one more if folders' attributes would be lost (see ``parents``)."""
        layers = topmost(diff_ids)
        if not any(self._cache.layer_file(diff_id).implied for diff_id in layers):
            return layers
        folders = [
            LayerFolders(self._cache.layer_path(d), frozenset(self._cache.layer_file(d).implied)) for d in layers
        ]
        lost = lost_folders(folders)
        if not lost:
            return layers
        additional = parents_id(diff_ids)
        if not self._cache.has_layer(additional):
            made = lease.folder / "parents"
            try:
                _make_root(made)
                make_folders(made / "fs", lost)
            except OSError as error:
                raise StorageFailed(f"cannot make {made}: {error.strerror}") from error
            self._cache.commit_layer(made, Unpacked(additional, 0, len(lost)))
        return [*layers, additional]

    def _record(self, image: Resolved, names: Sequence[str], repositories: Sequence[str], lease: Lease) -> None:
        layers = self._add_parents(image.configuration.diff_ids, lease)
        size = sum(map(self._cache.layer_bytes, layers))
        if size > self._limits.image_bytes_max:
            raise ImageTooLarge(f"it unpacks to {size} bytes, more than {self._limits.image_bytes_max}")
        with self._cache.changing() as index:
            manifest, config = self._cache.add_blob(image.manifest_data), self._cache.add_blob(image.config_data)
            before = index.images.get(image.digest)
            known = set(before.repositories if before is not None else ()) | set(repositories)
            index.images[image.digest] = Record(manifest, config, layers, sorted(known), size)
            for name in names:
                index.names[name] = image.digest


def _make_root(made: Path) -> None:
    """The folder that becomes a container's ``/``: open to all its users, whatever this process's umask is."""
    (made / "fs").mkdir(parents=True)
    (made / "fs").chmod(0o755)
