"""A pod's status as kubelet writes it: a function of record, runtime and time.

Source of words and rules: Kubernetes, "Pod Lifecycle", and what kubelet 1.36 answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from k3py.agent.ephemeral import ephemeral_containers
from k3py.agent.observe import attempt_seen, is_running, startup_done
from k3py.agent.plan import Facts
from k3py.agent.pod_states import PodState
from k3py.agent.record import PULL_ERROR_SHOWN_SECONDS, ConditionRecord, ContainerRecord, Ended, PodRecord, Trouble
from k3py.agent.resources import qos_class
from k3py.agent.restarts import is_sidecar, restart_at, restarts
from k3py.base.clock import parse_rfc3339, rfc3339
from k3py.model.generated import core_v1
from k3py.model.generated.core_v1 import Container, ContainerStatus, Pod, PodCondition, PodStatus
from k3py.runtime.port import SandboxStatus

RUNTIME_SCHEME: Final = "k3py"
PULL_ERRORS: Final = ("ErrImagePull", "RegistryUnavailable")
PULL_BACK_OFF: Final = "ImagePullBackOff"


@dataclass(frozen=True)
class Addresses:
    """The node's addresses, the first of each family first, and the pod's own (empty with the host's network)."""

    host: Sequence[str]
    pod: Sequence[str] = ()


def pod_status(
    record: PodRecord, seen: SandboxStatus | None, facts: Facts, addresses: Addresses, now: float
) -> PodStatus:
    """The status to report; times of conditions that did not change come from ``record.conditions``."""
    pod = record.pod
    init = [_container(record, each, seen, facts, now, init=True) for each in pod.spec.init_containers]
    main = [_container(record, each, seen, facts, now, init=False) for each in pod.spec.containers]
    phase = _phase(record, init, main)
    status = PodStatus(
        observed_generation=pod.metadata.generation,
        phase=phase,
        reason=record.failure,
        message=record.failure_message,
        qos_class=qos_class(pod.spec),
        start_time=rfc3339(record.accepted_at),
        init_container_statuses=init,
        container_statuses=main,
        ephemeral_container_statuses=[
            _ephemeral(record, each, seen, facts, now) for each in ephemeral_containers(pod.spec)
        ],
    )
    if addresses.host:
        status.host_ip = addresses.host[0]
        status.host_ips = [core_v1.HostIP(ip=each) for each in addresses.host]
    own = addresses.host if pod.spec.host_network else addresses.pod
    if own and (record.state is not PodState.PENDING or (seen is not None and seen.ready)):
        status.pod_ip = own[0]
        status.pod_ips = [core_v1.PodIP(ip=each) for each in own]
    status.conditions = _conditions(record, status, seen, facts, now)
    return status


# --- containers


def _container(
    record: PodRecord, container: Container, seen: SandboxStatus | None, facts: Facts, now: float, *, init: bool
) -> ContainerStatus:
    known = record.container(container.name)
    status = ContainerStatus(
        name=container.name,
        image=container.image,
        image_id=known.image_id,
        restart_count=max(0, known.attempt),
        container_id=f"{RUNTIME_SCHEME}://{known.id}" if known.id else "",
        started=False,
    )
    last = known.previous
    runtime = attempt_seen(seen, container.name, known.attempt) if known.ended is None else None
    if runtime is not None and is_running(runtime):
        status.state.running = core_v1.ContainerStateRunning(started_at=rfc3339(runtime.started_at))
        status.started = startup_done(container, known)
        status.ready = _is_ready(container, known, status.started)
    elif known.ended is not None and known.trouble is None and not _waits_for_restart(record, container, now, init):
        status.state.terminated = terminated(known.ended)
        status.ready = init and not is_sidecar(container) and known.ended.exit_code == 0
    else:
        last = known.ended or last
        status.state.waiting = _waiting(record, container, facts, now)
    if last is not None:
        status.last_state.terminated = terminated(last)
    if container.resources.requests or container.resources.limits:
        status.allocated_resources = container.resources.requests
        status.resources = container.resources
    return status


def _ephemeral(
    record: PodRecord, container: Container, seen: SandboxStatus | None, facts: Facts, now: float
) -> ContainerStatus:
    """Like any other's, but that nobody asks whether it has started or is ready."""
    status = _container(record, container, seen, facts, now, init=False)
    status.started, status.ready = None, False
    return status


def _is_ready(container: Container, known: ContainerRecord, started: bool) -> bool:
    return started and (container.readiness_probe is None or known.ready)


def _waits_for_restart(record: PodRecord, container: Container, now: float, init: bool) -> bool:
    known = record.container(container.name)
    if known.ended is None or record.deleted or record.state not in (PodState.INITIALIZING, PodState.RUNNING):
        return False
    return restarts(record.pod.spec, container, known.ended, init=init) and restart_at(known) > now


def _waiting(record: PodRecord, container: Container, facts: Facts, now: float) -> core_v1.ContainerStateWaiting:
    known = record.container(container.name)
    if known.trouble is not None:
        return _trouble(container, known.trouble, now)
    if known.ended is not None and known.attempt >= 0 and restart_at(known) > now:
        meta = record.pod.metadata
        text = (
            f"back-off {_duration(known.back_off_seconds)} restarting failed container={container.name} "
            f"pod={meta.name}_{meta.namespace}({meta.uid})"
        )
        return core_v1.ContainerStateWaiting(reason="CrashLoopBackOff", message=text)
    reason = "PodInitializing" if record.pod.spec.init_containers else "ContainerCreating"
    message = facts.no_network or ""
    return core_v1.ContainerStateWaiting(reason=reason, message=message)


def _trouble(container: Container, trouble: Trouble, now: float) -> core_v1.ContainerStateWaiting:
    if trouble.reason in PULL_ERRORS and now - trouble.at >= PULL_ERROR_SHOWN_SECONDS:
        return core_v1.ContainerStateWaiting(
            reason=PULL_BACK_OFF,
            message=f'Back-off pulling image "{container.image}": {trouble.reason}: {trouble.message}',
        )
    return core_v1.ContainerStateWaiting(reason=trouble.reason, message=trouble.message)


def terminated(ended: Ended) -> core_v1.ContainerStateTerminated:
    """``state.terminated`` of one finished attempt."""
    return core_v1.ContainerStateTerminated(
        exit_code=ended.exit_code,
        signal=ended.signal,
        reason=ended.reason,
        message=ended.message,
        started_at=rfc3339(ended.started_at) if ended.started_at else None,
        finished_at=rfc3339(ended.finished_at) if ended.finished_at else None,
        container_id=f"{RUNTIME_SCHEME}://{ended.id}" if ended.id else "",
    )


def _duration(seconds: float) -> str:
    """As Go prints a duration: ``10s``, ``1m20s``, ``5m0s``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


# --- phase


def _phase(record: PodRecord, init: Sequence[ContainerStatus], main: Sequence[ContainerStatus]) -> str:
    spec = record.pod.spec
    if record.failure:
        return "Failed"
    if record.pod.status.phase in ("Succeeded", "Failed"):
        # The end is the end: a finished pod never becomes anything else.
        return record.pod.status.phase
    plain = [status for status, each in zip(init, spec.init_containers, strict=True) if not is_sidecar(each)]
    over = record.state in (PodState.FINISHED, PodState.GONE)
    ends = [_last_end(each) for each in main]
    codes = [each.exit_code for each in ends if each is not None]
    if over:
        return "Succeeded" if len(codes) == len(main) and not any(codes) else "Failed"
    if record.state is PodState.PENDING and not codes:
        return "Pending"
    if record.state is PodState.INITIALIZING and not _all_succeeded(plain):
        return "Pending"
    if any(each.state.waiting and not each.last_state.terminated for each in main):
        return "Pending"
    if any(each.state.running for each in main) or spec.restart_policy == "Always":
        return "Running"
    if len(codes) == len(main) and not any(codes):
        return "Succeeded"
    return "Failed" if spec.restart_policy == "Never" else "Running"


def _all_succeeded(statuses: Sequence[ContainerStatus]) -> bool:
    return all(each.state.terminated and each.state.terminated.exit_code == 0 for each in statuses)


def _last_end(status: ContainerStatus) -> core_v1.ContainerStateTerminated | None:
    if status.state.waiting:
        return status.last_state.terminated
    return status.state.terminated


# --- conditions


def _conditions(
    record: PodRecord, status: PodStatus, seen: SandboxStatus | None, facts: Facts, now: float
) -> list[PodCondition]:
    has_sandbox = seen is not None and seen.ready and record.state not in (PodState.FINISHED, PodState.GONE)
    sandbox = ("True", "", "") if has_sandbox else ("False", "", "")
    if not has_sandbox and facts.no_network and record.state is PodState.PENDING:
        sandbox = ("False", "NetworkNotReady", facts.no_network)
    initialized = _initialized(record, status)
    containers_ready = _containers_ready(record, status)
    found = [
        ("PodReadyToStartContainers", sandbox),
        ("Initialized", initialized),
        ("Ready", _ready(record.pod, status, containers_ready)),
        ("ContainersReady", containers_ready),
        ("PodScheduled", ("True", "", "")),
    ]
    return [_condition(record, kind, *each, now) for kind, each in found]


def _condition(record: PodRecord, kind: str, status: str, reason: str, message: str, now: float) -> PodCondition:
    known = record.conditions.get(kind)
    if known is None:
        known = _said_before(record.pod, kind)
    since = known.since if known is not None and known.status == status else now
    return PodCondition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        observed_generation=record.pod.metadata.generation,
        last_transition_time=rfc3339(since),
    )


def _said_before(pod: Pod, kind: str) -> ConditionRecord | None:
    """The condition as somebody else has written it, the scheduler ``PodScheduled`` say."""
    for each in pod.status.conditions:
        if each.type == kind and each.last_transition_time:
            try:
                return ConditionRecord(each.status, parse_rfc3339(each.last_transition_time))
            except ValueError:
                return None
    return None


def remember_conditions(record: PodRecord, status: PodStatus, now: float) -> bool:
    """Note since when each condition has its status, for the next report; whether anything changed."""
    changed = False
    for each in status.conditions:
        known = record.conditions.get(each.type)
        if known is None or known.status != each.status:
            since = parse_rfc3339(each.last_transition_time) if each.last_transition_time else now
            record.conditions[each.type] = ConditionRecord(each.status, since)
            changed = True
    return changed


def _initialized(record: PodRecord, status: PodStatus) -> tuple[str, str, str]:
    if status.phase == "Succeeded":
        return "True", "PodCompleted", ""
    missing = []
    for each, spec in zip(status.init_container_statuses, record.pod.spec.init_containers, strict=True):
        done = bool(each.started) if is_sidecar(spec) else _all_succeeded([each])
        if not done:
            missing.append(each.name)
    if missing and record.state is not PodState.RUNNING:
        return "False", "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(missing)}]"
    return "True", "", ""


def _containers_ready(record: PodRecord, status: PodStatus) -> tuple[str, str, str]:
    if status.phase == "Succeeded":
        return "False", "PodCompleted", ""
    if status.phase == "Failed":
        return "False", "PodFailed", ""
    sidecars = [
        each
        for each, spec in zip(status.init_container_statuses, record.pod.spec.init_containers, strict=True)
        if is_sidecar(spec)
    ]
    unready = [each.name for each in (*sidecars, *status.container_statuses) if not each.ready]
    if unready:
        return "False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    return "True", "", ""


def _ready(pod: Pod, status: PodStatus, containers: tuple[str, str, str]) -> tuple[str, str, str]:
    if containers[0] != "True":
        return containers
    given = {each.type: each.status for each in pod.status.conditions}
    problems = []
    for gate in pod.spec.readiness_gates:
        value = given.get(gate.condition_type)
        name = f'pod readiness gate "{gate.condition_type}"'
        if value is None:
            problems.append(f"corresponding condition of {name} does not exist.")
        elif value != "True":
            problems.append(f'the status of {name} is not "True", but {value}')
    return ("False", "ReadinessGatesNotReady", ", ".join(problems)) if problems else ("True", "", "")
