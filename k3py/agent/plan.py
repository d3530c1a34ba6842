"""What to do next for one pod: a function of what is wanted, seen, recorded and the time.

Called again after every change until it asks for nothing. It never acts, and it asks only for steps that may be
repeated; the worker (``workers.py``) carries them out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from k3py.agent.actions import (
    Action,
    CreateContainer,
    EnsureImage,
    Forget,
    MarkStopping,
    Move,
    PrepareVolumes,
    RemoveContainer,
    ReportGone,
    RunPostStart,
    StartContainer,
    StartSandbox,
    StopContainer,
    StopSandbox,
)
from k3py.agent.ephemeral import ephemeral_containers
from k3py.agent.observe import attempt_seen, ended_for_good, is_half_made, is_running, startup_done
from k3py.agent.pod_states import PodEvent, PodState
from k3py.agent.record import PULL_ERROR_SHOWN_SECONDS, ContainerRecord, HookState, PodRecord, Trouble
from k3py.agent.restarts import is_sidecar, restart_at
from k3py.model.generated.core_v1 import Container
from k3py.runtime.port import ContainerState as Seen
from k3py.runtime.port import ContainerStatus, SandboxStatus

DEFAULT_GRACE_SECONDS: Final = 30
# Even "delete now" leaves a process a second to end by itself, as kubelet does.
GRACE_SECONDS_MIN: Final = 1.0
# Exit files carry the kernel's time, which may differ from ours by a tick or two.
CLOCK_SLACK_SECONDS: Final = 1.0
DEADLINE_REASON: Final = "DeadlineExceeded"
DEADLINE_MESSAGE: Final = "Pod was active on the node longer than the specified deadline"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the worker knows beside record and runtime. Lost when the agent ends; found out again when it is back.

    ``busy`` names the long actions under way. ``images`` are the containers whose image is at hand for the next
    attempt. ``no_network`` says why the pod cannot have its network yet (None: it can). ``volumes_trouble`` is why
    the volumes are not ready and how long the next try waits. ``finishing_trouble`` is why the server could not be
    told that the pod is gone. ``networked``: the pod has its addresses, or needs none.
    """

    busy: frozenset[str] = frozenset()
    volumes_ready: bool = False
    volumes_trouble: Trouble | None = None
    images: frozenset[str] = frozenset()
    no_network: str | None = None
    networked: bool = True
    sandbox_trouble: Trouble | None = None
    finishing_trouble: Trouble | None = None


@dataclass(frozen=True)
class Plan:
    """What to do now, and when (seconds since 1970) to ask again even if nothing happens; None: no need."""

    actions: list[Action]
    wake_at: float | None


@dataclass
class _Planner:
    record: PodRecord
    seen: SandboxStatus | None
    facts: Facts
    now: float
    wake_at: float | None = field(default=None)

    def wait_until(self, moment: float) -> None:
        if self.wake_at is None or moment < self.wake_at:
            self.wake_at = moment

    def lies_ahead(self, moment: float, wait_seconds: float) -> bool:
        """A wait ends later. One that would last longer than it is long began before the clock was set back: over."""
        return self.now < moment <= self.now + wait_seconds + CLOCK_SLACK_SECONDS

    def waits_out(self, trouble: Trouble | None) -> bool:
        """The back-off after a failure is not over; asks to be called again when it is."""
        if trouble is None or not self.lies_ahead(trouble.at + trouble.wait_seconds, trouble.wait_seconds):
            return False
        self.wait_until(trouble.at + trouble.wait_seconds)
        if self.now < trouble.at + PULL_ERROR_SHOWN_SECONDS:
            self.wait_until(trouble.at + PULL_ERROR_SHOWN_SECONDS)
        return True

    def actions(self) -> Iterator[Action]:
        match self.record.state:
            case PodState.STOPPING:
                yield from self.stopping()
            case PodState.FINISHED:
                yield from self.finished()
            case PodState.GONE:
                yield Forget(why="nothing is left of the pod")
            case _:
                yield from self.alive()

    # --- pods that are to run

    def alive(self) -> Iterator[Action]:
        ending = self.ending()
        if ending is not None:
            yield ending
        elif self.record.state is PodState.PENDING:
            yield from self.pending()
        elif self.seen is None or not self.seen.ready:
            if self.seen is not None:
                yield StopSandbox(release_volumes=False, why="the sandbox is not whole any more")
            else:
                yield Move(event=PodEvent.SANDBOX_LOST, why="the sandbox is gone")
        elif not self.facts.volumes_ready:
            # After a restart of the agent: the folders are there, but their updates must be followed again.
            if "volumes" not in self.facts.busy and not self.waits_out(self.facts.volumes_trouble):
                yield PrepareVolumes(why="volumes are to be kept up to date")
            yield from self.containers()
        else:
            yield from self.containers()

    def ending(self) -> Move | None:
        """Why the pod must end as a whole, if it must."""
        record, spec = self.record, self.record.pod.spec
        if record.deleted:
            return Move(event=PodEvent.DELETED, why="the pod is deleted")
        if spec.active_deadline_seconds is not None:
            over_at = record.accepted_at + spec.active_deadline_seconds
            if self.now >= over_at:
                return Move(event=PodEvent.FAILED, failure=DEADLINE_REASON, message=DEADLINE_MESSAGE,
                            why=f"activeDeadlineSeconds of {spec.active_deadline_seconds} are over")  # fmt: skip
            self.wait_until(over_at)
        if record.pod.status.phase in ("Failed", "Succeeded") and record.state is PodState.PENDING:
            return Move(event=PodEvent.ENDED, why=f"the pod is {record.pod.status.phase} already")
        over = all(ended_for_good(record, each, init=False) for each in spec.containers)
        if over and record.state is not PodState.INITIALIZING:
            return Move(event=PodEvent.ENDED, why="all containers have ended for good")
        return None

    def pending(self) -> Iterator[Action]:
        if self.seen is not None and not self.seen.ready:
            yield StopSandbox(release_volumes=False, why="the sandbox was left half made")
        elif self.seen is not None and self.facts.networked:
            yield Move(event=PodEvent.SANDBOX_READY, why="the sandbox is ready")
        elif self.facts.no_network is not None or "volumes" in self.facts.busy:
            return
        elif not self.facts.volumes_ready:
            if not self.waits_out(self.facts.volumes_trouble):
                yield PrepareVolumes(why="the pod is bound to this node")
        elif not self.waits_out(self.facts.sandbox_trouble):
            # Also when an agent ended after the sandbox was made and before it was connected.
            yield StartSandbox(why="volumes are ready")

    def containers(self) -> Iterator[Action]:
        spec = self.record.pod.spec
        yield from self.remove_dead()
        for each in ephemeral_containers(spec):
            if not ended_for_good(self.record, each, init=False):
                yield from self.container(each, init=False)
        if self.record.state is PodState.INITIALIZING:
            for each in spec.init_containers:
                known = self.record.container(each.name)
                if not is_sidecar(each) and ended_for_good(self.record, each, init=True):
                    if known.ended is not None and known.ended.exit_code != 0:
                        yield Move(event=PodEvent.FAILED, why=f"init container {each.name} failed for good")
                        return
                    continue
                yield from self.container(each, init=True)
                if not (is_sidecar(each) and self.is_up(each)):
                    return
            yield Move(event=PodEvent.INITIALIZED, why="all init containers are done")
            return
        for each in spec.init_containers:
            if is_sidecar(each):
                yield from self.container(each, init=True)
        for each in spec.containers:
            if not ended_for_good(self.record, each, init=False):
                yield from self.container(each, init=False)

    def is_up(self, container: Container) -> bool:
        known = self.record.container(container.name)
        status = attempt_seen(self.seen, container.name, known.attempt)
        return is_running(status) and known.stop_at is None and startup_done(container, known)

    def container(self, container: Container, *, init: bool) -> Iterator[Action]:
        """The next step of a container that is to run (again)."""
        name, known = container.name, self.record.container(container.name)
        status = attempt_seen(self.seen, name, known.attempt) if known.ended is None else None
        if status is None:
            yield from self.next_attempt(container, known)
        elif is_half_made(status):
            yield RemoveContainer(container=name, id=status.id, attempt=status.attempt, why="it was left half made")
        elif status.state is Seen.CREATED:
            yield StartContainer(container=name, id=status.id, why=f"attempt {status.attempt} is made")
        elif is_running(status):
            yield from self.running(container, known, status)

    def running(self, container: Container, known: ContainerRecord, status: ContainerStatus) -> Iterator[Action]:
        if known.stop_at is not None:
            yield from self.stop(status, known)
            return
        hook = container.lifecycle is not None and container.lifecycle.post_start is not None
        if hook and known.post_start == HookState.NONE:
            action = RunPostStart(container=container.name, id=status.id, why="the container has started")
            if action.operation not in self.facts.busy:
                yield action

    def next_attempt(self, container: Container, known: ContainerRecord) -> Iterator[Action]:
        name, begun = container.name, known.attempt >= 0 and known.ended is None
        if not begun and known.attempt >= 0 and not known.rerun:
            again_at = restart_at(known)
            if self.lies_ahead(again_at, known.back_off_seconds):
                self.wait_until(again_at)
                return
        if self.waits_out(known.trouble):
            return
        image = EnsureImage(container=name, why=f"attempt {known.attempt + (not begun)} needs its image")
        if name not in self.facts.images:
            if image.operation not in self.facts.busy:
                yield image
            return
        if not self.facts.volumes_ready:
            return
        if begun:
            yield CreateContainer(container=name, attempt=known.attempt, fresh=False, why="it was begun before")
            return
        why = "it has not run yet" if known.ended is None else f"it ended with exit code {known.ended.exit_code}"
        yield CreateContainer(container=name, attempt=known.attempt + 1, fresh=True, why=why)

    def remove_dead(self) -> Iterator[Action]:
        """One dead container per name is kept beside the newest; older ones go."""
        for status in self.seen.containers if self.seen else ():
            known = self.record.container(status.name)
            if status.attempt < known.attempt - 1 and not is_running(status):
                yield RemoveContainer(container=status.name, id=status.id, attempt=status.attempt,
                                      why=f"attempt {known.attempt} has begun")  # fmt: skip

    # --- pods that are to end

    def stopping(self) -> Iterator[Action]:
        record, stop_by = self.record, self.record.stop_by
        wanted_by = deletion_deadline(record)
        if wanted_by is not None and (stop_by is None or wanted_by < stop_by):
            yield Move(event=PodEvent.DELETED, why="the deletion leaves less time")
            return
        running = self.running_now()
        if not running:
            if self.seen is not None:
                yield StopSandbox(release_volumes=True, why="no container runs any more")
            elif not self.facts.busy:
                yield Move(event=PodEvent.STOPPED, why="sandbox and containers are gone")
            return
        sidecars = [each.name for each in record.pod.spec.init_containers if is_sidecar(each)]
        first = [each for each in running if each.name not in sidecars]
        if not first:
            last_started = max((each.name for each in running), key=sidecars.index)
            first = [each for each in running if each.name == last_started]
        for status in first:
            yield from self.stop(status, record.container(status.name))

    def running_now(self) -> list[ContainerStatus]:
        return [each for each in (self.seen.containers if self.seen else ()) if is_running(each)]

    def stop(self, status: ContainerStatus, known: ContainerRecord) -> Iterator[Action]:
        stop_by = self.record.stop_by
        if stop_by is not None:
            # Never longer than the whole grace: the clock may have been set back since the deletion.
            grace = min(max(GRACE_SECONDS_MIN, stop_by - self.now), grace_of(self.record))
            # An earlier end is news; the same one, but for rounding, is not.
            earlier = known.stop_at is None or self.now + grace < known.stop_at + known.stop_grace_seconds - 0.1
            if earlier:
                yield MarkStopping(container=status.name, stop_at=self.now, grace_seconds=grace, why=self.stop_reason())
                return
        if known.stop_at is None:
            return
        action = StopContainer(container=status.name, id=status.id, stop_at=known.stop_at,
                               grace_seconds=known.stop_grace_seconds, why=known.stop_why)  # fmt: skip
        if action.operation not in self.facts.busy:
            yield action

    def stop_reason(self) -> str:
        if self.record.deleted:
            return "the pod is deleted"
        return self.record.failure_message or "the pod has ended"

    def finished(self) -> Iterator[Action]:
        if not self.record.deleted:
            return
        if self.record.object_gone:
            yield Move(event=PodEvent.FORGOTTEN, why="the server has forgotten the pod")
        elif not self.waits_out(self.facts.finishing_trouble):
            action = ReportGone(why="nothing of the deleted pod runs any more")
            if action.operation not in self.facts.busy:
                yield action


def grace_of(record: PodRecord) -> float:
    """The pod's grace in seconds: of its deletion if there is one, else of its spec."""
    given = record.pod.metadata.deletion_grace_period_seconds if record.pod.metadata.deletion_timestamp else None
    if given is None:
        given = record.pod.spec.termination_grace_period_seconds
    return max(GRACE_SECONDS_MIN, float(DEFAULT_GRACE_SECONDS if given is None else given))


def deletion_deadline(record: PodRecord) -> float | None:
    """Until when the containers of a deleted pod may take to end; None when it is not deleted."""
    return None if record.deleted_at is None else record.deleted_at + grace_of(record)


def plan(record: PodRecord, seen: SandboxStatus | None, facts: Facts, now: float) -> Plan:
    """What to do next.

    ``seen`` is the pod's sandbox as the runtime shows it (None: there is none), ``now`` seconds since 1970. Ends of
    containers that ``observe.ended_since`` finds must be in the record already.
    """
    planner = _Planner(record, seen, facts, now)
    return Plan(list(planner.actions()), planner.wake_at)
