"""Manifests, indexes and image configurations: bytes in, checked values out.

Documents are those of the OCI image specification (``manifest.md``, ``image-index.md``, ``config.md``) and Docker's
"Image Manifest V 2, Schema 2", which differ in media types only. A document that could be read as manifest and as
index is refused (CVE-2021-41190). No I/O.
"""

import hashlib
import platform as host_platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from k3py.image.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from k3py.image.reference import is_digest

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
ACCEPTED: Final = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST))

# The distribution specification asks registries for at least 4 MiB, and most allow no more.
DOCUMENT_BYTES_MAX: Final = 4 * 1024 * 1024
# overlayfs takes at most 500 lower layers (OVL_MAX_STACK).
LAYERS_MAX: Final = 500
# An index in an index is allowed; nobody builds a third level.
INDEX_DEPTH_MAX: Final = 3

_CONFIG_TYPES: Final = (OCI_CONFIG, DOCKER_CONFIG)
_LAYER_TYPES: Final = tuple(
    base + suffix
    for base, suffixes in (
        (OCI_LAYER, ("", "+gzip", "+zstd")),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", ("", "+gzip", "+zstd")),
        ("application/vnd.docker.image.rootfs.diff.tar", ("", ".gzip", ".zstd")),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar", ("", ".gzip")),
    )
    for suffix in suffixes
)


class Platform(msgspec.Struct, frozen=True, omit_defaults=True):
    """Operating system, architecture and variant in Go's words: ``linux``, ``arm64``, ``v8``."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Descriptor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A reference to a blob: type, digest and size in bytes."""

    media_type: str = ""
    digest: str = ""
    size: int = 0
    platform: Platform | None = None
    annotations: dict[str, str] | None = None


class _Document(msgspec.Struct, rename="camel"):
    schema_version: int = 0
    media_type: str = ""
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    fs_layers: list[Any] | None = msgspec.field(default=None, name="fsLayers")


@dataclass(frozen=True)
class Manifest:
    """One image: its configuration and its layers, bottom to top."""

    config: Descriptor
    layers: Sequence[Descriptor]


@dataclass(frozen=True)
class Index:
    """Manifests (or further indexes) for several platforms."""

    manifests: Sequence[Descriptor]


class ContainerConfig(msgspec.Struct, frozen=True):
    """The ``config`` object of an image configuration; Docker writes null for what is not set."""

    entrypoint: list[str] | None = msgspec.field(default=None, name="Entrypoint")
    cmd: list[str] | None = msgspec.field(default=None, name="Cmd")
    env: list[str] | None = msgspec.field(default=None, name="Env")
    user: str | None = msgspec.field(default=None, name="User")
    working_dir: str | None = msgspec.field(default=None, name="WorkingDir")
    stop_signal: str | None = msgspec.field(default=None, name="StopSignal")
    exposed_ports: dict[str, Any] | None = msgspec.field(default=None, name="ExposedPorts")
    volumes: dict[str, Any] | None = msgspec.field(default=None, name="Volumes")
    labels: dict[str, str] | None = msgspec.field(default=None, name="Labels")


class RootFileSystem(msgspec.Struct, frozen=True):
    """The digests of the plain layer archives, bottom to top."""

    type: str = "layers"
    diff_ids: list[str] | None = None


class Configuration(msgspec.Struct, frozen=True):
    """An image configuration, as far as a node needs it."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    config: ContainerConfig | None = None
    rootfs: RootFileSystem = RootFileSystem()

    @property
    def diff_ids(self) -> list[str]:
        """The digests of the plain layers, bottom to top."""
        return self.rootfs.diff_ids or []


T = TypeVar("T")


def digest_of(data: bytes) -> str:
    """``sha256:`` and the hex digest."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def decode_document(data: bytes, media_type: str = "") -> Manifest | Index:
    """What a registry answered to a request for a manifest. ``media_type`` is its ``Content-Type``, if known.

    Raises:
        CorruptImage: the document breaks the format.
        ImageTooLarge: too many layers.
        UnsupportedImage: a sound document, but of no container image.
    """
    document = _decode(data, _Document, "manifest")
    kind = document.media_type or media_type.partition(";")[0].strip()
    if document.fs_layers is not None or document.schema_version == 1:
        raise UnsupportedImage(
            "cannot use the image: its manifest has Docker's schema 1, given up in 2017; push it anew"
        )
    if document.manifests is not None and (document.layers is not None or document.config is not None):
        raise CorruptImage("cannot use the image: its manifest claims to be an index as well")
    if document.manifests is not None:
        if kind in (OCI_MANIFEST, DOCKER_MANIFEST):
            raise CorruptImage(f"cannot use the image: an index calls itself {kind}")
        for descriptor in document.manifests:
            _check_descriptor(descriptor, "manifest")
        return Index(tuple(document.manifests))
    if document.config is None or document.layers is None or kind in (OCI_INDEX, DOCKER_INDEX):
        raise CorruptImage("cannot use the image: its manifest names no configuration or no layers")
    return _checked_manifest(document.config, document.layers)


def _checked_manifest(config: Descriptor, layers: list[Descriptor]) -> Manifest:
    _check_descriptor(config, "configuration")
    if config.media_type not in _CONFIG_TYPES:
        raise UnsupportedImage(
            f"cannot use the image: it holds {config.media_type or 'something untyped'!r}, no container"
        )
    if len(layers) > LAYERS_MAX:
        raise ImageTooLarge(f"cannot use the image: it has {len(layers)} layers, more than {LAYERS_MAX}")
    for layer in layers:
        _check_descriptor(layer, "layer")
        if layer.media_type not in _LAYER_TYPES:
            raise UnsupportedImage(f"cannot use the image: a layer is of the unknown type {layer.media_type!r}")
    return Manifest(config, tuple(layers))


def _check_descriptor(descriptor: Descriptor, what: str) -> None:
    if not is_digest(descriptor.digest):
        raise CorruptImage(
            f"cannot use the image: the digest of a {what} is {descriptor.digest[:80]!r}, no sha256 digest"
        )
    if not 0 <= descriptor.size < 2**63:
        raise CorruptImage(f"cannot use the image: the size of a {what} is {descriptor.size}")


def decode_configuration(data: bytes, layers: int | None = None) -> Configuration:
    """An image's configuration, which must have as many diff ids as the manifest has ``layers`` (if that is known).

    Raises:
        CorruptImage: it breaks the format.
    """
    configuration = _decode(data, Configuration, "configuration")
    diff_ids = configuration.diff_ids
    if layers is not None and len(diff_ids) != layers:
        raise CorruptImage(f"cannot use the image: it has {layers} layers, but {len(diff_ids)} diff ids")
    for diff_id in diff_ids:
        if not is_digest(diff_id):
            raise CorruptImage(f"cannot use the image: diff id {diff_id[:80]!r} is no sha256 digest")
    return configuration


def _decode(data: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise CorruptImage(f"cannot use the image: its {what} cannot be read: {error}") from None


def this_platform() -> Platform:
    """The platform of the machine this runs on; containers are Linux, also on macOS (in a microVM)."""
    machine = host_platform.machine().lower()
    architecture, variant = {
        "x86_64": ("amd64", ""),
        "amd64": ("amd64", ""),
        "aarch64": ("arm64", "v8"),
        "arm64": ("arm64", "v8"),
        "armv7l": ("arm", "v7"),
        "armv6l": ("arm", "v6"),
        "i386": ("386", ""),
        "i686": ("386", ""),
    }.get(machine, (machine, ""))
    return Platform("linux", architecture, variant)


def choose(index: Index, wanted: Platform) -> Descriptor:
    """The entry for a platform: same variant first, then none, then the newest older one (``v7`` runs ``v6``).

    An index with one entry that names no platform means that entry.

    Raises:
        UnsupportedImage: there is none; the message lists what there is.
    """
    ranked = [(rank, entry) for entry in index.manifests if (rank := _rank(entry.platform, wanted)) is not None]
    if ranked:
        return min(ranked, key=lambda pair: pair[0])[1]
    if len(index.manifests) == 1 and index.manifests[0].platform is None:
        return index.manifests[0]
    offered = sorted(
        {str(e.platform) for e in index.manifests if e.platform is not None and e.platform.os != "unknown"}
    )
    raise UnsupportedImage(
        f"cannot use the image: it has no variant for {wanted}, only {', '.join(offered[:20]) or 'none'}"
    )


def _rank(offered: Platform | None, wanted: Platform) -> int | None:
    """How well an offer fits, 0 being best; None if it does not."""
    if offered is None or (offered.os, offered.architecture) != (wanted.os, wanted.architecture):
        return None
    if offered.variant == wanted.variant:
        return 0
    if not offered.variant:
        return 1
    default = {"amd64": "v1", "arm64": "v8", "arm": "v7"}.get(wanted.architecture, "")
    newest, offer = _version(wanted.variant or default), _version(offered.variant)
    if newest is None or offer is None or offer > newest:
        return None
    return 2 + newest - offer


def _version(variant: str) -> int | None:
    digits = variant.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 4 else None


def check_platform(configuration: Configuration, wanted: Platform) -> None:
    """Refuse an image that says it is for another platform; one that says nothing is taken.

    Raises:
        UnsupportedImage: it is for another operating system or architecture.
    """
    offered = Platform(configuration.os or wanted.os, configuration.architecture or wanted.architecture)
    if (offered.os, offered.architecture) != (wanted.os, wanted.architecture):
        raise UnsupportedImage(f"cannot use the image: it is for {offered}, this node is {wanted}")
