"""What agent, command line and hollow agents ask of a cluster. ``http`` is one way to it; the simulator has another."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from k3py.model.generated.authentication_v1 import TokenRequest
from k3py.model.struct import Wire

T = TypeVar("T", bound=Wire)


class EventType(StrEnum):
    """What happened to an object that is watched. BOOKMARK says only how far the watch has got."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


class PatchType(StrEnum):
    """How a patch is to be read (its media type)."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class Propagation(StrEnum):
    """What happens to the dependents of an object that is deleted (``metav1.DeletionPropagation``)."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A *complete* list as of one revision; never part of one."""

    items: Sequence[T]
    resource_version: str


@dataclass(frozen=True)
class WatchEvent(Generic[T]):
    """One change. Of a BOOKMARK's object only ``metadata.resource_version`` means anything."""

    type: EventType
    object: T


class Client(Protocol):
    """The API as Python functions.

    Every method raises a ``k3py.model.errors.Problem``: what the server refused in the server's words, and
    ``Unavailable`` when the server could not be reached, broke off, or answered with something that is no answer. After
    ``Unavailable`` a write may or may not have happened. ``namespace`` is empty for kinds without one, and in ``list``
    and ``watch`` for all namespaces.
    """

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        """One object. Raises NotFound."""
        ...

    async def list(
        self, kind: type[T], namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> Listing[T]:
        """All objects that the selectors let through, as of now."""
        ...

    def watch(
        self,
        kind: type[T],
        resource_version: str,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
    ) -> AsyncIterator[WatchEvent[T]]:
        """All changes after ``resource_version``, in order.

        Ends when the server ends it, raises ``Unavailable`` when the connection breaks: both mean nothing for the
        objects; watch again from the last version seen. Raises Expired when that version is no longer kept: list.
        """
        ...

    async def create(self, obj: T) -> T:
        """Create the object in its own namespace; the result is what was stored. Raises AlreadyExists, Invalid."""
        ...

    async def update(self, obj: T, subresource: str = "") -> T:
        """Replace the object (or its ``status``, ``scale`` ...). Raises Conflict, NotFound, Invalid."""
        ...

    async def patch(
        self,
        kind: type[T],
        name: str,
        namespace: str,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        patch_type: PatchType,
        subresource: str = "",
        field_manager: str = "",
    ) -> T:
        """Change the object on the server. Raises NotFound, Conflict, Invalid."""
        ...

    async def create_token(self, account: str, namespace: str, request: TokenRequest) -> TokenRequest:
        """Ask for a token of a service account; the result's status has it. Raises NotFound, Invalid, Conflict."""
        ...

    async def delete(
        self,
        kind: type[T],
        name: str,
        namespace: str = "",
        grace_period_seconds: int | None = None,
        propagation_policy: Propagation | None = None,
        uid: str = "",
    ) -> None:
        """Ask for deletion; finalizers and grace may keep the object for a while. With ``uid`` only the object that
        has it, else Conflict. Raises NotFound."""
        ...
