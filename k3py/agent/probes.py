"""When a probe is due and what its results mean: values only (Kubernetes, "Configure Probes")."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from k3py.model.generated.core_v1 import Container, Probe

# What the API fills in; a static pod may come without.
PERIOD_SECONDS: Final = 10
TIMEOUT_SECONDS: Final = 1
FAILURES: Final = 3


class ProbeKind(Enum):
    """The three probes; the value begins the event's message."""

    STARTUP = "Startup"
    READINESS = "Readiness"
    LIVENESS = "Liveness"


class Verdict(Enum):
    """What follows from the results so far."""

    NOTHING_NEW = "nothing new"
    STARTED = "started"
    READY = "ready"
    UNREADY = "unready"
    KILL = "kill"


@dataclass(frozen=True)
class ProbeState:
    """Results of one probe of one attempt of a container: how many in a row were alike."""

    kind: ProbeKind
    successes: int = 0
    failures: int = 0


def probe_of(container: Container, kind: ProbeKind) -> Probe | None:
    match kind:
        case ProbeKind.STARTUP:
            return container.startup_probe
        case ProbeKind.READINESS:
            return container.readiness_probe
        case ProbeKind.LIVENESS:
            return container.liveness_probe


def due_kinds(container: Container, *, started: bool) -> list[ProbeKind]:
    """The probes that run now: the startup probe alone until it has passed, then the others."""
    if container.startup_probe is not None and not started:
        return [ProbeKind.STARTUP]
    later = (ProbeKind.READINESS, ProbeKind.LIVENESS)
    return [kind for kind in later if probe_of(container, kind) is not None]


def first_at(probe: Probe, started_at: float, now: float) -> float:
    """When a probe runs for the first time: after its initial delay, counted from the container's start."""
    return max(now, started_at + probe.initial_delay_seconds)


def period_seconds(probe: Probe) -> float:
    return float(probe.period_seconds or PERIOD_SECONDS)


def timeout_seconds(probe: Probe) -> float:
    return float(probe.timeout_seconds or TIMEOUT_SECONDS)


def judge(state: ProbeState, probe: Probe, *, passed: bool) -> tuple[ProbeState, Verdict]:
    """The state after one more result, and what follows from it.

    A verdict is given again with every further result beyond its threshold, so that one that got lost comes again.
    """
    if passed:
        state = ProbeState(state.kind, successes=state.successes + 1)
        if state.successes < (probe.success_threshold or 1):
            return state, Verdict.NOTHING_NEW
        return state, _ON_SUCCESS[state.kind]
    state = ProbeState(state.kind, failures=state.failures + 1)
    if state.failures < (probe.failure_threshold or FAILURES):
        return state, Verdict.NOTHING_NEW
    return state, _ON_FAILURE[state.kind]


_ON_SUCCESS: Final = {
    ProbeKind.STARTUP: Verdict.STARTED,
    ProbeKind.READINESS: Verdict.READY,
    ProbeKind.LIVENESS: Verdict.NOTHING_NEW,
}
_ON_FAILURE: Final = {
    ProbeKind.STARTUP: Verdict.KILL,
    ProbeKind.READINESS: Verdict.UNREADY,
    ProbeKind.LIVENESS: Verdict.KILL,
}
