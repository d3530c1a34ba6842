"""What the agent asks of anything that runs containers. The OCI runtime and the fake keep these promises.

Everything may be repeated: a step that is already done succeeds again. What is seen comes from ``Runtime.list``, which
reads records and the machine and remembers nothing, so it tells the truth after any crash. Errors: problems.py.
"""

import enum
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from k3py.runtime.problems import CannotExec as CannotExec
from k3py.runtime.problems import CannotStart as CannotStart
from k3py.runtime.problems import NoSuchContainer as NoSuchContainer
from k3py.runtime.problems import NoSuchSandbox as NoSuchSandbox
from k3py.runtime.problems import NotSupported as NotSupported
from k3py.runtime.problems import RuntimeProblem as RuntimeProblem
from k3py.runtime.problems import TimedOut as TimedOut
from k3py.runtime.problems import WrongState as WrongState

# An exec'd probe's or hook's output is shown to people, never processed: kubelet keeps 10 KiB, we keep a little more.
EXEC_OUTPUT_BYTES_MAX: Final = 16 * 1024
# What Kubernetes reports when nobody can know a container's exit code (kubelet: ContainerStatusUnknown).
EXIT_CODE_UNKNOWN: Final = 137


@dataclass(frozen=True)
class Resources:
    """Requests and limits as Kubernetes has them; the runtime turns them to shares, weights and quotas.

    ``cpu_*_milli`` are thousandths of a core, ``memory_*`` bytes. None is "no limit", 0 as a request is "none asked".
    """

    cpu_request_milli: int = 0
    cpu_limit_milli: int | None = None
    memory_request_bytes: int = 0
    memory_limit_bytes: int | None = None
    pids_limit: int | None = None


@dataclass(frozen=True)
class SandboxConfig:
    """What the containers of one pod share.

    ``cgroup_parent`` is the pod's own cgroup, relative to the cgroup root, such as
    ``k3py-<instance>/pods/burstable/pod<uid>``; the runtime makes it with ``resources`` as its limits and removes it.
    With ``host_network`` there is no network namespace of its own (and no hostname either).
    """

    pod_uid: str
    name: str
    namespace: str
    hostname: str
    cgroup_parent: str
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool = False
    sysctls: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)


class Propagation(enum.Enum):
    """``mountPropagation`` of a volume mount: None, HostToContainer, Bidirectional."""

    PRIVATE = "rprivate"
    HOST_TO_CONTAINER = "rslave"
    BIDIRECTIONAL = "rshared"


@dataclass(frozen=True)
class Mount:
    """A file or folder of the host shown in the container. ``options`` are further mount options (``noexec`` ...)."""

    source: Path
    destination: str
    read_only: bool = False
    propagation: Propagation = Propagation.PRIVATE
    options: Sequence[str] = ()


@dataclass(frozen=True)
class User:
    """Who the process is, in numbers; ``groups`` are the supplementary ones."""

    uid: int = 0
    gid: int = 0
    groups: Sequence[int] = ()


@dataclass(frozen=True)
class Rlimit:
    """One limit, named as in OCI: ``RLIMIT_NOFILE``. Clamped to what this process may give."""

    name: str
    soft: int
    hard: int


class Seccomp(enum.Enum):
    """The system call filter: our default profile, or none."""

    RUNTIME_DEFAULT = "RuntimeDefault"
    UNCONFINED = "Unconfined"


@dataclass(frozen=True)
class ContainerConfig:
    """One container, fully spelled out: nothing in it is looked up in the image any more.

    ``image_layers`` are folders, bottom to top, read only. ``log_path`` is where CRI log lines go; its folder exists
    and the file stays when the container is removed (the agent keeps logs). ``masked_paths`` and ``readonly_paths``
    of None mean the runtime's defaults; empty means none (``procMount: Unmasked``). ``privileged`` lifts capabilities,
    seccomp, device and path restrictions. ``process_namespace_of`` is the id of a container of the same pod whose
    processes this one sees and shares the end of, empty for none; with a process namespace that the pod shares, or the
    host's, it changes nothing. Capability names come without ``CAP_``; ``ALL`` is understood.
    """

    name: str
    attempt: int
    image_layers: Sequence[Path]
    args: Sequence[str]
    log_path: Path
    env: Sequence[tuple[str, str]] = ()
    working_dir: str = "/"
    user: User = field(default_factory=User)
    mounts: Sequence[Mount] = ()
    resources: Resources = field(default_factory=Resources)
    tty: bool = False
    stdin: bool = False
    stdin_once: bool = False
    read_only_root: bool = False
    privileged: bool = False
    capabilities_add: Sequence[str] = ()
    capabilities_drop: Sequence[str] = ()
    no_new_privileges: bool = False
    seccomp: Seccomp = Seccomp.RUNTIME_DEFAULT
    masked_paths: Sequence[str] | None = None
    readonly_paths: Sequence[str] | None = None
    rlimits: Sequence[Rlimit] = ()
    oom_score_adj: int = 0
    stop_signal: int = 15
    process_namespace_of: str = ""


class ContainerState(enum.Enum):
    """CREATED: made, its command not yet run. RUNNING. EXITED: ended, code known (or known to be unknowable).

    UNKNOWN with a ``pid``: an orphan, it runs on without the process that would tell its exit code; when it ends it
    is EXITED. UNKNOWN without a pid: half made when a crash came; only removing helps. A started container that is
    gone without leaving its code (a reboot) is EXITED with ``EXIT_CODE_UNKNOWN`` and ``ContainerStatusUnknown``.
    """

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ContainerStatus:
    """What is seen of a container. Times in seconds since 1970, 0.0 when it did not happen yet.

    ``exit_code`` is None until EXITED; a death by signal is 128 + ``signal``. ``reason`` is Kubernetes' word for it:
    ``Completed``, ``Error``, ``OOMKilled``, ``ContainerStatusUnknown``; empty while it runs. ``pid`` is the first
    process's number on the host, 0 when there is none.
    """

    id: str
    pod_uid: str
    name: str
    attempt: int
    state: ContainerState
    pid: int = 0
    created_at: float = 0.0
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int | None = None
    signal: int = 0
    oom_killed: bool = False
    reason: str = ""


@dataclass(frozen=True)
class SandboxStatus:
    """A pod's sandbox and its containers, in order of creation.

    ``ready`` is False when it was left half made or half removed, or its namespaces are gone (a reboot): then only
    ``stop_sandbox`` helps. ``network_namespace`` is the pin's path, None with the host's network.
    """

    pod_uid: str
    name: str
    namespace: str
    ready: bool
    created_at: float
    network_namespace: Path | None
    containers: Sequence[ContainerStatus] = ()


@dataclass(frozen=True)
class ExecResult:
    """A finished command. Each stream is cut at ``EXEC_OUTPUT_BYTES_MAX``; the rest was read and dropped."""

    exit_code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class ContainerStats:
    """Use of one container: CPU time since its start in nanoseconds, memory in bytes, number of processes.

    ``memory_working_set_bytes`` is use minus inactive file pages, as kubelet and ``kubectl top`` count it.
    """

    id: str
    cpu_nanoseconds: int
    memory_usage_bytes: int
    memory_working_set_bytes: int
    processes: int


class Channel(enum.IntEnum):
    """Where output came from; the numbers are those of Kubernetes' remote command protocol."""

    STDOUT = 1
    STDERR = 2


class Streams(Protocol):
    """The standard streams of a process in a container, as bytes."""

    async def write_stdin(self, data: bytes) -> None:
        """Send input; waits while the process does not read. Input to a closed or absent stdin is dropped."""
        ...

    async def close_stdin(self) -> None:
        """End of input. On a terminal this is Ctrl-D (EOT). May be repeated."""
        ...

    async def resize(self, width: int, height: int) -> None:
        """Set the terminal's size in characters; without a terminal nothing happens."""
        ...

    def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """What the process writes, until it ends. One reader. Bounded: a slow reader slows the process down."""
        ...


class ExecProcess(Streams, Protocol):
    """A command running in a container beside its main process."""

    async def wait(self) -> int:
        """The exit code (128 + signal for a death by signal)."""
        ...

    async def kill(self) -> None:
        """End the command (SIGKILL) and everything that was held for it. May be repeated."""
        ...


class Attachment(Streams, Protocol):
    """A connection to a container's main process."""

    async def close(self) -> None:
        """Let go; the container goes on."""
        ...


class Runtime(Protocol):
    """Starts, watches and ends the containers of this node. All waiting is event driven."""

    async def start_sandbox(self, config: SandboxConfig) -> SandboxStatus:
        """Make what the pod's containers share. A sandbox that is there and ready is returned as it is."""
        ...

    async def stop_sandbox(self, pod_uid: str) -> None:
        """Kill what still runs and remove all of the pod's containers, pins, mounts, cgroups and files.

        Works on whatever a crash left, and on a pod uid never heard of (nothing happens).
        """
        ...

    async def create_container(self, pod_uid: str, config: ContainerConfig) -> str:
        """Make a container, its command not yet run; its id. Raises NoSuchSandbox, CannotStart."""
        ...

    async def start_container(self, container_id: str) -> None:
        """Run the command. Raises NoSuchContainer, WrongState, CannotStart."""
        ...

    async def signal_container(self, container_id: str, signal: int) -> None:
        """Send a signal to the first process; nothing happens when it has ended. Raises NoSuchContainer."""
        ...

    async def stop_container(
        self, container_id: str, grace_seconds: float, signal: int | None = None
    ) -> ContainerStatus:
        """Send ``signal`` (default: the container's own), after the grace SIGKILL to all; the status once it ended."""
        ...

    async def remove_container(self, container_id: str) -> None:
        """Remove an ended (or kill and remove a running) container; its log stays. Unknown ids: nothing happens."""
        ...

    async def list(self) -> Sequence[SandboxStatus]:
        """Everything of this instance that is on the machine."""
        ...

    async def status(self, container_id: str) -> ContainerStatus:
        """One container as ``list`` would show it. Raises NoSuchContainer."""
        ...

    def exits(self) -> AsyncIterator[ContainerStatus]:
        """Each container that ends from now on, once. Iterate in one task; ``list`` first tells the earlier ones.

        Begins to watch with the call, not with the first item, so that nothing between is missed.
        """
        ...

    async def wait_exit(self, container_id: str) -> ContainerStatus:
        """The status once the container has ended (or is lost). Raises NoSuchContainer, also when removed meanwhile."""
        ...

    async def exec(
        self,
        container_id: str,
        args: Sequence[str],
        tty: bool = False,
        stdin: bool = False,
        env: Sequence[tuple[str, str]] | None = None,
        working_dir: str | None = None,
    ) -> ExecProcess:
        """Run a command in a running container, as its user, with its environment (plus ``env``)."""
        ...

    async def exec_sync(
        self, container_id: str, args: Sequence[str], timeout_seconds: float | None = None
    ) -> ExecResult:
        """Run a command to its end, as probes and hooks do. Raises TimedOut, WrongState, CannotExec."""
        ...

    async def attach(self, container_id: str) -> Attachment:
        """Connect to the main process's streams: output from now on, input if ``stdin`` was set."""
        ...

    async def resize(self, container_id: str, width: int, height: int) -> None:
        """Set the size of the container's terminal in characters."""
        ...

    async def reopen_log(self, container_id: str) -> None:
        """Begin a new file at ``log_path`` after the caller renamed the old one (log rotation)."""
        ...

    async def stats(self, container_id: str) -> ContainerStats:
        """Use of CPU and memory. Raises NoSuchContainer; WrongState when it does not run."""
        ...

    async def update_resources(self, container_id: str, resources: Resources) -> None:
        """Change a running container's requests and limits in place. Raises WrongState when it does not run."""
        ...

    async def update_sandbox(self, pod_uid: str, resources: Resources) -> None:
        """Change the limits of the pod as a whole (before a container's are raised, after they were lowered)."""
        ...

    async def connect(self, pod_uid: str, port: int, host: str = "") -> socket.socket:
        """A non-blocking TCP socket of the pod's network, connected to ``host:port`` as seen from there.

        Without a host ``localhost`` is meant: 127.0.0.1, then ::1. A name is looked up as the node looks it up.

        Raises NoSuchSandbox; OSError as ``connect`` and ``getaddrinfo`` do.
        """
        ...

    def network_namespace(self, pod_uid: str) -> Path | None:
        """The pin of the pod's network namespace; None with the host's network. Raises NoSuchSandbox."""
        ...
