"""``kill -9`` of the daemons at any moment costs no container, no log line and no exit code.

``E2E_SEED=n`` chooses other moments; a failure names the seed and the round.
"""

import os
import random
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e import inventory
from tests.e2e.cluster import (
    FOREVER,
    Cluster,
    Object,
    condition,
    container_status,
    is_ready,
    pod,
    until,
)

SEED = int(os.environ.get("E2E_SEED", "1"))
SPACE = "default"
COUNTERS = ("counter-1", "counter-2")
# Counts for ever, and says goodbye if it is asked to stop, which would break the sequence.
COUNTING = "trap 'echo stopped; exit 0' TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"
VICTIMS = (("server",), ("agent",), ("server", "agent"))
# From before the first step of a pod's start to well after its last.
MOMENT_SECONDS_MAX = 0.6
# Recovery takes an instant; every third time it is interrupted.
RECOVERY_SECONDS_MAX = 0.2
AGAIN = 1 / 3


def runs(made: Object) -> str:
    """The runtime's id of a pod's container."""
    return str(container_status(made)["containerID"]).partition("://")[2]


def counted(cluster: Cluster, name: str) -> int:
    """How far a counter has come; fails if a line is missing, twice there or out of order."""
    lines = cluster.kubectl("logs", name).splitlines()
    for expected, line in enumerate(lines, 1):
        assert line == str(expected), f"{name}: line {expected} says {line!r}"
    return len(lines)


def quiet(cluster: Cluster) -> tuple[int, frozenset[str], frozenset[str]]:
    """What should be the same whenever only the counters run: number of processes, mounts, cgroups."""
    found = inventory.of_cluster(cluster.root)
    daemons = {cluster.pid("server"), cluster.pid("agent")}
    processes = [each for each in found.processes if int(each.split()[0]) not in daemons and "sleep" not in each]
    return len(processes), found.mounts, found.cgroups


@dataclass(frozen=True)
class End:
    """The exit code that a pod has chosen, and all that it says before."""

    code: int
    says: str


@dataclass
class Rounds:
    """The rounds of one run. ``expected`` are the short pods that still have to end, and how."""

    cluster: Cluster
    source: random.Random
    expected: dict[str, End] = field(default_factory=dict)
    lasting: str = ""
    killed: list[str] = field(default_factory=list)

    def start_and_stop(self, number: int) -> None:
        """Begin the start of two pods and the end of one."""
        code, lines = self.source.randrange(256), self.source.randrange(1, 100)
        script = f"for i in $(seq {lines}); do echo $i; sleep 0.01; done; exit {code}"
        ending = pod(SPACE, f"ends-{number}", script, restartPolicy="Never")
        lasting = pod(SPACE, f"lasts-{number}", FOREVER, terminationGracePeriodSeconds=5)
        for each in (ending, lasting):
            answer = self.cluster.api.post(f"/api/v1/namespaces/{SPACE}/pods", json=each)
            assert answer.status_code == 201, answer.text
        if self.lasting:
            self.delete(self.lasting)
        self.expected[f"ends-{number}"] = End(code, "".join(f"{each}\n" for each in range(1, lines + 1)))
        self.lasting = f"lasts-{number}"

    def delete(self, name: str) -> None:
        answer = self.cluster.api.delete(f"/api/v1/namespaces/{SPACE}/pods/{name}")
        assert answer.status_code in (200, 404), answer.text

    def check_ends(self) -> None:
        """Every short pod ended once, with the exit code it chose and all it said; then it is deleted."""
        for name, end in self.expected.items():
            ended = self.cluster.until_pod(
                SPACE, name, lambda made: "terminated" in container_status(made).get("state", {}), "its end is known"
            )
            status = container_status(ended)
            assert status["state"]["terminated"]["exitCode"] == end.code, f"{name}: {status}"
            assert status["restartCount"] == 0, name
            assert until(lambda name=name: self.said(name), f"the log of {name}") == end.says  # type: ignore[misc]
            self.delete(name)
        self.expected.clear()

    def said(self, name: str) -> str | None:
        """A pod's log; None while the node's tunnel is not back."""
        answer = self.cluster.api.get(f"/api/v1/namespaces/{SPACE}/pods/{name}/log")
        return answer.text if answer.status_code == 200 else None

    def kill(self) -> None:
        """Kill some of the daemons, at times again while they recover, and start them."""
        self.killed.clear()
        for most in (MOMENT_SECONDS_MAX, RECOVERY_SECONDS_MAX):
            victims, moment = self.source.choice(VICTIMS), self.source.uniform(0, most)
            self.killed.append(f"{' and '.join(victims)} after {moment:.3f} s")
            time.sleep(moment)
            self.cluster.kill9(*victims)
            self.cluster.up()
            if self.source.random() > AGAIN:
                break


def play(cluster: Cluster, rounds: int) -> None:
    for name in COUNTERS:
        cluster.apply(pod(SPACE, name, COUNTING))
    counters = {name: cluster.until_pod(SPACE, name, is_ready, f"{name} runs") for name in COUNTERS}
    before = cluster.containers()
    calm = quiet(cluster)
    run = Rounds(cluster, random.Random(SEED))
    for number in range(rounds):
        try:
            run.start_and_stop(number)
            run.kill()
            until(lambda: cluster.get("/api/v1/namespaces/default"), "the server answers")
            assert before.items() <= cluster.containers().items(), "a counter was stopped or started again"
            run.check_ends()
        except BaseException as error:
            error.add_note(f"E2E_SEED={SEED}, round {number}: killed {', then '.join(run.killed)}")
            raise
    run.delete(run.lasting)
    until(lambda: {each["metadata"]["name"] for each in cluster.pods(SPACE)} == set(COUNTERS), "only the counters")
    until(lambda: cluster.containers() == before, "no other container is left")
    until(lambda: quiet(cluster) == calm, f"nothing is left behind; was {calm}, is {quiet(cluster)}")
    for name, made in counters.items():
        now = cluster.until_pod(SPACE, name, is_ready, f"{name} is ready")
        assert container_status(now)["restartCount"] == 0
        assert runs(now) == runs(made)
        assert counted(cluster, name) > rounds * 10


def test_thirty_kills(cluster: Cluster) -> None:
    play(cluster, 30)


@pytest.mark.long
def test_three_hundred_kills(cluster: Cluster) -> None:
    play(cluster, 300)


def test_what_happens_while_the_agent_is_dead(cluster: Cluster, tmp_path: Path) -> None:
    host = {"volumes": [{"name": "host", "hostPath": {"path": str(tmp_path)}}],
            "volumeMounts": [{"name": "host", "mountPath": "/host"}]}  # fmt: skip
    script = "while [ ! -e /host/go ]; do sleep 0.02; done; echo last words; exit 23"
    cluster.apply(
        pod(SPACE, "ends", script, restartPolicy="Never", **host),
        pod(SPACE, "again", script, restartPolicy="Always", **host),
        pod(SPACE, "deleted", FOREVER, terminationGracePeriodSeconds=1),
        pod(SPACE, "stays", COUNTING),
    )
    for name in ("ends", "again", "deleted", "stays"):
        cluster.until_pod(SPACE, name, is_ready, f"{name} runs")
    stays = cluster.containers()[runs(cluster.pod(SPACE, "stays") or {})]
    cluster.kill9("agent")
    (tmp_path / "go").touch()
    cluster.kubectl("delete", "pod", "deleted", "--wait=false")
    cluster.apply(pod(SPACE, "new", FOREVER))
    until(lambda: len(cluster.containers()) == 2, "two containers have ended with nobody there")
    cluster.up()
    ended = cluster.until_pod(SPACE, "ends", lambda made: made["status"]["phase"] == "Failed", "its end is known")
    assert container_status(ended)["state"]["terminated"]["exitCode"] == 23
    assert cluster.kubectl("logs", "ends") == "last words\n"
    again = cluster.until_pod(SPACE, "again", lambda made: container_status(made)["restartCount"] >= 1, "runs again")
    assert container_status(again)["lastState"]["terminated"]["exitCode"] == 23
    cluster.until_gone(SPACE, "deleted")
    cluster.until_pod(SPACE, "new", is_ready, "what came meanwhile runs")
    assert stays in cluster.containers().values()
    counted(cluster, "stays")


@pytest.mark.parametrize("victims", VICTIMS, ids="-".join)
def test_logs_go_on_when_they_are_asked_for_again(cluster: Cluster, victims: tuple[str, ...]) -> None:
    cluster.apply(pod(SPACE, "counter", COUNTING))
    cluster.until_pod(SPACE, "counter", is_ready, "it counts")
    with cluster.running("logs", "counter", "-f") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "1\n"
        cluster.kill9(*victims)
        rest = following.stdout.read()  # it ends, rather than hang
    seen = [1, *(int(line) for line in rest.splitlines() if re.fullmatch("[0-9]+", line))]
    assert seen == list(range(1, len(seen) + 1))
    cluster.up()
    until(lambda: cluster.kubectl("logs", "counter", "--tail=1", code=None).code == 0, "logs are there again")
    with cluster.running("logs", "counter", "-f") as following:
        assert following.stdout is not None
        numbers = [int(following.stdout.readline()) for _ in range(len(seen) + 50)]
    assert numbers == list(range(1, len(seen) + 51))


def test_a_server_that_has_lost_everything_stops_nothing(cluster: Cluster) -> None:
    store, empty, full = cluster.paths.server_store, cluster.home / "empty", cluster.home / "full"
    # A store as it was before any node joined: the same CA, the same port, and no memory of node or pods.
    cluster.k3py("reset", "--yes")
    with cluster.server():
        until(lambda: cluster.pid("server"), "the server runs")
    shutil.copytree(store, empty)
    cluster.up()
    cluster.import_image(cluster.archive)
    cluster.apply(pod(SPACE, "counter", COUNTING))
    made = cluster.until_pod(SPACE, "counter", is_ready, "it counts")
    before = cluster.containers()
    cluster.kill9("server", "agent")  # an agent that starts reads the whole list, and pods are missing in it
    store.rename(full)
    empty.rename(store)
    cluster.up()
    told = f"pod {made['metadata']['uid']} is missing on a server that does not know this node; it runs on"
    until(lambda: told in cluster.log("agent"), "the agent has noticed")
    assert cluster.pods(SPACE) == []
    assert cluster.containers() == before
    cluster.kill9("server")
    shutil.rmtree(store)
    full.rename(store)
    cluster.up()
    now = cluster.until_pod(SPACE, "counter", is_ready, "it is shown again")
    assert container_status(now)["restartCount"] == 0
    assert cluster.containers() == before
    counted(cluster, "counter")
    node = cluster.get(f"/api/v1/nodes/{cluster.node}")
    assert node is not None
    assert condition(node, "Ready")["status"] == "True"
