"""Frees disk: images that no pod of this node uses go when the disk is nearly full."""

import asyncio
import logging
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from k3py.image.errors import ImageError
from k3py.image.image import Freed, Image

log = logging.getLogger(__name__)


class CollectableImages(Protocol):
    """The part of ``Images`` that the collection uses."""

    def list(self) -> list[Image]: ...

    def remove(self, name: str) -> None: ...

    def collect_garbage(self, in_use: Collection[str]) -> Freed: ...


def used_percent(folder: Path) -> float:
    """How full the disk is that the folder is on."""
    space = os.statvfs(folder)
    return 100.0 * (1 - space.f_bavail / space.f_blocks) if space.f_blocks else 0.0


class GarbageCollector:
    """``in_use`` names the images that pods of this node were made from or are to be made from.

    It answers None while it does not know all pods of the node: then nothing is removed, as something may run from it.
    """

    def __init__(
        self,
        images: CollectableImages,
        in_use: Callable[[], set[str] | None],
        use_percent: Callable[[], float],
        high_percent: int,
        every_seconds: float,
    ) -> None:
        self._images, self._in_use, self._use_percent = images, in_use, use_percent
        self._high_percent, self._every_seconds = high_percent, every_seconds

    async def run(self) -> None:
        """Look every now and then, for ever."""
        while True:
            await asyncio.sleep(self._every_seconds)
            try:
                await self.collect()
            except (ImageError, OSError) as problem:
                log.warning("cannot collect unused images: %s", problem)

    async def collect(self) -> Freed:
        """Remove what nothing uses, if the disk is fuller than the threshold."""
        if self._use_percent() < self._high_percent:
            return Freed()
        used = self._in_use()
        if used is None:
            return Freed()
        kept = []
        for image in self._images.list():
            if used & {image.id, *image.names, *image.repository_digests}:
                kept.append(image.id)
            elif image.names:
                self._images.remove(image.names[0] if len(image.names) == 1 else image.id)
        freed = await asyncio.to_thread(self._images.collect_garbage, kept)
        log.info("%d unused images are gone, %d bytes are free", freed.images, freed.bytes)
        return freed
