"""What this node's pods need of the cluster. ConfigMaps and Secrets: each is watched by itself, as long as a pod
needs it; tokens and services have files of their own (``tokens``, ``services``).

What was seen last is kept in files below ``/run`` (memory), so that a crashed container can be made anew while the
server is away, also by an agent that was restarted meanwhile.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from k3py.agent.environment import Objects, references
from k3py.agent.services import WatchedServices
from k3py.agent.token_plan import TokenResults
from k3py.agent.tokens import PodTokens
from k3py.base.clock import Clock
from k3py.base.paths import write_private
from k3py.base.tasks import Tasks
from k3py.client.mirror import Change, Deleted
from k3py.client.port import Client
from k3py.client.reflector import Reflector
from k3py.image.auth import Credential, parse_docker_config_json, parse_dockercfg
from k3py.image.errors import ImageError
from k3py.model import codec
from k3py.model.errors import NotFound, Problem, Unavailable
from k3py.model.generated.core_v1 import ConfigMap, Pod, Secret

log = logging.getLogger(__name__)

# Each watch takes a connection, and a client has about a hundred of them. Objects beyond are read every minute or so.
WATCHES_MAX: Final = 50
READ_SECONDS: Final = 60.0
# How long a pod waits for the server before what was kept is used instead.
ANSWER_SECONDS_MAX: Final = 5.0

Value = ConfigMap | Secret
Key = tuple[type[ConfigMap] | type[Secret], str, str]
"""Kind, namespace, name."""


@dataclass
class _Watched:
    users: set[str] = field(default_factory=set)
    value: Value | None = None
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class WatchedConfigs:
    """``on_change`` is told the uids of the pods that refer to an object that has changed."""

    def __init__(
        self, client: Client, clock: Clock, source: random.Random, folder: Path, on_change: Callable[[set[str]], None]
    ) -> None:
        self._client, self._clock, self._source = client, clock, source
        self._folder = folder
        self._on_change = on_change
        self._watched: dict[Key, _Watched] = {}
        self._tasks = Tasks()
        self._watches = 0
        self._pod_tokens = PodTokens(client, clock, source, folder, on_change)
        self._services = WatchedServices(client, clock, source, folder)

    async def objects(self, pod: Pod) -> Objects:
        """The objects that the pod refers to and that exist.

        Raises:
            Unavailable: the server does not answer and nothing is kept of one of them.
        """
        config_maps, secrets = references(pod)
        found_maps, found_secrets = {}, {}
        for name in sorted(config_maps):
            value = await self._get((ConfigMap, pod.metadata.namespace, name), pod.metadata.uid)
            if isinstance(value, ConfigMap):
                found_maps[name] = value
        for name in sorted(secrets):
            value = await self._get((Secret, pod.metadata.namespace, name), pod.metadata.uid)
            if isinstance(value, Secret):
                found_secrets[name] = value
        return Objects(found_maps, found_secrets)

    async def tokens(self, pod: Pod) -> TokenResults:
        """The tokens that the pod's volumes ask for, or why there is none."""
        return await self._pod_tokens.tokens(pod)

    async def service_variables(self, pod: Pod) -> Mapping[str, str]:
        """The variables by which the pod finds services.

        Raises:
            Unavailable: the server does not answer and nothing is kept.
        """
        return await self._services.variables(pod)

    async def pull_credentials(self, pod: Pod) -> Sequence[Credential]:
        """Of all ``imagePullSecrets``; one that is missing or cannot be read is passed over, as kubelet does."""
        result: list[Credential] = []
        for reference in pod.spec.image_pull_secrets:
            try:
                secret = await self._get((Secret, pod.metadata.namespace, reference.name), pod.metadata.uid)
                if not isinstance(secret, Secret):
                    continue
                if ".dockerconfigjson" in secret.data:
                    result += parse_docker_config_json(secret.data[".dockerconfigjson"])
                elif ".dockercfg" in secret.data:
                    result += parse_dockercfg(secret.data[".dockercfg"])
            except (Unavailable, ImageError) as problem:
                log.warning("cannot use the pull secret %s: %s", reference.name, problem)
        return result

    def release(self, pod_uid: str) -> None:
        """The pod needs nothing any more; objects that nobody needs are watched and kept no longer."""
        self._pod_tokens.release(pod_uid)
        self._services.release(pod_uid)
        for key, watched in list(self._watched.items()):
            watched.users.discard(pod_uid)
            if not watched.users:
                del self._watched[key]
                if watched.task is not None:
                    watched.task.cancel()
                self._file(key).unlink(missing_ok=True)

    async def stop(self) -> None:
        """End all watches; what is kept stays for the next agent."""
        await self._tasks.stop()
        await self._pod_tokens.stop()
        await self._services.stop()

    async def _get(self, key: Key, pod_uid: str) -> Value | None:
        watched = self._watched.get(key)
        if watched is None:
            watched = self._watched[key] = _Watched()
            by_watch = self._watches < WATCHES_MAX
            work = self._watch(key, watched) if by_watch else self._read(key, watched)
            watched.task = self._tasks.start(work, f"watch {key[0].__name__} {key[1]}/{key[2]}")
            if by_watch:
                self._watches += 1
                watched.task.add_done_callback(self._watch_ended)
        watched.users.add(pod_uid)
        if not watched.synced.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await watched.synced.wait()
        if watched.synced.is_set():
            return watched.value
        kept = self._kept(key)
        if kept is None:
            raise Unavailable(f'cannot read {key[0].__name__.lower()} "{key[2]}": the server does not answer')
        return kept

    def _changed(self, key: Key, watched: _Watched, value: Value | None) -> None:
        watched.value = value
        self._keep(key, value)
        if watched.synced.is_set():
            self._on_change(set(watched.users))

    async def _read(self, key: Key, watched: _Watched) -> None:
        """Follow an object without a watch."""
        while True:
            with contextlib.suppress(Problem):
                value: Value | None
                try:
                    value = await self._client.get(key[0], key[2], key[1])
                except NotFound:
                    value = None
                if value != watched.value or not watched.synced.is_set():
                    self._changed(key, watched, value)
                    watched.synced.set()
            await asyncio.sleep(READ_SECONDS * (0.5 + self._source.random()))

    async def _watch(self, key: Key, watched: _Watched) -> None:
        def changed(change: Change[Value]) -> None:
            self._changed(key, watched, None if isinstance(change, Deleted) else change.new)

        reflector: Reflector[Value] = Reflector(
            self._client,
            key[0],
            changed,
            self._clock,
            self._source,
            namespace=key[1],
            field_selector=f"metadata.name={key[2]}",
            on_synced=watched.synced.set,
        )
        await reflector.run()

    def _watch_ended(self, task: asyncio.Task[None]) -> None:
        self._watches -= 1

    def _file(self, key: Key) -> Path:
        return self._folder / key[1] / f"{key[0].__name__.lower()}-{key[2]}.json"

    def _keep(self, key: Key, value: Value | None) -> None:
        try:
            if value is None:
                self._file(key).unlink(missing_ok=True)
            else:
                write_private(self._file(key), codec.encode(value))
        except OSError as problem:
            log.warning("cannot keep %s %s/%s: %s", key[0].__name__, key[1], key[2], problem)

    def _kept(self, key: Key) -> Value | None:
        try:
            return codec.decode(key[0], self._file(key).read_bytes())
        except (OSError, msgspec.MsgspecError):
            return None
