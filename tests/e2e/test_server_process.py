"""The server as a process: how it stops, and how it refuses to start."""

import asyncio
import random
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from k3py.daemons.server import STOP_GRACE_SECONDS
from tests.e2e.cluster import SECONDS, until
from tests.e2e.lone_server import LoneServer, lone_server
from tests.e2e.raw_client import Connection
from tests.store.test_bucket import environment as bucket  # noqa: F401 - a fixture

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
WRITES = 100
AT_ONCE_SECONDS = STOP_GRACE_SECONDS / 2


@pytest.fixture
def server(source: random.Random) -> Iterator[LoneServer]:
    with lone_server(source) as made:
        yield made


def run(story: "asyncio.Future[None] | object") -> None:
    asyncio.run(asyncio.wait_for(story, SECONDS))  # type: ignore[arg-type]


async def ended(server: LoneServer) -> tuple[int, float]:
    """Wait for the server's end; its exit code, and how long that took."""
    assert server.process is not None
    start = time.monotonic()
    return await asyncio.to_thread(server.process.wait, SECONDS), time.monotonic() - start


async def connected(server: LoneServer) -> Connection:
    connection = Connection(server.port, server.tls())
    await connection.open()
    return connection


# --- the end ---


def test_requests_under_way_are_answered_before_the_end(server: LoneServer, bucket: Mapping[str, str]) -> None:  # noqa: F811
    """On a bucket a write waits for others before it is put: that is when the signal comes."""
    server.flags, server.variables = ["--store", "s3://bucket/drained"], dict(bucket)
    server.start()

    async def story() -> None:
        connections = await asyncio.gather(*(connected(server) for _ in range(WRITES)))
        other, watcher = await connected(server), await connected(server)
        _, listed = await other.request("GET", CONFIG_MAPS)
        watching = asyncio.create_task(names(watcher, listed["metadata"]["resourceVersion"]))
        answers = [
            asyncio.create_task(each.request("POST", CONFIG_MAPS, {"metadata": {"name": f"c{i}"}}))
            for i, each in enumerate(connections)
        ]
        await other.request("GET", "/version")  # sent last: when it is answered, the others have been read
        assert server.process is not None
        server.process.terminate()
        assert {status for status, _ in await asyncio.gather(*answers)} == {201}
        code, seconds = await ended(server)
        assert (code, seconds < AT_ONCE_SECONDS) == (0, True)
        seen = await watching
        for each in (*connections, other, watcher):
            each.close()
        assert not (server.paths.run / "server.json").exists()
        await asyncio.to_thread(server.start)
        again = await connected(server)
        seen += await names(again, listed["metadata"]["resourceVersion"], len(seen))
        again.close()
        assert sorted(seen) == sorted(f"c{i}" for i in range(WRITES))

    run(story())


async def names(watcher: Connection, since: str, skip: int = 0) -> list[str]:
    """What a watch tells until it ends, or has told of every write; ``skip`` of them are known already."""
    found = []
    async for event in watcher.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={since}"):
        found.append(event["object"]["metadata"]["name"])
        if len(found) == WRITES:
            break
    return found[skip:]


def test_a_client_that_does_not_end_its_request_is_waited_for_until_the_grace_is_over(server: LoneServer) -> None:
    server.start()

    async def story() -> None:
        connection = await begin_a_request(server)
        assert server.process is not None
        server.process.terminate()
        code, seconds = await ended(server)
        assert code == 0
        assert AT_ONCE_SECONDS < seconds < STOP_GRACE_SECONDS + 3
        connection.close()

    run(story())
    assert not (server.paths.run / "server.json").exists()


def test_a_second_signal_ends_it_at_once(server: LoneServer) -> None:
    server.start()

    async def story() -> None:
        connection = await begin_a_request(server)
        assert server.process is not None
        server.process.terminate()
        await asyncio.to_thread(until, lambda: not listens(server.port), "new connections are refused")
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        code, seconds = await ended(server)
        assert (code, seconds < AT_ONCE_SECONDS) == (1, True)
        connection.close()

    run(story())
    server.start()
    assert server.stop() == 0


async def begin_a_request(server: LoneServer) -> Connection:
    """A connection on which half a body was sent, and read by the server."""
    connection, other = await connected(server), await connected(server)
    connection.begin("POST", CONFIG_MAPS, length=100, body=b'{"metadata":')
    await other.request("GET", "/version")
    other.close()
    return connection


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- no beginning ---


def test_a_port_in_use_is_one_line(server: LoneServer) -> None:
    with socket.create_server(("0.0.0.0", server.port)):
        line = server.refused(code=1)
    assert line == f"error: cannot listen on 0.0.0.0, port {server.port}: Address already in use"
    assert not server.paths.server_store.exists(), "nothing was begun"


def test_a_second_start_by_mistake_does_not_disturb_the_server_that_runs(
    server: LoneServer, source: random.Random
) -> None:
    """Neither below the same root, nor below another one with the same port, store and token."""
    server.start()
    assert "the server runs already" in server.refused(code=2)
    with lone_server(source) as other:
        other.port = server.port
        token = server.paths.server_token.read_text().strip()
        line = other.refused("--store", str(server.paths.server_store), "--token", token, code=1)
    assert "Address already in use" in line
    with server.client() as client:
        assert client.post(CONFIG_MAPS, json={"metadata": {"name": "still-the-leader"}}).status_code == 201
    assert server.process is not None
    assert server.pid("server") == server.process.pid
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("flags", "variables", "said"),
    [
        (["--port", "65536"], {}, "cannot use port 65536"),
        (["--store", "somewhere"], {}, "cannot use 'somewhere' as a store"),
        (["--store", "gs://bucket/x"], {}, "cannot use 'gs://bucket/x' as a store"),
        (["--log-level", "loud"], {}, "cannot use log-level 'loud'"),
        (["--token-auth-file", "/nowhere"], {}, "cannot use token-auth-file: "),
        (["--token", "k3py1.x.y"], {}, "cannot read the join token"),
        (["--tls-san", "https://api.example"], {}, "cannot use tls-san 'https://api.example'"),
        (["--node-monitor-grace-seconds", "-1"], {}, "cannot use node-monitor-grace-seconds"),
        ([], {"K3PY_API_ONLY": "perhaps"}, "neither true nor false"),
        ([], {"K3PY_NODE_MONITOR_GRACE_SECONDS": "long"}, "'long' is no number"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_setting_that_cannot_be_used_is_one_line(
    server: LoneServer, flags: list[str], variables: Mapping[str, str], said: str
) -> None:
    assert said in server.refused(*flags, code=2, variables=variables)
    assert not (server.paths.server_store / "current").exists(), "nothing was begun"


def test_a_key_in_a_file_that_is_not_known_is_one_line(server: LoneServer) -> None:
    file = server.paths.config / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("stoer: /x\n")
    assert server.refused(code=2) == f"error: cannot use {file}: unknown setting 'stoer'; did you mean 'store'?"


def test_the_settings_are_shown_with_where_they_come_from(server: LoneServer, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("store: /a/folder\ntoken: a-secret\n")
    said = server.k3py("server", "--config", str(file), "--port", "7", "--print-config")
    lines = said.splitlines()
    assert "port: 7  # --port" in lines
    assert f"store: '/a/folder'  # {file}" in lines
    assert f"token: '(hidden)'  # {file}" in lines
    assert "bind-address: '0.0.0.0'  # default" in lines
    assert "a-secret" not in said
    assert not server.paths.state.exists()
