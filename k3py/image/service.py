"""The images of a node: what the agent and the command line use.

One ``Images`` per process and event loop. Several processes may share a folder: ``k3py image import`` and a running
agent do.
"""

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from k3py.base.clock import Clock, SystemClock
from k3py.image import importer
from k3py.image.auth import Credential
from k3py.image.cache import Cache, Record
from k3py.image.errors import CorruptImage, ImageNotFound, StorageFailed
from k3py.image.image import Freed, Image, ImageConfig, Progress
from k3py.image.install import Installer
from k3py.image.manifest import Configuration, ContainerConfig, Platform, decode_configuration, this_platform
from k3py.image.pull import Puller
from k3py.image.reference import Reference, parse_reference
from k3py.image.registries import RegistriesFile
from k3py.image.unpack import Limits

# ``Images.list`` hides the builtin within the class.
ImageList = list[Image]

_IMAGE_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class Images:
    """Finds, pulls, imports, lists and removes images. Names may be given in any form that Docker takes."""

    def __init__(
        self,
        root: Path,
        registries_file: Path | None = None,
        platform: Platform | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        retry_delay_seconds: float = 0.5,
    ) -> None:
        """``root`` is made if it is missing. ``registries_file`` is read again whenever it has changed.

        Raises:
            StorageFailed: the folder cannot be used.
        """
        self._cache = Cache(root)
        self._platform = platform or this_platform()
        self._registries = RegistriesFile(registries_file)
        self._installer = Installer(self._cache, limits or Limits())
        self._limits = limits or Limits()
        self._puller = Puller(self._installer, self._platform, clock or SystemClock(), retry_delay_seconds)

    def find(self, name: str) -> Image | None:
        """The complete image of that name, ``repository@digest`` or image id; None if it is not on this node.

        Raises:
            InvalidReference: the name can never work.
        """
        if (identity := _IMAGE_ID.fullmatch(name)) is not None:
            wanted = f"sha256:{identity[1]}"
            digests: Sequence[str] = [d for d, record in self._cache.index().images.items() if record.config == wanted]
        else:
            digests = self._digests(parse_reference(name))
        images = (self._image(digest) for digest in digests)
        return next((image for image in images if image is not None), None)

    async def pull(
        self,
        name: str,
        credentials: Sequence[Credential] = (),
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Image:
        """Ask the registry what the name means now, bring in what is missing, and keep it under the name.

        ``credentials`` are those of the pod's pull secrets; the ones that fit the registry are tried in turn.

        Raises:
            ImageError: the message is meant for the pod's status.
        """
        reference = parse_reference(name)
        endpoints = self._registries.current().endpoints(reference)
        digest = await self._puller.pull(reference, endpoints, credentials, on_progress)
        return self._complete(digest, str(reference))

    async def import_archive(self, path: Path, name: str | None = None) -> ImageList:
        """The images of an OCI layout (folder or tar) or a ``docker save`` tar, tars also compressed.

        ``name`` is for archives with one image, and replaces the names that the archive gives.

        Raises:
            ImageNotFound: there is no such file, no image for this platform in it, or no name for one.
            CorruptImage, ImageTooLarge, UnsupportedImage, StorageFailed, InvalidReference
        """
        work = importer.Import(self._cache, self._installer, self._platform, self._limits)
        digests = await work.run(path, None if name is None else parse_reference(name))
        return [self._complete(digest, str(path)) for digest in digests]

    def list(self) -> ImageList:
        """Every complete image, one per image id, in the order of their first names."""
        found: dict[str, Image] = {}
        for digest in sorted(self._cache.index().images):
            image = self._image(digest)
            if image is not None and image.id not in found:
                found[image.id] = image
        return sorted(found.values(), key=lambda image: (tuple(image.names), image.id))

    def remove(self, name: str) -> None:
        """Take away a name, or all names of the image if its id or digest is given.

        Its layers stay until the next ``collect_garbage``, and beyond that while it is in use.

        Raises:
            ImageNotFound: there is no image of this name.
            InvalidReference: the name can never work.
        """
        image = self.find(name)
        if image is None:
            raise ImageNotFound(f"cannot remove image {name}: it is not on this node")
        is_name = _IMAGE_ID.fullmatch(name) is None and str(parse_reference(name)) in image.names
        doomed = [str(parse_reference(name))] if is_name else image.names
        with self._cache.changing() as index:
            for each in doomed:
                index.names.pop(each, None)

    def collect_garbage(self, in_use: Collection[str]) -> Freed:
        """Free what no name leads to any more. ``in_use`` are the ids of images that containers run from.

        Blocks while it deletes files: call it from a thread.
        """
        return self._cache.collect(frozenset(in_use))

    def _digests(self, reference: Reference) -> Sequence[str]:
        index = self._cache.index()
        if str(reference) in index.names:
            return [index.names[str(reference)]]
        return [
            digest
            for digest, record in index.images.items()
            if reference.digest in (digest, record.manifest) and reference.name in record.repositories
        ]

    def _complete(self, digest: str, name: str) -> Image:
        image = self._image(digest)
        if image is None:
            raise StorageFailed(f"cannot keep {name}: another process removed it at once")
        return image

    def _image(self, digest: str) -> Image | None:
        """The image of a digest, or None if anything of it is missing or damaged, so that it is pulled anew."""
        index = self._cache.index()
        record = index.images.get(digest)
        configuration = self._configuration(record)
        if record is None or configuration is None or not all(map(self._cache.has_layer, record.layers)):
            return None
        same = {d for d, other in index.images.items() if other.config == record.config}
        return Image(
            id=record.config,
            digest=digest,
            names=tuple(sorted(name for name, target in index.names.items() if target in same)),
            repositories=tuple(record.repositories),
            config=_image_config(configuration.config or ContainerConfig()),
            layers=tuple(map(self._cache.layer_path, record.layers)),
            size=record.size,
        )

    def _configuration(self, record: Record | None) -> Configuration | None:
        data = None if record is None else self._cache.blob(record.config)
        if data is None:
            return None
        try:
            return decode_configuration(data)
        except CorruptImage:
            return None


def _image_config(config: ContainerConfig) -> ImageConfig:
    return ImageConfig(
        entrypoint=tuple(config.entrypoint or ()),
        cmd=tuple(config.cmd or ()),
        env=tuple(config.env or ()),
        user=config.user or "",
        working_dir=config.working_dir or "",
        stop_signal=config.stop_signal or "",
        exposed_ports=tuple(sorted(config.exposed_ports or ())),
        volumes=tuple(sorted(config.volumes or ())),
        labels=dict(config.labels or {}),
    )
