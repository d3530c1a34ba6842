"""A server to replay against: the API alone, empty, as a process of its own, gone afterwards."""

import contextlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.lone_server import LoneServer
from tests.golden.comparison import Judgement, is_compared, judge
from tests.golden.recording import Case
from tests.golden.replaying import Replay, Server

TOKEN = "goldentoken0123456789"
_TOKENS = f'{TOKEN},admin,admin-uid,"system:masters"\n'
# What the store keeps of a collection's past is bounded in bytes: so many changes of a large object push it out.
_FILLER = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "filler"}, "data": {"a": "x" * 1_000_000}}
_FILLER_CHANGES = 40
_FILLER_PATH = "/api/v1/namespaces/default/configmaps"


class Served:
    """A server that runs, ways to replay against it, and what it complained of."""

    def __init__(self, lone: LoneServer) -> None:
        self._lone = lone
        self.server = Server(lone.port, TOKEN)
        self.replay = Replay(self.server, forget)

    def judged(self, case: Case) -> list[tuple[int, Judgement]]:
        """(number of the step, judgement) of every step of a case that is compared."""
        answers = self.replay.answers(case)
        return [
            (number, judge(step, answers[number])) for number, step in enumerate(case["steps"]) if is_compared(step)
        ]

    def complaints(self) -> list[str]:
        """The last line of every error in the server's log, each once."""
        lines = (line for line in self._lone.log("server").splitlines() if '"level": "error"' in line)
        errors = (json.loads(line) for line in lines)
        return sorted({str(each.get("error", each.get("message"))).strip().splitlines()[-1] for each in errors})


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """A server below a folder, while the block runs."""
    lone = LoneServer(folder / "server", random.Random())
    (folder / "tokens.csv").write_text(_TOKENS)
    lone.flags = [
        "--store", "memory:", "--token-auth-file", str(folder / "tokens.csv"), "--service-cidr", "10.96.0.0/16",
    ]  # fmt: skip
    lone.start()
    served = Served(lone)
    try:
        yield served
    finally:
        served.server.close()
        lone.stop()


def forget(server: Server) -> None:
    """Let the server forget all versions of ConfigMaps but the newest."""
    server.ask({"method": "POST", "path": _FILLER_PATH, "body": _FILLER})
    headers = {"Content-Type": "application/merge-patch+json"}
    for number in range(_FILLER_CHANGES):
        body = {"metadata": {"labels": {"number": str(number)}}}
        path = f"{_FILLER_PATH}/filler"
        server.ask({"method": "PATCH", "path": path, "headers": headers, "body": body})
    server.ask({"method": "DELETE", "path": f"{_FILLER_PATH}/filler"})
