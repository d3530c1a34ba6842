"""A server to send anything to: the API alone, in memory, as a process of its own."""

import contextlib
import json
import random
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.lone_server import LoneServer

TOKEN = "fuzztoken0123456789"
# Longer than any answer takes on a busy machine; what takes longer hangs.
SECONDS = 10.0
NAMESPACE = "fuzz"


class Served:
    """A server that runs, and one connection to it as an administrator."""

    def __init__(self, lone: LoneServer, http: httpx.Client) -> None:
        self.port = lone.port
        self.http = http
        self._lone = lone

    def tls(self) -> ssl.SSLContext:
        """The administrator's TLS settings."""
        return self._lone.tls()

    def document(self, place: str) -> Any:
        """The OpenAPI document of a group version, as ``api/v1``."""
        return self.http.get(f"/openapi/v3/{place}").raise_for_status().json()

    def memory_megabytes(self) -> float:
        """What the process holds by itself (proportional set size)."""
        assert self._lone.process is not None
        text = Path(f"/proc/{self._lone.process.pid}/smaps_rollup").read_text()
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))) / 1024

    def complaints(self) -> list[str]:
        """The errors in the server's log."""
        lines = (json.loads(line) for line in self._lone.log("server").splitlines() if '"level": "error"' in line)
        return [str(each.get("error") or each.get("message")) for each in lines]

    def is_running(self) -> bool:
        """Whether it has not fallen."""
        return self._lone.process is not None and self._lone.process.poll() is None


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Served]:
    """A server with an empty namespace ``fuzz``, below a folder, while the block runs."""
    lone = LoneServer(folder / "server", random.Random())
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    lone.flags = ["--store", "memory:", "--token-auth-file", str(tokens)]
    try:
        lone.start()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(
            base_url=f"https://127.0.0.1:{lone.port}", verify=lone.tls(), headers=headers, timeout=SECONDS,
            trust_env=False,
        ) as http:  # fmt: skip
            http.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}}).raise_for_status()
            yield Served(lone, http)
    finally:
        left = lone.destroy()
    assert not left, f"'k3py reset' left {left}"
