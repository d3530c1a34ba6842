"""Runs the probes of one pod's containers and tells the worker what follows from them."""

import asyncio
from collections.abc import Callable
from typing import Final

from k3py.agent.handlers import HandlerFailed, Handlers
from k3py.agent.observe import attempt_seen, is_running
from k3py.agent.probes import (
    ProbeKind,
    ProbeState,
    Verdict,
    due_kinds,
    first_at,
    judge,
    period_seconds,
    probe_of,
    timeout_seconds,
)
from k3py.agent.record import PodRecord
from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.model.generated.core_v1 import Container, Probe
from k3py.runtime.port import ContainerStatus, SandboxStatus

OnVerdict = Callable[[str, int, ProbeKind, Verdict, str], None]
"""Called with container name, attempt, probe, verdict and, for a failure, what went wrong (else an empty text)."""

MESSAGE_LENGTH_MAX: Final = 1024


class Prober:
    """One task per probe of each running attempt. What has been found out is in the record, not here."""

    def __init__(self, handlers: Handlers, clock: Clock, on_verdict: OnVerdict) -> None:
        self._handlers = handlers
        self._clock = clock
        self._on_verdict = on_verdict
        self._tasks = Tasks()
        self._running: dict[tuple[str, int, ProbeKind], asyncio.Task[None]] = {}

    def sync(self, record: PodRecord, seen: SandboxStatus | None) -> None:
        """Start the probes that are due and end those that are not. Deleted pods are probed no more."""
        due: dict[tuple[str, int, ProbeKind], tuple[Container, Probe, ContainerStatus]] = {}
        for container in (*record.pod.spec.init_containers, *record.pod.spec.containers):
            known = record.container(container.name)
            status = attempt_seen(seen, container.name, known.attempt)
            if status is None or not is_running(status) or known.stop_at is not None or record.deleted:
                continue
            for kind in due_kinds(container, started=known.started):
                probe = probe_of(container, kind)
                if probe is not None:
                    due[(container.name, known.attempt, kind)] = (container, probe, status)
        for key in [each for each in self._running if each not in due]:
            self._running.pop(key).cancel()
        for key, (container, probe, status) in due.items():
            if key not in self._running:
                work = self._repeat(record.uid, key[2], container, probe, status)
                self._running[key] = self._tasks.start(work, f"probe {key[2].value} {container.name}")

    async def _repeat(
        self, pod_uid: str, kind: ProbeKind, container: Container, probe: Probe, status: ContainerStatus
    ) -> None:
        state = ProbeState(kind)
        now = self._clock.now()
        await asyncio.sleep(first_at(probe, status.started_at, now) - now)
        while True:
            message = ""
            try:
                await self._handlers.run(probe, pod_uid, container, status.id, timeout_seconds(probe))
            except HandlerFailed as problem:
                message = str(problem)[:MESSAGE_LENGTH_MAX] or "no reason given"
            state, verdict = judge(state, probe, passed=not message)
            self._on_verdict(container.name, status.attempt, kind, verdict, message)
            await asyncio.sleep(period_seconds(probe))

    async def stop(self) -> None:
        self._running.clear()
        await self._tasks.stop()
