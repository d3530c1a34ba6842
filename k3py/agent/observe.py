"""What the runtime shows, set against what the record knows: which container attempts have ended since."""

from collections.abc import Iterator
from typing import Final

from k3py.agent.pod_states import ContainerState, PodState
from k3py.agent.record import ContainerRecord, Ended, HookState, PodRecord
from k3py.agent.restarts import is_sidecar, restart_at, restarts
from k3py.model.generated.core_v1 import Container, PodSpec
from k3py.runtime.port import EXIT_CODE_UNKNOWN, ContainerStatus, SandboxStatus
from k3py.runtime.port import ContainerState as Seen

# kubelet's words for a container that vanished (kuberuntime, ContainerStatusUnknown).
LOST_REASON: Final = "ContainerStatusUnknown"
LOST_MESSAGE: Final = "The container could not be located when the pod was terminated"


def attempt_seen(seen: SandboxStatus | None, name: str, attempt: int) -> ContainerStatus | None:
    """One attempt of a container as the runtime shows it."""
    if seen is None:
        return None
    found = [each for each in seen.containers if each.name == name and each.attempt == attempt]
    return found[-1] if found else None


def is_running(status: ContainerStatus | None) -> bool:
    """It has a process: running, or an orphan that runs on without its shim."""
    return status is not None and (
        status.state is Seen.RUNNING or (status.state is Seen.UNKNOWN and status.pid > 0 and status.started_at > 0)
    )


def is_half_made(status: ContainerStatus) -> bool:
    """A crash came while it was made: its command has never run."""
    return status.state is Seen.UNKNOWN and status.pid == 0 and status.started_at == 0


def ended_since(record: PodRecord, seen: SandboxStatus | None, now: float) -> Iterator[tuple[str, Ended]]:
    """Container names with how their newest attempt ended, for those whose end is not recorded yet."""
    for name, container in record.containers.items():
        if container.attempt < 0 or container.ended is not None:
            continue
        status = attempt_seen(seen, name, container.attempt)
        ended = _end(container, status, now)
        if ended is not None:
            yield name, ended


def _end(container: ContainerRecord, status: ContainerStatus | None, now: float) -> Ended | None:
    if status is None:
        # Without an id it was never made: the attempt is still to come.
        return _lost(container, None, now) if container.id else None
    if status.state is Seen.EXITED:
        return Ended(
            attempt=status.attempt,
            id=status.id,
            exit_code=EXIT_CODE_UNKNOWN if status.exit_code is None else status.exit_code,
            signal=status.signal,
            reason=status.reason or ("Completed" if status.exit_code == 0 else "Error"),
            started_at=status.started_at,
            finished_at=status.finished_at or now,
        )
    if status.state is Seen.UNKNOWN and status.pid == 0 and not is_half_made(status):
        return _lost(container, status, now)
    return None


def _lost(container: ContainerRecord, status: ContainerStatus | None, now: float) -> Ended:
    return Ended(
        attempt=container.attempt,
        id=status.id if status else container.id,
        exit_code=EXIT_CODE_UNKNOWN,
        reason=LOST_REASON,
        message=LOST_MESSAGE,
        started_at=status.started_at if status else 0.0,
        finished_at=now,
    )


def all_containers(spec: PodSpec) -> Iterator[tuple[Container, bool]]:
    """Every container of the pod but the ephemeral ones, in order of start; True marks init containers."""
    for each in spec.init_containers:
        yield each, True
    for each in spec.containers:
        yield each, False


def container_state(
    record: PodRecord, container: Container, seen: SandboxStatus | None, now: float, *, init: bool
) -> ContainerState:
    """What a container is doing now."""
    known = record.container(container.name)
    if known.ended is not None and not known.rerun:
        if not record.deleted and restarts(record.pod.spec, container, known.ended, init=init):
            return ContainerState.BACK_OFF if restart_at(known) > now else ContainerState.WAITING
        return ContainerState.ENDED
    status = attempt_seen(seen, container.name, known.attempt)
    if known.ended is not None or status is None or is_half_made(status):
        return ContainerState.WAITING
    if status.state is Seen.CREATED:
        return ContainerState.CREATED
    if known.stop_at is not None:
        return ContainerState.KILLING
    return ContainerState.RUNNING if startup_done(container, known) else ContainerState.STARTING


def startup_done(container: Container, known: ContainerRecord) -> bool:
    """The postStart hook has run and the startup probe, if there is one, has passed."""
    hook = container.lifecycle is not None and container.lifecycle.post_start is not None
    if hook and known.post_start != HookState.DONE:
        return False
    return container.startup_probe is None or known.started


def ended_for_good(record: PodRecord, container: Container, *, init: bool) -> bool:
    """The container has ended and will not run again."""
    known = record.container(container.name)
    if known.ended is None or known.rerun:
        return False
    if init and is_sidecar(container):
        return False
    return not restarts(record.pod.spec, container, known.ended, init=init)


def restore(record: PodRecord, seen: SandboxStatus) -> None:
    """Fill a new record from what runs already: the pod's old record is lost, its containers are not.

    Hooks count as done and probes as passed until they say otherwise, as the server last heard.
    """
    # An ephemeral container that was not taken up would be started a second time.
    said = (*record.pod.status.init_container_statuses, *record.pod.status.container_statuses)
    ready = {each.name for each in said if each.ready}
    names = {container.name for container, _ in all_containers(record.pod.spec)}
    names |= {each.name for each in record.pod.spec.ephemeral_containers}
    for status in sorted(seen.containers, key=lambda each: each.attempt):
        if status.name in names:
            known = record.touch(status.name)
            known.attempt, known.id = status.attempt, status.id
            known.post_start = HookState.DONE
            known.started, known.ready = True, status.name in ready
    if seen.ready and record.containers:
        main = {each.name for each in record.pod.spec.containers}
        record.state = PodState.RUNNING if main & record.containers.keys() else PodState.INITIALIZING
