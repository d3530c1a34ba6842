"""The real command against a real cluster, beside the real kubectl."""

import json
import os
import pty
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
K3PY = Path(sys.executable).with_name("k3py")
KUBECTL = Path(sys.executable).with_name("kubectl")
IMAGE = "docker.io/library/busybox:1.35"
SECONDS = 60.0
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "hostNetwork": True,
                "terminationGracePeriodSeconds": 1,
                "containers": [
                    {
                        "name": "main",
                        "image": IMAGE,
                        "command": ["sh", "-c", "trap 'exit 0' TERM; echo one; echo two; sleep 3600 & wait"],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                    }
                ],
            },
        },
    },
}


class Cluster:
    """A cluster in a folder of its own, and both commands for it."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        config = folder / "etc/k3py/admin.kubeconfig"
        self.environment = {**os.environ, "K3PY_ROOT": str(folder), "KUBECONFIG": str(config), "HOME": str(home)}

    def run(self, command: Path, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [command, *arguments], input=stdin, capture_output=True, text=True, env=self.environment, timeout=SECONDS
        )

    def k3py(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """What the command prints; it has to end with ``code``."""
        done = self.run(K3PY, *arguments, stdin=stdin)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        done = self.run(KUBECTL, *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = Path(f"/dev/shm/k3py-cli-{uuid.uuid4().hex[:8]}")
    folder.mkdir()
    made = Cluster(folder, tmp_path_factory.mktemp("home"))
    try:
        archive = folder / "busybox.tar"
        tool = ROOT / "tools/busybox_image.py"
        subprocess.run([sys.executable, tool, archive, "--name", IMAGE], check=True, capture_output=True)
        made.k3py("image", "import", str(archive))
        archive.unlink()
        made.k3py("up")
        made.k3py("apply", "-f", "-", stdin=json.dumps(DEPLOYMENT))
        made.k3py("wait", "deploy/web", "--for=condition=Available", "--timeout=30s")
        made.k3py("wait", "pods", "-l", "app=web", "--for=condition=Ready")
        yield made
    finally:
        made.run(K3PY, "reset", "--yes")
        folder.rmdir()


GETS = [
    ["get", "nodes"],
    ["get", "namespaces", "--show-labels"],
    ["get", "pods,deploy,rs", "-o", "wide"],
    ["get", "all", "-A"],
    ["get", "deploy", "-o", "name"],
    ["get", "deploy", "web", "--no-headers"],
    ["get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.containers[0].image}"],
    ["get", "deploy/web", "-o", 'jsonpath={.status.conditions[?(@.type=="Available")].status}'],
    ["get", "pods", "-A", "-o", "custom-columns=NAME:.metadata.name,IMAGES:.spec.containers[*].image,X:.none"],
]


def steady(text: str) -> list[list[str]]:
    """The words of each line without ages, which differ by a second now and then."""
    return [[word for word in line.split() if not word[:1].isdigit()] for line in text.splitlines()]


@pytest.mark.parametrize("arguments", GETS, ids=[" ".join(each) for each in GETS])
def test_get_prints_what_kubectl_prints(cluster: Cluster, arguments: list[str]) -> None:
    assert steady(cluster.k3py(*arguments)) == steady(cluster.kubectl(*arguments))


def test_yaml_and_json_are_the_same_objects(cluster: Cluster) -> None:
    ours, theirs = cluster.k3py("get", "deploy/web", "-o", "yaml"), cluster.kubectl("get", "deploy/web", "-o", "json")
    assert yaml.safe_load(ours) == json.loads(theirs)


def test_what_is_not_there(cluster: Cluster) -> None:
    assert cluster.k3py("get", "pod", "nosuch", code=3) == 'error: pods "nosuch" not found\n'
    assert cluster.k3py("get", "pod", "nosuch", "--ignore-not-found") == ""
    assert "already exists" in cluster.k3py("create", "-f", "-", stdin=json.dumps(DEPLOYMENT), code=4)


def test_apply_and_kubectl_apply_take_turns(cluster: Cluster) -> None:
    """What one applied, the other takes for unchanged, and both change it to the same."""
    wanted = json.loads(json.dumps(DEPLOYMENT))
    wanted["metadata"]["name"] = "turns"
    wanted["spec"]["replicas"] = 0
    text = json.dumps(wanted)
    assert cluster.k3py("apply", "-f", "-", stdin=text) == "deployment.apps/turns created\n"
    assert cluster.kubectl("apply", "-f", "-", stdin=text) == "deployment.apps/turns unchanged\n"
    cluster.kubectl("label", "deploy/turns", "others=stay")
    container = wanted["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "C", "value": "3"}, {"name": "A", "value": "9"}]
    container["args"] = ["<x>"]
    wanted["metadata"]["labels"] = {"mine": "1"}
    text = json.dumps(wanted)
    assert cluster.k3py("apply", "-f", "-", stdin=text) == "deployment.apps/turns configured\n"
    assert cluster.kubectl("apply", "-f", "-", stdin=text) == "deployment.apps/turns unchanged\n"
    now = json.loads(cluster.k3py("get", "deploy/turns", "-o", "json"))
    assert now["metadata"]["labels"] == {"mine": "1", "others": "stay"}
    assert now["spec"]["template"]["spec"]["containers"][0]["env"] == container["env"]
    del container["env"]
    text = json.dumps(wanted)
    assert cluster.kubectl("apply", "-f", "-", stdin=text) == "deployment.apps/turns configured\n"
    assert cluster.k3py("apply", "-f", "-", stdin=text) == "deployment.apps/turns unchanged\n"
    assert "deleted" in cluster.k3py("delete", "-f", "-", stdin=text)
    cluster.k3py("get", "deploy/turns", code=3)


def test_logs(cluster: Cluster) -> None:
    assert cluster.k3py("logs", "deploy/web") == "one\ntwo\n"
    stamped = cluster.k3py("logs", "deploy/web", "--tail=1", "--timestamps")
    assert stamped.startswith("20")
    assert stamped.endswith(" two\n")
    assert cluster.k3py("logs", "deploy/web", "--tail=1", "--since=1h") == "two\n"


def test_exec_passes_streams_and_exit_codes_on(cluster: Cluster) -> None:
    assert cluster.k3py("exec", "deploy/web", "--", "echo", "hi") == "hi\n"
    assert cluster.k3py("exec", "-i", "deploy/web", "--", "cat", stdin="a" * 200_000) == "a" * 200_000
    done = cluster.run(K3PY, "exec", "deploy/web", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 7)


def test_exec_gives_a_terminal(cluster: Cluster) -> None:
    leader, follower = pty.openpty()
    os.set_blocking(leader, True)
    command = [K3PY, "exec", "-it", "deploy/web", "--", "sh", "-c", "test -t 0 && read line && echo got-$line; exit 3"]
    with subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=cluster.environment
    ) as process:
        try:
            os.close(follower)
            os.write(leader, b"hello\r")
            assert process.wait(SECONDS) == 3
        finally:
            process.kill()
        assert b"got-hello\r\n" in os.read(leader, 4096)
    os.close(leader)


def test_scale_and_roll_back(cluster: Cluster) -> None:
    cluster.k3py("scale", "deploy/web", "--replicas=2")
    assert "successfully rolled out" in cluster.k3py("rollout", "status", "deploy/web", "--timeout=30s")
    cluster.k3py("scale", "deploy/web", "--replicas=1")
    cluster.k3py("rollout", "restart", "deploy/web")
    assert "successfully rolled out" in cluster.k3py("rollout", "status", "deploy/web", "--timeout=30s")
    assert cluster.k3py("rollout", "history", "deploy/web") == cluster.kubectl("rollout", "history", "deploy/web")
    assert cluster.k3py("rollout", "undo", "deploy/web") == "deployment.apps/web rolled back\n"


def test_delete_waits_until_it_is_gone(cluster: Cluster) -> None:
    pod = {**DEPLOYMENT["spec"]["template"]["spec"], "restartPolicy": "Never"}  # type: ignore[index]
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"}, "spec": pod}
    cluster.k3py("create", "-f", "-", stdin=json.dumps(made))
    cluster.k3py("wait", "pod/alone", "--for=jsonpath={.status.phase}=Running")
    assert cluster.k3py("delete", "pod/alone") == 'pod "alone" deleted from default namespace\n'
    cluster.k3py("get", "pod/alone", code=3)


def test_tokens(cluster: Cluster) -> None:
    token = cluster.k3py("token", "create", "--ttl=1h", "--description=a test").strip()
    assert token.startswith("k3py1.")
    listed = cluster.k3py("token", "list")
    assert token.split(".")[2] in listed
    assert token.split(".")[3] not in listed
    cluster.k3py("token", "delete", token)
    assert token.split(".")[2] not in cluster.k3py("token", "list")


def test_what_the_cluster_is(cluster: Cluster) -> None:
    info = json.loads(cluster.k3py("cluster", "info", "-o", "json"))
    assert info["nodes"][0]["ready"]
    assert info["store"] == str(cluster.folder / "var/lib/k3py/server/store")
    assert {each["name"] for each in info["certificates"]} == {"certificate authority", "administrator", "node"}
    assert "Ready" in cluster.k3py("node", "list")
    assert "server, agent and VPC daemon run" in cluster.k3py("doctor")
    assert cluster.k3py("image", "list", "-o", "name") == f"{IMAGE}\n"


def test_kubeconfig_can_be_merged(cluster: Cluster) -> None:
    other = cluster.folder / "merged"
    try:
        cluster.k3py("kubeconfig", "--merge", str(other))
        assert cluster.kubectl("--kubeconfig", str(other), "config", "current-context") == "k3py\n"
        assert "default" in cluster.k3py("get", "ns", "--kubeconfig", str(other), "--context", "k3py")
    finally:
        other.unlink(missing_ok=True)
