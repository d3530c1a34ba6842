"""A cluster of one node below a root of its own, as ``k3py up`` makes it, and gone afterwards."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from http_client import Target
from one_server import free_port

from k3py.base.paths import Paths
from k3py.client.kubeconfig import load_kubeconfig
from k3py.daemons.process import StatusFile

COMMAND_SECONDS = 90
BUSYBOX = "docker.io/library/busybox:1.35"
IMAGE_TOOL = Path(__file__).resolve().parents[1] / "tools/busybox_image.py"


class Cluster:
    """A root, and what can be done with it."""

    def __init__(self, root: Path) -> None:
        self.paths = Paths.below(root)
        self.port = free_port()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("K3PY_", "KUBE"))}
        self._environment = {**kept, "K3PY_ROOT": str(root)}

    def k3py(self, *arguments: str) -> str:
        """What a command says.

        Raises:
            RuntimeError: it failed.
        """
        command = [sys.executable, "-m", "k3py", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, env=self._environment)
        if done.returncode:
            raise RuntimeError(f"k3py {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def up(self) -> None:
        self.k3py("up", "--port", str(self.port), "--node-name", "bench")

    def import_busybox(self) -> None:
        archive = self.paths.root / "busybox.tar"
        command = [sys.executable, str(IMAGE_TOOL), str(archive), "--name", BUSYBOX]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.k3py("image", "import", str(archive))
        archive.unlink()

    def pid(self, daemon: str) -> int:
        """The pid of a daemon that runs."""
        status = StatusFile(self.paths.run / f"{daemon}.json").read()
        if status is None:
            raise RuntimeError(f"the {daemon} does not run")
        return int(status["pid"])

    def target(self) -> Target:
        """The API, as administrator."""
        return Target("127.0.0.1", self.port, load_kubeconfig(self.paths.admin_kubeconfig).tls())


@contextmanager
def one_cluster() -> Iterator[Cluster]:
    """A root in memory on which nothing has been started yet; everything that then is started ends with the block."""
    root = Path(tempfile.mkdtemp(prefix="k3py-bench-", dir="/dev/shm"))
    made = Cluster(root)
    try:
        yield made
    finally:
        made.k3py("reset", "--yes")
        shutil.rmtree(root)
