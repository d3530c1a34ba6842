"""Images from archives: OCI layouts (``image-layout.md`` of the OCI image specification) and ``docker save`` tars.

An archive is as little trusted as a registry: it is never unpacked as such, blobs are checked against their digests,
and layers go the same way as pulled ones.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Collection, Iterable
from pathlib import Path
from typing import Final

import msgspec

from k3py.image.cache import Cache
from k3py.image.decompress import decompressed, is_compressed
from k3py.image.errors import CorruptImage, ImageError, ImageNotFound, StorageFailed, UnsupportedImage
from k3py.image.install import Installer, OpenBlob, Resolved, resolve, verified
from k3py.image.layouts import FolderLayout, Layout, TarLayout
from k3py.image.manifest import (
    DOCUMENT_BYTES_MAX,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
    Platform,
    check_platform,
    choose,
    decode_configuration,
    decode_document,
    digest_of,
)
from k3py.image.reference import Reference, parse_reference
from k3py.image.unpack import Limits

CONTAINERD_NAME: Final = "io.containerd.image.name"
OCI_NAME: Final = "org.opencontainers.image.ref.name"


class _Saved(msgspec.Struct):
    """One entry of docker's ``manifest.json``: paths in the archive."""

    config: str = msgspec.field(name="Config")
    layers: list[str] = msgspec.field(name="Layers")
    repo_tags: list[str] | None = msgspec.field(default=None, name="RepoTags")


class Import:
    """One import into a cache."""

    def __init__(self, cache: Cache, installer: Installer, platform: Platform, limits: Limits) -> None:
        self._cache = cache
        self._installer = installer
        self._platform = platform
        self._limits = limits

    async def run(self, path: Path, name: Reference | None) -> list[str]:
        """Import every image for this platform; their digests, in the archive's order.

        Raises:
            ImageError: see ``Images.import_archive``. Images before the one that failed stay imported.
        """
        try:
            with self._cache.lease() as lease:
                layout = await asyncio.to_thread(self._open, path, lease.folder)
                try:
                    return await self._images(layout, name)
                finally:
                    layout.close()
        except ImageError as error:
            raise type(error)(f"cannot import {path}: {error}") from error

    def _open(self, path: Path, folder: Path) -> Layout:
        if path.is_dir():
            return FolderLayout(path)
        try:
            with path.open("rb") as file:
                if is_compressed(file.read(4)):
                    file.seek(0)
                    plain = folder / "archive.tar"
                    with plain.open("wb") as output:
                        for chunk in decompressed(file.read, self._limits.image_bytes_max):
                            output.write(chunk)
                    path = plain
        except FileNotFoundError:
            raise ImageNotFound("there is no such file") from None
        except OSError as error:
            raise StorageFailed(os.strerror(error.errno or 0)) from error
        return TarLayout(path)

    async def _images(self, layout: Layout, name: Reference | None) -> list[str]:
        if layout.size("index.json") is not None:
            return await self._from_oci(layout, name)
        if layout.size("manifest.json") is not None:
            return await self._from_docker(layout, name)
        raise CorruptImage("it holds neither index.json (OCI layout) nor manifest.json (docker save)")

    async def _from_oci(self, layout: Layout, name: Reference | None) -> list[str]:
        index = decode_document(layout.read("index.json", DOCUMENT_BYTES_MAX), OCI_INDEX)
        if not isinstance(index, Index):
            raise CorruptImage("its index.json is no index")
        digests = []
        unsupported: UnsupportedImage | None = None
        for names, descriptors in _by_names(index.manifests, name).items():
            try:
                one = descriptors[0] if len(descriptors) == 1 else choose(Index(descriptors), self._platform)
                image = await self._resolve(layout, one)
            except UnsupportedImage as error:
                unsupported = error
                continue
            await self._install(image, names, lambda descriptor: _oci_blob(layout, descriptor))
            digests.append(image.digest)
        if not digests:
            raise unsupported or ImageNotFound("it holds no image")
        return digests

    async def _resolve(self, layout: Layout, descriptor: Descriptor) -> Resolved:
        async def get_document(wanted: Descriptor) -> bytes:
            data = layout.read(_blob_path(wanted), DOCUMENT_BYTES_MAX)
            if digest_of(data) != wanted.digest:
                raise CorruptImage(f"blob {wanted.digest} has other bytes: their digest is {digest_of(data)}")
            return data

        data = await get_document(descriptor)
        return await resolve(
            descriptor.digest,
            data,
            descriptor.media_type,
            self._platform,
            get_document,
            lambda wanted: _oci_blob(layout, wanted),
        )

    async def _from_docker(self, layout: Layout, name: Reference | None) -> list[str]:
        try:
            saved = msgspec.json.decode(layout.read("manifest.json", DOCUMENT_BYTES_MAX), type=list[_Saved])
        except (msgspec.DecodeError, RecursionError) as error:
            raise CorruptImage(f"its manifest.json cannot be read: {error}") from None
        if not saved:
            raise ImageNotFound("it holds no image")
        if name is not None and len(saved) > 1:
            raise ImageNotFound(f"it holds {len(saved)} images, so they cannot all be named {name}")
        digests = []
        for entry in saved:
            names = [str(name)] if name is not None else [str(parse_reference(tag)) for tag in entry.repo_tags or ()]
            image, paths = self._saved_image(layout, entry)

            def open_blob(descriptor: Descriptor, paths: dict[str, str] = paths) -> AsyncGenerator[bytes, None]:
                return layout.chunks(paths[descriptor.digest])

            await self._install(image, names, open_blob)
            digests.append(image.digest)
        return digests

    def _saved_image(self, layout: Layout, saved: _Saved) -> tuple[Resolved, dict[str, str]]:
        """An image as docker saved it, with a manifest made up for it, and its layers' paths by diff id."""
        config_data = layout.read(saved.config, DOCUMENT_BYTES_MAX)
        configuration = decode_configuration(config_data, len(saved.layers))
        check_platform(configuration, self._platform)
        paths = dict(zip(configuration.diff_ids, saved.layers, strict=True))
        layers = []
        for diff_id, path in zip(configuration.diff_ids, saved.layers, strict=True):
            size = layout.size(path)
            if size is None:
                raise CorruptImage(f"it has no layer {path[:128]!r}")
            layers.append(Descriptor(OCI_LAYER, diff_id, size))
        config = Descriptor(OCI_CONFIG, digest_of(config_data), len(config_data))
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}
        data = msgspec.json.encode(document)
        return Resolved(digest_of(data), data, Manifest(config, layers), config_data, configuration), paths

    async def _install(self, image: Resolved, names: Collection[str], open_blob: OpenBlob) -> None:
        if not names:
            raise ImageNotFound(f"image {image.digest} in it has no name: give one")
        repositories = sorted({parse_reference(name).name for name in names})
        await self._installer.install(image, [*names], repositories, open_blob)


def _by_names(descriptors: Iterable[Descriptor], name: Reference | None) -> dict[tuple[str, ...], list[Descriptor]]:
    """The entries of an ``index.json`` by the names they carry: one image each, perhaps for several platforms.

    Raises:
        ImageNotFound: ``name`` is to replace several different names.
        InvalidReference: a name in the archive can never work.
    """
    groups: dict[tuple[str, ...], list[Descriptor]] = {}
    for descriptor in descriptors:
        groups.setdefault(_names(descriptor), []).append(descriptor)
    if name is None:
        return groups
    if len(groups) > 1:
        raise ImageNotFound(f"it holds {len(groups)} images, so they cannot all be named {name}")
    return {(str(name),): group for group in groups.values()}


def _names(descriptor: Descriptor) -> tuple[str, ...]:
    """The normalised names of an entry. ``ref.name`` is a name or, says the specification, merely a tag."""
    annotations = descriptor.annotations or {}
    text = annotations.get(CONTAINERD_NAME, "")
    if not text:
        reference = annotations.get(OCI_NAME, "")
        text = reference if "/" in reference or ":" in reference else ""
    return (str(parse_reference(text)),) if text else ()


def _blob_path(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor.digest.replace(':', '/')}"


def _oci_blob(layout: Layout, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
    return verified(descriptor, layout.chunks(_blob_path(descriptor)))
