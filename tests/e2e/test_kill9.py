"""``kill -9`` of the daemons at any moment costs no container, no log line, no exit code and no address.

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
from tests.e2e.network import WEB_PORT, InKernel, allocations, cluster_ip, differences, in_kernel, service, web

SEED = int(os.environ.get("E2E_SEED", "1"))
SPACE = "default"
DAEMONS = ("server", "agent", "vpc")
COUNTERS = ("counter-1", "counter-2")
# Counts for ever, and says goodbye if it is asked to stop, which would break the sequence.
COUNTING = "trap 'echo stopped; exit 0' TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"
# What a pod with its own network does beside: it says its name to whoever asks.
SERVING = f"mkdir /www; hostname > /www/index.html; httpd -p {WEB_PORT} -h /www; "
VICTIMS = (("server",), ("agent",), ("vpc",), ("agent", "vpc"), ("server", "agent", "vpc"))
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


@dataclass(frozen=True)
class Quiet:
    """What should be the same whenever only the counters run."""

    processes: int
    mounts: frozenset[str]
    cgroups: frozenset[str]
    allocations: dict[str, str]
    kernel: InKernel

    @classmethod
    def of(cls, cluster: Cluster) -> "Quiet":
        """As it is now."""
        found = cluster.belongings()
        daemons = {cluster.pid(each) for each in DAEMONS}
        processes = [each for each in found.processes if int(each.split()[0]) not in daemons and "sleep" not in each]
        return cls(len(processes), found.mounts, found.cgroups, allocations(cluster), in_kernel(cluster))

    def differs(self, other: "Quiet") -> str:
        """How another one differs; empty when it does not."""
        found = [
            f"{name}: was {getattr(self, name)}, is {getattr(other, name)}"
            for name in ("processes", "mounts", "cgroups", "allocations")
            if getattr(self, name) != getattr(other, name)
        ]
        return "\n".join([*found, differences(self.kernel, other.kernel)]).strip()


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
    addresses: dict[str, str] = field(default_factory=dict)

    def start_and_stop(self, number: int) -> None:
        """Begin the start of two pods, one or both with a network of their own, and the end of one."""
        code, lines = self.source.randrange(256), self.source.randrange(1, 100)
        script = f"for i in $(seq {lines}); do echo $i; sleep 0.01; done; exit {code}"
        shared = self.source.random() < 0.5
        ending = pod(SPACE, f"ends-{number}", script, restartPolicy="Never", hostNetwork=shared)
        lasting = web(SPACE, f"lasts-{number}", f"lasts-{number}")
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
            over = self.cluster.until_pod(
                SPACE, name, lambda made: "terminated" in container_status(made).get("state", {}), "its end is known"
            )
            status = container_status(over)
            assert status["state"]["terminated"]["exitCode"] == end.code, f"{name}: {status}"
            assert status["restartCount"] == 0, name
            assert until(lambda name=name: self.said(name), f"the log of {name}") == end.says  # type: ignore[misc]
            self.delete(name)
        self.expected.clear()

    def check_addresses(self) -> None:
        """No pod has another address than before, and no two have the same one."""
        living: dict[str, str] = {}
        for made in self.cluster.pods(SPACE):
            address, uid = made["status"].get("podIP", ""), made["metadata"]["uid"]
            if address and not made["spec"].get("hostNetwork"):
                assert self.addresses.setdefault(uid, address) == address, made["metadata"]["name"]
                if not ended(made):
                    assert address not in living, f"{made['metadata']['name']} and {living[address]} have {address}"
                    living[address] = made["metadata"]["name"]

    def check_answers(self) -> None:
        """Whoever serves answers at its own address, and all through the service."""
        names = [COUNTERS[0], self.lasting]
        visitor = self.cluster.machine(SPACE, COUNTERS[0])
        for name in names:
            made = self.cluster.until_pod(SPACE, name, is_ready, f"{name} is ready")
            assert visitor.asks("ask", made["status"]["podIP"], WEB_PORT) == name
            assert self.cluster.place.asks("ask", made["status"]["podIP"], WEB_PORT) == name
        address, heard = cluster_ip(self.cluster, SPACE), set()

        def all_heard() -> bool:
            heard.add(visitor.asks("ask", address, 80))
            return heard >= set(names)

        until(all_heard, f"the service leads to {names}, heard {heard}")

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


def ended(made: Object) -> bool:
    return made["status"].get("phase") in ("Succeeded", "Failed") or "deletionTimestamp" in made["metadata"]


def counter(name: str, serves: bool) -> Object:
    """A pod that counts, with the host's network, or with its own and then as one of the service's."""
    made = pod(SPACE, name, SERVING + COUNTING if serves else COUNTING, hostNetwork=not serves)
    made["metadata"]["labels"] = {"app": "web"} if serves else {}
    return made


def play(cluster: Cluster, rounds: int) -> None:
    cluster.apply(service(SPACE), *(counter(name, name == COUNTERS[0]) for name in COUNTERS))
    counters = {name: cluster.until_pod(SPACE, name, is_ready, f"{name} runs") for name in COUNTERS}
    before = cluster.containers()
    calm = Quiet.of(cluster)
    run = Rounds(cluster, random.Random(SEED))
    for number in range(rounds):
        try:
            run.start_and_stop(number)
            run.kill()
            until(lambda: cluster.get("/api/v1/namespaces/default"), "the server answers")
            assert before.items() <= cluster.containers().items(), "a counter was stopped or started again"
            run.check_ends()
            run.check_addresses()
        except BaseException as error:
            error.add_note(f"E2E_SEED={SEED}, round {number}: killed {', then '.join(run.killed)}")
            raise
    run.check_answers()
    run.delete(run.lasting)
    until(lambda: {each["metadata"]["name"] for each in cluster.pods(SPACE)} == set(COUNTERS), "only the counters")
    until(lambda: cluster.containers() == before, "no other container is left")
    left = [""]

    def is_calm() -> bool:
        left[0] = calm.differs(Quiet.of(cluster))
        return not left[0]

    try:
        until(is_calm, "nothing is left behind")
    except AssertionError as error:
        raise AssertionError(f"{error}:\n{left[0]}") from None
    for name, made in counters.items():
        now = cluster.until_pod(SPACE, name, is_ready, f"{name} is ready")
        assert container_status(now)["restartCount"] == 0
        assert runs(now) == runs(made)
        assert now["status"]["podIP"] == made["status"]["podIP"]
        assert counted(cluster, name) > rounds * 10


def test_thirty_kills(lone_cluster: Cluster) -> None:
    play(lone_cluster, 30)


@pytest.mark.long
def test_three_hundred_kills(lone_cluster: Cluster) -> None:
    play(lone_cluster, 300)


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


@pytest.mark.parametrize("victims", [("server",), ("agent",), DAEMONS], ids="-".join)
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
    cluster.kill9(*DAEMONS)  # an agent that starts reads the whole list, and pods are missing in it
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
