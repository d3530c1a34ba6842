"""A server without an agent, as a process of its own: to kill, to stop, to put on other stores."""

import contextlib
import json
import os
import random
import signal
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from k3py.client.kubeconfig import load_kubeconfig
from tests.e2e.cluster import BINARIES, SECONDS, Host, free_port, until


class LoneServer(Host):
    """``k3py server --api-only`` with its own root and port; log lines are in the root's log folder."""

    def __init__(self, root: Path, source: random.Random) -> None:
        super().__init__(root, "no-node")
        self.port = free_port(source)
        self.flags: list[str] = []
        self.variables: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.paths.log.mkdir(parents=True)

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **self.variables}

    @property
    def command(self) -> list[str]:
        return [str(BINARIES / "k3py"), "server", "--api-only", "--port", str(self.port), *self.flags]

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Begin to start; ``start`` waits too."""
        with open(self.paths.log / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self.process

    def start(self) -> None:
        """Start, and wait until it serves."""
        process = self.spawn()
        until(lambda: self.pid("server") == process.pid or process.poll() is not None, "the server serves")
        assert process.poll() is None, f"the server ended with {process.returncode}\n{self.log('server')}"

    def refused(self, *flags: str, code: int, variables: Mapping[str, str] | None = None) -> str:
        """Start a server that has to end at once with ``code``; the one line of error that it says."""
        said = self.run([*self.command, *flags], code=code, extra=variables)
        lines = [line for line in said.errors.splitlines() if not is_log_line(line)]
        assert len(lines) == 1, said.errors
        return lines[0]

    def kill(self) -> None:
        """SIGKILL, and see it gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(SECONDS)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(SECONDS)

    def tls(self) -> ssl.SSLContext:
        """The administrator's TLS settings."""
        return load_kubeconfig(self.paths.admin_kubeconfig).tls()

    @contextlib.contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """The API as administrator."""
        with httpx.Client(base_url=f"https://127.0.0.1:{self.port}", verify=self.tls(), trust_env=False) as made:
            yield made

    def destroy(self) -> Any:
        """End it, however it stands; what ``k3py reset`` left (see ``Host``)."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        return super().destroy()


def is_log_line(line: str) -> bool:
    """Whether a daemon's line is one of its log."""
    try:
        return "level" in json.loads(line)
    except (ValueError, TypeError):
        return False


@contextlib.contextmanager
def lone_server(source: random.Random) -> Iterator[LoneServer]:
    """One that is not started yet; gone without a trace when the block ends."""
    made = LoneServer(Path(f"/dev/shm/k3py-e2e-{source.getrandbits(32):08x}"), source)
    try:
        yield made
    finally:
        left = made.destroy()
    assert not left, f"'k3py reset' left {left}"
