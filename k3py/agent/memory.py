"""What a worker remembers of its pod between two decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from k3py.agent.ports import Prepared
from k3py.agent.record import Trouble
from k3py.runtime.port import ContainerState, ContainerStatus, SandboxStatus


@dataclass
class PodMemory:
    """What is known of a pod only as long as the agent runs; all of it is found out again.

    ``prepared`` holds image and objects for the next attempt of a container, ``volumes`` where each volume lies
    (``volumes_stale``: their files may be out of date).
    """

    seen: SandboxStatus | None = None
    volumes: Mapping[str, Path] | None = None
    volumes_stale: bool = False
    volumes_trouble: Trouble | None = None
    sandbox_trouble: Trouble | None = None
    finishing_trouble: Trouble | None = None
    prepared: dict[str, Prepared] = field(default_factory=dict)

    def put(self, status: ContainerStatus) -> None:
        """A container as the runtime shows it now."""
        if self.seen is None:
            return
        known = next((each for each in self.seen.containers if each.id == status.id), None)
        if known is not None and known.state is ContainerState.EXITED:
            return  # an end is final; what is told late must not undo it
        others = [each for each in self.seen.containers if each.id != status.id]
        self.seen = _with_containers(self.seen, [*others, status])

    def drop(self, container_id: str) -> None:
        if self.seen is not None:
            self.seen = _with_containers(self.seen, [e for e in self.seen.containers if e.id != container_id])


def _with_containers(seen: SandboxStatus, containers: list[ContainerStatus]) -> SandboxStatus:
    ordered = tuple(sorted(containers, key=lambda each: (each.created_at, each.attempt)))
    return replace(seen, containers=ordered)
