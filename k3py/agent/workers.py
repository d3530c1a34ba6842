"""One worker per pod: decides, acts, reports, waits; its pod's steps never overlap, those of different pods do."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from k3py.agent.actions import Action, Forget, MarkStopping, Move
from k3py.agent.handlers import Handlers
from k3py.agent.images import Puller
from k3py.agent.memory import PodMemory
from k3py.agent.observe import ended_since
from k3py.agent.operations import LongAction, Operations
from k3py.agent.plan import Facts, grace_of, plan
from k3py.agent.pod_states import PodState
from k3py.agent.ports import Configs, Reporter
from k3py.agent.prober import Prober
from k3py.agent.probes import ProbeKind, Verdict, probe_of
from k3py.agent.record import PodRecord
from k3py.agent.status import Addresses, pod_status, remember_conditions
from k3py.agent.steps import Steps, Tools
from k3py.base.backoff import Backoff
from k3py.base.tasks import Tasks
from k3py.model.errors import Problem
from k3py.model.generated.core_v1 import Pod, PodStatus
from k3py.runtime.port import ContainerStatus, RuntimeProblem, SandboxStatus

log = logging.getLogger(__name__)

# A pod that asks for more steps without anything happening goes round in circles.
STEPS_MAX: Final = 1000
# After a step that failed in a way nobody foresaw, the pod is looked at again.
RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Shared:
    """What all workers share."""

    tools: Tools
    puller: Puller
    configs: Configs
    reporter: Reporter
    handlers: Handlers
    source: random.Random


class PodWorker:
    """Runs one pod to its end. ``on_gone`` is called when nothing of it is left.

    ``unsaved``: the record is new and not on disk yet.
    """

    def __init__(
        self,
        shared: Shared,
        record: PodRecord,
        seen: SandboxStatus | None,
        on_gone: Callable[[str], None],
        *,
        unsaved: bool = False,
    ) -> None:
        self._shared = shared
        self.record = record
        self._memory = PodMemory(seen=seen)
        self._on_gone = on_gone
        self._wake = asyncio.Event()
        self._steps = Steps(shared.tools, record, self._memory)
        self._operations = Operations(
            shared.tools, shared.puller, shared.configs, shared.reporter, shared.handlers,
            self._steps, record, self._memory, self.status, self._wake.set,
        )  # fmt: skip
        self._prober = Prober(shared.handlers, shared.tools.clock, self._on_verdict)
        self._reported: PodStatus | None = None
        self._report_backoff = Backoff(shared.source, 0.5, 30.0)
        self._tasks = Tasks()
        self._report: asyncio.Task[None] | None = None
        self._idle = False
        self._turns = 0
        self._forgotten = False
        # Something failed on the way: the record may not be on disk, and the machine may differ from what was seen.
        self._unsure = unsaved

    @property
    def seen(self) -> SandboxStatus | None:
        """The sandbox as this worker last saw it."""
        return self._memory.seen

    @property
    def quiet_since(self) -> int | None:
        """A number that stays the same as long as the pod's worker waits and nothing happens; None: it is at work.

        What somebody else saw of the pod may be used only if this did not change while they looked.
        """
        return self._turns if self._idle and not self._operations.busy else None

    # --- what happens, told by the agent

    def pod_changed(self, pod: Pod) -> None:
        """The server shows the pod like this now; recorded before anything follows from it."""
        record, now = self.record, self._shared.tools.clock.now()
        before, old_grace = record.pod, grace_of(record)
        record.pod, record.told_gone = pod, False
        shorter = record.deleted_at is None or grace_of(record) < old_grace
        if pod.metadata.deletion_timestamp is not None and shorter:
            record.deleted_at = now
        if _wanted(before) != _wanted(pod):
            self._keep()
        if before.metadata.labels != pod.metadata.labels or before.metadata.annotations != pod.metadata.annotations:
            self.refresh_volumes()
        self._wake.set()

    def told_gone(self) -> None:
        """A watch of the server said that the pod was removed; nothing follows until that is confirmed."""
        self.record.told_gone = True
        self._keep()
        self._wake.set()

    def object_gone(self) -> None:
        """The server has certainly forgotten the pod."""
        if not self.record.object_gone:
            self.record.object_gone = True
            self.record.deleted_at = self.record.deleted_at or self._shared.tools.clock.now()
            self._keep()
        self._wake.set()

    def container_changed(self, status: ContainerStatus) -> None:
        """The runtime says so."""
        self._turns += 1
        self._memory.put(status)
        self._wake.set()

    def seen_again(self, seen: SandboxStatus | None) -> None:
        """The slow full check found this."""
        self._memory.seen = seen
        self._wake.set()

    def wake(self) -> None:
        """Look again."""
        self._wake.set()

    def refresh_volumes(self) -> None:
        """A ConfigMap or Secret, or what the downward API shows, has changed."""
        if self._memory.volumes is not None and self.record.state in (PodState.INITIALIZING, PodState.RUNNING):
            self._memory.volumes_stale = True
            self._wake.set()

    def _keep(self) -> None:
        """Write the record; when the disk refuses, the worker does it again before anything else."""
        try:
            self._steps.save()
        except OSError as problem:
            log.warning("cannot keep the record of pod %s, trying again: %s", self.record.uid, problem)
            self._unsure = True

    # --- its life

    async def run(self) -> None:
        """Until nothing is left of the pod."""
        missing = self._shared.tools.network.missing(self.record.pod)
        if missing is not None and self.record.state is PodState.PENDING and not self.record.deleted:
            events = self._shared.tools.events
            events.emit(self.record.pod, "NetworkNotReady", f"network is not ready: {missing}", warning=True)
        try:
            while True:
                wake_at = await self._settled()
                if self._forgotten:
                    break
                self._idle = True
                await self._wait(wake_at)
                self._idle = False
        finally:
            await self.stop()
        self._on_gone(self.record.uid)

    async def stop(self) -> None:
        """Let go of everything; containers run on."""
        await self._prober.stop()
        await self._operations.stop()
        await self._tasks.stop()

    async def _wait(self, wake_at: float | None) -> None:
        timeout = None if wake_at is None else max(0.0, wake_at - self._shared.tools.clock.now())
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _settled(self) -> float | None:
        """Decide and act until there is nothing to do now; when to look again, in seconds since 1970."""
        self._wake.clear()
        self._turns += 1
        clock = self._shared.tools.clock
        try:
            await self._make_sure()
            for _ in range(STEPS_MAX):
                self._observe()
                now = clock.now()
                decided = plan(self.record, self._memory.seen, self._facts(), now)
                if not await self._carry_out(decided.actions):
                    self._prober.sync(self.record, self._memory.seen)
                    self._publish()
                    return decided.wake_at
                if self._forgotten:
                    return None
            log.error("pod %s does not settle", self.record.uid)
        except (RuntimeProblem, OSError) as problem:
            log.warning("a step of pod %s failed, trying again: %s", self.record.uid, problem)
        except Exception:
            # One pod that nobody foresaw must not cost the others their agent; what runs of it runs on.
            log.exception("a step of pod %s failed, trying again", self.record.uid)
        self._unsure = True
        return clock.now() + RETRY_SECONDS

    async def _make_sure(self) -> None:
        """After a failure: the record is kept, and what a step has done before it failed is seen."""
        while self._unsure:
            self._steps.save()
            turns, found = self._turns, await self._shared.tools.runtime.list()
            if turns == self._turns:
                self._memory.seen = next((each for each in found if each.pod_uid == self.record.uid), None)
                self._unsure = False

    async def _carry_out(self, actions: list[Action]) -> bool:
        """Start the long actions and carry out the first quick one; whether to decide again at once."""
        started = False
        for action in actions:
            if action.operation:
                self._operations.start(cast(LongAction, action))
                started = True
                continue
            log.debug("pod %s: %s", self.record.uid, action)
            await self._act(action)
            return True
        return started

    async def _act(self, action: Action) -> None:
        if isinstance(action, MarkStopping):
            # A stop that is under way begins anew with less time.
            await self._operations.cancel(lambda name: name == f"stop {action.container}")
        await self._steps.act(action)
        self._forgotten = isinstance(action, Forget)
        if isinstance(action, Move) and self.record.state is PodState.STOPPING:
            await self._operations.cancel(lambda name: not name.startswith("stop "))

    def _observe(self) -> None:
        now = self._shared.tools.clock.now()
        for name, ended in list(ended_since(self.record, self._memory.seen, now)):
            self._steps.record_end(name, ended)

    def _facts(self) -> Facts:
        memory, network = self._memory, self._shared.tools.network
        return Facts(
            busy=self._operations.busy,
            volumes_ready=memory.volumes is not None and not memory.volumes_stale,
            volumes_trouble=memory.volumes_trouble,
            images=frozenset(memory.prepared),
            no_network=network.missing(self.record.pod),
            networked=self.record.pod.spec.host_network or bool(network.addresses(self.record.uid)),
            sandbox_trouble=memory.sandbox_trouble,
            finishing_trouble=memory.finishing_trouble,
        )

    # --- probes

    def _on_verdict(self, name: str, attempt: int, kind: ProbeKind, verdict: Verdict, message: str) -> None:
        known = self.record.container(name)
        if known.attempt != attempt or known.ended is not None or self.record.deleted:
            return
        events, pod = self._shared.tools.events, self.record.pod
        if message:
            events.emit(pod, "Unhealthy", f"{kind.value} probe failed: {message}", container=name, warning=True)
        before = (known.started, known.ready, known.stop_at)
        match verdict:
            case Verdict.STARTED:
                known.started = True
            case Verdict.READY | Verdict.UNREADY:
                known.ready = verdict is Verdict.READY
            case Verdict.KILL if known.stop_at is None:
                probe = probe_of(self._steps.container_spec(name), kind)
                own_grace = probe.termination_grace_period_seconds if probe else None
                known.stop_at = self._shared.tools.clock.now()
                known.stop_grace_seconds = grace_of(self.record) if own_grace is None else max(1.0, float(own_grace))
                known.stop_why = f"Container {name} failed {kind.value.lower()} probe, will be restarted"
                events.emit(pod, "Killing", known.stop_why, container=name)
        if before != (known.started, known.ready, known.stop_at):
            self._keep()
            self._wake.set()

    # --- the report

    def status(self) -> PodStatus:
        """The pod's status as of now."""
        tools = self._shared.tools
        node = tools.node.facts(tools.network.addresses(self.record.uid))
        addresses = Addresses(host=node.host_ips, pod=node.pod_ips)
        return pod_status(self.record, self._memory.seen, self._facts(), addresses, tools.clock.now())

    def _publish(self) -> None:
        """Begin to write the status if it is news; one write at a time, always of the newest."""
        if self._report is not None or self.record.object_gone or "report" in self._operations.busy:
            return
        status = self.status()
        if status == self._reported:
            return
        # Not saved for its own sake: what is lost is read from the server's copy.
        remember_conditions(self.record, status, self._shared.tools.clock.now())
        self._report = self._tasks.start(self._write(status), f"status of {self.record.uid}")
        self._report.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._report = None
        self._wake.set()

    async def _write(self, status: PodStatus) -> None:
        try:
            await self._shared.reporter.write_status(self.record.pod, status)
        except Problem as problem:
            log.debug("cannot report the status of pod %s for now: %s", self.record.uid, problem)
            await asyncio.sleep(self._report_backoff.next_seconds())
            return
        self._report_backoff.reset()
        self._reported = status


def _wanted(pod: Pod) -> tuple[object, ...]:
    """What the record is for: everything but the status and the version."""
    meta = pod.metadata
    return (
        pod.spec, meta.uid, meta.labels, meta.annotations, meta.generation,
        meta.deletion_timestamp, meta.deletion_grace_period_seconds,
    )  # fmt: skip
