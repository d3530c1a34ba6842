"""What a container is, judged from its record and what is seen of it. Pure: the same at a start and after a crash.

In this order: an exit file is there: finished, with code and time. Else exactly the recorded conmon lives: running.
Else exactly the recorded first process lives: an orphan, left running. Else it was started once: ended, its code
unknown. Else: half made.
"""

from dataclasses import dataclass

from k3py.runtime.port import EXIT_CODE_UNKNOWN, ContainerState, ContainerStatus
from k3py.runtime.records import ContainerRecord, Exit, Phase

SIGNAL_BASE = 128
SIGNAL_MAX = 64
SIGKILL = 9


@dataclass(frozen=True)
class Seen:
    """What is seen. ``command_running`` matters only between "start was ordered" and "start was confirmed"."""

    exit: Exit | None
    conmon_alive: bool
    process_alive: bool
    oom: bool = False
    command_running: bool = True


def judge(record: ContainerRecord, seen: Seen) -> ContainerStatus:
    """The status to report."""
    if seen.exit is not None:
        return _finished(record, seen.exit, seen.oom)
    if seen.conmon_alive and record.pid:
        return _status(record, _living_state(record, seen), pid=record.pid)
    if seen.process_alive and record.pid:
        return _status(record, ContainerState.UNKNOWN, pid=record.pid, reason="Orphaned")
    if record.started_at:
        return _status(
            record,
            ContainerState.EXITED,
            exit_code=EXIT_CODE_UNKNOWN,
            reason="ContainerStatusUnknown",
            finished_at=record.started_at,
        )
    return _status(record, ContainerState.UNKNOWN, reason="ContainerStatusUnknown")


def _living_state(record: ContainerRecord, seen: Seen) -> ContainerState:
    match record.phase:
        case Phase.CREATING | Phase.CREATED:
            return ContainerState.CREATED
        case Phase.STARTING if not seen.command_running:
            return ContainerState.CREATED
        case _:
            return ContainerState.RUNNING


def _finished(record: ContainerRecord, ended: Exit, oom: bool) -> ContainerStatus:
    """conmon writes 128 + n both for a death by signal n and for a command that says so itself; one cannot tell."""
    by_signal = SIGNAL_BASE < ended.code <= SIGNAL_BASE + SIGNAL_MAX
    number = ended.code - SIGNAL_BASE if by_signal else 0
    killed_for_memory = oom and number == SIGKILL
    reason = "OOMKilled" if killed_for_memory else "Completed" if ended.code == 0 else "Error"
    return _status(
        record,
        ContainerState.EXITED,
        exit_code=ended.code,
        signal=number,
        oom_killed=killed_for_memory,
        reason=reason,
        finished_at=ended.at,
    )


def _status(
    record: ContainerRecord,
    state: ContainerState,
    pid: int = 0,
    exit_code: int | None = None,
    signal: int = 0,
    oom_killed: bool = False,
    reason: str = "",
    finished_at: float = 0.0,
) -> ContainerStatus:
    return ContainerStatus(
        id=record.id,
        pod_uid=record.pod_uid,
        name=record.name,
        attempt=record.attempt,
        state=state,
        pid=pid,
        created_at=record.created_at,
        started_at=0.0 if state is ContainerState.CREATED else record.started_at,
        finished_at=finished_at,
        exit_code=exit_code,
        signal=signal,
        oom_killed=oom_killed,
        reason=reason,
    )
