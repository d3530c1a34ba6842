"""``k3py vpc list``, ``create`` and ``delete`` against a real server without controllers: the test plays theirs."""

import json
import random
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import BINARIES, SECONDS
from tests.e2e.lone_server import LoneServer, lone_server

PATH = "/apis/vpc.k3py.io/v1/vpcs"
MERGE = {"content-type": "application/merge-patch+json"}


@pytest.fixture(scope="module")
def server(source: random.Random) -> Iterator[LoneServer]:
    with lone_server(source) as made:
        made.start()
        yield made


def create(server: LoneServer, name: str, *more: str, code: int = 0) -> Any:
    return server.k3py("vpc", "create", name, "--cidr", "10.50.0.0/16", *more, code=code)


def spec(server: LoneServer, name: str) -> Any:
    return json.loads(server.k3py("get", "vpc", name, "-o", "json"))["spec"]


def test_ranges_may_overlap_and_who_may_use_them_is_said(server: LoneServer) -> None:
    assert create(server, "red", "--allow-namespace", "red", "--allow-namespace", "dev") == (
        "vpc.vpc.k3py.io/red created\n"
    )
    create(server, "blue", "--egress", "none", "--allow-all-namespaces")
    create(server, "green")
    allowed = spec(server, "red")["allowedNamespaces"]["matchExpressions"]
    assert allowed == [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["red", "dev"]}]
    assert spec(server, "blue") == {"cidr": "10.50.0.0/16", "egress": "None", "allowedNamespaces": {}}
    assert "allowedNamespaces" not in spec(server, "green")
    lines = server.k3py("vpc", "list").splitlines()
    assert lines[0].split() == ["NAME", "CIDR", "EGRESS", "ID", "PHASE", "PODS", "AGE"]
    assert [line.split()[:3] for line in lines[1:] if line.startswith(("blue", "green", "red"))] == [
        ["blue", "10.50.0.0/16", "None"],
        ["green", "10.50.0.0/16", "Masquerade"],
        ["red", "10.50.0.0/16", "Masquerade"],
    ]
    assert server.k3py("vpc", "list", "-o", "name").split()[0].startswith("vpc.vpc.k3py.io/")


def test_what_the_server_refuses(server: LoneServer) -> None:
    create(server, "twice")
    assert "already exists" in create(server, "twice", code=4).errors
    assert "10.43.0.0/16" in server.k3py("vpc", "create", "wrong", "--cidr", "10.43.0.0/24", code=1).errors
    assert "not found" in server.k3py("vpc", "delete", "nosuch", code=3).errors


def test_a_deletion_says_what_it_waits_for(server: LoneServer) -> None:
    create(server, "going")
    with server.client() as client:
        ready = {"status": {"phase": "Active", "allocated": 2}}
        answer = client.patch(f"{PATH}/going/status", content=json.dumps(ready), headers=MERGE)
        assert answer.status_code == 200, answer.text
        said = server.k3py("vpc", "delete", "going", "--timeout", "1s", code=1)
        assert said == 'vpc.vpc.k3py.io "going" deleted\nVPC going waits for 2 pods\n'
        assert "timed out waiting for the end of vpcs/going: it waits for 2 pods" in said.errors
        command = [str(BINARIES / "k3py"), "vpc", "delete", "going"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=server.environment()) as waiting:
            try:
                assert waiting.stdout is not None
                assert waiting.stdout.readline() == 'vpc.vpc.k3py.io "going" deleted\n'
                assert waiting.stdout.readline() == "VPC going waits for 2 pods\n"
                gone = {"metadata": {"finalizers": []}}
                assert client.patch(f"{PATH}/going", content=json.dumps(gone), headers=MERGE).status_code == 200
                assert waiting.wait(SECONDS) == 0
            finally:
                waiting.kill()
    assert "not found" in server.k3py("get", "vpc", "going", code=3).errors
