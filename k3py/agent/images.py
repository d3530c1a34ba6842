"""Brings the image for a container's next attempt, by its pull policy (Kubernetes, "Images")."""

import asyncio
from typing import Final

from k3py.agent.ports import Configs, Events, ImageStore
from k3py.base.clock import Clock
from k3py.image.errors import ImageError
from k3py.image.image import Image
from k3py.model.generated.core_v1 import Container, Pod

ALWAYS: Final = "Always"
NEVER: Final = "Never"


class NoImage(Exception):
    """The image cannot be had now; ``reason`` is that of ``state.waiting``."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def pull_policy(container: Container) -> str:
    """The policy; without one ``Always`` for the tag ``latest`` or none, else ``IfNotPresent``."""
    if container.image_pull_policy:
        return container.image_pull_policy
    name, _, digest = container.image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    return ALWAYS if not digest and (not colon or tag == "latest") else "IfNotPresent"


class Puller:
    """Finds or pulls images for all pods of the node, at most ``parallel`` pulls at once."""

    def __init__(self, images: ImageStore, configs: Configs, events: Events, clock: Clock, parallel: int) -> None:
        self._images = images
        self._configs = configs
        self._events = events
        self._clock = clock
        self._turns = asyncio.Semaphore(parallel)

    async def ensure(self, pod: Pod, container: Container) -> Image:
        """The image.

        Raises:
            NoImage: it cannot be had; the events are told.
        """
        name, policy = container.image, pull_policy(container)
        try:
            found = None if policy == ALWAYS else self._images.find(name)
            if found is not None:
                text = f'Container image "{name}" already present on machine'
                self._events.emit(pod, "Pulled", text, container=container.name)
                return found
            if policy == NEVER:
                text = f'Container image "{name}" is not present with pull policy of Never'
                self._events.emit(pod, "ErrImageNeverPull", text, container=container.name, warning=True)
                raise NoImage(text, "ErrImageNeverPull")
            return await self._pull(pod, container)
        except ImageError as problem:
            text = f'Failed to pull image "{name}": {problem}'
            self._events.emit(pod, "Failed", text, container=container.name, warning=True)
            self._events.emit(pod, "Failed", f"Error: {problem.reason}", container=container.name, warning=True)
            raise NoImage(str(problem), problem.reason) from problem

    async def _pull(self, pod: Pod, container: Container) -> Image:
        name = container.image
        began = self._clock.monotonic()
        async with self._turns:
            self._events.emit(pod, "Pulling", f'Pulling image "{name}"', container=container.name)
            turn = self._clock.monotonic()
            image = await self._images.pull(name, await self._configs.pull_credentials(pod))
        now = self._clock.monotonic()
        text = (
            f'Successfully pulled image "{name}" in {now - turn:.3g}s ({now - began:.3g}s including waiting). '
            f"Image size: {image.size} bytes."
        )
        self._events.emit(pod, "Pulled", text, container=container.name)
        return image
