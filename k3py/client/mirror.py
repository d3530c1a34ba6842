"""What is known of the objects that are watched, and what each answer of the server changes in it. Decides.

An object goes away for one of three reasons only: the server said DELETED; a complete list, not older than what is
known, does not have it; or its name now belongs to an object with another uid. An error, a silence, an end of the watch
or an answer that cannot be read never gets here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic

from k3py.client.port import EventType, Listing, T, WatchEvent

Key = tuple[str, str]
"""Namespace (empty for kinds without one) and name."""


class OlderListing(Exception):
    """A list is older than what is known already: it comes from a server that has forgotten something."""


@dataclass(frozen=True)
class Added(Generic[T]):
    new: T


@dataclass(frozen=True)
class Modified(Generic[T]):
    old: T
    new: T


@dataclass(frozen=True)
class Deleted(Generic[T]):
    """``last`` is the last state that is known: the final one if the server said DELETED, which ``told`` says."""

    last: T
    told: bool = False


Change = Added[T] | Modified[T] | Deleted[T]


class Mirror(Generic[T]):
    """The objects of one kind as the server had them at ``resource_version`` (empty: nothing is known yet)."""

    def __init__(self) -> None:
        self._objects: dict[Key, T] = {}
        self.resource_version = ""

    @property
    def objects(self) -> Mapping[Key, T]:
        """A view; it changes with the mirror."""
        return MappingProxyType(self._objects)

    def replace(self, listing: Listing[T]) -> list[Change[T]]:
        """Take a complete list: what that changes, deletions first.

        Raises:
            OlderListing: it is older than what is known; nothing has changed.
        """
        if _is_older(listing.resource_version, self.resource_version):
            raise OlderListing(
                f"cannot use a list of version {listing.resource_version}: {self.resource_version} is known already"
            )
        listed = {_key(obj): obj for obj in listing.items}
        changes: list[Change[T]] = [Deleted(o) for key, o in self._objects.items() if key not in listed]
        for key, new in listed.items():
            changes += _difference(self._objects.get(key), new)
        self._objects = listed
        self.resource_version = listing.resource_version
        return changes

    def apply(self, event: WatchEvent[T]) -> list[Change[T]]:
        """Take one event: what it changes. What is known already changes nothing, so a repeated event does no harm."""
        version = _meta(event.object).resource_version
        changes = list(self._applied(event)) if event.type is not EventType.BOOKMARK else []
        if version and not _is_older(version, self.resource_version):
            self.resource_version = version
        return changes

    def _applied(self, event: WatchEvent[T]) -> Iterator[Change[T]]:
        new, key = event.object, _key(event.object)
        old = self._objects.get(key)
        if old is not None and _is_older(_meta(new).resource_version, _meta(old).resource_version):
            return
        if event.type is EventType.DELETED:
            # Of another object of this name, not of the one that is known: that one is still there.
            if old is not None and _meta(old).uid == _meta(new).uid:
                del self._objects[key]
                yield Deleted(new, told=True)
            return
        self._objects[key] = new
        yield from _difference(old, new)


def _difference(old: T | None, new: T) -> Iterator[Change[T]]:
    if old is None:
        yield Added(new)
    elif _meta(old).uid != _meta(new).uid:
        yield Deleted(old)
        yield Added(new)
    elif _meta(old).resource_version != _meta(new).resource_version:
        yield Modified(old, new)


def _meta(obj: Any) -> Any:
    return obj.metadata


def _key(obj: Any) -> Key:
    return obj.metadata.namespace, obj.metadata.name


def _is_older(version: str, known: str) -> bool:
    """Whether ``version`` lies before ``known``; never, when one of them is no number."""
    return version.isdecimal() and known.isdecimal() and int(version) < int(known)
