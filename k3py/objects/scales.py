"""Reading and writing objects through their ``scale``."""

from typing import TYPE_CHECKING

from k3py.model import codec
from k3py.model.errors import Problem
from k3py.model.generated import autoscaling_v1
from k3py.model.registry import Kind
from k3py.model.user import User
from k3py.objects import scale
from k3py.objects.apply.managing import Plain
from k3py.objects.collections import collection_name
from k3py.objects.options import Patch, WriteOptions, Written

if TYPE_CHECKING:
    from k3py.objects.service import Objects


class Scales:
    """The scales of all objects that have one."""

    def __init__(self, objects: "Objects") -> None:
        self._objects = objects

    def get(self, kind: Kind, namespace: str, name: str) -> autoscaling_v1.Scale:
        """The scale of an object.

        Raises:
            NotFound: there is none, or the kind has no scale.
        """
        return scale.of_object(kind, codec.decode(kind.type, self._objects.get(kind, namespace, name).raw))

    async def update(
        self, kind: Kind, namespace: str, name: str, wanted: autoscaling_v1.Scale, options: WriteOptions, user: User
    ) -> Written:
        """Set the number of replicas; ``raw`` of the result is the Scale.

        Raises:
            As ``Objects.update``.
        """
        return await self._write(kind, namespace, name, wanted, options, user)

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Patch, options: WriteOptions, user: User
    ) -> Written:
        """Patch the Scale of an object; ``raw`` of the result is the Scale.

        Raises:
            As ``Objects.patch``.
        """
        return await self._write(kind, namespace, name, patch, options, user)

    async def apply(
        self, kind: Kind, namespace: str, name: str, patch: Plain, options: WriteOptions, user: User
    ) -> Written:
        """Server-side apply to the Scale of an object; ``raw`` of the result is the Scale.

        Raises:
            As ``Objects.apply``; NotFound: the object is not there.
        """
        return await self._write(kind, namespace, name, patch, options, user)

    async def _write(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        wanted: autoscaling_v1.Scale | Patch | Plain,
        options: WriteOptions,
        user: User,
    ) -> Written:
        current = self._objects.store.latest(collection_name(kind), namespace, name)
        if current is None:
            await self._objects.settled()
            raise scale.missing(kind, namespace, name, wanted)
        author = self._objects.author(options, user)
        try:
            new, owned, said = scale.decide(kind, current, wanted, options, author)
        except Problem:
            await self._objects.settled()
            raise
        written = await self._objects.replace(kind, current, new, options, user, "scale", said, owned)
        return scale.answer(kind, written)
