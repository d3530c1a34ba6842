"""The acceptance script: an unmodified kubectl does everyday things, and gets what it expects."""

import base64
import json
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.cluster import (
    BUSYBOX,
    CLIENTS,
    FOREVER,
    Cluster,
    Object,
    Said,
    free_port,
    is_ready,
    kubectl_binary,
    pod,
    until,
)
from tests.e2e.terminal import Terminal

EXAMPLE = Path(__file__).with_name("hello.yaml")
RELEASES = ["1.29", "1.32", "1.35", "1.37"]
BIG = bytes(range(256)) * 12 * 1024  # 3 MiB: far beyond every buffer on the way
Kubectl = Callable[..., Said]
HELLO = "hello"
# The size comes after the command has begun; kubectl sends it as the first thing.
UNTIL_SIZED = "until stty size | grep -v '^0 0'; do sleep 0.05; done"


def within(cluster: Cluster, namespace: str, **more: Any) -> Kubectl:
    """kubectl within a namespace."""

    def run(*arguments: str, **options: Any) -> Said:
        return cluster.kubectl("-n", namespace, *arguments, **more, **options)

    return run


@pytest.fixture
def kubectl(shared_cluster: Cluster, namespace: str) -> Kubectl:
    """kubectl within the test's namespace."""
    return within(shared_cluster, namespace)


def example(web_port: int) -> str:
    """A web server on a port that is ours; it ignores SIGTERM."""
    text = EXAMPLE.read_text()
    for old, new in (("8080", str(web_port)), ("GracePeriodSeconds: 2", "GracePeriodSeconds: 1")):
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def hello(shared_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The example runs in a namespace of its own: kubectl there. Who changes it brings it back."""
    manifest = tmp_path_factory.mktemp("hello") / "hello.yaml"
    manifest.write_text(example(shared_cluster.web_port))
    shared_cluster.kubectl("create", "namespace", HELLO)
    kubectl = within(shared_cluster, HELLO)
    kubectl("apply", "-f", str(manifest))
    kubectl("rollout", "status", "deployment/hello", "--timeout=20s")
    yield kubectl
    kubectl("delete", "-f", str(manifest), "--cascade=foreground", "--timeout=20s")
    shared_cluster.kubectl("delete", "namespace", HELLO, "--timeout=20s")


def rows(text: str) -> list[list[str]]:
    """The cells of a table, without its head."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()[1:]]


@pytest.mark.usefixtures("hello")
def test_everything_in_one_table(shared_cluster: Cluster) -> None:
    said = shared_cluster.kubectl("get", "nodes,pods,deploy", "-A", "-o", "wide")
    lines = said.splitlines()
    (node,) = [each.split() for each in lines if each.startswith("node/")]
    assert node[0] == f"node/{shared_cluster.node}"
    assert node[1] == "Ready"
    (found,) = [each.split() for each in lines if each.startswith(HELLO) and "pod/hello-" in each]
    assert found[2:5] == ["1/1", "Running", "0"]
    assert shared_cluster.node in found
    (deployment,) = [each.split() for each in lines if each.startswith(HELLO) and "deployment.apps/hello" in each]
    assert deployment[2:5] == ["1/1", "1", "1"]
    assert deployment[6:] == ["web", BUSYBOX, "app=hello"]


@pytest.mark.usefixtures("hello")
def test_logs_follow(shared_cluster: Cluster) -> None:
    with shared_cluster.running("-n", HELLO, "logs", "deploy/hello", "-f") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == f"serving on port {shared_cluster.web_port}\n"
        answer = subprocess.run(
            ["curl", "-sS", f"http://127.0.0.1:{shared_cluster.web_port}/new"], capture_output=True, check=True
        )
        assert b"404" in answer.stdout
        assert any("/new" in line for line in following.stdout)  # the line comes while we wait


@pytest.mark.usefixtures("hello")
def test_exec_on_a_terminal(shared_cluster: Cluster) -> None:
    command = [kubectl_binary(), "-n", HELLO, "exec", "-it", "deploy/hello", "--", "sh"]
    with Terminal(command, shared_cluster.environment(), rows=33, columns=111) as terminal:
        terminal.type("stty size\n")
        terminal.until("33 111")
        terminal.type("while stty size | grep -qx '33 111'; do sleep 0.05; done; stty size\n")
        terminal.resize(44, 122)
        terminal.until("44 122")
        terminal.type("echo sta''rted; sleep 1000\n")
        terminal.until("\r\nstarted")
        terminal.type("\x03")  # Ctrl-C reaches the command, not the shell
        terminal.until("# ")
        terminal.type("echo $((40 + 2))\n")
        terminal.until("\n42")
        terminal.type("exit 7\n")
        assert terminal.end() == 7
    assert "exit code 7" in terminal.text


def test_exec_carries_megabytes_and_exit_codes(hello: Kubectl) -> None:
    digest = hello("exec", "-i", "deploy/hello", "--", "sha256sum", stdin=BIG)
    assert digest.split()[0] == subprocess.run(["sha256sum"], input=BIG, capture_output=True).stdout.split()[0].decode()
    said = hello("exec", "-i", "deploy/hello", "--", "sh", "-c", "base64 | tee /dev/null; echo end >&2", stdin=BIG)
    assert base64.b64decode(said) == BIG
    assert said.errors == "end\n"
    assert hello("exec", "deploy/hello", "--", "sh", "-c", "exit 13", code=None).code == 13
    refused = hello("exec", "deploy/hello", "--", "no-such-program", code=None)
    assert refused.code != 0
    assert "no-such-program" in refused.errors


def test_scale_down_and_up(shared_cluster: Cluster, hello: Kubectl) -> None:
    assert hello("scale", "deployment/hello", "--replicas=0") == "deployment.apps/hello scaled\n"
    hello("wait", "--for=delete", "pod", "-l", "app=hello", "--timeout=20s")
    assert shared_cluster.pods(HELLO) == []
    hello("scale", "deployment/hello", "--replicas=1", "--current-replicas=0")
    hello("wait", "--for=condition=Available", "deployment/hello", "--timeout=20s")
    hello("wait", "--for=jsonpath={.status.readyReplicas}=1", "deployment/hello", "--timeout=20s")
    wrong = hello("scale", "deployment/hello", "--replicas=2", "--current-replicas=5", code=1)
    assert "Expected replicas to be 5, was 1" in wrong.errors


def test_rollout_of_a_new_image_and_back(hello: Kubectl) -> None:
    assert "deployment.apps/hello image updated" in hello("set", "image", "deployment/hello", "web=busybox:none")
    hello("patch", "deployment", "hello", "-p", '{"spec":{"progressDeadlineSeconds":1}}')
    late = hello("rollout", "status", "deployment/hello", "--timeout=20s", code=1)
    assert 'deployment "hello" exceeded its progress deadline' in late.errors
    history = hello("rollout", "history", "deployment/hello")
    assert [line.split() for line in history.splitlines()[2:] if line] == [["1", "<none>"], ["2", "<none>"]]
    assert "busybox:none" in hello("rollout", "history", "deployment/hello", "--revision=2")
    assert hello("rollout", "undo", "deployment/hello") == "deployment.apps/hello rolled back\n"
    hello("patch", "deployment", "hello", "-p", '{"spec":{"progressDeadlineSeconds":600}}')
    done = hello("rollout", "status", "deployment/hello", "--timeout=20s")
    assert 'deployment "hello" successfully rolled out' in done
    history = hello("rollout", "history", "deployment/hello")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["2", "3"]
    assert BUSYBOX in hello("get", "pods", "-o", "jsonpath={.items[*].spec.containers[0].image}")
    assert hello("rollout", "restart", "deployment/hello") == "deployment.apps/hello restarted\n"
    hello("rollout", "status", "deployment/hello", "--timeout=20s")


def test_describe(shared_cluster: Cluster, hello: Kubectl) -> None:
    told = hello("describe", "pod", "-l", "app=hello")
    for part in (
        r"Node:\s+" + shared_cluster.node, r"Status:\s+Running", r"Controlled By:\s+ReplicaSet/hello-",
        r"State:\s+Running", r"Ready:\s+True", "POD_NAME:", "QoS Class: +Burstable",
    ):  # fmt: skip
        assert re.search(part, told), f"{part} is not in\n{told}"
    events = told[told.index("Events:") :]
    for reason in ("Scheduled", "Pulled", "Created", "Started"):
        assert reason in events
    told = hello("describe", "deployment", "hello")
    assert re.search(r"Replicas:\s+1 desired \| 1 updated \| 1 total \| 1 available \| 0 unavailable", told)
    assert "ScalingReplicaSet" in told
    told = hello("describe", "node", shared_cluster.node)
    assert "hello-" in told
    assert re.search(r"Ready\s+True", told)
    assert "Allocated resources:" in told


def test_watching_pods(shared_cluster: Cluster, kubectl: Kubectl, namespace: str) -> None:
    with shared_cluster.running("-n", namespace, "get", "pods", "-w", "--no-headers") as watching:
        shared_cluster.apply(pod(namespace, "seen", FOREVER))
        assert watching.stdout is not None
        lines = iter(watching.stdout)
        assert "Running" in next(line for line in lines if "Running" in line)
        kubectl("delete", "pod", "seen", "--wait=false")
        assert "Terminating" in next(line for line in lines if "Terminating" in line)


def test_create(shared_cluster: Cluster, kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    other = f"{namespace}-2"
    assert shared_cluster.kubectl("create", "namespace", other) == f"namespace/{other} created\n"
    assert kubectl("create", "configmap", "words", "--from-literal=greeting=hello") == "configmap/words created\n"
    file = tmp_path / "key"
    file.write_bytes(bytes(range(256)))
    kubectl("create", "secret", "generic", "key", f"--from-file=key={file}")
    exists = kubectl("create", "configmap", "words", code=1)
    assert 'configmaps "words" already exists' in exists.errors
    assert kubectl("get", "configmap", "words", "-o", "jsonpath={.data.greeting}") == "hello"
    secret = kubectl("get", "secret", "key", "-o", 'go-template={{index .data "key" | base64decode | len}}')
    assert secret == "256"
    kubectl("create", "deployment", "made", f"--image={BUSYBOX}", "--replicas=0", "--", "sleep", "1")
    assert rows(kubectl("get", "deployment", "made", "-o", "wide"))[0][:2] == ["made", "0/0"]
    assert kubectl("create", "deployment", "dry", "--image=a", "--dry-run=server", "-o", "name").endswith("/dry\n")
    assert 'deployments.apps "dry" not found' in kubectl("get", "deployment", "dry", code=1).errors
    shared_cluster.kubectl("delete", "namespace", other, "--timeout=20s")
    assert "NotFound" in shared_cluster.kubectl("get", "namespace", other, code=1).errors


def test_apply_diff_delete(kubectl: Kubectl, tmp_path: Path) -> None:
    manifest = tmp_path / "words.yaml"
    words: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "words"},
        "data": {"a": "1", "b": "2"},
    }
    manifest.write_text(yaml.safe_dump(words))
    difference = kubectl("diff", "-f", str(manifest), code=1)
    assert '+  a: "1"' in difference
    assert kubectl("apply", "-f", str(manifest)) == "configmap/words created\n"
    assert kubectl("apply", "-f", str(manifest)) == "configmap/words unchanged\n"
    assert kubectl("diff", "-f", str(manifest)) == ""
    manifest.write_text(yaml.safe_dump({**words, "data": {"a": "3"}}))
    difference = kubectl("diff", "-f", str(manifest), code=1)
    assert '-  b: "2"' in difference
    assert kubectl("apply", "-f", str(manifest)) == "configmap/words configured\n"
    assert json.loads(kubectl("get", "configmap", "words", "-o", "jsonpath={.data}")) == {"a": "3"}
    assert kubectl("apply", "--server-side", "-f", str(manifest), code=None).code in (0, 1)
    manifest.write_text(yaml.safe_dump({**words, "data": {"a": {"not": "text"}}}))
    assert kubectl("apply", "-f", str(manifest), code=1).errors
    assert kubectl("delete", "-f", str(manifest)).startswith('configmap "words" deleted')


def test_labels_annotations_patches(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "words", "--from-literal=a=1")
    assert kubectl("label", "configmap", "words", "colour=red") == "configmap/words labeled\n"
    assert "already has a value (red)" in kubectl("label", "configmap", "words", "colour=blue", code=1).errors
    kubectl("label", "configmap", "words", "colour=blue", "--overwrite")
    assert kubectl("get", "configmap", "-l", "colour in (blue,green)", "-o", "name") == "configmap/words\n"
    assert kubectl("label", "configmap", "words", "colour-") == "configmap/words unlabeled\n"
    assert kubectl("annotate", "configmap", "words", "note=kept") == "configmap/words annotated\n"
    assert "nvalid" in kubectl("label", "configmap", "words", "bad=!", code=1).errors
    kubectl("patch", "configmap", "words", "--type=merge", "-p", '{"data":{"a":null,"b":"2"}}')
    kubectl("patch", "configmap", "words", "--type=json", "-p", '[{"op":"add","path":"/data/c","value":"3"}]')
    assert kubectl("get", "configmap", "words", "-o", "jsonpath={.data}") == '{"b":"2","c":"3"}'
    test = '[{"op":"test","path":"/data/c","value":"4"},{"op":"remove","path":"/data/c"}]'
    assert kubectl("patch", "configmap", "words", "--type=json", "-p", test, code=1).errors
    kubectl("create", "deployment", "two", "--image=one:1", "--replicas=0")
    more = {"spec": {"template": {"spec": {"containers": [{"name": "second", "image": "two:2"}]}}}}
    assert kubectl("patch", "deployment", "two", "-p", json.dumps(more)) == "deployment.apps/two patched\n"
    images = kubectl("get", "deployment", "two", "-o", "jsonpath={.spec.template.spec.containers[*].image}")
    assert sorted(images.split()) == ["one:1", "two:2"]


def test_edit(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("create", "configmap", "words", "--from-literal=a=before")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/before/after/ "$1"\n')
    editor.chmod(0o755)
    edited = kubectl("edit", "configmap", "words", extra={"KUBE_EDITOR": str(editor)})
    assert edited == "configmap/words edited\n"
    assert kubectl("get", "configmap", "words", "-o", "jsonpath={.data.a}") == "after"
    assert "no changes made" in kubectl("edit", "configmap", "words", extra={"KUBE_EDITOR": "true"}).errors.lower() + \
        kubectl("edit", "configmap", "words", extra={"KUBE_EDITOR": "true"}).lower()  # fmt: skip


def test_wait(shared_cluster: Cluster, kubectl: Kubectl, namespace: str) -> None:
    shared_cluster.apply(pod(namespace, "waited", FOREVER))
    kubectl("wait", "--for=condition=Ready", "pod/waited", "--timeout=20s")
    late = kubectl("wait", "--for=condition=Ready=false", "pod/waited", "--timeout=1s", code=1)
    assert "timed out waiting" in late.errors
    kubectl("delete", "pod", "waited", "--wait=false")
    kubectl("wait", "--for=delete", "pod/waited", "--timeout=20s")


def test_explain(kubectl: Kubectl) -> None:
    told = kubectl("explain", "pod.spec")
    assert re.search(r"KIND:\s+Pod", told)
    assert re.search(r"containers\s+<\[\]Container> -required-", told)
    assert "hostNetwork" in told
    assert "FIELDS:" in kubectl("explain", "deployment.spec.strategy", "--recursive")
    assert 'field "nothing" does not exist' in kubectl("explain", "pod.nothing", code=1).errors


def test_copying_files(shared_cluster: Cluster, kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    shared_cluster.apply(pod(namespace, "store", FOREVER))
    shared_cluster.until_pod(namespace, "store", is_ready, "store ready")
    sent = tmp_path / "sent"
    sent.write_bytes(BIG)
    kubectl("cp", str(sent), "store:/tmp/kept")
    kubectl("cp", "store:/tmp/kept", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == BIG


def test_events(hello: Kubectl) -> None:
    reasons = hello("get", "events", "-o", "jsonpath={.items[*].reason}").split()
    assert {"ScalingReplicaSet", "SuccessfulCreate", "Scheduled", "Created", "Started"} <= set(reasons)
    assert "Started" in hello("events", "--types=Normal")
    assert "ScalingReplicaSet" in hello("events", "--for=deployment/hello")


def test_lists_in_chunks(kubectl: Kubectl) -> None:
    names = [f"words-{number:02d}" for number in range(12)]
    body = {"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": each}} for each in names
    ]}  # fmt: skip
    kubectl("create", "-f", "-", stdin=json.dumps(body).encode())
    said = kubectl("get", "configmaps", "--chunk-size=5", "-o", "name", "-v=6")
    assert set(said.split()) >= {f"configmap/{each}" for each in names}
    assert said.errors.count("limit=5") >= 3


def test_what_there_is_and_who_may(shared_cluster: Cluster, kubectl: Kubectl) -> None:
    resources = kubectl("api-resources", "-o", "name").split()
    assert {"pods", "nodes", "namespaces", "deployments.apps", "events", "leases.coordination.k8s.io"} <= set(resources)
    assert "apps/v1" in kubectl("api-versions").split()
    whoami = kubectl("auth", "whoami")
    assert "system:masters" in whoami
    assert kubectl("auth", "can-i", "create", "pods") == "yes\n"
    denied = kubectl("auth", "can-i", "list", "secrets", "--as=someone", code=None)
    assert denied.code != 0
    assert "Server Version: v1.36" in kubectl("version")
    assert "is running at" in kubectl("cluster-info")
    assert kubectl("get", "--raw", "/readyz") == "ok"
    unknown = kubectl("get", "unicorns", code=1)
    assert 'the server doesn\'t have a resource type "unicorns"' in unknown.errors
    assert shared_cluster.kubectl("config", "current-context").strip()


def test_a_stranger_gets_nowhere(shared_cluster: Cluster, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes((shared_cluster.paths.agent_state / "pki/ca.pem").read_bytes())
    stranger = [kubectl_binary(), f"--server={shared_cluster.url}", f"--certificate-authority={authority}"]
    environment = {"KUBECONFIG": "/dev/null"}
    said = shared_cluster.run([*stranger, "get", "pods", "--token=wrong"], code=1, extra=environment)
    assert "You must be logged in" in said.errors or "Unauthorized" in said.errors


@pytest.mark.parametrize("release", RELEASES)
def test_the_core_with_other_kubectls(
    shared_cluster: Cluster, namespace: str, tmp_path: Path, source: random.Random, release: str
) -> None:
    assert (CLIENTS / release / "kubectl").exists(), "run tools/clients.py"

    kubectl = within(shared_cluster, namespace, release=release)
    manifest = tmp_path / "hello.yaml"
    manifest.write_text(example(free_port(source)))
    kubectl("apply", "-f", str(manifest))
    kubectl("rollout", "status", "deployment/hello", "--timeout=20s")
    assert "1/1" in kubectl("get", "pods,deploy", "-o", "wide")
    until(lambda: "serving on port" in kubectl("logs", "deploy/hello"), "the log's first line")
    assert kubectl("exec", "-i", "deploy/hello", "--", "sh", "-c", "cat; exit 3", stdin=b"typed", code=3) == "typed"
    command = [kubectl_binary(release), "-n", namespace, "exec", "-it", "deploy/hello", "--", "sh", "-c", UNTIL_SIZED]
    with Terminal(command, shared_cluster.environment(), rows=33, columns=111) as terminal:
        terminal.until("33 111")
        assert terminal.end() == 0
    assert "Started" in kubectl("describe", "pod", "-l", "app=hello")
    kubectl("label", "deployment", "hello", "colour=red")
    kubectl("patch", "deployment", "hello", "-p", '{"spec":{"replicas":0}}')
    kubectl("wait", "--for=delete", "pod", "-l", "app=hello", "--timeout=20s")
    kubectl("diff", "-f", str(manifest), code=1)
    assert "FIELDS:" in kubectl("explain", "pod.spec")
    kubectl("create", "configmap", "words", "--from-literal=a=1")
    assert kubectl("get", "configmap", "words", "-o", "jsonpath={.data.a}") == "1"
    assert "system:masters" in kubectl("auth", "whoami")
    kubectl("delete", "-f", str(manifest), "--timeout=20s")
