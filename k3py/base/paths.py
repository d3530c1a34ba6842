"""Where k3py keeps things on a host, all derived from four folders or from one root."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The four folders below ``root``. ``instance_id`` tells apart clusters that share one host."""

    root: Path
    config: Path
    state: Path
    log: Path
    run: Path
    instance_id: str

    @classmethod
    def below(cls, root: str | os.PathLike[str] | None) -> "Paths":
        """The folders below ``root`` (``K3PY_ROOT``), or the system's own when it is None, empty or ``/``.

        ``instance_id`` is the first 8 hex digits of the SHA-256 of the resolved root path.
        """
        base = Path(root or "/").resolve()
        instance_id = hashlib.sha256(str(base).encode()).hexdigest()[:8]
        return cls(
            root=base,
            config=base / "etc/k3py",
            state=base / "var/lib/k3py",
            log=base / "var/log/k3py",
            run=base / "run/k3py",
            instance_id=instance_id,
        )

    @classmethod
    def from_environment(cls, environment: dict[str, str] | None = None) -> "Paths":
        """The folders that ``K3PY_ROOT`` of the environment (default: the process's) names."""
        return cls.below((os.environ if environment is None else environment).get("K3PY_ROOT"))

    @property
    def admin_kubeconfig(self) -> Path:
        return self.config / "admin.kubeconfig"

    @property
    def server_store(self) -> Path:
        return self.state / "server/store"

    @property
    def server_token(self) -> Path:
        return self.state / "server/token"

    @property
    def agent_token(self) -> Path:
        return self.state / "server/agent-token"

    @property
    def agent_state(self) -> Path:
        return self.state / "agent"

    @property
    def vpc_socket(self) -> Path:
        """Where the VPC daemon listens for this node's agent and command line."""
        return self.run / "vpc.sock"

    @property
    def images(self) -> Path:
        return self.state / "images"


def make_private(folder: Path) -> None:
    """Make a folder, or close one that is there, so that only its owner sees what is below it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_private(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old or the new content, also after a power cut.

    The temporary file lies beside it and has ``mode`` from its first byte; it and the folder are synced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
            file.flush()
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
