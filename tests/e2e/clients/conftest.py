"""One server without controllers for all that needs none; a namespace and a shell of one release for each script."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.clients.shell import Shell
from tests.e2e.cluster import CLIENTS
from tests.e2e.lone_server import LoneServer, lone_server


@pytest.fixture(scope="session")
def api_server(source: random.Random) -> Iterator[LoneServer]:
    """``k3py server --api-only`` on memory: no scheduler, no controllers, no pods that run."""
    with lone_server(source) as server:
        server.flags = ["--store", "memory:"]
        server.start()
        yield server


@pytest.fixture
def api_namespace(api_server: LoneServer, source: random.Random) -> str:
    """A new namespace of that server; it goes with the server, since nothing there would empty it."""
    name = f"test-{source.getrandbits(32):08x}"
    with api_server.client() as client:
        assert client.post("/api/v1/namespaces", json={"metadata": {"name": name}}).status_code == 201
    return name


@pytest.fixture
def api_shell(api_server: LoneServer, api_namespace: str, tmp_path: Path, release: str) -> Shell:
    """A shell in that namespace, with the programs of ``release``, which the test is parametrised by."""
    assert (CLIENTS / release / "kubectl").exists(), f"run tools/clients.py {release.partition('.')[2]}"
    return Shell.make(api_server, tmp_path / "home", api_namespace, release)


@pytest.fixture
def kubeconfig(api_server: LoneServer, api_namespace: str, tmp_path: Path) -> Path:
    """A kubeconfig of that server's administrator, whose namespace is the test's."""
    Shell.make(api_server, tmp_path / "home", api_namespace, "")
    return tmp_path / "home/kubeconfig"
