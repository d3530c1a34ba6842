"""Writes actions through ``objects``, in the controllers' name: the only way from a decision to the store."""

from typing import Any, Final

from k3py.controllers.actions import Delete, Patch
from k3py.controllers.carry_out import Done
from k3py.model.generated import core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.user import CONTROLLER_MANAGER, User
from k3py.objects.options import Patch as ObjectPatch
from k3py.objects.options import PatchType, WriteOptions
from k3py.objects.service import Objects

PLAIN: Final = WriteOptions()


class ObjectsWriter:
    """``Writer`` and ``EventWriter`` over ``Objects``."""

    def __init__(self, objects: Objects, user: User = CONTROLLER_MANAGER) -> None:
        self._objects = objects
        self._user = user

    async def create(self, made: Any) -> Done:
        """Store a new object.

        Raises:
            Problem: as ``Objects.create``.
        """
        kind = KINDS.of(type(made))
        written = await self._objects.create(kind, made.metadata.namespace, made, PLAIN, self._user)
        assert written.record is not None
        return Done(written.record.name, written.record.revision)

    async def update(self, made: Any, subresource: str) -> Done:
        """Store another version of an object that was read.

        Raises:
            Problem: as ``Objects.update``; Conflict when it is no longer the version that was read.
        """
        kind = KINDS.of(type(made))
        meta: meta_v1.ObjectMeta = made.metadata
        written = await self._objects.update(kind, meta.namespace, meta.name, made, PLAIN, self._user, subresource)
        assert written.record is not None
        return Done(written.record.name, written.record.revision)

    async def patch(self, action: Patch) -> Done:
        """Merge into an object, if it still is the one that was read.

        Raises:
            Problem: as ``Objects.patch``.
        """
        where = action.target
        metadata = {**action.body.get("metadata", {}), "uid": where.uid, "resourceVersion": where.version}
        patch = ObjectPatch(PatchType.MERGE, {**action.body, "metadata": metadata})
        written = await self._objects.patch(
            KINDS.of(where.kind), where.namespace, where.name, patch, PLAIN, self._user, action.subresource
        )
        assert written.record is not None
        return Done(written.record.name, written.record.revision)

    async def delete(self, action: Delete) -> Done:
        """Delete an object, if it still is the one that was read.

        Raises:
            Problem: as ``Objects.delete``.
        """
        where = action.target
        options = meta_v1.DeleteOptions(
            grace_period_seconds=action.grace_seconds,
            propagation_policy=action.propagation or None,
            preconditions=meta_v1.Preconditions(
                uid=where.uid or None, resource_version=where.version if action.unchanged else None
            ),
        )
        deleted = await self._objects.delete(KINDS.of(where.kind), where.namespace, where.name, options, self._user)
        assert deleted.record is not None
        return Done(where.name, deleted.record.revision)

    async def create_event(self, event: core_v1.Event) -> None:
        """Store an event.

        Raises:
            Problem: as ``Objects.create``.
        """
        await self._objects.create(KINDS.of(core_v1.Event), event.metadata.namespace, event, PLAIN, self._user)

    async def count_event(self, namespace: str, name: str, count: int, last_timestamp: str) -> None:
        """The event happened again.

        Raises:
            NotFound: it has expired. Problem: as ``Objects.patch``.
        """
        body = {"count": count, "lastTimestamp": last_timestamp}
        await self._objects.patch(
            KINDS.of(core_v1.Event), namespace, name, ObjectPatch(PatchType.MERGE, body), PLAIN, self._user
        )
