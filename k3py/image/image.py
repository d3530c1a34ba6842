"""The values that this package hands out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ImageConfig:
    """What an image says about running it (OCI image specification, ``config.md``). Empty where it says nothing.

    ``env`` holds ``NAME=value`` entries, ``exposed_ports`` entries like ``80/tcp``, ``user`` is ``user[:group]`` by
    name or number, ``stop_signal`` a name or number.
    """

    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    env: Sequence[str] = ()
    user: str = ""
    working_dir: str = ""
    stop_signal: str = ""
    exposed_ports: Sequence[str] = ()
    volumes: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """An image that is complete on this node.

    ``id`` is the digest of its configuration. ``digest`` is what its name led to in the registry (of the index, if it
    has several platforms). ``names`` are normalised, sorted, by tag or by digest. ``repositories``
    (``docker.io/library/busybox``) are where it came from. ``layers`` are folders for overlayfs, bottom to top; one
    more than the image has if its archives left out folders whose attributes would be lost (see ``parents``).
    ``size`` is the sum of its files' bytes.
    """

    id: str
    digest: str
    names: Sequence[str]
    repositories: Sequence[str]
    config: ImageConfig
    layers: Sequence[Path]
    size: int

    @property
    def repository_digests(self) -> list[str]:
        """``repository@digest`` for every repository: what ``status.containerStatuses[].imageID`` shows."""
        return [f"{repository}@{self.digest}" for repository in self.repositories]


@dataclass(frozen=True)
class Progress:
    """How far a pull is. Bytes are compressed bytes of the layers that are not on the node yet."""

    layers: int
    layers_done: int
    bytes: int
    bytes_done: int


@dataclass(frozen=True)
class Freed:
    """What a garbage collection took away. ``bytes`` is the sum of the layers' file sizes."""

    images: int = 0
    layers: int = 0
    bytes: int = 0
