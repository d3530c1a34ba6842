"""Where a server keeps its state: a bucket, a folder, memory; who may open it, and what can be read there by others."""

import asyncio
import base64
import contextlib
import hashlib
import random
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from k3py.daemons.leadership import RENEW_SECONDS
from tests.e2e.cluster import SECONDS
from tests.e2e.lone_server import LoneServer, lone_server
from tests.e2e.raw_client import Connection, Gone
from tests.store.test_bucket import environment as bucket  # noqa: F401 - a fixture

MakeServer = Callable[..., LoneServer]
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"
WRITERS = 20
WRITES_MAX = 1_000_000  # of one client: more than it comes to


@pytest.fixture
def make_server(source: random.Random) -> Iterator[MakeServer]:
    """Servers, each with a root of its own: make_server("--store", ..., variable=value)."""
    with contextlib.ExitStack() as stack:

        def make(*flags: str, **variables: str) -> LoneServer:
            made = stack.enter_context(lone_server(source))
            made.flags, made.variables = list(flags), variables
            return made

        yield make


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder for a store."""
    return tmp_path / "store"


def write(client: httpx.Client, path: str, name: str, **data: str) -> dict[str, Any]:
    answer = client.post(path, json={"metadata": {"name": name}, "stringData" if path == SECRETS else "data": data})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder, by the hash of what is in it."""
    files = (each for each in folder.rglob("*") if each.is_file())
    return {str(each.relative_to(folder)): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


# --- a bucket ---


def test_a_bucket_keeps_what_a_killed_server_acknowledged(make_server: MakeServer, bucket: Mapping[str, str]) -> None:  # noqa: F811
    server = make_server("--store", "s3://bucket/killed", **bucket)
    server.start()
    with server.client() as client:
        made = [write(client, CONFIG_MAPS, f"c{i}", k=f"{i}") for i in range(20)]
        secret = write(client, SECRETS, "s", k="v")
        client.delete(f"{CONFIG_MAPS}/c0").raise_for_status()
    server.kill()
    server.start()
    with server.client() as client:
        found = client.get(CONFIG_MAPS).json()["items"]
        assert sorted(each["metadata"]["uid"] for each in found) == sorted(each["metadata"]["uid"] for each in made[1:])
        assert client.get(f"{SECRETS}/s").json() == secret
        since = made[-1]["metadata"]["resourceVersion"]
        with client.stream("GET", f"{CONFIG_MAPS}?watch=1&resourceVersion={since}&timeoutSeconds=1") as watch:
            assert '"DELETED"' in next(watch.iter_lines())
    assert server.stop() == 0


@pytest.mark.parametrize("frozen", [False, True], ids=["that runs", "that is frozen meanwhile"])
@pytest.mark.parametrize("kind", ["bucket", "folder"])
def test_a_second_server_takes_over_from_one(
    make_server: MakeServer,
    bucket: Mapping[str, str],  # noqa: F811
    place: Path,
    kind: str,
    frozen: bool,
) -> None:
    """The first one ends, and has never acknowledged what the second does not have."""
    store = f"s3://bucket/taken-{frozen}" if kind == "bucket" else str(place)
    first = make_server("--store", store, **bucket)
    first.start()
    token = first.paths.server_token.read_text().strip()
    second = make_server("--store", store, "--token", token, **bucket)
    acknowledged = asyncio.run(asyncio.wait_for(write_until_gone(first, second, frozen), SECONDS * 2))
    assert first.process is not None
    assert first.process.wait(SECONDS) == 1
    assert "another server has become the leader" in first.log("server")
    assert len(acknowledged) > WRITERS
    with second.client() as client:
        found = {each["metadata"]["name"]: each["metadata"] for each in client.get(CONFIG_MAPS).json()["items"]}
        for name, revision in acknowledged.items():
            assert found[name]["resourceVersion"] == revision
        after = int(write(client, CONFIG_MAPS, "after")["metadata"]["resourceVersion"])
        assert after > max(int(each["resourceVersion"]) for each in found.values())
    assert second.stop() == 0


def test_a_server_that_nobody_writes_to_notices_too(make_server: MakeServer, place: Path) -> None:
    """Else it would answer reads from the past, and nodes would tell it that they live."""
    first = make_server("--store", str(place))
    first.start()
    token = first.paths.server_token.read_text().strip()
    second = make_server("--store", str(place), "--token", token)
    second.start()
    assert first.process is not None
    assert first.process.wait(RENEW_SECONDS + SECONDS) == 1
    with second.client() as client:
        lease = client.get("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/controller-leader").json()
    assert lease["spec"]["leaseTransitions"] == 1


async def write_until_gone(first: LoneServer, second: LoneServer, frozen: bool) -> dict[str, str]:
    """Clients write to ``first`` while ``second`` starts; names and revisions of what was acknowledged."""
    acknowledged: dict[str, str] = {}
    enough = asyncio.Event()
    tls = first.tls()

    async def writes(number: int) -> None:
        connection = Connection(first.port, tls)
        await connection.open()
        with contextlib.suppress(Gone):
            for serial in range(WRITES_MAX):
                name = f"w{number}-{serial}"
                status, answer = await connection.request("POST", CONFIG_MAPS, {"metadata": {"name": name}})
                if status == 201:
                    acknowledged[name] = answer["metadata"]["resourceVersion"]
                else:
                    assert status in (503, 504), answer
                if len(acknowledged) > WRITERS * 5:
                    enough.set()
        connection.close()

    writers = [asyncio.create_task(writes(number)) for number in range(WRITERS)]
    await enough.wait()
    assert first.process is not None
    if frozen:
        first.process.send_signal(signal.SIGSTOP)
    await asyncio.to_thread(second.start)
    if frozen:
        first.process.send_signal(signal.SIGCONT)
    await asyncio.gather(*writers)
    return acknowledged


def test_a_bucket_that_ignores_conditions_is_refused(make_server: MakeServer, bucket: Mapping[str, str]) -> None:  # noqa: F811
    with careless_bucket() as endpoint:
        server = make_server("--store", "s3://bucket/x", **{**bucket, "AWS_ENDPOINT": endpoint})
        line = server.refused(code=1)
    assert "ignores If-None-Match" in line
    assert "two leaders" in line


@contextlib.contextmanager
def careless_bucket() -> Iterator[str]:
    """The URL of an S3 server, so to speak, that takes every put."""
    objects: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self) -> None:
            objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(200)

        def do_GET(self) -> None:
            found = objects.get(self.path)
            self.answer(404 if found is None else 200, found or b"")

        def do_DELETE(self) -> None:
            objects.pop(self.path, None)
            self.answer(204)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


# --- whose store it is ---


@pytest.mark.parametrize("flags", [(), ("--token", "somebody-elses")], ids=["own token", "wrong token"])
def test_another_clusters_folder_is_refused_and_stays_as_it_is(
    make_server: MakeServer, place: Path, flags: tuple[str, ...]
) -> None:
    owner = make_server("--store", str(place))
    owner.start()
    with owner.client() as client:
        write(client, CONFIG_MAPS, "c")
    owner.stop()
    before = contents(place)
    other = make_server("--store", str(place), *flags)
    assert "another server token" in other.refused(code=1)
    assert contents(place) == before
    owner.start()
    with owner.client() as client:
        assert client.get(f"{CONFIG_MAPS}/c").status_code == 200


def test_whoever_has_a_wrong_token_does_not_disturb_the_server_that_runs(
    make_server: MakeServer,
    bucket: Mapping[str, str],  # noqa: F811
) -> None:
    owner = make_server("--store", "s3://bucket/owned", **bucket)
    owner.start()
    other = make_server("--store", "s3://bucket/owned", "--token", "wrong", **bucket)
    assert "another server token" in other.refused(code=1)
    with owner.client() as client:
        write(client, CONFIG_MAPS, "still-the-leader")
    # Not even its own host's token is forgotten for a wrong one.
    owner.stop()
    assert "another server token" in owner.refused("--token", "wrong", code=1)
    owner.start()


def test_memory_forgets_and_says_so(make_server: MakeServer) -> None:
    server = make_server("--store", "memory:")
    server.start()
    assert "the cluster is forgotten" in server.log("server")
    with server.client() as client:
        write(client, CONFIG_MAPS, "c")
    assert server.stop() == 0
    server.start()
    with server.client() as client:
        assert client.get(f"{CONFIG_MAPS}/c").status_code == 404
    assert not server.paths.server_store.exists()


# --- what others can read ---


def test_secrets_are_nowhere_in_the_clear(make_server: MakeServer, source: random.Random) -> None:
    server = make_server("--log-level", "debug")
    server.start()
    secret, open_secret = f"{source.getrandbits(128):032x}", f"{source.getrandbits(128):032x}"
    with server.client() as client:
        write(client, CONFIG_MAPS, "c", k=open_secret)
        made = write(client, SECRETS, "s", k=secret)
        changed = {**made, "metadata": {**made["metadata"], "annotations": {"a": secret}, "labels": {"again": secret}}}
        assert client.put(f"{SECRETS}/s", json=changed).status_code == 200
        patch = {"stringData": {"more": secret}}
        patched = {"content-type": "application/merge-patch+json"}
        assert client.patch(f"{SECRETS}/s", json=patch, headers=patched).status_code == 200
        write(client, SECRETS, "deleted", k=secret)
        assert client.delete(f"{SECRETS}/deleted").status_code == 200
        refused = fail_in_every_way(client, secret)
    assert server.stop() == 0  # which writes the memory tables too
    server.start()
    server.kill()
    assert found_below(server.root, open_secret), "one would find it"
    assert not found_below(server.root, secret)
    for answer in refused:
        assert not any(each in answer for each in disguises(secret)), answer


def fail_in_every_way(client: httpx.Client, secret: str) -> list[bytes]:
    """Requests about a Secret that fail; their answers."""
    meta = {"name": "s"}
    encoded = base64.b64encode(secret.encode()).decode()
    url = f"{SECRETS}/s"
    answers = [
        client.post(SECRETS, json={"metadata": meta, "stringData": {"k": secret}}),
        client.post(SECRETS, json={"metadata": {"name": "x"}, "data": {"k": f"!{secret}"}}),
        client.post(SECRETS, json={"metadata": {"name": "x"}, "data": [secret]}),
        client.post(SECRETS, json={"metadata": {"name": "x"}, "data": {"k": [encoded]}}),
        client.post(SECRETS, json={"metadata": {"name": "x"}, "type": "kubernetes.io/tls", "data": {"k": encoded}}),
        client.post(SECRETS, content=b'{"metadata": {"name": "x"}, "stringData": {"k": "' + secret.encode()),
        client.put(url, json={"metadata": {**meta, "resourceVersion": "1"}, "stringData": {"k": secret}}),
        client.put(url, json={"metadata": meta, "type": "another", "stringData": {"k": secret}}),
        client.patch(
            url,
            json=[{"op": "test", "path": "/data/k", "value": f"{encoded}="}],
            headers={"content-type": "application/json-patch+json"},
        ),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500, (answer.request.content, answer.text)
    return [each.content for each in answers]


def disguises(text: str) -> list[bytes]:
    """A text as it may lie in a file: as it is, in hexadecimal digits, in base64 at any offset."""
    raw = text.encode()
    shifted = [base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)]
    return [raw, raw.hex().encode(), *shifted]


def found_below(folder: Path, text: str) -> list[Path]:
    """Files below a folder that a text can be read in."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert any(each.suffix == ".sst" for each in files)
    return [each for each in files if any(shape in each.read_bytes() for shape in disguises(text))]
