"""Clusters for tests: one for all that leave it whole, own ones for those that break theirs."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.cluster import BUSYBOX, Cluster, Host
from tests.e2e.lan import Lan

TOOL = Path(__file__).parents[2] / "tools/busybox_image.py"
PROGRAMS = ("conmon", "ip", "nft", "nsenter")


def missing() -> str:
    """Why no cluster can run here; empty when one can."""
    if os.geteuid() != 0:
        return "needs root"
    if not Path("/bin/busybox").exists():
        return "needs busybox-static"
    if shutil.which("runc") is None and shutil.which("crun") is None:
        return "needs runc or crun"
    return next((f"needs {each}" for each in PROGRAMS if shutil.which(each) is None), "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here is one of real clusters."""
    why = missing()
    for item in items:
        if Path(item.path).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.e2e)
            if why:
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def source() -> random.Random:
    """Names and ports only; what a test decides by chance has a seed of its own."""
    return random.Random()


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of an image with busybox in it."""
    archive = tmp_path_factory.mktemp("image") / "busybox.tar"
    command = [sys.executable, str(TOOL), str(archive), "--name", BUSYBOX]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return archive


@pytest.fixture(scope="session")
def lan() -> Iterator[Lan]:
    """The network that the node is on: other machines, and a way out."""
    with ExitStack() as undo:
        yield Lan(undo)


def own_root(source: random.Random) -> Path:
    return Path(f"/dev/shm/k3py-e2e-{source.getrandbits(32):08x}")


@pytest.fixture(scope="session")
def shared_cluster(source: random.Random, busybox: Path, lan: Lan) -> Iterator[Cluster]:
    """A cluster that outlives the test: leave it as it was."""
    del lan
    yield from _run(Cluster(own_root(source), source), busybox)


@pytest.fixture
def cluster(source: random.Random, busybox: Path, lan: Lan) -> Iterator[Cluster]:
    """A cluster of the test's own, to do with as it likes."""
    del lan
    yield from _run(Cluster(own_root(source), source), busybox)


@pytest.fixture
def lone_cluster(source: random.Random, busybox: Path, lan: Lan) -> Iterator[Cluster]:
    """A cluster on a machine of its own: of several on one host, only one has the host's routes."""
    place, address = lan.plug()
    yield from _run(Cluster(own_root(source), source, place, address), busybox)


def _run(made: Cluster, busybox: Path) -> Iterator[Cluster]:
    try:
        made.up()
        made.import_image(busybox)
        yield made
    finally:
        left = made.destroy()
    assert not left, f"'k3py reset' left {left}"


@pytest.fixture
def make_host(source: random.Random, lan: Lan) -> Iterator[Callable[[str], Host]]:
    """Further machines of the LAN, by the name of their node: roots for agents and VPC daemons alone."""
    made: list[Host] = []

    def make(node: str) -> Host:
        machine, _ = lan.plug()
        made.append(Host(own_root(source), node, machine))
        return made[-1]

    yield make
    left = [each.destroy() for each in made]
    assert not any(left), f"'k3py reset' left {left}"


@pytest.fixture
def namespace(shared_cluster: Cluster, source: random.Random) -> Iterator[str]:
    """A namespace of the shared cluster; gone with everything in it when the test ends."""
    name = f"test-{source.getrandbits(32):08x}"
    answer = shared_cluster.api.post("/api/v1/namespaces", json={"metadata": {"name": name}})
    assert answer.status_code == 201, answer.text
    yield name
    assert shared_cluster.api.delete(f"/api/v1/namespaces/{name}").status_code in (200, 202, 404)
