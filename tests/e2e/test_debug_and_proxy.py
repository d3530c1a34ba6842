"""``kubectl debug`` and the ``proxy`` subresource, with real containers and clients."""

import hashlib
import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from k3py.client.kubeconfig import load_kubeconfig
from tests.e2e.cluster import BUSYBOX, FOREVER, Cluster, Object, is_ready, is_running, pod, until

RELEASES = ["1.29", "1.37"]
BIG_BYTES = 5_000_000
PORT = 8080
SWITCHING_PORT = 9000
PAGE = '<a href="/other">other</a>'
# A web server with a page, a large file, and a program that tells what it is asked.
SERVER = f"""mkdir -p /w/cgi-bin
echo '{PAGE}' > /w/index.html
head -c {BIG_BYTES} /dev/urandom > /w/big
printf '#!/bin/sh\\necho Content-Type: text/plain\\necho\\necho $REQUEST_METHOD $QUERY_STRING $HTTP_X_FORWARDED_URI\\ncat\\n' > /w/cgi-bin/tell
printf '#!/bin/sh\\necho Content-Type: text/plain\\necho\\nmd5sum\\n' > /w/cgi-bin/sum
chmod +x /w/cgi-bin/*
cat > /w/switch <<'END'
#!/bin/sh
while read -r line && [ ${{#line}} -gt 1 ]; do :; done
printf 'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: Upgrade\\r\\n\\r\\n'
exec cat
END
chmod +x /w/switch
nc -ll -p {SWITCHING_PORT} -e /w/switch &
exec httpd -f -p {PORT} -h /w
"""  # noqa: E501


@pytest.fixture
def web(shared_cluster: Cluster, namespace: str) -> str:
    """A pod that serves, and a Service before it; where both are proxied."""
    cluster = shared_cluster
    made = pod(
        namespace, "web", SERVER, hostNetwork=False, ports=[{"containerPort": PORT}],
        readinessProbe={"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
    )  # fmt: skip
    made["metadata"]["labels"] = {"app": "web"}
    ports = [{"name": "http", "port": 80, "targetPort": PORT}]
    service: Object = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": ports},
    }  # fmt: skip
    cluster.apply(made, service)
    cluster.until_pod(namespace, "web", is_ready, "pod web is up")
    return f"/api/v1/namespaces/{namespace}"


def test_pods_and_services_are_reached_through_the_api(shared_cluster: Cluster, web: str) -> None:
    cluster = shared_cluster
    for place in ("pods/web", f"pods/web:{PORT}", f"pods/http:web:{PORT}"):
        page = cluster.kubectl("get", "--raw", f"{web}/{place}/proxy/")
        assert page.strip() == PAGE.replace("/other", f"{web}/{place}/proxy/other")
    api = cluster.api

    def service() -> httpx.Response | None:
        answer = api.get(f"{web}/services/web:80/proxy/index.html")
        return answer if answer.status_code == 200 else None

    assert "/services/web:80/proxy/other" in until(service, "the service has its endpoint").text
    assert cluster.kubectl("get", "--raw", f"{web}/services/http:web:http/proxy/").startswith("<a href=")
    told = api.post(f"{web}/services/web:80/proxy/cgi-bin/tell?a=b%20c", content=b"the body")
    assert told.text == f"POST a=b%20c {web}/services/web:80/proxy/cgi-bin/tell\nthe body"


def test_large_answers_heads_and_redirects(shared_cluster: Cluster, namespace: str, web: str) -> None:
    api, proxied = shared_cluster.api, f"{web}/pods/web/proxy"
    big = api.get(f"{proxied}/big")
    expected = shared_cluster.kubectl("-n", namespace, "exec", "web", "--", "md5sum", "/w/big").split()[0]
    assert (len(big.content), hashlib.md5(big.content).hexdigest()) == (BIG_BYTES, expected)
    head = api.head(f"{proxied}/big")
    assert (head.status_code, head.headers["content-length"]) == (200, str(BIG_BYTES))
    root = api.get(proxied, follow_redirects=False)
    assert (root.status_code, root.headers["location"]) == (301, f"{proxied}/")


def test_uploads_are_larger_than_what_the_api_itself_takes(shared_cluster: Cluster, web: str) -> None:
    blob = bytes(range(256)) * 40_000  # 10 MB; the API's own bodies have at most 3 MiB
    told = shared_cluster.api.post(f"{web}/pods/web/proxy/cgi-bin/sum", content=blob)
    assert told.text.split()[0] == hashlib.md5(blob).hexdigest()

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(blob), 100_000):
            yield blob[at : at + 100_000]

    refused = shared_cluster.api.post(f"{web}/pods/web:81/proxy/cgi-bin/sum", content=pieces())
    assert refused.status_code == 503


def test_another_protocol_is_passed_through(shared_cluster: Cluster, web: str) -> None:
    cluster = shared_cluster
    access = load_kubeconfig(cluster.paths.admin_kubeconfig)
    line = f"GET {web}/pods/web:{SWITCHING_PORT}/proxy/ HTTP/1.1"
    head = "\r\n".join((line, "Host: api", "Connection: Upgrade", "Upgrade: echo", "", ""))
    with (
        socket.create_connection(("127.0.0.1", cluster.port), 10) as plain,
        access.tls().wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(head.encode())
        said = connection.makefile("rb")
        assert said.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
        while said.readline() not in (b"\r\n", b""):
            pass
        for text in (b"first\n", b"second\n"):
            connection.sendall(text)
            assert said.readline() == text


def test_nobody_there_is_503(shared_cluster: Cluster, web: str) -> None:
    answer = shared_cluster.api.get(f"{web}/pods/web:81/proxy/x")
    assert (answer.status_code, answer.json()["reason"]) == (503, "ServiceUnavailable")
    assert answer.json()["message"].endswith(":81: connect: connection refused")
    missing = shared_cluster.kubectl("get", "--raw", f"{web}/services/web:90/proxy/", code=1)
    assert 'no service port 90 found for service "web"' in missing.errors


def test_a_nodes_statistics(shared_cluster: Cluster) -> None:
    node = f"/api/v1/nodes/{shared_cluster.node}/proxy"
    summary = json.loads(shared_cluster.kubectl("get", "--raw", f"{node}/stats/summary"))
    assert summary["node"]["nodeName"] == shared_cluster.node
    metrics = shared_cluster.kubectl("get", "--raw", f"{node}/metrics/resource")
    assert "node_memory_working_set_bytes" in metrics
    assert shared_cluster.kubectl("get", "--raw", f"{node}/healthz") == "ok"


@pytest.mark.parametrize("release", RELEASES)
def test_a_node_is_debugged_with_its_root(shared_cluster: Cluster, namespace: str, release: str) -> None:
    said = shared_cluster.kubectl(
        "-n", namespace, "debug", f"node/{shared_cluster.node}", "-i", f"--image={BUSYBOX}", "--", "sh",
        stdin=b"ls /host/etc/hostname; ls -d /proc/1/root; exit 0\n", release=release,
    )  # fmt: skip
    assert "/host/etc/hostname" in said


@pytest.mark.parametrize("release", RELEASES)
def test_a_copy_of_a_pod_is_debugged(shared_cluster: Cluster, namespace: str, release: str) -> None:
    cluster = shared_cluster
    cluster.apply(pod(namespace, "web", FOREVER))
    cluster.until_pod(namespace, "web", is_running, "pod web is up")
    cluster.kubectl(
        "-n", namespace, "debug", "web", f"--image={BUSYBOX}", "--copy-to=copy", "--share-processes", "-c", "debugger",
        "--", "sh", "-c", "until ps | grep -q '[w]hile'; do sleep 0.1; done; echo seen; sleep 1000", release=release,
    )  # fmt: skip
    cluster.until_pod(namespace, "copy", is_running, "pod copy is up")
    until(lambda: "seen" in cluster.kubectl("-n", namespace, "logs", "copy", "-c", "debugger"), "what the copy sees")


@pytest.mark.parametrize("release", RELEASES)
def test_a_running_pod_is_debugged_beside_its_container(shared_cluster: Cluster, namespace: str, release: str) -> None:
    cluster = shared_cluster
    cluster.apply(pod(namespace, "web", FOREVER))
    before = cluster.until_pod(namespace, "web", is_running, "pod web is up")
    cluster.kubectl(
        "-n", namespace, "debug", "web", "-i", f"--image={BUSYBOX}", "--target=main", "-c", "debugger", "--", "sh",
        stdin=b"ps; echo typed; exit 7\n", code=None, release=release,
    )  # fmt: skip
    said = until(lambda: cluster.kubectl("-n", namespace, "logs", "web", "-c", "debugger"), "what the debugger said")
    assert "typed" in said
    assert "while :" in said, "the processes of its target"

    def ended(made: Object) -> bool:
        statuses = made["status"].get("ephemeralContainerStatuses", [{}])
        return bool(statuses[0].get("state", {}).get("terminated", {}).get("exitCode") == 7)

    after = cluster.until_pod(namespace, "web", ended, "the debugger has ended")
    assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]
    assert after["status"]["phase"] == "Running"


def test_a_debugger_outlives_the_agent(cluster: Cluster) -> None:
    namespace = "default"
    cluster.apply(pod(namespace, "web", FOREVER))
    cluster.until_pod(namespace, "web", is_running, "pod web is up")
    cluster.kubectl("debug", "web", f"--image={BUSYBOX}", "-c", "debugger", "--", "sleep", "1000")

    def running(made: Object) -> str:
        statuses = made["status"].get("ephemeralContainerStatuses", [{}])
        return str(statuses[0].get("containerID", "")) if "running" in statuses[0].get("state", {}) else ""

    before = running(cluster.until_pod(namespace, "web", running, "the debugger runs"))
    cluster.kill9("agent")
    cluster.up()
    assert cluster.kubectl("exec", "web", "-c", "debugger", "--", "echo", "here") == "here\n"
    assert running(cluster.until_pod(namespace, "web", running, "the debugger runs on")) == before
    cluster.kubectl("delete", "pod", "web")
