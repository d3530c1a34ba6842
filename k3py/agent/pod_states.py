"""Everything that can happen to a pod, and to one of its containers, on its node. What is not in a table cannot happen.

The pod's state is kept in its record and moved only by ``step``, before the agent does what the new state asks for. A
container's state is never stored: it is read off the runtime and the record (``plan.container_state``), and the table
says which one may follow which.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeVar


class PodState(Enum):
    """Where a pod is between "bound to this node" and "forgotten by it"."""

    PENDING = "Pending"
    INITIALIZING = "Initializing"
    RUNNING = "Running"
    STOPPING = "Stopping"
    FINISHED = "Finished"
    GONE = "Gone"


class PodEvent(Enum):
    """What happens to a pod."""

    SANDBOX_READY = "sandbox ready"
    INITIALIZED = "init containers done"
    SANDBOX_LOST = "sandbox lost"
    ENDED = "containers ended"
    FAILED = "failed"
    DELETED = "deleted"
    STOPPED = "everything stopped"
    FORGOTTEN = "forgotten"


class ImpossibleMove(Exception):
    """The event cannot happen in that state: a mistake in the agent, never in what it was given."""


POD_MOVES: Final[Mapping[PodState, Mapping[PodEvent, PodState]]] = {
    PodState.PENDING: {
        PodEvent.SANDBOX_READY: PodState.INITIALIZING,
        PodEvent.ENDED: PodState.STOPPING,
        PodEvent.FAILED: PodState.STOPPING,
        PodEvent.DELETED: PodState.STOPPING,
    },
    PodState.INITIALIZING: {
        PodEvent.INITIALIZED: PodState.RUNNING,
        PodEvent.SANDBOX_LOST: PodState.PENDING,
        PodEvent.FAILED: PodState.STOPPING,
        PodEvent.DELETED: PodState.STOPPING,
    },
    PodState.RUNNING: {
        PodEvent.SANDBOX_LOST: PodState.PENDING,
        PodEvent.ENDED: PodState.STOPPING,
        PodEvent.FAILED: PodState.STOPPING,
        PodEvent.DELETED: PodState.STOPPING,
    },
    # A pod that stops for another reason may be deleted meanwhile; the deletion's grace counts from then on.
    PodState.STOPPING: {PodEvent.STOPPED: PodState.FINISHED, PodEvent.DELETED: PodState.STOPPING},
    PodState.FINISHED: {PodEvent.DELETED: PodState.FINISHED, PodEvent.FORGOTTEN: PodState.GONE},
    PodState.GONE: {},
}


def step(state: PodState, event: PodEvent) -> PodState:
    """The state after the event.

    Raises:
        ImpossibleMove: the table does not know the event in that state.
    """
    try:
        return POD_MOVES[state][event]
    except KeyError:
        raise ImpossibleMove(f"cannot move a pod: {event.value} while {state.value}") from None


class ContainerState(Enum):
    """What a container of a pod is doing, as the plan sees it."""

    WAITING = "Waiting"
    CREATED = "Created"
    STARTING = "Starting"
    RUNNING = "Running"
    KILLING = "Killing"
    BACK_OFF = "BackOff"
    ENDED = "Ended"


class ContainerEvent(Enum):
    """What happens to a container."""

    CREATED = "created"
    STARTED = "started"
    STARTUP_DONE = "hook and startup probe done"
    KILLED = "to be killed"
    EXITED_AGAIN = "exited, restarts later"
    EXITED_FOR_GOOD = "exited, stays so"
    RESTARTED = "back-off over"
    SANDBOX_LOST = "sandbox lost"


_EXITS: Final[Mapping[ContainerEvent, ContainerState]] = {
    ContainerEvent.EXITED_AGAIN: ContainerState.BACK_OFF,
    ContainerEvent.EXITED_FOR_GOOD: ContainerState.ENDED,
}

CONTAINER_MOVES: Final[Mapping[ContainerState, Mapping[ContainerEvent, ContainerState]]] = {
    ContainerState.WAITING: {
        ContainerEvent.CREATED: ContainerState.CREATED,
        ContainerEvent.EXITED_FOR_GOOD: ContainerState.ENDED,
    },
    ContainerState.CREATED: {
        ContainerEvent.STARTED: ContainerState.STARTING,
        ContainerEvent.SANDBOX_LOST: ContainerState.WAITING,
        **_EXITS,
    },
    ContainerState.STARTING: {
        ContainerEvent.STARTUP_DONE: ContainerState.RUNNING,
        ContainerEvent.KILLED: ContainerState.KILLING,
        **_EXITS,
    },
    ContainerState.RUNNING: {ContainerEvent.KILLED: ContainerState.KILLING, **_EXITS},
    ContainerState.KILLING: _EXITS,
    ContainerState.BACK_OFF: {
        ContainerEvent.RESTARTED: ContainerState.WAITING,
        ContainerEvent.EXITED_FOR_GOOD: ContainerState.ENDED,
    },
    # Init containers of a pod that lost its sandbox run once more.
    ContainerState.ENDED: {ContainerEvent.SANDBOX_LOST: ContainerState.WAITING},
}

S = TypeVar("S", PodState, ContainerState)
E = TypeVar("E", PodEvent, ContainerEvent)


def diagram(moves: Mapping[S, Mapping[E, S]]) -> str:
    """A table of moves as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2"]
    first = next(iter(moves))
    lines.append(f"    [*] --> {first.value}")
    for state, events in moves.items():
        lines.extend(f"    {state.value} --> {after.value}: {event.value}" for event, after in events.items())
        if not events:
            lines.append(f"    {state.value} --> [*]")
    return "\n".join(lines) + "\n"
