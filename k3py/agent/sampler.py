"""Samples what node and containers use, and answers for it. Nothing is kept but the last two samples of each. Acts."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from k3py.agent.observe import is_running
from k3py.agent.usage import Sample, Samples, boot_time, node_sample, usage_of
from k3py.agent.workers import PodWorker
from k3py.base.clock import Clock
from k3py.model.usage import ContainerUsage, NodeUsage, PodUsage
from k3py.runtime.port import ContainerStatus, Runtime, RuntimeProblem

log = logging.getLogger(__name__)

# kubelet's and metrics-server's own resolution; a sample of a full node costs some milliseconds.
SAMPLE_SECONDS: Final = 15.0


class HostCounters(NamedTuple):
    """The machine's sample and since when it runs (seconds since 1970)."""

    sample: Sample
    booted_at: float


def read_host(now: float) -> HostCounters:
    """The machine's counters now.

    Raises:
        OSError: /proc cannot be read.
    """
    stat, meminfo = Path("/proc/stat").read_text(), Path("/proc/meminfo").read_text()
    return HostCounters(node_sample(stat, meminfo, os.sysconf("SC_CLK_TCK"), now), boot_time(stat))


class Sampler:
    """``workers`` gives the pods of this node, ``host`` the machine's counters at a moment."""

    def __init__(
        self,
        workers: Callable[[], Iterable[PodWorker]],
        runtime: Runtime,
        clock: Clock,
        host: Callable[[float], HostCounters] = read_host,
    ) -> None:
        self._workers, self._runtime, self._clock, self._host = workers, runtime, clock, host
        self._containers: dict[str, Samples] = {}
        self._node: Samples | None = None
        self._booted_at = 0.0

    async def run(self) -> None:
        """Sample now and every ``SAMPLE_SECONDS``, for ever."""
        while True:
            await self.sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    async def sample(self) -> None:
        """One sample of everything that runs; what has ended is forgotten."""
        self._sample_node()
        running = {status.id for _, status in self._running()}
        for container_id in [each for each in self._containers if each not in running]:
            del self._containers[container_id]
        for container_id in running:
            await self._sample(container_id)
            await asyncio.sleep(0)

    async def usage(self) -> NodeUsage:
        """What is used as of the last sample; containers that have none yet are looked at now."""
        if self._node is None or self._node.previous is None:
            self._sample_node()
        for _, status in list(self._running()):
            if status.id not in self._containers:
                await self._sample(status.id)
        return NodeUsage(
            usage=usage_of(self._node) if self._node else None,
            booted_at=self._booted_at,
            pods=[_pod_usage(worker, self._containers) for worker in self._workers()],
        )

    def _running(self) -> Iterator[tuple[PodWorker, ContainerStatus]]:
        for worker in self._workers():
            for status in worker.seen.containers if worker.seen else ():
                if is_running(status):
                    yield worker, status

    def _sample_node(self) -> None:
        try:
            counters = self._host(self._clock.now())
        except OSError as problem:
            log.warning("cannot measure this node's use: %s", problem)
            return
        self._booted_at = counters.booted_at
        self._node = self._node.add(counters.sample) if self._node else Samples(counters.sample)

    async def _sample(self, container_id: str) -> None:
        try:
            stats = await self._runtime.stats(container_id)
        except (RuntimeProblem, OSError):
            self._containers.pop(container_id, None)  # it has just ended
            return
        sample = Sample(
            self._clock.now(), stats.cpu_nanoseconds, stats.memory_usage_bytes, stats.memory_working_set_bytes
        )
        known = self._containers.get(container_id)
        self._containers[container_id] = known.add(sample) if known else Samples(sample)


def _pod_usage(worker: PodWorker, samples: dict[str, Samples]) -> PodUsage:
    meta = worker.record.pod.metadata
    containers = []
    for status in worker.seen.containers if worker.seen else ():
        if is_running(status):
            known = samples.get(status.id)
            usage = usage_of(known, status.started_at) if known else None
            containers.append(ContainerUsage(name=status.name, started_at=status.started_at, usage=usage))
    return PodUsage(namespace=meta.namespace, name=meta.name, uid=meta.uid, containers=containers)
