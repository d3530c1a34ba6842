"""Clients that are not kubectl: the official Python client, and Helm."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.config
import kubernetes.stream
import kubernetes.watch
import pytest
from kubernetes.client.exceptions import ApiException

from tests.e2e.cluster import CLIENTS, FOREVER, Cluster, Said, pod, until

SELECTOR = "app=clients"
ROOT_CA = "kube-root-ca.crt"
# The client has no types of its own for these.
configuring: Any = kubernetes.config
watching: Any = kubernetes.watch


@pytest.fixture
def core(shared_cluster: Cluster) -> Iterator[Any]:
    """``CoreV1Api`` as administrator, from the kubeconfig that ``k3py up`` wrote."""
    configuration = kubernetes.client.Configuration()
    configuring.load_kube_config(str(shared_cluster.paths.admin_kubeconfig), client_configuration=configuration)
    with kubernetes.client.ApiClient(configuration) as client:
        yield kubernetes.client.CoreV1Api(client)


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"app": "clients"}}, "data": data}


def refused(call: Any, *arguments: Any, **more: Any) -> int:
    """The HTTP status of a call that has to fail."""
    with pytest.raises(ApiException) as problem:
        call(*arguments, **more)
    return int(problem.value.status)


def test_the_python_client_creates_reads_changes_and_deletes(core: Any, namespace: str) -> None:
    made = core.create_namespaced_config_map(namespace, config_map("a", one="1"))
    assert made.metadata.uid
    assert refused(core.create_namespaced_config_map, namespace, config_map("a")) == 409
    assert refused(core.create_namespaced_config_map, namespace, config_map("Not A Name")) == 422
    drawn = core.create_namespaced_config_map(namespace, {"metadata": {"generateName": "drawn-"}})
    assert drawn.metadata.name.startswith("drawn-")
    tried = core.create_namespaced_config_map(namespace, config_map("tried"), dry_run="All")
    assert tried.metadata.uid
    assert refused(core.read_namespaced_config_map, "tried", namespace) == 404

    patched = core.patch_namespaced_config_map("a", namespace, {"data": {"two": "2"}})
    assert patched.data == {"one": "1", "two": "2"}
    operations = [{"op": "remove", "path": "/data/one"}]
    assert core.patch_namespaced_config_map("a", namespace, operations).data == {"two": "2"}
    assert refused(core.replace_namespaced_config_map, "a", namespace, made) == 409, "it is stale"
    fresh = core.read_namespaced_config_map("a", namespace)
    fresh.data = {"three": "3"}
    assert core.replace_namespaced_config_map("a", namespace, fresh).data == {"three": "3"}

    wrong = kubernetes.client.V1DeleteOptions(preconditions=kubernetes.client.V1Preconditions(uid="another"))
    assert refused(core.delete_namespaced_config_map, "a", namespace, body=wrong) == 409
    core.delete_namespaced_config_map("a", namespace, dry_run="All")
    assert core.delete_namespaced_config_map("a", namespace, grace_period_seconds=0)["status"] == "Success"
    assert refused(core.read_namespaced_config_map, "a", namespace) == 404


def test_the_python_client_reads_in_pieces_and_deletes_by_selector(core: Any, namespace: str) -> None:
    for index in range(5):
        core.create_namespaced_config_map(namespace, config_map(f"c{index}"))
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "other"}})
    found, token = [], None
    while token != "":
        piece = core.list_namespaced_config_map(namespace, label_selector=SELECTOR, limit=2, _continue=token)
        assert len(piece.items) <= 2
        found += [each.metadata.name for each in piece.items]
        token = piece.metadata._continue or ""
    assert found == [f"c{index}" for index in range(5)]
    core.delete_collection_namespaced_config_map(namespace, label_selector=SELECTOR, dry_run="All")
    assert len(core.list_namespaced_config_map(namespace, label_selector=SELECTOR).items) == 5
    core.delete_collection_namespaced_config_map(namespace, label_selector=SELECTOR)
    assert [each.metadata.name for each in core.list_namespaced_config_map(namespace).items] == [ROOT_CA, "other"]


def test_the_python_client_watches_and_resumes_where_it_was(core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("a"))
    watch = watching.Watch()
    arguments: dict[str, Any] = {"label_selector": SELECTOR, "timeout_seconds": 20}
    for event in watch.stream(core.list_namespaced_config_map, namespace, **arguments):
        assert (event["type"], event["object"].metadata.name) == ("ADDED", "a")
        version = event["object"].metadata.resource_version
        watch.stop()
    core.patch_namespaced_config_map("a", namespace, {"data": {"x": "y"}})
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "unseen"}})
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"app": None}}})
    threading.Timer(0.2, core.create_namespaced_config_map, (namespace, config_map("late"))).start()
    seen = []
    watch = watching.Watch()
    for event in watch.stream(core.list_namespaced_config_map, namespace, resource_version=version, **arguments):
        seen.append((event["type"], event["object"].metadata.name))
        if seen[-1][1] == "late":
            watch.stop()
    assert seen == [("MODIFIED", "a"), ("DELETED", "a"), ("ADDED", "late")]


def test_the_python_client_reads_logs_and_runs_commands(core: Any, namespace: str) -> None:
    core.create_namespaced_pod(namespace, pod(namespace, "talks", f"echo hello; {FOREVER}"))
    until(lambda: core.read_namespaced_pod("talks", namespace).status.phase == "Running", "pod runs")
    until(lambda: core.read_namespaced_pod_log("talks", namespace) == "hello\n", "log")
    connect = core.connect_get_namespaced_pod_exec
    command = ["sh", "-c", "echo out; echo err >&2"]
    said = kubernetes.stream.stream(connect, "talks", namespace, command=command, stdout=True, stderr=True)
    assert sorted(said.split()) == ["err", "out"]
    asked = kubernetes.stream.stream(
        connect, "talks", namespace, command=["sh", "-c", "read line; echo got $line; exit 3"],
        stdin=True, stdout=True, stderr=True, _preload_content=False,
    )  # fmt: skip
    asked.write_stdin("this\n")
    asked.run_forever(timeout=10)
    assert asked.read_stdout() == "got this\n"
    assert asked.returncode == 3
    core.delete_namespaced_pod("talks", namespace, grace_period_seconds=0)
    until(lambda: not core.list_namespaced_pod(namespace).items, "pod gone")


CHART = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "values.yaml": "replicas: 1\ngreeting: hello\n",
    "templates/all.yaml": """
apiVersion: v1
kind: ServiceAccount
metadata: {name: "{{ .Release.Name }}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {greeting: "{{ .Values.greeting }}"}
---
apiVersion: v1
kind: Secret
metadata: {name: "{{ .Release.Name }}"}
stringData: {password: secret}
---
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: true
      terminationGracePeriodSeconds: 0
      serviceAccountName: "{{ .Release.Name }}"
      containers:
      - name: main
        image: docker.io/library/busybox:1.35
        command: [sh, -c, "sleep 1000"]
        envFrom: [{configMapRef: {name: "{{ .Release.Name }}"}}, {secretRef: {name: "{{ .Release.Name }}"}}]
""",
}


@pytest.mark.parametrize("release", ["1.29", "1.37"])
def test_helm_installs_upgrades_rolls_back_and_uninstalls(
    shared_cluster: Cluster, namespace: str, tmp_path: Path, release: str
) -> None:
    binary = CLIENTS / release / "helm"
    chart = tmp_path / "web"
    for name, text in CHART.items():
        (chart / name).parent.mkdir(parents=True, exist_ok=True)
        (chart / name).write_text(text)
    homes = {f"HELM_{each}_HOME": str(tmp_path / each) for each in ("CACHE", "CONFIG", "DATA")}

    def helm(*arguments: str, code: int | None = 0) -> Said:
        return shared_cluster.run([str(binary), "-n", namespace, *arguments], code=code, seconds=40, extra=homes)

    def greeting() -> str:
        path = f"/api/v1/namespaces/{namespace}/configmaps/web"
        return str((shared_cluster.get(path) or {}).get("data", {}).get("greeting"))

    helm("install", "web", str(chart), "--wait", "--timeout", "30s")
    assert greeting() == "hello"
    assert len(shared_cluster.pods(namespace)) == 1
    helm("upgrade", "web", str(chart), "--set", "greeting=bye,replicas=2", "--wait", "--timeout", "30s")
    assert greeting() == "bye"
    helm("rollback", "web", "1", "--wait", "--timeout", "30s")
    assert greeting() == "hello"
    assert [line.split()[0] for line in helm("history", "web").splitlines()[1:]] == ["1", "2", "3"]
    helm("uninstall", "web", "--wait")
    until(lambda: not shared_cluster.pods(namespace), "pods gone")
    assert greeting() == "None"


def test_a_proxy_of_the_environment_is_not_asked_for_ones_own_host(shared_cluster: Cluster) -> None:
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")
    up = ["up", "--port", str(shared_cluster.port), "--node-name", shared_cluster.node, "--wait", "5"]
    assert "The cluster is ready" in shared_cluster.k3py(*up, extra=proxies)
    assert shared_cluster.node in shared_cluster.k3py("get", "nodes", extra=proxies)
