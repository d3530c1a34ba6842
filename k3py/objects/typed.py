"""One kind, typed: what controllers read and write with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from k3py.model import codec
from k3py.model.generated import meta_v1
from k3py.model.registry import Kind
from k3py.model.selectors import FieldSelector, Selector
from k3py.model.struct import Wire
from k3py.model.user import CONTROLLER_MANAGER, User
from k3py.objects.options import Deleted, Patch, PatchType, WriteOptions

if TYPE_CHECKING:
    from k3py.objects.service import Objects

T = TypeVar("T", bound=Wire)
PLAIN_WRITE = WriteOptions()


class Typed(Generic[T]):
    """Typed objects of one kind. Objects handed out are the caller's own.

    ``if_version`` is the ``resourceVersion`` of what a write was decided on: it fails with ``Conflict`` when the
    stored object is another one by now.
    """

    def __init__(self, objects: "Objects", kind: Kind, made: type[T], user: User = CONTROLLER_MANAGER) -> None:
        self._objects = objects
        self._kind = kind
        self._type = made
        self._user = user

    def get(self, namespace: str, name: str) -> T | None:
        """The committed object, or None."""
        record = self._objects.store.get(self._kind.plural, namespace, name)
        return None if record is None else codec.decode(self._type, record.raw)

    def list(
        self, namespace: str | None, labels: Selector | None = None, fields: FieldSelector | None = None
    ) -> Sequence[T]:
        """Committed objects of a namespace, or of all (None)."""
        found = self._objects.list(self._kind, namespace, labels, fields)
        return [codec.decode(self._type, record.raw) for record in found]

    async def create(self, obj: T) -> T:
        """Store a new object in the namespace that it names.

        Raises:
            AlreadyExists and others, as ``Objects.create``.
        """
        written = await self._objects.create(self._kind, _meta(obj).namespace, obj, PLAIN_WRITE, self._user)
        return codec.decode(self._type, written.raw)

    async def update(self, obj: T, *, if_version: str | None = None, subresource: str = "") -> T:
        """Store another version. A resource version in the object counts, unless ``if_version`` says another.

        Raises:
            Conflict, NotFound and others, as ``Objects.update``.
        """
        meta = _meta(obj)
        if if_version is not None:
            obj = codec.decode(self._type, codec.encode(obj))
            _meta(obj).resource_version = if_version
        written = await self._objects.update(
            self._kind, meta.namespace, meta.name, obj, PLAIN_WRITE, self._user, subresource
        )
        return codec.decode(self._type, written.raw)

    async def patch(
        self, namespace: str, name: str, body: Any, *, if_version: str | None = None, subresource: str = ""
    ) -> T:
        """Apply a JSON merge patch.

        Raises:
            Conflict, NotFound and others, as ``Objects.patch``.
        """
        if if_version is not None:
            body = {**body, "metadata": {**body.get("metadata", {}), "resourceVersion": if_version}}
        written = await self._objects.patch(
            self._kind, namespace, name, Patch(PatchType.MERGE, body), PLAIN_WRITE, self._user, subresource
        )
        return codec.decode(self._type, written.raw)

    async def delete(
        self,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        if_version: str | None = None,
        propagation: str | None = None,
        grace_seconds: int | None = None,
    ) -> Deleted:
        """Delete an object; ``uid`` and ``if_version`` are preconditions.

        Raises:
            Conflict, NotFound and others, as ``Objects.delete``.
        """
        preconditions = None
        if uid is not None or if_version is not None:
            preconditions = meta_v1.Preconditions(uid=uid, resource_version=if_version)
        options = meta_v1.DeleteOptions(
            grace_period_seconds=grace_seconds, preconditions=preconditions, propagation_policy=propagation
        )
        return await self._objects.delete(self._kind, namespace, name, options, self._user)


def _meta(obj: Any) -> meta_v1.ObjectMeta:
    meta: meta_v1.ObjectMeta = obj.metadata
    return meta
