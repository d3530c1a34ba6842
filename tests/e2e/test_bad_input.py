"""Whatever comes in, the daemons answer clearly, keep what they have and stay as small as they are."""

import contextlib
import gzip
import io
import json
import random
import re
import socket
import ssl
import struct
import tarfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from k3py.client.kubeconfig import load_kubeconfig
from k3py.proxy.server import TUNNEL_PATH, TUNNEL_PROTOCOL
from tests.e2e.cluster import FOREVER, Cluster, is_ready, pod, until
from tests.image.making import descriptor, file, image, layer, oci_layout, packed, symlink, tar_of

T = TypeVar("T")
# What either daemon may grow by while a test throws megabytes at them; they keep some of their buffers.
GROWTH_BYTES_MAX = 48 * 1024 * 1024
BODY_BYTES_MAX = 3 * 1024 * 1024
CONFIG_MAPS = "/api/v1/namespaces/{}/configmaps"
JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
MERGE, JSON_PATCH, STRATEGIC = (
    f"application/{each}+json" for each in ("merge-patch", "json-patch", "strategic-merge-patch")
)


def memory(cluster: Cluster) -> dict[str, int]:
    """Proportional set size of each daemon in bytes."""
    found = {}
    for daemon in ("server", "agent"):
        text = Path(f"/proc/{cluster.pid(daemon)}/smaps_rollup").read_text()
        match = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
        assert match is not None
        found[daemon] = int(match[1]) * 1024
    return found


@pytest.fixture
def unharmed(shared_cluster: Cluster, namespace: str) -> Iterator[None]:
    """Afterwards the same daemons run, and what was stored is as it was."""
    cluster, path = shared_cluster, CONFIG_MAPS.format(namespace)
    made = cluster.api.post(path, json={"metadata": {"name": "kept"}, "data": {"word": "sesame"}})
    assert made.status_code == 201
    pids = [cluster.pid("server"), cluster.pid("agent")]
    yield
    assert cluster.api.get("/readyz").text == "ok"
    assert cluster.get(f"{path}/kept") == made.json()
    names = {each["metadata"]["name"] for each in (cluster.get(path) or {})["items"]}
    assert names <= {"kept", "kube-root-ca.crt"}, "something refused was stored"
    assert [cluster.pid("server"), cluster.pid("agent")] == pids


@pytest.fixture
def small(shared_cluster: Cluster) -> Iterator[None]:
    """Afterwards the daemons are not much larger."""
    before = memory(shared_cluster)
    yield
    for daemon, size in memory(shared_cluster).items():
        assert size - before[daemon] < GROWTH_BYTES_MAX, f"the {daemon} grew from {before[daemon]} to {size} bytes"


@contextlib.contextmanager
def connection(cluster: Cluster, context: ssl.SSLContext | None = None) -> Iterator[socket.socket]:
    """A TLS connection to the API, by default as administrator."""
    tls = context or load_kubeconfig(cluster.paths.admin_kubeconfig).tls()
    with (
        socket.create_connection(("127.0.0.1", cluster.port), timeout=20) as raw,
        tls.wrap_socket(raw, server_hostname="127.0.0.1") as wrapped,
    ):
        yield wrapped


def answer(connected: socket.socket, data: bytes) -> bytes:
    """What comes back until the other side closes."""
    received = b""
    with contextlib.suppress(OSError):
        connected.sendall(data)
    with contextlib.suppress(OSError):
        while part := connected.recv(65536):
            received += part
    return received


HEAD = b"GET /api HTTP/1.1\r\nHost: h\r\n"
BAD_HTTP = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "binary": (bytes(range(256)) * 40 + b"\r\n\r\n", 400),
    "a newer version": (b"GET / HTTP/7.3\r\nHost: h\r\n\r\n", 505),
    "a line without end": (b"GET /" + b"a" * 200_000, 431),
    "a header without end": (HEAD + b"X: " + b"a" * 200_000, 431),
    "too many headers": (HEAD + b"".join(b"X-%d: 1\r\n" % each for each in range(2000)) + b"\r\n", 431),
    "a header without colon": (HEAD + b"nonsense\r\n\r\n", 400),
    "a folded header": (HEAD + b"X: a\r\n b\r\n\r\n", 400),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "a length and chunks": (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a negative length": (HEAD + b"Content-Length: -1\r\n\r\n", 400),
    "a body of terabytes": (HEAD + b"Content-Length: 9999999999999\r\n\r\n" + b"x" * 1000, 413),
    "a chunk of terabytes": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\nx", 413),
    "a chunk of no size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "no host": (b"GET /api HTTP/1.1\r\n\r\n", 400),
    "a path that is no text": (b"GET /api/%ff%fe HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 400),
}


def at_once(work: Callable[[T], bytes], items: Iterable[T]) -> list[bytes]:
    """``work`` for all of them at the same time: the server lingers a moment over each refusal."""
    with ThreadPoolExecutor(max_workers=32) as pool:
        return list(pool.map(work, items))


@pytest.mark.usefixtures("unharmed", "small")
def test_bad_http(shared_cluster: Cluster) -> None:
    def ask(case: tuple[bytes, int]) -> bytes:
        with connection(shared_cluster) as connected:
            return answer(connected, case[0])

    for (name, (_, status)), received in zip(BAD_HTTP.items(), at_once(ask, BAD_HTTP.values()), strict=True):
        match = re.match(rb"HTTP/1.1 (\d+) ", received)
        assert match is not None, f"{name}: {received[:200]!r}"
        assert int(match[1]) in (status, 400), f"{name}: {received[:300]!r}"
        assert received.count(b"HTTP/1.1 ") == 1, f"{name}: what followed was taken for a second request"


@pytest.mark.usefixtures("unharmed", "small")
def test_no_tls_and_random_bytes(shared_cluster: Cluster) -> None:
    source = random.Random(1)
    end = b"\r\n\r\n"

    def plain(data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", shared_cluster.port), timeout=20) as raw:
            return answer(raw, data)

    def within_tls(data: bytes) -> bytes:
        with connection(shared_cluster) as connected:
            return answer(connected, data)

    received = at_once(plain, [source.randbytes(size) + end for size in (1, 10, 1000, 100_000)])
    received += at_once(within_tls, [source.randbytes(source.randrange(1, 3000)) + end for _ in range(32)])
    assert not any(b"HTTP/1.1 2" in each for each in received)


def map_of(**more: object) -> bytes:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bad"}, **more}).encode()


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{after}: &{after} [{','.join(['*' + before] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
BAD_BODIES = {
    "half JSON": (JSON, map_of()[:-5]),
    "no JSON": (JSON, b"\x00\xff\xfe garbage"),
    "deep JSON": (JSON, b"[" * 1_000_000),
    "deep JSON within": (JSON, b'{"metadata":' * 100_000),
    "a list": (JSON, b"[1,2,3]"),
    "another kind": (JSON, b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"bad"}}'),
    "wrong types": (JSON, map_of(data=["a"])),
    "no text": (JSON, b'{"metadata":{"name":"\xff\xfe"}}'),
    "no name": (JSON, b'{"metadata":{}}'),
    "a name that is a path": (JSON, b'{"metadata":{"name":"../../etc/passwd"}}'),
    "a number beyond all": (JSON, b'{"metadata":{"name":"bad","generation":1e999}}'),
    "too large": (JSON, map_of(data={"a": "x" * (BODY_BYTES_MAX + 1)})),
    "nothing": (JSON, b""),
    "YAML that grows": (YAML, BOMB.encode()),
    "YAML that runs": (YAML, b"!!python/object/apply:os.system ['touch /tmp/k3py-was-here']"),
    "deep YAML": (YAML, b"[" * 50_000),
    "deep YAML by lines": (YAML, b"".join(b" " * each + b"a:\n" for each in range(1500))),
    "bad YAML": (YAML, b"a: [1\nb: }"),
    "protobuf without its magic": (PROTOBUF, b"\x0a\x02v1"),
    "half protobuf": (PROTOBUF, b"k8s\x00\x0a\x10\x0a\x02v1"),
    "protobuf of a length": (PROTOBUF, b"k8s\x00\x12\xff\xff\xff\xff\x7f"),
    "random protobuf": (PROTOBUF, b"k8s\x00" + random.Random(2).randbytes(5000)),
    "deep protobuf": (PROTOBUF, b"k8s\x00\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12" + b"\x0a\x7f" * 20_000),
    "an unknown type": ("application/x-unicorn", map_of()),
}


@pytest.mark.usefixtures("unharmed", "small")
@pytest.mark.parametrize(("kind", "body"), BAD_BODIES.values(), ids=list(BAD_BODIES))
def test_bad_bodies(shared_cluster: Cluster, namespace: str, kind: str, body: bytes) -> None:
    path = CONFIG_MAPS.format(namespace)
    refused = shared_cluster.api.post(path, content=body, headers={"Content-Type": kind}, timeout=30)
    assert 400 <= refused.status_code < 500, refused.text[:300]
    status = refused.json()
    assert (status["kind"], status["status"]) == ("Status", "Failure")
    assert status["message"]
    assert len(refused.content) < 100_000
    assert not Path("/tmp/k3py-was-here").exists()


BAD_PATCHES = {
    "a patch that copies itself": (
        JSON_PATCH,
        json.dumps([{"op": "add", "path": "/data/a", "value": "x" * 1000}]
                   + [{"op": "copy", "from": "/data", "path": f"/data/{each}"} for each in range(40)]).encode(),
    ),
    "a patch of too many steps": (JSON_PATCH, json.dumps([{"op": "test", "path": "", "value": 1}] * 20_000).encode()),
    "an unknown step": (JSON_PATCH, b'[{"op":"explode","path":"/"}]'),
    "a pointer to nowhere": (JSON_PATCH, b'[{"op":"remove","path":"/none/0/x"}]'),
    "no patch": (JSON_PATCH, b'"patch"'),
    "a merge with a list": (MERGE, b"[]"),
    "a merge of another name": (MERGE, b'{"metadata":{"name":"other"}}'),
    "a list for a map": (STRATEGIC, b'{"data":[1]}'),
    "a deep merge": (MERGE, b'{"data":' * 50_000),
}  # fmt: skip


@pytest.mark.usefixtures("unharmed", "small")
@pytest.mark.parametrize(("kind", "body"), BAD_PATCHES.values(), ids=list(BAD_PATCHES))
def test_bad_patches(shared_cluster: Cluster, namespace: str, kind: str, body: bytes) -> None:
    path = CONFIG_MAPS.format(namespace) + "/kept"
    refused = shared_cluster.api.patch(path, content=body, headers={"Content-Type": kind}, timeout=30)
    assert 400 <= refused.status_code < 500, refused.text[:300]
    assert refused.json()["kind"] == "Status"


@pytest.mark.usefixtures("unharmed")
def test_a_flood_of_large_bodies(shared_cluster: Cluster, namespace: str) -> None:
    """Sixty bodies at once, none of which ends; once their clients are gone they are held by nobody."""
    head = f"POST {CONFIG_MAPS.format(namespace)} HTTP/1.1\r\nHost: h\r\nContent-Type: {JSON}\r\n"
    begun = f"{head}Content-Length: {BODY_BYTES_MAX}\r\n\r\n".encode() + b" " * (1024 * 1024)
    sizes = []
    for _ in range(4):
        with contextlib.ExitStack() as opened:
            for _ in range(60):
                opened.enter_context(connection(shared_cluster)).sendall(begun)
            assert shared_cluster.get("/api/v1/namespaces/default") is not None
            sizes.append(memory(shared_cluster)["server"])
    # Freed memory stays with the process, to be used again: each flood needs no more than the ones before.
    assert max(sizes[2:]) - max(sizes[:2]) < GROWTH_BYTES_MAX / 2, sizes


def node_context(cluster: Cluster) -> ssl.SSLContext:
    folder = cluster.paths.agent_state / "pki"
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "node.pem")
    return context


@pytest.mark.usefixtures("unharmed", "small")
def test_garbage_in_a_tunnel(shared_cluster: Cluster, namespace: str) -> None:
    """By who holds a node's certificate; the node's own tunnel is there again afterwards."""
    shared_cluster.apply(pod(namespace, "reached", FOREVER))
    shared_cluster.until_pod(namespace, "reached", is_ready, "it runs")
    upgrade = f"GET {TUNNEL_PATH} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: {TUNNEL_PROTOCOL}\r\n\r\n"
    source = random.Random(3)
    frames = [source.randbytes(10), source.randbytes(100_000), b"\xff" * 5000, b"\x00" * 5000,
              struct.pack(">I", 0xFFFFFFFF) * 100, b"{" * 10_000]  # fmt: skip
    for garbage in frames:
        with connection(shared_cluster, node_context(shared_cluster)) as connected:
            connected.sendall(upgrade.encode())
            assert connected.recv(65536).startswith(b"HTTP/1.1 101 ")
            connected.settimeout(3)
            answer(connected, garbage)
    command = ("-n", namespace, "exec", "reached", "--", "true")
    until(lambda: shared_cluster.kubectl(*command, code=None).code == 0, "the node's own tunnel is back")


@pytest.mark.usefixtures("unharmed", "small")
def test_nobody_else_gets_a_tunnel(shared_cluster: Cluster) -> None:
    upgrade = f"GET {TUNNEL_PATH} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: {TUNNEL_PROTOCOL}\r\n\r\n"
    with connection(shared_cluster) as connected:
        connected.settimeout(3)
        assert answer(connected, upgrade.encode()).startswith(b"HTTP/1.1 403 ")


def archive_of(files: dict[str, bytes]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return output.getvalue()


def hostile_images() -> dict[str, bytes]:
    """Archives that must not become images."""
    good = image(layer(file("etc/hello")))
    layout = oci_layout({"hostile:1": good})
    layer_name = next(name for name, data in layout.items() if data[:2] == b"\x1f\x8b")
    # Says that it holds one small file, and goes on for ever.
    tail = gzip.compress(tar_of(file("small")) + b"\x00" * 1024 + b"x" * 50_000_000, 1)
    lies = packed(tar_of(file("a")))
    outside = layer(file("../../../tmp/k3py-was-here"))
    return {
        "nothing": b"",
        "no archive": b"hello" * 1000,
        "half an archive": archive_of(layout)[:2000],
        "an empty index": archive_of({**layout, "index.json": b"{}"}),
        "another content than its digest": archive_of({**layout, layer_name: tail}),
        "a wrong diff id": archive_of(oci_layout({"hostile:1": image(lies, diff_ids=["sha256:" + "0" * 64])})),
        "a blob that is missing": archive_of({name: data for name, data in layout.items() if name != layer_name}),
        "a layer with a way out": archive_of(oci_layout({"hostile:1": image(outside)})),
        "deep JSON": archive_of({**layout, "index.json": b"[" * 100_000}),
        "an index of nothing": archive_of(
            {**layout, "index.json": json.dumps({"schemaVersion": 2, "manifests": [descriptor(b"x", "y")]}).encode()}
        ),
    }


HOSTILE = hostile_images()


@pytest.mark.usefixtures("unharmed", "small")
@pytest.mark.parametrize("data", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_images(shared_cluster: Cluster, tmp_path: Path, data: bytes) -> None:
    before = shared_cluster.k3py("image", "list")
    archive = tmp_path / "hostile.tar"
    archive.write_bytes(data)
    refused = shared_cluster.k3py("image", "import", str(archive), code=None)
    assert refused.code not in (0, 2), refused
    assert refused.errors.strip()
    assert "Traceback" not in refused.errors
    assert shared_cluster.k3py("image", "list") == before
    assert not Path("/tmp/k3py-was-here").exists()


@pytest.mark.usefixtures("unharmed", "small")
def test_links_in_a_layer_lead_nowhere(shared_cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    hostile = layer(symlink("way", str(tmp_path / "target")), file("way/k3py-was-here"))
    archive = tmp_path / "links.tar"
    archive.write_bytes(archive_of(oci_layout({"links:1": image(hostile)})))
    shared_cluster.k3py("image", "import", str(archive), code=None)
    assert list((tmp_path / "target").iterdir()) == []
