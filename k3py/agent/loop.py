"""Wakes the pods' workers: by the server's watch, by the runtime's exits, and by a slow full check."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from k3py.agent.observe import is_running, restore
from k3py.agent.pod_states import PodState
from k3py.agent.record import PodRecord
from k3py.agent.reporter import PodReporter
from k3py.agent.volume_files import VolumeFiles
from k3py.agent.workers import PodWorker, Shared
from k3py.base.backoff import Backoff
from k3py.base.tasks import Tasks
from k3py.client.mirror import Added, Change, Deleted, Modified
from k3py.client.port import Client
from k3py.client.reflector import Reflector
from k3py.model.errors import Problem
from k3py.model.generated.core_v1 import Pod
from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.runtime.port import RuntimeProblem, SandboxStatus

log = logging.getLogger(__name__)

# The runtime is asked again soon when it does not answer at the start: nothing is decided before.
RUNTIME_RETRY_SECONDS: Final = 1.0
RUNTIME_RETRY_SECONDS_MAX: Final = 15.0
CONFIRM_RETRY_SECONDS_MAX: Final = 30.0


class PodLoop:
    """All pods of the node: one worker each."""

    def __init__(
        self,
        shared: Shared,
        client: Client,
        reporter: PodReporter,
        source: random.Random,
        failed: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._shared = shared
        self._reporter = reporter
        self._source = source
        self.workers: dict[str, PodWorker] = {}
        self._tasks = Tasks(failed)
        self._confirming: set[str] = set()
        self._strays: dict[str, SandboxStatus] = {}
        self._taken_up = False
        tools = shared.tools
        self._reflector: Reflector[Pod] = Reflector(
            client,
            Pod,
            self._pod_changed,
            tools.clock,
            source,
            field_selector=f"spec.nodeName={tools.settings.node_name}",
            on_synced=self._first_list,
        )

    def find(self, namespace: str, name: str, uid: str) -> PodWorker | None:
        """The worker of a pod, by uid or, when that is empty, by name."""
        if uid:
            return self.workers.get(uid)
        for worker in self.workers.values():
            meta = worker.record.pod.metadata
            if (meta.namespace, meta.name) == (namespace, name) and worker.record.state is not PodState.GONE:
                return worker
        return None

    @property
    def knows_all(self) -> bool:
        """Every pod that has something on this node has its worker: the machine was seen, and no sandbox is a stray."""
        return self._taken_up and not self._strays

    def running_logs(self) -> Iterator[tuple[Path, str]]:
        """Log file and id of every running container."""
        for worker in self.workers.values():
            for status in worker.seen.containers if worker.seen else ():
                if is_running(status):
                    yield self._shared.tools.places.log(worker.record.pod, status.name, status.attempt), status.id

    async def run(self) -> None:
        """Take up what the machine and the records show, then follow the server, for ever."""
        # Exits are watched before the list is read, so that none falls between the two.
        exits = self._shared.tools.runtime.exits()
        seen = {each.pod_uid: each for each in await self._seen()}
        self._take_up(seen)
        self._tasks.start(self._recheck(), "recheck of all pods")
        self._tasks.start(self._follow(), "watch of pods")
        async for status in exits:
            worker = self.workers.get(status.pod_uid)
            if worker is not None:
                worker.container_changed(status)
        raise RuntimeProblem("the runtime tells of no more exits")

    async def _follow(self) -> None:
        # A pod's record names the Node object that it came under, so that one has to be known first.
        await self._shared.tools.node.known()
        await self._reflector.run()

    async def stop(self) -> None:
        """Let go; containers run on."""
        await self._tasks.stop()

    def wake(self) -> None:
        """Something that all pods may wait for is there."""
        for worker in self.workers.values():
            worker.wake()

    def refresh(self, uids: set[str]) -> None:
        """ConfigMaps or Secrets of these pods have changed."""
        for uid in uids:
            if uid in self.workers:
                self.workers[uid].refresh_volumes()

    # --- the machine

    async def _seen(self) -> Sequence[SandboxStatus]:
        backoff = Backoff(self._source, RUNTIME_RETRY_SECONDS, RUNTIME_RETRY_SECONDS_MAX)
        while True:
            try:
                return await self._shared.tools.runtime.list()
            except (RuntimeProblem, OSError) as problem:
                log.warning("cannot see the containers of this node, trying again: %s", problem)
                await asyncio.sleep(backoff.next_seconds())

    def _take_up(self, seen: dict[str, SandboxStatus]) -> None:
        for found in self._shared.tools.records.load():
            if isinstance(found, PodRecord):
                self._start(found, seen.pop(found.uid, None))
            else:
                self._unreadable(*found)
        # A record is written before its sandbox is made, so these are pods whose record could not be read. They run on,
        # and get a new record when the server speaks of them.
        self._strays = seen
        self._taken_up = True
        for uid in seen:
            log.error("the sandbox of pod %s has no readable record; it runs on", uid)

    def _unreadable(self, path: Path, why: str) -> None:
        log.error("cannot read the record %s: %s", path, why)

    async def _recheck(self) -> None:
        """The safety net: once in a while the whole truth, in case that an event was lost."""
        while True:
            await asyncio.sleep(self._shared.tools.settings.recheck_seconds)
            quiet = {uid: worker.quiet_since for uid, worker in self.workers.items()}
            seen = {each.pod_uid: each for each in await self._seen()}
            for uid, since in quiet.items():
                worker = self.workers.get(uid)
                if worker is not None and since is not None and worker.quiet_since == since:
                    worker.seen_again(seen.get(uid))

    def _start(self, record: PodRecord, seen: SandboxStatus | None, *, unsaved: bool = False) -> None:
        worker = PodWorker(self._shared, record, seen, self._gone, unsaved=unsaved)
        self.workers[record.uid] = worker
        self._tasks.start(worker.run(), f"pod {record.uid}")

    def _gone(self, uid: str) -> None:
        self.workers.pop(uid, None)
        self._shared.configs.release(uid)
        # The server may show the pod still (finalizers): then it begins anew, ends at once and is reported again.

    # --- the server

    def _pod_changed(self, change: Change[Pod]) -> None:
        match change:
            case Added(pod) | Modified(_, pod):
                self._wanted(pod)
            case Deleted(pod, told):
                self._maybe_gone(pod.metadata.uid, told=told)

    def _wanted(self, pod: Pod) -> None:
        worker = self.workers.get(pod.metadata.uid)
        if worker is not None:
            worker.pod_changed(pod)
            return
        if pod.metadata.deletion_timestamp is not None and pod.metadata.finalizers and _has_ended(pod):
            return
        tools = self._shared.tools
        now = tools.clock.now()
        record = PodRecord(pod=pod, node_uid=tools.node.uid, accepted_at=now)
        if pod.metadata.deletion_timestamp is not None:
            record.deleted_at = now
        try:
            tools.records.folder(record.uid)
        except ValueError as problem:
            log.error("cannot take pod %s: %s", pod.metadata.uid, problem)
            return
        seen = self._strays.pop(record.uid, None)
        if seen is not None:
            restore(record, seen)
        self._start(record, seen, unsaved=True)

    def _first_list(self) -> None:
        """The first complete list is here: pods that we run and that it lacks may be gone."""
        listed = {pod.metadata.uid for pod in self._reflector.objects.values()}
        for uid in [each for each in self.workers if each not in listed]:
            self._maybe_gone(uid)
        for uid, seen in list(self._strays.items()):
            if uid not in listed:
                self._tasks.start(self._confirm_stray(uid, seen), f"is stray pod {uid} gone?")

    def _maybe_gone(self, uid: str, *, told: bool = False) -> None:
        worker = self.workers.get(uid)
        if worker is not None and told:
            worker.told_gone()
        if worker is None or uid in self._confirming:
            return
        self._confirming.add(uid)
        self._tasks.start(self._confirm(worker), f"is pod {uid} gone?")

    async def _confirm(self, worker: PodWorker) -> None:
        """Ask once more before anything is stopped; as long as the answer is not certain, the pod runs on."""
        record = worker.record
        try:
            if await self._certainly_gone(record, lambda: record.uid in self.workers):
                worker.object_gone()
        finally:
            self._confirming.discard(record.uid)

    async def _confirm_stray(self, uid: str, seen: SandboxStatus) -> None:
        meta = ObjectMeta(name=seen.name, namespace=seen.namespace, uid=uid)
        record = PodRecord(pod=Pod(metadata=meta), node_uid=self._shared.tools.node.uid)
        if not await self._certainly_gone(record, lambda: uid in self._strays):
            return
        log.warning("stray pod %s is gone from the server: its sandbox is removed", uid)
        backoff = Backoff(self._source, RUNTIME_RETRY_SECONDS, RUNTIME_RETRY_SECONDS_MAX)
        while uid in self._strays:
            try:
                await self._remove_stray(record)
                self._strays.pop(uid, None)
            except (RuntimeProblem, OSError) as problem:
                log.warning("cannot remove stray pod %s, trying again: %s", uid, problem)
                await asyncio.sleep(backoff.next_seconds())

    async def _remove_stray(self, record: PodRecord) -> None:
        tools = self._shared.tools
        await tools.runtime.stop_sandbox(record.uid)
        await tools.network.detach(record.uid)
        await VolumeFiles(tools.places.volumes(record.pod)).remove()
        self._shared.configs.release(record.uid)
        tools.records.remove(record.uid)

    async def _certainly_gone(self, record: PodRecord, still_asked: Callable[[], bool]) -> bool:
        """Whether the server has forgotten the pod; waits for a server that does not answer, or answers nonsense."""
        backoff = Backoff(self._source, 0.25, CONFIRM_RETRY_SECONDS_MAX)
        while still_asked():
            try:
                if await self._reporter.is_there(record.pod):
                    return False
                # Who says DELETED knew the pod; from anybody else silence counts only if it knows this node of old.
                if record.told_gone or await self._reporter.knows_node(record.node_uid):
                    return True
                log.warning("pod %s is missing on a server that does not know this node; it runs on", record.uid)
            except Problem as problem:
                log.debug("cannot find out whether pod %s is gone: %s", record.uid, problem)
            await asyncio.sleep(backoff.next_seconds())
        return False


def _has_ended(pod: Pod) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")
