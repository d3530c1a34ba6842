"""Programs in the cluster: they find token, CA and address where client libraries look, and the API knows them."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes.client
import pytest
from kubernetes.client.exceptions import ApiException
from kubernetes.config.incluster_config import InClusterConfigLoader

from k3py.client.kubeconfig import load_kubeconfig
from tests.e2e.cluster import FOREVER, Cluster, Host, container_status, is_ready, kubectl_binary, pod
from tests.e2e.lone_server import LoneServer, lone_server

MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ACCOUNT = "system:serviceaccount:{}:default"


@pytest.fixture
def server(source: random.Random) -> Iterator[LoneServer]:
    with lone_server(source) as made:
        made.start()
        yield made


def in_cluster(folder: Path, port: int, token: str, ca: str) -> Any:
    """The official client, configured as it is in a pod."""
    for name, text in (("token", token), ("ca.crt", ca)):
        (folder / name).write_text(text)
    variables = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
    configuration = kubernetes.client.Configuration()
    loader = InClusterConfigLoader(str(folder / "token"), str(folder / "ca.crt"), environ=variables)
    loader.load_and_set(configuration)
    return kubernetes.client.ApiClient(configuration)


def who(client: Any) -> Any:
    made = kubernetes.client.AuthenticationV1Api(client).create_self_subject_review({})
    return made.status.user_info


def ca_of(cluster: Host) -> str:
    return load_kubeconfig(cluster.paths.admin_kubeconfig).ca_pem.decode()


def test_the_official_client_is_known_by_its_token_and_may_look_at_itself(server: LoneServer, tmp_path: Path) -> None:
    with server.client() as admin:
        asked = admin.post("/api/v1/namespaces/default/serviceaccounts/default/token", json={"spec": {}})
        assert asked.status_code == 201, asked.text
        token = asked.json()["status"]["token"]
    with in_cluster(tmp_path, server.port, token, ca_of(server)) as client:
        assert who(client).username == ACCOUNT.format("default")
        assert "apps" in {each.name for each in kubernetes.client.ApisApi(client).get_api_versions().groups}
        with pytest.raises(ApiException) as refused:
            kubernetes.client.CoreV1Api(client).list_namespaced_pod("default")
        assert refused.value.status == 403
    server.kill()
    server.start()
    with in_cluster(tmp_path, server.port, token, ca_of(server)) as client:
        assert who(client).username == ACCOUNT.format("default"), "the keys outlive the server"
    with in_cluster(tmp_path, server.port, token[:-8] + "AAAAAAAA", ca_of(server)) as client:
        with pytest.raises(ApiException) as unknown:
            who(client)
        assert unknown.value.status == 401


def test_a_pod_finds_the_way_to_the_api(shared_cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    shared_cluster.apply(pod(namespace, "inside", FOREVER))
    made = shared_cluster.until_pod(namespace, "inside", is_ready, "is ready")

    def inside(script: str) -> str:
        return shared_cluster.kubectl("-n", namespace, "exec", "inside", "--", "sh", "-c", script).rstrip("\n")

    assert inside(f"cat {MOUNT}/namespace") == namespace
    assert inside(f"stat -L -c %a {MOUNT}/token") == "644"
    assert "read-only" in inside(f"touch {MOUNT}/x 2>&1 || true").lower()
    assert inside("echo $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT $KUBERNETES_PORT") == (
        "10.43.0.1 443 tcp://10.43.0.1:443"
    )
    token, ca = inside(f"cat {MOUNT}/token"), inside(f"cat {MOUNT}/ca.crt") + "\n"
    port = int(shared_cluster.url.rpartition(":")[2])
    with in_cluster(tmp_path, port, token, ca) as client:
        user = who(client)
        assert user.username == ACCOUNT.format(namespace)
        assert user.extra["authentication.kubernetes.io/pod-name"] == ["inside"]
        assert user.extra["authentication.kubernetes.io/pod-uid"] == [made["metadata"]["uid"]]
        assert user.extra["authentication.kubernetes.io/node-name"] == [made["spec"]["nodeName"]]
        assert container_status(made)["ready"]
        shared_cluster.kubectl("-n", namespace, "delete", "pod", "inside", "--grace-period=1", "--wait")
        with pytest.raises(ApiException) as gone:
            who(client)
        assert gone.value.status == 401, "the token dies with its pod"


def test_kubectl_makes_tokens(shared_cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    token = shared_cluster.kubectl("-n", namespace, "create", "token", "default", "--duration=10m").strip()
    config_map = shared_cluster.kubectl(
        "-n", namespace, "get", "configmap", "kube-root-ca.crt", "-o", r"jsonpath={.data.ca\.crt}"
    )
    port = int(shared_cluster.url.rpartition(":")[2])
    with in_cluster(tmp_path, port, token, config_map) as client:
        assert who(client).username == ACCOUNT.format(namespace)
    said = shared_cluster.run(
        [kubectl_binary(), "--token", token, "--kubeconfig", "/dev/null", "--server", shared_cluster.url,
         "--insecure-skip-tls-verify", "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"],
    )  # fmt: skip
    assert said.strip() == ACCOUNT.format(namespace)
