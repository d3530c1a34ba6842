"""What the plan may ask for. Every action says why and may be repeated.

A *long* action (``operation`` is its name) runs beside the pod's worker, one of each name at a time; the plan is told
which are under way. All others are carried out one after the other.
"""

from dataclasses import dataclass

from k3py.agent.pod_states import PodEvent


@dataclass(frozen=True, kw_only=True)
class Action:
    """One step; ``why`` ends up in the log and in tests."""

    why: str

    @property
    def operation(self) -> str:
        """The name of a long action, empty for a quick one."""
        return ""


@dataclass(frozen=True, kw_only=True)
class Move(Action):
    """The pod's state changes; ``failure`` and ``message`` say why the agent ends the pod by itself."""

    event: PodEvent
    failure: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class PrepareVolumes(Action):
    """Make the folders and files that the containers mount."""

    @property
    def operation(self) -> str:
        return "volumes"


@dataclass(frozen=True, kw_only=True)
class StartSandbox(Action):
    """Make what the containers share."""


@dataclass(frozen=True, kw_only=True)
class StopSandbox(Action):
    """Remove the sandbox and every container in it; with ``release_volumes`` what was mounted, too."""

    release_volumes: bool


@dataclass(frozen=True, kw_only=True)
class EnsureImage(Action):
    """Find or pull the image for a container's next attempt."""

    container: str

    @property
    def operation(self) -> str:
        return f"image {self.container}"


@dataclass(frozen=True, kw_only=True)
class CreateContainer(Action):
    """Make a container; ``attempt`` is recorded before. ``fresh`` is False when it had been begun already."""

    container: str
    attempt: int
    fresh: bool


@dataclass(frozen=True, kw_only=True)
class StartContainer(Action):
    """Run the command of a container that was made."""

    container: str
    id: str


@dataclass(frozen=True, kw_only=True)
class RunPostStart(Action):
    """Run the container's ``postStart`` hook."""

    container: str
    id: str

    @property
    def operation(self) -> str:
        return f"postStart {self.container}"


@dataclass(frozen=True, kw_only=True)
class MarkStopping(Action):
    """Record that a container is told to end, before it is; also to leave less time to a stop that goes on already."""

    container: str
    stop_at: float
    grace_seconds: float


@dataclass(frozen=True, kw_only=True)
class StopContainer(Action):
    """preStop, SIGTERM, SIGKILL. ``stop_at`` and ``grace_seconds`` come from the record: a repeat waits no longer."""

    container: str
    id: str
    stop_at: float
    grace_seconds: float

    @property
    def operation(self) -> str:
        return f"stop {self.container}"


@dataclass(frozen=True, kw_only=True)
class RemoveContainer(Action):
    """Remove an ended container; its log stays as long as it is one of the newest two."""

    container: str
    id: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class ReportGone(Action):
    """Write the last status and delete the object: grace 0, with the uid as precondition."""

    @property
    def operation(self) -> str:
        return "report"


@dataclass(frozen=True, kw_only=True)
class Forget(Action):
    """Remove volumes, logs and the record."""
