"""Two clusters on one host share nothing, and neither leaves a trace."""

import random
import subprocess
from pathlib import Path

import pytest

from tests.e2e import inventory
from tests.e2e.cluster import FOREVER, Cluster, is_ready, kubectl_binary, pod
from tests.e2e.conftest import own_root
from tests.e2e.inventory import Belongings
from tests.e2e.lan import Lan, Machine
from tests.e2e.network import WEB_PORT, client
from tests.e2e.network import web as serving

SPACE = "default"
# Whoever answers does so at once.
SILENT_SECONDS = 1
PODS = ("web", "busy", "own", "client")


def settle(cluster: Cluster) -> None:
    """Bring it up, with a pod that listens on a host port and one with everything that leaves traces."""
    cluster.up()
    cluster.import_image(cluster.archive)
    serve = f"exec httpd -f -p {cluster.web_port} -h /www"
    scratch = {"volumes": [{"name": "fast", "emptyDir": {"medium": "Memory"}}],
               "volumeMounts": [{"name": "fast", "mountPath": "/fast"}]}  # fmt: skip
    cluster.apply(
        pod(
            SPACE,
            "web",
            f"mkdir /www; echo {cluster.node} > /www/index.html; {serve}",
        ),
        pod(SPACE, "busy", FOREVER, **scratch),
        serving(SPACE, "own", cluster.node),
        client(SPACE),
    )
    for name in PODS:
        cluster.until_pod(SPACE, name, is_ready, f"{name} runs")


def works(cluster: Cluster) -> None:
    """It answers, knows its own node and pods only, and reaches into its containers."""
    assert cluster.kubectl("get", "nodes", "-o", "name") == f"node/{cluster.node}\n"
    assert cluster.kubectl("exec", "busy", "--", "echo", "hello") == "hello\n"
    assert set(cluster.kubectl("get", "pods", "-o", "name").split()) == {f"pod/{name}" for name in PODS}
    shown = cluster.kubectl("exec", "busy", "--", "wget", "-qO-", f"http://127.0.0.1:{cluster.web_port}/")
    assert shown == f"{cluster.node}\n"
    for address in addresses(cluster):
        assert cluster.machine(SPACE, "client").asks("ask", address, WEB_PORT) == cluster.node


def addresses(cluster: Cluster) -> list[str]:
    """Those of the pod that answers, IPv4 and IPv6."""
    made = cluster.pod(SPACE, "own")
    assert made is not None
    return [each["ip"] for each in made["status"]["podIPs"]]


def never_meet(one: Cluster, other: Cluster) -> None:
    """Pods of one do not reach those of the other, though both have the same range; the host reaches the first's."""
    visitor = one.machine(SPACE, "client")
    for address in addresses(other):
        assert other.node not in visitor.asks("ask", address, WEB_PORT, SILENT_SECONDS)


def new_since(before: Belongings, place: Machine) -> Belongings:
    """What is new outside of the folders and pins that other people's clusters use; ``gone`` looks at ours."""
    new = place.inside(inventory.on_host) - before
    kept = frozenset(each for each in new.files if not each.startswith(("/tmp/", "/dev/shm/", "/var/tmp/")))
    pins = frozenset(each for each in new.pins if not each.startswith(f"{inventory.PINS}/k3py-"))
    return Belongings(links=new.links, routes=new.routes, rules=new.rules, pins=pins, files=kept)


@pytest.fixture
def pair(source: random.Random, busybox: Path, lan: Lan) -> list[Cluster]:
    place, address = lan.plug()
    made = [Cluster(own_root(source), source, place, address) for _ in range(2)]
    for each in made:
        each.archive = busybox
    return made


def test_two_clusters_share_nothing_and_leave_nothing(pair: list[Cluster]) -> None:
    one, other = pair
    before = one.place.inside(inventory.on_host)
    try:
        for each in pair:
            settle(each)
        works(one)
        works(other)
        mine, theirs = one.belongings(), other.belongings()
        for found, cluster in ((mine, one), (theirs, other)):
            # The inventory sees: else that nothing is shared would mean nothing.
            assert len(found.processes) >= 7  # three daemons, two containers and a conmon for each
            assert {f"tcp port {cluster.port}", f"tcp port {cluster.web_port}"} <= found.listening
            assert len(found.mounts) >= 4
            assert found.cgroups
            assert found.sockets
            assert all(Path(each).is_relative_to(cluster.root) for each in found.mounts | found.files)
        assert not mine & theirs, f"shared: {mine & theirs}"
        never_meet(one, other)
        never_meet(other, one)
        # Only one of them can have the host's routes to 10.42.0.0/16.
        assert one.place.asks("ask", addresses(one)[0], WEB_PORT) == one.node
        assert other.node not in one.place.asks("ask", addresses(other)[0], WEB_PORT, SILENT_SECONDS)
        said = "another cluster owns this host's routes to pods and services: only pods reach this one's"
        assert said in other.log("vpc")
        assert said not in one.log("vpc")

        # Another's certificate opens nothing.
        wrong = {"KUBECONFIG": str(one.paths.admin_kubeconfig)}
        refused = other.run([kubectl_binary(), f"--server={other.url}", "get", "pods"], code=1, extra=wrong)
        assert "certificate signed by unknown authority" in refused.errors

        one.k3py("reset", "--yes")
        assert not gone(one), f"left: {gone(one)}"
        works(other)
        other.k3py("reset", "--yes")
        assert not gone(other), f"left: {gone(other)}"
        assert not new_since(before, one.place), f"left outside of the roots: {new_since(before, one.place)}"
    finally:
        for each in pair:
            each.destroy()


def gone(cluster: Cluster) -> Belongings:
    """What is left of a cluster beside what the test itself put there."""
    found = cluster.belongings()
    ours = frozenset(each for each in found.files if Path(each).is_relative_to(cluster.home))
    return found - Belongings(files=ours)


def test_up_twice_changes_nothing(cluster: Cluster) -> None:
    before = inventory.of_cluster(cluster.root)
    pids = cluster.pid("server"), cluster.pid("agent"), cluster.pid("vpc")
    cluster.up()
    assert (cluster.pid("server"), cluster.pid("agent"), cluster.pid("vpc")) == pids
    after = inventory.of_cluster(cluster.root)
    assert (after.processes, after.mounts, after.cgroups) == (before.processes, before.mounts, before.cgroups)


def test_a_root_has_one_of_each_daemon(cluster: Cluster) -> None:
    pids = cluster.pid("server"), cluster.pid("agent"), cluster.pid("vpc")
    flags = ["--server", cluster.url]
    for daemon in (["agent", *flags], ["vpc", *flags], ["server", "--port", str(cluster.port + 1)]):
        refused = cluster.k3py(*daemon, code=2)
        assert f"the {daemon[0]} runs already" in refused.errors
    assert (cluster.pid("server"), cluster.pid("agent"), cluster.pid("vpc")) == pids
    assert cluster.kubectl("get", "--raw", "/readyz") == "ok"


def test_down_leaves_containers_and_up_finds_them(cluster: Cluster) -> None:
    cluster.apply(pod(SPACE, "stays", FOREVER))
    cluster.until_pod(SPACE, "stays", is_ready, "it runs")
    before = cluster.containers()
    assert len(before) == 1
    cluster.k3py("down")
    assert (cluster.pid("server"), cluster.pid("agent"), cluster.pid("vpc")) == (None, None, None)
    assert cluster.containers() == before
    cluster.k3py("up", "--node-name", cluster.node)  # the port is remembered
    cluster.until_pod(SPACE, "stays", is_ready, "it is there")
    assert cluster.containers() == before
    cluster.k3py("down", "--pods")
    assert cluster.containers() == {}
    left = inventory.of_cluster(cluster.root)
    assert (left.processes, left.mounts, left.cgroups) == (frozenset(), frozenset(), frozenset())


def test_files_that_hold_secrets_are_the_owners_alone(cluster: Cluster) -> None:
    cluster.kubectl("create", "secret", "generic", "key", "--from-literal=word=open-sesame-1234")
    listed = subprocess.run(["find", str(cluster.root), "-type", "f", "-perm", "/077", "-print0"], capture_output=True)
    readable = [Path(each.decode()) for each in listed.stdout.split(b"\0") if each]
    for path in readable:
        data = path.read_bytes()
        assert b"PRIVATE KEY" not in data, path
        assert b"client-key-data" not in data, path
    for folder in (cluster.paths.state, cluster.paths.run, cluster.paths.log):
        for path in folder.rglob("*"):
            if path.is_file() and "images" not in path.parts:
                assert b"open-sesame-1234" not in path.read_bytes(), f"{path} holds a Secret in clear"
