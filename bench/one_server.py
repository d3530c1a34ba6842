"""One ``k3py server`` below a root of its own, pinned to one core, and gone afterwards."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from http_client import Target

from k3py.base.paths import Paths
from k3py.client.kubeconfig import load_kubeconfig
from k3py.daemons.process import StatusFile

START_SECONDS = 30
STOP_SECONDS = 20


@dataclass(frozen=True)
class OneServer:
    """A running server."""

    target: Target
    pid: int
    warnings: str
    start_seconds: float


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def one_server(store: Path, core: int, api_only: bool = False, root: Path | None = None) -> Iterator[OneServer]:
    """Start it with its state in ``store``; all its threads run on ``core``. A ``root`` that is given is kept."""
    kept_root, root = root, root or Path(tempfile.mkdtemp(prefix="k3py-bench-", dir="/dev/shm"))
    paths = Paths.below(root)
    log_file = root / "server.log"
    command = [sys.executable, "-m", "k3py", "server", "--bind-address=127.0.0.1", f"--port={free_port()}"]
    command += [f"--store={store}", "--log-level=warning", *(["--api-only"] if api_only else [])]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("K3PY_", "KUBE"))}
    begin = time.perf_counter()
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command], stdout=log, stderr=log, env={**kept, "K3PY_ROOT": str(root)}
        )
    try:
        status = _wait(StatusFile(paths.run / "server.json"), process, log_file)
        seconds = time.perf_counter() - begin
        access = load_kubeconfig(paths.admin_kubeconfig)
        target = Target("127.0.0.1", int(str(status["port"])), access.tls())
        yield OneServer(target, process.pid, log_file.read_text(), seconds)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if kept_root is None:
            shutil.rmtree(root)


def _wait(status: StatusFile, process: "subprocess.Popen[bytes]", log: Path) -> dict[str, object]:
    deadline = time.monotonic() + START_SECONDS
    while True:
        found = status.read()
        if found is not None:
            return found
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")
        time.sleep(0.02)
