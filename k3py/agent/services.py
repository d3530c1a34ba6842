"""Services of the namespaces that this node's pods live in, for their environment. Acts.

Each namespace is watched as long as a pod is in it, and only what variables are made from is held. What a pod was last
told lies below ``/run``, so that its containers can be made anew while the server is away.
"""

import asyncio
import contextlib
import logging
import random
from pathlib import Path
from typing import Final

import msgspec

from k3py.agent.service_variables import (
    API_NAMESPACE,
    API_SERVICE,
    LinkedService,
    linked,
    links,
    service_variables,
    visible,
)
from k3py.base.clock import Clock
from k3py.base.paths import write_private
from k3py.base.tasks import Tasks
from k3py.client.mirror import Change, Deleted
from k3py.client.port import Client
from k3py.client.reflector import Reflector
from k3py.model.errors import Problem, Unavailable
from k3py.model.generated.core_v1 import Pod, Service

log = logging.getLogger(__name__)

# Each watch takes a connection of the client's hundred. Services of further namespaces are read when they are needed.
WATCHES_MAX: Final = 20
# As many services of one namespace become variables: with ten each they still fit into an environment.
SERVICES_MAX: Final = 1_000
# How long a container waits for the server before what was kept is used instead.
ANSWER_SECONDS_MAX: Final = 5.0

Scope = tuple[str, str]
"""A namespace, and one service's name or empty for all."""


class _Known:
    def __init__(self) -> None:
        self.users: set[str] = set()
        self.services: dict[str, LinkedService] = {}
        self.synced = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class WatchedServices:
    """``folder`` is where what was seen last is kept."""

    def __init__(self, client: Client, clock: Clock, source: random.Random, folder: Path) -> None:
        self._client, self._clock, self._source = client, clock, source
        self._folder = folder
        self._known: dict[Scope, _Known] = {}
        self._tasks = Tasks()

    async def variables(self, pod: Pod) -> dict[str, str]:
        """The variables that the pod's containers get.

        Raises:
            Unavailable: the server does not answer and nothing is kept.
        """
        scopes = [(API_NAMESPACE, API_SERVICE)]
        if links(pod):
            scopes.append((pod.metadata.namespace, ""))
        found: list[LinkedService] | None = []
        for scope in scopes:
            seen = await self._services(scope, pod.metadata.uid)
            found = None if seen is None or found is None else found + seen
        if found is not None:
            services = visible(pod, found)
            self._keep(pod, services)
        else:
            services = self._kept(pod)
        return service_variables(services)

    def release(self, pod_uid: str) -> None:
        """The pod needs nothing any more; namespaces without pods are watched no longer."""
        for scope, known in list(self._known.items()):
            known.users.discard(pod_uid)
            if not known.users:
                del self._known[scope]
                if known.task is not None:
                    known.task.cancel()
        for path in self._folder.glob(f"*/services-{pod_uid}.json"):
            path.unlink(missing_ok=True)

    async def stop(self) -> None:
        """End all watches; what is kept stays for the next agent."""
        await self._tasks.stop()

    async def _services(self, scope: Scope, pod_uid: str) -> list[LinkedService] | None:
        """The services of a scope; None when they were not read yet and the server does not answer."""
        known = self._known.get(scope)
        if known is None:
            known = self._known[scope] = _Known()
        known.users.add(pod_uid)
        if known.task is None and len(self._tasks) < WATCHES_MAX:
            known.task = self._tasks.start(self._watch(scope, known), f"watch services of {scope[0]}")
        with contextlib.suppress(TimeoutError, Problem):
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                if known.task is None:
                    await self._read(scope, known)
                await known.synced.wait()
        return list(known.services.values()) if known.synced.is_set() else None

    async def _read(self, scope: Scope, known: _Known) -> None:
        namespace, name = scope
        listing = await self._client.list(Service, namespace, field_selector=_selector(name))
        known.services = {}
        for service in listing.items:
            _put(known, service)
        known.synced.set()

    async def _watch(self, scope: Scope, known: _Known) -> None:
        def changed(change: Change[Service]) -> None:
            if isinstance(change, Deleted):
                known.services.pop(change.last.metadata.name, None)
            else:
                _put(known, change.new)

        namespace, name = scope
        reflector: Reflector[Service] = Reflector(
            self._client, Service, changed, self._clock, self._source,
            namespace=namespace, field_selector=_selector(name), on_synced=known.synced.set,
        )  # fmt: skip
        await reflector.run()

    def _file(self, namespace: str, pod_uid: str) -> Path:
        return self._folder / namespace / f"services-{pod_uid}.json"

    def _keep(self, pod: Pod, services: list[LinkedService]) -> None:
        try:
            write_private(self._file(pod.metadata.namespace, pod.metadata.uid), msgspec.json.encode(services))
        except OSError as problem:
            log.warning("cannot keep the services of pod %s: %s", pod.metadata.uid, problem)

    def _kept(self, pod: Pod) -> list[LinkedService]:
        try:
            kept = self._file(pod.metadata.namespace, pod.metadata.uid).read_bytes()
            return msgspec.json.decode(kept, type=list[LinkedService])
        except (OSError, msgspec.MsgspecError, ValueError):
            said = "services have not yet been read at least once, cannot construct envvars"
            raise Unavailable(said) from None


def _put(known: _Known, service: Service) -> None:
    shown = linked(service)
    name = service.metadata.name
    if shown is None:
        known.services.pop(name, None)
    elif name in known.services or len(known.services) < SERVICES_MAX:
        known.services[name] = shown


def _selector(name: str) -> str:
    return f"metadata.name={name}" if name else ""
