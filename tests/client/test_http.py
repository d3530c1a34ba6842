"""The client against a scripted transport, and against a TLS server on loopback."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest

from k3py.client import http
from k3py.client.http import HttpClient
from k3py.client.port import EventType, PatchType, Propagation
from k3py.model import codec
from k3py.model.errors import AlreadyExists, Conflict, Expired, NotFound, Problem, Unavailable
from k3py.model.generated.authentication_v1 import TokenRequest, TokenRequestSpec, TokenRequestStatus
from k3py.model.generated.core_v1 import ConfigMap, Node
from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.pki.contexts import client_context
from k3py.pki.csr import key_pem, new_key
from k3py.pki.identity import identity_of, node_identity
from tests.client.helpers import config_map, event_json, list_json
from tests.pki.helpers import Asked, StoppedClock, authority, https, server_tls

A3 = config_map("a", 3, key="value")


def ask(answer: Any, story: Callable[[HttpClient], Any]) -> list[httpx.Request]:
    """Run ``story`` with a client whose requests are all answered by ``answer``; the requests."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        given = answer(request) if callable(answer) else answer
        if isinstance(given, Exception):
            raise given
        with contextlib.suppress(httpx.ResponseNotRead):
            return httpx.Response(given.status_code, headers=given.headers, content=pieces(given.content))
        return given

    async def run() -> None:
        transport = httpx.MockTransport(handle)
        async with HttpClient(["https://one", "https://two"], token="t0k", transport=transport) as client:
            await story(client)

    asyncio.run(run())
    return seen


async def pieces(*data: Any) -> AsyncIterator[bytes]:
    for piece in data:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def answer(body: bytes = codec.encode(A3), code: int = 200) -> httpx.Response:
    return httpx.Response(code, content=body)


def test_each_verb_says_what_it_should() -> None:
    async def story(client: HttpClient) -> None:
        assert (await client.get(ConfigMap, "a", "default")).data == {"key": "value"}
        await client.create(A3)
        await client.update(A3)
        await client.patch(ConfigMap, "a", "default", {"data": {"x": "y"}}, PatchType.MERGE, field_manager="me")
        await client.delete(ConfigMap, "a", "default", 0, Propagation.ORPHAN, uid="u")

    seen = ask(lambda _: answer(), story)
    assert [(r.method, r.url.raw_path.decode()) for r in seen] == [
        ("GET", "/api/v1/namespaces/default/configmaps/a"),
        ("POST", "/api/v1/namespaces/default/configmaps"),
        ("PUT", "/api/v1/namespaces/default/configmaps/a"),
        ("PATCH", "/api/v1/namespaces/default/configmaps/a?fieldManager=me"),
        ("DELETE", "/api/v1/namespaces/default/configmaps/a"),
    ]
    assert seen[3].headers["content-type"] == "application/merge-patch+json"
    assert msgspec.json.decode(seen[4].content)["preconditions"] == {"uid": "u"}
    assert {r.headers["authorization"] for r in seen} == {"Bearer t0k"}


def test_a_token_is_asked_for_beneath_its_account() -> None:
    async def story(client: HttpClient) -> None:
        made = await client.create_token("robot", "shop", TokenRequest(spec=TokenRequestSpec(expiration_seconds=600)))
        assert made.status.token == "a.b.c"

    given = TokenRequest(status=TokenRequestStatus(token="a.b.c"))
    (asked,) = ask(answer(codec.encode(given), 201), story)
    assert (asked.method, asked.url.path) == ("POST", "/api/v1/namespaces/shop/serviceaccounts/robot/token")
    assert msgspec.json.decode(asked.content)["spec"]["expirationSeconds"] == 600


def test_a_list_in_pages_is_one_list() -> None:
    def pages(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("continue") == "there":
            return answer(list_json("9", config_map("b", 5)))
        return answer(list_json("9", A3, following="there"))

    async def story(client: HttpClient) -> None:
        listing = await client.list(ConfigMap, label_selector="app=web")
        assert [i.metadata.name for i in listing.items] == ["a", "b"]
        assert listing.resource_version == "9"

    seen = ask(pages, story)
    assert all(r.url.params["labelSelector"] == "app=web" for r in seen)


def test_half_of_the_pages_is_no_list() -> None:
    def pages(request: httpx.Request) -> Any:
        if request.url.params.get("continue"):
            return httpx.ReadError("cut")
        return answer(list_json("9", A3, following="there"))

    async def story(client: HttpClient) -> None:
        with pytest.raises(Unavailable):
            await client.list(ConfigMap)

    ask(pages, story)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (httpx.Response(404, json=NotFound("gone").status()), NotFound),
        (httpx.Response(409, json=Conflict("stale").status()), Conflict),
        (httpx.Response(409, json=AlreadyExists("there").status()), AlreadyExists),
        (httpx.Response(502, content=b"<html>"), Problem),
        (httpx.Response(302, headers={"location": "https://evil"}), Unavailable),
        (httpx.Response(200, content=b"<html>"), Unavailable),
        (httpx.Response(200, content=b""), Unavailable),
        (httpx.ConnectError("refused"), Unavailable),
        (httpx.ReadTimeout("slow"), Unavailable),
        (httpx.RemoteProtocolError("cut"), Unavailable),
        (httpx.PoolTimeout("full"), Unavailable),
    ],
)
def test_refusals_and_trouble(given: Any, error: type[Exception]) -> None:
    async def story(client: HttpClient) -> None:
        with pytest.raises(error):
            await client.get(ConfigMap, "a", "default")
        with pytest.raises(error):
            await client.update(A3)

    ask(given, story)


def test_a_get_on_a_connection_that_was_just_closed_is_asked_again_and_a_write_is_not() -> None:
    answers = iter([httpx.RemoteProtocolError("closed"), answer(), httpx.RemoteProtocolError("closed")])

    async def story(client: HttpClient) -> None:
        await client.get(ConfigMap, "a", "default")
        with pytest.raises(Unavailable, match="whether it was carried out is unknown"):
            await client.create(A3)

    assert len(ask(lambda _: next(answers), story)) == 3


def test_the_next_server_is_tried_when_one_cannot_be_reached() -> None:
    def first_is_down(request: httpx.Request) -> Any:
        return httpx.ConnectError("down") if request.url.host == "one" else answer()

    async def story(client: HttpClient) -> None:
        with pytest.raises(Unavailable, match="cannot connect to https://one"):
            await client.get(ConfigMap, "a", "default")
        await client.get(ConfigMap, "a", "default")

    ask(first_is_down, story)


def test_an_answer_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_BYTES_MAX", 1000)

    async def story(client: HttpClient) -> None:
        assert len((await client.request("GET", "/at")).body) == 1000
        with pytest.raises(Unavailable, match="more than"):
            await client.request("GET", "/beyond")

    ask(lambda r: answer(b"x" * (1000 if r.url.path == "/at" else 1001)), story)


def test_mistakes_of_the_caller_ask_nobody() -> None:
    async def story(client: HttpClient) -> None:
        nameless = ConfigMap(metadata=ObjectMeta(generate_name="a-"))
        with pytest.raises(ValueError, match="namespace"):
            await client.create(nameless)
        with pytest.raises(ValueError, match="cannot address"):
            await client.delete(Node, "")

    assert ask(answer(), story) == []
    with pytest.raises(ValueError, match="without a server"):
        HttpClient([])


def watched(*data: Any) -> httpx.Response:
    return httpx.Response(200, content=pieces(*data))


def test_a_watch_gives_events_however_they_are_cut() -> None:
    line = event_json("ADDED", A3) + event_json("BOOKMARK", config_map("", 9))

    async def story(client: HttpClient) -> None:
        seen = [e async for e in client.watch(ConfigMap, "7", "default", field_selector="x=y")]
        assert [e.type for e in seen] == [EventType.ADDED, EventType.BOOKMARK]

    (request,) = ask(watched(line[:10], line[10:150], line[150:]), story)
    assert dict(request.url.params) == {
        "watch": "true",
        "resourceVersion": "7",
        "fieldSelector": "x=y",
        "allowWatchBookmarks": "true",
    }


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n', Expired),
        (b'{"type":"ADDED","obj', Unavailable),
        (b"garbage\n", Unavailable),
        (httpx.ReadError("cut"), Unavailable),
        (httpx.ReadTimeout("silence"), Unavailable),
    ],
)
def test_how_a_watch_breaks(last: Any, error: type[Exception]) -> None:
    async def story(client: HttpClient) -> None:
        events = client.watch(ConfigMap, "7")
        assert (await anext(events)).type is EventType.ADDED
        with pytest.raises(error):
            await anext(events)

    ask(watched(event_json("ADDED", A3), last), story)


def test_over_tls_with_a_client_certificate() -> None:
    async def story() -> None:
        ca = authority(StoppedClock(time.time()))
        key = new_key()
        certificate = ca.issue_client(key.public_key(), node_identity("n1"))
        tls = client_context(ca.certificate_pem, certificate, key_pem(key))

        def reply(asked: Asked) -> tuple[int, bytes]:
            assert asked.certificate is not None
            assert identity_of(asked.certificate) == node_identity("n1")
            return 200, list_json("9", A3)

        async with https(server_tls(ca), reply) as server:
            async with HttpClient([server.url], tls) as client:
                assert len((await client.list(ConfigMap)).items) == 1
            async with HttpClient([server.url], client_context(authority().certificate_pem)) as client:
                with pytest.raises(Unavailable, match="certificate verify failed"):
                    await client.list(ConfigMap)
        async with HttpClient([server.url], tls) as client:
            with pytest.raises(Unavailable, match="cannot connect"):
                await client.list(ConfigMap)

    asyncio.run(story())


def test_a_server_killed_within_a_list_or_a_watch_is_unavailable_and_the_connection_is_given_back() -> None:
    """The server announces more than it sends, then is gone."""

    async def story() -> None:
        ca = authority(StoppedClock(time.time()))
        gone = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                if b"watch=true" in head:
                    line = event_json("ADDED", A3)
                    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n" % len(line))
                    writer.write(line + b"\r\n")
                    if b"resourceVersion=7" in head:
                        await reader.read()  # until the client leaves
                        gone.set()
                else:
                    body = list_json("9", A3)
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(body) + 10) + body)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_tls(ca))
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with HttpClient([url], client_context(ca.certificate_pem)) as client:
            with pytest.raises(Unavailable, match="broke off"):
                await client.list(ConfigMap)
            events = client.watch(ConfigMap, "8")
            await anext(events)
            with pytest.raises(Unavailable, match="broke off"):
                await anext(events)
            events = client.watch(ConfigMap, "7")
            await anext(events)
            await events.aclose()  # type: ignore[attr-defined]
            await asyncio.wait_for(gone.wait(), 10)
        server.close()
        await server.wait_closed()

    asyncio.run(story())
