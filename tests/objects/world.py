"""A memory store with objects on it, and short ways to make objects."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from k3py.base.clock import SystemClock
from k3py.model.generated.meta_v1 import DeleteOptions
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.user import MASTERS, User
from k3py.objects.collections import collections
from k3py.objects.decode import decode_body
from k3py.objects.options import FieldValidation, Patch, PatchType, WriteOptions
from k3py.objects.service import Objects
from k3py.objects.service_addresses import ServiceRanges
from k3py.objects.system import ensure_system_objects
from k3py.store.memory_log import MemoryLog
from k3py.store.sealing import KeyRing
from k3py.store.store import Store

ADMIN = User("admin", (MASTERS,))
WRITE = WriteOptions()


class FixedClock:
    """Time that a test sets."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def kind_of(name: str) -> Kind:
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise LookupError(name)


async def open_objects(clock: Any = None, ranges: ServiceRanges | None = None) -> Objects:
    store = Store(MemoryLog(), collections(), SystemClock(), KeyRing({"k": b"k" * 32}, "k"))
    await store.open()
    objects = Objects(store, clock or FixedClock(), random.Random(1), ranges)
    await ensure_system_objects(objects)
    return objects


def run(story: Callable[[Objects], Awaitable[None]], clock: Any = None) -> None:
    """Tell a story to fresh objects."""

    async def told() -> None:
        objects = await open_objects(clock)
        try:
            await story(objects)
        finally:
            await objects.store.close()

    asyncio.run(told())


class Plain:
    """Plain JSON values in and out, in the namespace ``default``, as the administrator."""

    def __init__(self, objects: Objects, namespace: str = "default", user: User = ADMIN) -> None:
        self.objects = objects
        self.namespace = namespace
        self.user = user

    def _place(self, kind: Kind) -> str:
        return self.namespace if kind.namespaced else ""

    def _decoded(self, kind: Kind, body: Any) -> Any:
        return decode_body(kind, orjson.dumps(body), "", FieldValidation.STRICT)[0]

    async def create(self, kind_name: str, options: WriteOptions = WRITE, **body: Any) -> Any:
        kind = kind_of(kind_name)
        written = await self.objects.create(kind, self._place(kind), self._decoded(kind, body), options, self.user)
        return orjson.loads(written.raw)

    async def update(self, kind_name: str, body: Any, subresource: str = "") -> Any:
        kind, name = kind_of(kind_name), body["metadata"]["name"]
        written = await self.objects.update(
            kind, self._place(kind), name, self._decoded(kind, body), WRITE, self.user, subresource
        )
        return orjson.loads(written.raw)

    async def patch(
        self, kind_name: str, name: str, body: Any, type_: PatchType = PatchType.MERGE, subresource: str = ""
    ) -> Any:
        kind = kind_of(kind_name)
        written = await self.objects.patch(
            kind, self._place(kind), name, Patch(type_, body), WRITE, self.user, subresource
        )
        return orjson.loads(written.raw)

    async def delete(self, kind_name: str, name: str, options: Any = None) -> Any:
        kind = kind_of(kind_name)
        deleted = await self.objects.delete(kind, self._place(kind), name, options or DeleteOptions(), self.user)
        return orjson.loads(deleted.raw)

    def get(self, kind_name: str, name: str) -> Any:
        kind = kind_of(kind_name)
        return orjson.loads(self.objects.get(kind, self._place(kind), name).raw)
