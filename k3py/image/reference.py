"""Image names: ``busybox`` is ``docker.io/library/busybox:latest``.

Grammar and defaults are those of Docker and Kubernetes (``distribution/reference``: ``ParseDockerRef``): a first
component is a registry only if it holds a dot or a colon, or is ``localhost``; where tag and digest are both given the
digest decides and the tag is dropped. Values in, values out; no I/O.
"""

import re
from dataclasses import dataclass
from typing import Final

from k3py.image.errors import InvalidReference

DEFAULT_REGISTRY: Final = "docker.io"
DEFAULT_TAG: Final = "latest"
OFFICIAL_NAMESPACE: Final = "library"

# Docker's own bound (distribution/reference NameTotalLengthMax).
NAME_LENGTH_MAX: Final = 255
# More than name, tag of 128 and digest together can have; keeps the regular expressions' input short.
REFERENCE_LENGTH_MAX: Final = 1024

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, order=True)
class Reference:
    """A complete image name. Exactly one of ``tag`` and ``digest`` is set.

    ``registry`` is a host with an optional port, ``repository`` the path in it, ``digest`` is ``sha256:`` and
    64 hex digits.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Registry and repository: ``docker.io/library/busybox``."""
        return f"{self.registry}/{self.repository}"

    @property
    def target(self) -> str:
        """What a registry is asked for: the digest, or else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def is_digest(text: str) -> bool:
    """Whether the text is a digest that k3py supports: ``sha256:`` and 64 lower-case hex digits."""
    return _DIGEST.fullmatch(text) is not None


def parse_reference(text: str) -> Reference:
    """The normalised form of an image name as a user writes it.

    Raises:
        InvalidReference: the text is no image name; the message says which part is wrong.
    """
    if not text or len(text) > REFERENCE_LENGTH_MAX:
        raise InvalidReference(f"cannot use image name {text[:64]!r}: it has {len(text)} characters")
    rest, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise InvalidReference(f"cannot use image name {text!r}: {digest!r} is no sha256 digest")
    slash, colon = rest.rfind("/"), rest.rfind(":")
    tag = ""
    if colon > slash:
        rest, tag = rest[:colon], rest[colon + 1 :]
        if not _TAG.fullmatch(tag):
            raise InvalidReference(f"cannot use image name {text!r}: {tag!r} is no tag")
    registry, repository = _split_name(rest)
    _check_name(text, registry, repository)
    if not at and not tag and _IDENTIFIER.fullmatch(rest):
        raise InvalidReference(f"cannot use image name {text!r}: it is an image id, not a name")
    if digest:
        return Reference(registry, repository, digest=digest)
    return Reference(registry, repository, tag=tag or DEFAULT_TAG)


def _split_name(name: str) -> tuple[str, str]:
    """Registry and repository of a name without tag and digest, defaults filled in."""
    first, slash, rest = name.partition("/")
    is_registry = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if not slash or not is_registry:
        registry, repository = DEFAULT_REGISTRY, name
    else:
        registry, repository = first, rest
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and repository and "/" not in repository:
        repository = f"{OFFICIAL_NAMESPACE}/{repository}"
    return registry, repository


def _check_name(text: str, registry: str, repository: str) -> None:
    if not _REGISTRY.fullmatch(registry):
        raise InvalidReference(f"cannot use image name {text!r}: {registry!r} is no registry host")
    if not all(_COMPONENT.fullmatch(component) for component in repository.split("/")):
        raise InvalidReference(
            f"cannot use image name {text!r}: {repository!r} is no repository "
            "(lower-case letters, digits and single separators)"
        )
    if len(registry) + 1 + len(repository) > NAME_LENGTH_MAX:
        raise InvalidReference(f"cannot use image name {text[:64]!r}: it is longer than {NAME_LENGTH_MAX}")
