"""``k3py vpc``: what is asked of the VPC daemon, what is shown of its answers, and how a command ends."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from k3py.cli.vpc_text import COUNTER_HEADINGS
from k3py.model.vpc_socket import (
    NOT_READY,
    CheckReachabilityRequest,
    Count,
    CountersRequest,
    DropEvent,
    ListVpcsRequest,
    PingRequest,
    PodCounters,
    Pong,
    Reachability,
    Traced,
    TraceRequest,
    VpcEntry,
)
from tests.cli.vpc_server import HangUp, Refused, VpcServer, vpc_server

SECONDS = 30
SENT = Count(direction="FromPod", outcome="SENT_TO_VPC", packets=3, bytes=300, meaning="to its VPC")
PODS = [
    PodCounters(pod_uid="u1", namespace="default", name="a", vpc="default", ipv4="10.42.0.2", counts=(SENT,)),
    PodCounters(pod_uid="u2", namespace="red", name="b", vpc="red", ipv4="10.50.0.2"),
]
VPC = VpcEntry(name="default", vpc_id=1, cidr="10.42.0.0/16", egress="Masquerade", phase="Active", pods=1)


def drop(number: int, uid: str = "u1") -> DropEvent:
    return DropEvent(
        number=number, time=float(number), pod_uid=uid, direction="FromPod", outcome="DROP_NO_ROUTE",
        meaning=f"drop number {number}", namespace="default", name="a",
    )  # fmt: skip


def check(request: CheckReachabilityRequest) -> Reachability:
    reached = request.destination in ("u2", "10.42.0.9")
    return Reachability(reachable=reached, why=f"because of {request.destination}", way=("from_pod", "to_pod"))


def kept(request: TraceRequest) -> Traced:
    events = [each for each in (drop(1), drop(2), drop(3, "u2")) if each.number > request.after]
    return Traced(events=tuple(each for each in events if request.pod_uid in ("", each.pod_uid)))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[VpcServer]:
    handlers = {
        PingRequest: lambda _: Pong(ready=True, node="n1", in_contact=True, cluster=1, mtu=1500),
        ListVpcsRequest: lambda _: [VPC],
        CountersRequest: lambda _: PODS,
        CheckReachabilityRequest: check,
        TraceRequest: kept,
    }
    with vpc_server(tmp_path / "run/k3py/vpc.sock", handlers) as made:
        yield made


def environment(root: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("K3PY_", "KUBE"))}
    return {**kept, "K3PY_ROOT": str(root), "HOME": str(root)}


def k3py(root: Path, *words: str, code: int = 0) -> str:
    """What ``k3py vpc`` prints; standard error where it has to fail."""
    command = [sys.executable, "-m", "k3py", "vpc", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(root), timeout=SECONDS)
    assert done.returncode == code, f"{done.stdout}{done.stderr}"
    return done.stdout if done.stdout else done.stderr


def test_counters(daemon: VpcServer, tmp_path: Path) -> None:
    lines = k3py(tmp_path, "counters").splitlines()
    assert lines[0].split() == COUNTER_HEADINGS
    assert lines[1].split()[:4] == ["default", "a", "default", "10.42.0.2"]
    assert lines[2].split()[:4] == ["red", "b", "red", "10.50.0.2"]
    assert len(k3py(tmp_path, "counters", "a").splitlines()) == 2
    assert [each["podUid"] for each in json.loads(k3py(tmp_path, "counters", "b", "-n", "red", "-o", "json"))] == ["u2"]
    assert k3py(tmp_path, "counters", "b", code=3) == "error: pod b of namespace default has no network on this node\n"


def test_whether_a_packet_would_arrive(daemon: VpcServer, tmp_path: Path) -> None:
    assert k3py(tmp_path, "trace", "a", "red/b") == "reachable: because of red/b\n  1. from_pod\n  2. to_pod\n"
    assert "because of 10.42.0.9" in k3py(tmp_path, "trace", "a", "10.42.0.9")
    assert k3py(tmp_path, "trace", "a", "10.99.0.1", code=1).startswith("not reachable: because of 10.99.0.1")
    assert json.loads(k3py(tmp_path, "trace", "a", "red/b", "-o", "json"))["reachable"]


def test_the_drops_that_are_kept(daemon: VpcServer, tmp_path: Path) -> None:
    assert len(k3py(tmp_path, "trace").splitlines()) == 4
    assert [json.loads(line)["number"] for line in k3py(tmp_path, "trace", "a", "-o", "json").splitlines()] == [1, 2]


def test_drops_as_they_happen_across_a_restart_of_the_daemon(daemon: VpcServer, tmp_path: Path) -> None:
    """What is there already is not shown; a daemon that is back counts anew."""
    later: list[Traced | None] = [Traced(events=(drop(4),), lost=2), None, Traced(events=(drop(1),))]
    over = threading.Event()

    def answer(request: TraceRequest) -> Traced:
        if not request.wait_seconds:
            return kept(request)
        if not later:
            over.set()
            time.sleep(request.wait_seconds)
            return Traced()
        if (next_one := later.pop(0)) is None:
            raise HangUp
        return next_one

    daemon.handlers[TraceRequest] = answer
    command = [sys.executable, "-m", "k3py", "vpc", "trace", "--follow", "-o", "json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(tmp_path)
    ) as process:
        assert over.wait(SECONDS)
        process.kill()
        said, errors = process.communicate()
    assert [json.loads(line)["number"] for line in said.splitlines()] == [4, 1]
    assert "2 drops were not kept" in errors
    assert "waiting for it" in errors
    asked = [each.after for each in daemon.asked if isinstance(each, TraceRequest) and each.wait_seconds]
    assert asked[:4] == [3, 4, 0, 1]


def test_following_ends_when_the_time_is_over(daemon: VpcServer, tmp_path: Path) -> None:
    def quiet(request: TraceRequest) -> Traced:
        time.sleep(request.wait_seconds)
        return Traced()

    daemon.handlers[TraceRequest] = quiet
    assert k3py(tmp_path, "trace", "a", "--follow", "--seconds", "0.2") == ""


def test_doctor(daemon: VpcServer, tmp_path: Path) -> None:
    results = {each["name"]: each for each in json.loads(k3py(tmp_path, "doctor", "-o", "json", code=1))}
    assert results["VPC daemon"]["level"] == "ok"
    assert results["programs"]["said"] == "missing from default/a, red/b"


def test_what_the_daemon_refuses(daemon: VpcServer, tmp_path: Path) -> None:
    def refuse(request: Any) -> None:
        raise Refused(NOT_READY, "the node has no certificate yet")

    daemon.handlers[CountersRequest] = refuse
    assert k3py(tmp_path, "counters", code=5) == "error: the node has no certificate yet\n"


@pytest.mark.parametrize("words", [["counters"], ["trace"], ["trace", "a", "b"], ["trace", "--follow"]])
def test_a_daemon_that_is_not_there_is_unavailable(words: list[str], tmp_path: Path) -> None:
    said = k3py(tmp_path, *words, code=5)
    assert said.startswith("error: ")
    assert said.endswith("'k3py vpc doctor' says more\n")
    assert said.count("\n") == 1
    assert "VPC daemon" in k3py(tmp_path, "doctor", code=1)


@pytest.mark.parametrize(
    "words",
    [
        ["trace", "--seconds", "1"],
        ["trace", "-o", "yaml"],
        ["counters", "-o", "xml"],
        ["create", "red"],
        ["create", "red", "--cidr", "10.50.0.0/16", "--egress", "Gateway"],
        ["create", "red", "--cidr", "10.50.0.0/16", "--allow-namespace", "a", "--allow-all-namespaces"],
        ["delete"],
        ["nosuch"],
        ["--server", "https://x:6443", "list"],
        ["--nosuch"],
    ],
    ids=" ".join,
)
def test_usage(words: list[str], tmp_path: Path) -> None:
    assert "Traceback" not in k3py(tmp_path, *words, code=2)


def test_the_daemons_settings_are_its_flags(tmp_path: Path) -> None:
    shown = k3py(tmp_path, "--server", "https://x:6443", "--no-host-access", "--print-config")
    assert "server: 'https://x:6443'  # --server" in shown
    assert "host-access: False  # --host-access" in shown
