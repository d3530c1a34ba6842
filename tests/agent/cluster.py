"""A server for agents to talk to, in memory: what the API would answer, and what happens when it is away."""

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from k3py.base.clock import Clock, rfc3339
from k3py.client.port import EventType, Listing, PatchType, Propagation, T, WatchEvent
from k3py.model import codec
from k3py.model.errors import AlreadyExists, Conflict, Expired, Forbidden, NotFound, Unavailable
from k3py.model.generated.authentication_v1 import TokenRequest
from k3py.model.generated.core_v1 import Pod


class Cluster:
    """The ``Client`` port over dictionaries.

    ``away``: nothing is answered. ``empty``: every question is answered as by a server that has lost everything.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.away = False
        self.empty = False
        self.objects: dict[tuple[str, str, str], Any] = {}
        self.revision = 100
        self.tokens = 0
        self.calls: list[tuple[str, str, str]] = []
        self._log: list[tuple[int, EventType, Any]] = []
        self._changed: list[asyncio.Event] = []

    # --- for tests

    def put(self, obj: Any) -> Any:
        """Create or replace as an administrator."""
        key = _key(obj)
        known = self.objects.get(key)
        self.revision += 1
        obj.metadata.resource_version = str(self.revision)
        obj.metadata.uid = obj.metadata.uid or f"uid-{self.revision}"
        self.objects[key] = obj
        self._tell(EventType.MODIFIED if known is not None else EventType.ADDED, obj)
        return obj

    def drop(self, obj: Any) -> None:
        self.revision += 1
        gone = self.objects.pop(_key(obj))
        gone = msgspec.structs.replace(gone, metadata=copy.copy(gone.metadata))
        gone.metadata.resource_version = str(self.revision)
        self._tell(EventType.DELETED, gone)

    def pod(self, name: str = "web") -> Pod | None:
        found = self.objects.get(("Pod", "default", name))
        assert found is None or isinstance(found, Pod)
        return found

    def ask_deletion(self, name: str = "web", grace: int | None = None) -> None:
        """What ``kubectl delete pod`` does."""
        pod = self.pod(name)
        assert pod is not None
        given = pod.spec.termination_grace_period_seconds
        seconds = grace if grace is not None else 30 if given is None else given
        if seconds == 0 or not pod.spec.node_name:
            self.drop(pod)
            return
        pod = copy.deepcopy(pod)
        pod.metadata.deletion_timestamp = rfc3339(self._clock.now() + seconds)
        pod.metadata.deletion_grace_period_seconds = seconds
        self.put(pod)

    def events(self) -> list[str]:
        """Reasons of all events, in order."""
        found = [each for (kind, _, _), each in self.objects.items() if kind == "Event"]
        return [each.reason for each in sorted(found, key=lambda each: int(each.metadata.resource_version))]

    def _tell(self, kind: EventType, obj: Any) -> None:
        self._log.append((self.revision, kind, copy.deepcopy(obj)))
        for each in self._changed:
            each.set()

    # --- the port

    def _ask(self, verb: str, kind: type[Any], name: str) -> None:
        self.calls.append((verb, kind.__name__, name))
        if self.away:
            raise Unavailable("the server is away")

    def _find(self, kind: type[Any], namespace: str, name: str) -> Any:
        found = None if self.empty else self.objects.get((kind.__name__, namespace, name))
        if found is None and kind is Pod:
            raise Forbidden(f'pods "{name}" is forbidden: nodes may ask for their own pods only')
        if found is None:
            raise NotFound(f'{kind.__name__} "{name}" not found')
        return found

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        await asyncio.sleep(0.001)
        self._ask("get", kind, name)
        found = self._find(kind, namespace, name)
        result: T = copy.deepcopy(found)
        return result

    async def list(
        self, kind: type[T], namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> Listing[T]:
        await asyncio.sleep(0.001)
        self._ask("list", kind, field_selector)
        items = [
            copy.deepcopy(each)
            for key, each in self.objects.items()
            if key[0] == kind.__name__ and _selected(each, namespace, field_selector)
        ]
        return Listing([] if self.empty else items, str(self.revision))

    async def watch(
        self,
        kind: type[T],
        resource_version: str,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
    ) -> AsyncIterator[WatchEvent[T]]:
        self._ask("watch", kind, field_selector)
        position, changed = 0, asyncio.Event()
        self._changed.append(changed)
        try:
            while True:
                while position < len(self._log):
                    revision, event, obj = self._log[position]
                    position += 1
                    wanted = type(obj).__name__ == kind.__name__ and _selected(obj, namespace, field_selector)
                    if wanted and revision > int(resource_version):
                        yield WatchEvent(event, copy.deepcopy(obj))
                changed.clear()
                try:
                    async with asyncio.timeout(1):
                        await changed.wait()
                except TimeoutError:
                    if self.away:
                        raise Unavailable("the connection broke") from None
                    if self.empty:
                        raise Expired("that version is not kept") from None
        finally:
            self._changed.remove(changed)

    async def create(self, obj: T) -> T:
        await asyncio.sleep(0.001)
        made: Any = copy.deepcopy(obj)
        self._ask("create", type(obj), made.metadata.name)
        if self.empty:
            raise NotFound("namespaces not found")
        if _key(made) in self.objects:
            raise AlreadyExists("it exists already")
        result: T = copy.deepcopy(self.put(made))
        return result

    async def update(self, obj: T, subresource: str = "") -> T:
        raise NotImplementedError

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
        await asyncio.sleep(0.001)
        self._ask("patch", kind, name)
        found = self._find(kind, namespace, name)
        assert isinstance(patch, Mapping)
        uid = patch.get("metadata", {}).get("uid", found.metadata.uid)
        if uid != found.metadata.uid:
            raise Conflict("another object has this name")
        plain = codec.to_plain(found)
        _merge(plain, patch)
        new = codec.convert(kind, plain)[0]
        result: T = copy.deepcopy(self.put(new))
        return result

    async def create_token(self, account: str, namespace: str, request: TokenRequest) -> TokenRequest:
        await asyncio.sleep(0.001)
        self.calls.append(("token", "ServiceAccount", account))
        if self.away:
            raise Unavailable("the server is away")
        if self.empty:
            raise NotFound(f'serviceaccounts "{account}" not found')
        self.tokens += 1
        made = copy.deepcopy(request)
        made.status.token = f"token {self.tokens} for {account} of {namespace}"
        made.status.expiration_timestamp = rfc3339(self._clock.now() + (made.spec.expiration_seconds or 3600))
        return made

    async def delete(
        self,
        kind: type[T],
        name: str,
        namespace: str = "",
        grace_period_seconds: int | None = None,
        propagation_policy: Propagation | None = None,
        uid: str = "",
    ) -> None:
        await asyncio.sleep(0.001)
        self._ask("delete", kind, name)
        found = self._find(kind, namespace, name)
        if uid and uid != found.metadata.uid:
            raise Conflict("another object has this name")
        self.drop(found)


def _key(obj: Any) -> tuple[str, str, str]:
    return type(obj).__name__, obj.metadata.namespace, obj.metadata.name


def _selected(obj: Any, namespace: str, field_selector: str) -> bool:
    if namespace and obj.metadata.namespace != namespace:
        return False
    wanted = dict(each.split("=") for each in field_selector.split(",") if each)
    if "spec.nodeName" in wanted and obj.spec.node_name != wanted["spec.nodeName"]:
        return False
    return bool(obj.metadata.name == wanted.get("metadata.name", obj.metadata.name))


def _merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        elif key == "conditions":
            by_type = {each["type"]: each for each in target.get(key, [])}
            for each in value:
                _merge(by_type.setdefault(each["type"], {}), each)
            target[key] = list(by_type.values())
        else:
            target[key] = copy.deepcopy(value)
