"""Further nodes: who gets in, and what they may do."""

import contextlib
import ssl
import subprocess
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.e2e.cluster import BUSYBOX, FOREVER, SECONDS, Cluster, Host, condition, is_ready, pod, until

SPACE = "default"


@contextlib.contextmanager
def agent(host: Host, cluster: Cluster, token: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A machine's agent and VPC daemon while the block runs; the agent's process."""
    flags = ["--server", cluster.url_for_others, "--node-name", host.node]
    with host.daemon("vpc", *flags), host.daemon("agent", *flags, token=token) as process:
        yield process


def token(cluster: Cluster) -> str:
    return cluster.paths.agent_token.read_text().strip()


def is_node_ready(cluster: Cluster, name: str) -> bool:
    return condition(cluster.get(f"/api/v1/nodes/{name}") or {}, "Ready").get("status") == "True"


def as_node(host: Host, cluster: Cluster) -> httpx.Client:
    """The API with a node's certificate."""
    folder = host.paths.agent_state / "pki"
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "node.pem")
    return httpx.Client(base_url=cluster.url, verify=context, trust_env=False, timeout=10)


def test_a_second_node(cluster: Cluster, make_host: Callable[[str], Host]) -> None:
    second = make_host("second")
    made = cluster.k3py("token", "create").strip().splitlines()[-1]
    with agent(second, cluster, made):
        second.import_image(cluster.archive)
        until(lambda: is_node_ready(cluster, "second"), "the second node is Ready")
        cluster.apply(
            pod(SPACE, "there", FOREVER, nodeSelector={"kubernetes.io/hostname": "second"}),
            pod(SPACE, "here", FOREVER, nodeSelector={"kubernetes.io/hostname": cluster.node}),
        )
        for name in ("there", "here"):
            cluster.until_pod(SPACE, name, is_ready, f"{name} runs")
        assert (len(second.containers()), len(cluster.containers())) == (1, 1)
        # The only way from the server to a node is the node's own tunnel.
        assert cluster.kubectl("exec", "there", "--", "sh", "-c", "echo hello; exit 5", code=5) == "hello\n"

        cluster.kubectl("cordon", "second")
        cluster.apply(pod(SPACE, "late", FOREVER, nodeSelector={"kubernetes.io/hostname": "second"}))
        cluster.until_pod(
            SPACE, "late", lambda each: condition(each, "PodScheduled").get("reason") == "Unschedulable", "it waits"
        )
        cluster.kubectl("uncordon", "second")
        cluster.until_pod(SPACE, "late", is_ready, "it runs now")
    # Its certificate lets it in again, without any token.
    before = second.containers()
    assert len(before) == 2
    with agent(second, cluster, ""):
        until(lambda: cluster.kubectl("exec", "there", "--", "true", code=None).code == 0, "its tunnel is back")
        assert second.containers() == before
        cluster.kubectl("delete", "pod", "there", "late", "--timeout=20s")
        until(lambda: not second.containers(), "its containers are gone")


@pytest.mark.parametrize("wrong", ["secret", "hash", "form", "none"])
def test_a_wrong_token_opens_nothing(shared_cluster: Cluster, make_host: Callable[[str], Host], wrong: str) -> None:
    version, digest, secret = token(shared_cluster).split(".", 2)
    tokens = {
        "secret": f"{version}.{digest}.{'x' * len(secret)}",
        "hash": f"{version}.{'0' * len(digest)}.{secret}",
        "form": "open sesame",
        "none": "",
    }
    stranger = make_host(f"stranger-{wrong}")
    with agent(stranger, shared_cluster, tokens[wrong]) as process:
        assert process.wait(SECONDS) != 0
    said = stranger.log("agent")
    assert secret not in said
    assert {"secret": "token", "hash": "CA", "form": "token", "none": "cannot join"}[wrong] in said
    assert shared_cluster.get(f"/api/v1/nodes/{stranger.node}") is None
    assert not (stranger.paths.agent_state / "pki/node.pem").exists()


def test_a_taken_name_is_refused(shared_cluster: Cluster, make_host: Callable[[str], Host]) -> None:
    impostor = make_host(shared_cluster.node)
    with agent(impostor, shared_cluster, token(shared_cluster)) as process:
        assert process.wait(SECONDS) != 0
    assert "another machine" in impostor.log("agent") or "in use" in impostor.log("agent"), impostor.log("agent")


def test_a_deleted_node(cluster: Cluster, make_host: Callable[[str], Host]) -> None:
    second = make_host("second")
    with agent(second, cluster, token(cluster)):
        until(lambda: is_node_ready(cluster, "second"), "the second node is Ready")
    cluster.kubectl("delete", "node", "second")
    assert "NotFound" in cluster.kubectl("get", "node", "second", code=1).errors
    # The name is free for another machine.
    third = make_host("third")
    third.node = "second"
    until(
        lambda: cluster.get("/api/v1/namespaces/kube-system/secrets/k3py-node-secret-second") is None,
        "the server has forgotten the machine",
    )
    with agent(third, cluster, token(cluster)):
        until(lambda: is_node_ready(cluster, "second"), "the name is used again")


def test_a_node_sees_only_what_is_its_own(
    shared_cluster: Cluster, namespace: str, make_host: Callable[[str], Host]
) -> None:
    cluster = shared_cluster
    for name in ("mine", "foreign"):
        cluster.kubectl("-n", namespace, "create", "secret", "generic", name, "--from-literal=word=sesame")
    wanted = {"envFrom": [{"secretRef": {"name": "mine"}}], "nodeSelector": {"kubernetes.io/hostname": cluster.node}}
    cluster.apply(pod(namespace, "reads", FOREVER, **wanted))
    cluster.until_pod(namespace, "reads", is_ready, "it runs")
    second = make_host("curious")
    with agent(second, cluster, token(cluster)):
        until(lambda: is_node_ready(cluster, "curious"), "the second node is Ready")
    space = f"/api/v1/namespaces/{namespace}"
    try:
        with as_node(cluster, cluster) as first, as_node(second, cluster) as curious:
            assert first.get(f"{space}/secrets/mine").status_code == 200
            assert first.get(f"{space}/pods/reads").status_code == 200
            for client, path in [
                (first, f"{space}/secrets/foreign"),
                (first, f"{space}/secrets"),
                (first, "/api/v1/secrets"),
                (curious, f"{space}/secrets/mine"),
                (curious, f"{space}/pods/reads"),
                (curious, f"{space}/pods/reads/log"),
                (curious, f"/api/v1/nodes/{cluster.node}"),
                (curious, "/api/v1/pods"),
                (curious, f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{cluster.node}"),
                (curious, "/api/v1/namespaces/kube-system/secrets"),
            ]:
                answer = client.get(path)
                assert answer.status_code == 403, f"{path}: {answer.status_code} {answer.text}"
                assert answer.json()["reason"] == "Forbidden"
            for path in (f"{space}/pods/reads", f"/api/v1/nodes/{cluster.node}"):
                assert curious.delete(path).status_code == 403
            forged = {"metadata": {"name": "forged"}, "spec": {"containers": [{"name": "main", "image": BUSYBOX}]}}
            assert curious.post(f"{space}/pods", json=forged).status_code == 403
            patch = {"Content-Type": "application/merge-patch+json"}
            body = '{"status":{"phase":"Failed"}}'
            assert curious.patch(f"{space}/pods/reads/status", content=body, headers=patch).status_code == 403
            # What does not exist looks the same as what is somebody else's.
            assert curious.get(f"{space}/secrets/none").status_code == 403
    finally:
        cluster.kubectl("delete", "node", "curious")
