"""Ports of a pod on this host: k3py's own command, kubectl of each generation, and the Python client."""

import contextlib
import hashlib
import random
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import kubernetes.client
import kubernetes.config
import kubernetes.stream
import pytest

from tests.e2e.cluster import BINARIES, SECONDS, Cluster, free_port, is_ready, pod, until

# SPDY alone; SPDY inside a WebSocket.
RELEASES = ["1.29", "1.32", "1.37"]
BIG_BYTES = 3_000_000
configuring: Any = kubernetes.config
streaming: Any = kubernetes.stream


@pytest.fixture
def port(source: random.Random) -> int:
    return free_port(source)


@pytest.fixture(params=[False, True], ids=["own network", "the host's network"])
def host_network(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def web(shared_cluster: Cluster, namespace: str, port: int, host_network: bool) -> str:
    """The name of a pod with a web server on ``port``, and a Service of the same name in front of it."""
    script = (
        f"mkdir -p /www && echo hello > /www/index.html && head -c {BIG_BYTES} /dev/zero > /www/big && "
        f"exec httpd -f -p {port} -h /www"
    )
    probe = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    ports = [{"name": "http", "containerPort": port}]
    made = pod(namespace, "web", script, readinessProbe=probe, ports=ports, hostNetwork=host_network)
    made["metadata"]["labels"] = {"app": "web"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
    }
    shared_cluster.apply(made, service)
    shared_cluster.until_pod(namespace, "web", is_ready, "ready")
    return "web"


@contextlib.contextmanager
def forwarding(cluster: Cluster, command: list[str]) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """A port-forward that runs while the block does; the local port."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=cluster.environment(),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> \d+", line)
        if found is None:
            process.kill()
            raise AssertionError(f"{line}{process.communicate()[1]}")
        yield int(found[1]), process
    finally:
        process.kill()
        process.communicate()


def asked(local: int, path: str) -> bytes:
    """The body of a page, asked for as a client that closes its side at once does."""
    with socket.create_connection(("127.0.0.1", local), SECONDS) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while data := connection.recv(1 << 16):
            received += data
    return received.partition(b"\r\n\r\n")[2]


def command(client: str, namespace: str, what: str, ports: str) -> list[str]:
    """``client`` is ``k3py`` or a release of kubectl."""
    binary = BINARIES / "k3py" if client == "k3py" else BINARIES.parent / "clients" / client / "kubectl"
    return [str(binary), "port-forward", "-n", namespace, what, ports]


@pytest.mark.parametrize("client", ["k3py", *RELEASES])
def test_every_client_reaches_the_port_of_a_pod(
    client: str, shared_cluster: Cluster, namespace: str, web: str, port: int
) -> None:
    with forwarding(shared_cluster, command(client, namespace, f"pod/{web}", f":{port}")) as (local, _):
        assert asked(local, "/") == b"hello\n"
        assert hashlib.sha256(asked(local, "/big")).digest() == hashlib.sha256(bytes(BIG_BYTES)).digest()
        assert asked(local, "/") == b"hello\n", "a connection that ended changes nothing for the next"
    with forwarding(shared_cluster, command(client, namespace, f"svc/{web}", ":80")) as (local, _):
        assert asked(local, "/") == b"hello\n"


def test_the_python_client_reaches_it(shared_cluster: Cluster, namespace: str, web: str, port: int) -> None:
    configuration = kubernetes.client.Configuration()
    configuring.load_kube_config(str(shared_cluster.paths.admin_kubeconfig), client_configuration=configuration)
    with kubernetes.client.ApiClient(configuration) as client:
        core = kubernetes.client.CoreV1Api(client)
        method = core.connect_get_namespaced_pod_portforward
        forwarded = streaming.portforward(method, web, namespace, ports=str(port))
        connection = forwarded.socket(port)
        connection.setblocking(True)
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        received = b""
        while data := connection.recv(1 << 16):
            received += data
        connection.close()
        assert received.endswith(b"hello\n")
        assert not forwarded.error(port)


def test_a_port_where_nobody_listens(shared_cluster: Cluster, namespace: str, web: str, source: random.Random) -> None:
    nobody = free_port(source)
    with forwarding(shared_cluster, command("k3py", namespace, web, f":{nobody}")) as (local, process):
        assert asked(local, "/") == b""
        assert process.stderr is not None
        assert f"port {nobody}" in process.stderr.readline()
        assert process.poll() is None, "the next connection may find somebody"


def test_it_ends_when_told_to_and_when_the_pod_is_gone(
    shared_cluster: Cluster, namespace: str, web: str, port: int
) -> None:
    with forwarding(shared_cluster, command("k3py", namespace, web, f":{port}")) as (_, process):
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    with forwarding(shared_cluster, command("k3py", namespace, web, f":{port}")) as (local, process):
        shared_cluster.kubectl("delete", "pod", web, "-n", namespace)
        assert asked(local, "/") == b""
        until(lambda: process.poll() is not None, "port-forward ends")
        assert process.returncode == 3


def test_what_cannot_be_forwarded(shared_cluster: Cluster, namespace: str, web: str) -> None:
    assert "no port 81" in shared_cluster.k3py("port-forward", "-n", namespace, "svc/web", "81", code=3).errors
    assert "not found" in shared_cluster.k3py("port-forward", "-n", namespace, "nosuch", "81", code=3).errors
    shared_cluster.k3py("port-forward", "-n", namespace, web, "x:y:z", code=2)
