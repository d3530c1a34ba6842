"""Requests through the proxy, to a backend that is a script: what it hears, and what the client gets."""

import asyncio
from collections.abc import Awaitable

import pytest

from k3py.api.bridge import PodConnection
from k3py.api.http.body_stream import BodyStream
from k3py.api.http.messages import Request, Response, StreamResponse
from k3py.api.reverse_proxy.exchange import HEAD_BYTES_MAX, send
from k3py.model.errors import Unavailable
from k3py.model.streams import Channel, PortForward, status_message, success_status
from tests.api.reverse_proxy.backend import POD, SERVICES, Backend, ok, read, ready_pod, said
from tests.api.test_pods import Stream
from tests.api.world import NODE, PODS, World, pod, run


def test_a_request_reaches_the_pod_and_its_answer_the_client() -> None:
    backend = Backend(ok("hello", "X-Mine: yes", "Set-Cookie: a=1", "Set-Cookie: b=2"))

    async def story(world: World) -> None:
        made = await ready_pod(world)
        headers = {"host": "api", "x-mine": "1"}
        status, body, answer = await read(await world.ask("POST", f"{POD}/a%20b/?q=1&q=%2F", b"data", headers=headers))
        assert (status, body, answer.content_type, answer.length) == (200, b"hello", "text/plain", 5)
        assert answer.headers == [("X-Mine", "yes"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
        node, asked = backend.asked[0]
        assert (node, asked) == ("n1", PortForward(
            namespace="default", pod="web", uid=made["metadata"]["uid"], port=80, own_address=True,
        ))  # fmt: skip
        line, fields, _ = backend.heard()
        assert line == "POST /a%20b/?q=1&q=%2F HTTP/1.1"
        assert "authorization" not in fields
        assert (fields["host"], fields["x-mine"]) == ("api", "1")
        assert fields["x-forwarded-uri"] == f"{POD}/a%20b/"
        assert backend.streams[0].reset_reason is not None, "the connection is let go"

    run(story, backend)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_passed_on_with_its_body(method: str) -> None:
    backend = Backend(ok())

    async def story(world: World) -> None:
        await ready_pod(world)
        answer = await world.ask(method, f"{POD}/x", b"body", headers={"content-length": "4"})
        assert (await read(answer))[:2] == (200, b"hello")
        line, fields, body = backend.heard()
        assert (line, fields["content-length"], body) == (f"{method} /x HTTP/1.1", "4", b"body")

    run(story, backend)


async def passed_on(length: int | None, *pieces: bytes | Exception) -> tuple[Stream, bytes]:
    """What a backend gets of a body that is streamed."""
    backend, body = Stream(), BodyStream(length)
    sending = asyncio.create_task(send(PodConnection(backend), b"HEAD ", body))
    for piece in pieces:
        await asyncio.sleep(0)
        if isinstance(piece, Exception):
            body.fail(piece)
        else:
            body.feed(piece)
    body.finish()
    await sending
    return backend, b"".join(each[1:] for each in backend.heard)


@pytest.mark.parametrize(("length", "sent"), [(6, b"HEAD abcdef"), (None, b"HEAD 3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")])
def test_a_streamed_body_is_passed_on_in_its_framing(length: int | None, sent: bytes) -> None:
    backend, heard = asyncio.run(passed_on(length, b"abc", b"def"))
    assert heard == sent
    assert backend.reset_reason is None


def test_half_a_body_is_not_passed_on_as_a_whole_one() -> None:
    backend, heard = asyncio.run(passed_on(None, b"abc", ConnectionResetError("the client has gone")))
    assert heard == b"HEAD 3\r\nabc\r\n"
    assert backend.reset_reason is not None


@pytest.mark.parametrize(
    ("length", "name", "value"), [(5, "content-length", "5"), (None, "transfer-encoding", "chunked")]
)
def test_a_streamed_request_says_how_it_is_framed(length: int | None, name: str, value: str) -> None:
    backend = Backend(ok())

    async def story(world: World) -> None:
        await ready_pod(world)
        request = Request("POST", f"{POD}/x".encode(), {b"authorization": b"Bearer admin-token"})
        request.stream = BodyStream(length)
        request.stream.feed(b"abcde")
        request.stream.finish()
        answer = world.api.handle(request)
        assert isinstance(answer, Awaitable)
        assert (await read(await answer))[:2] == (200, b"hello")
        _, fields, body = backend.heard()
        assert fields[name] == value
        assert b"abcde" in body

    run(story, backend)


def test_head_has_no_body_and_waits_for_none() -> None:
    backend = Backend("HTTP/1.1 200 OK\r\nContent-Length: 500\r\nX-A: b\r\n\r\n")

    async def story(world: World) -> None:
        await ready_pod(world)
        answer = await world.ask("HEAD", f"{POD}/x")
        assert isinstance(answer, StreamResponse)
        assert (answer.status, answer.length, list(answer.headers)) == (200, 500, [("X-A", "b")])

    run(story, backend)


ANSWERS = [
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, b"abc"),
    ("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
    ("HTTP/1.0 200 OK\r\nX: y\nContent-Type: text/plain\n\nbare", 200, b"bare"),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno",
     404, b"no"),
    ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500, b""),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", 200, b"ok"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "status", "body"), ANSWERS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_answers_of_every_form_and_in_every_piece(text: str, status: int, body: bytes, size: int) -> None:
    data = text.encode()
    pieces = [bytes((Channel.STDOUT,)) + data[at : at + size] for at in range(0, len(data), size)]
    backend = Backend("", *pieces, status_message(success_status()))

    async def story(world: World) -> None:
        await ready_pod(world)
        assert (await read(await world.ask("GET", f"{POD}/x")))[:2] == (status, body)

    run(story, backend)


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(status: int) -> None:
    async def story(world: World) -> None:
        await ready_pod(world)
        answer = await world.ask("GET", f"{POD}/x")
        assert isinstance(answer, Response)
        assert answer.status == status

    run(story, Backend(f"HTTP/1.1 {status} X\r\nETag: a\r\n\r\n"))


REFUSED = status_message(Unavailable("dial tcp 10.42.0.5:80: connect: connection refused").status())
UNREACHABLE = [
    ((REFUSED,), "error trying to reach service: dial tcp 10.42.0.5:80: connect: connection refused"),
    (said("") or (), "error trying to reach service: EOF"),
    (said("SSH-2.0-x\r\n"), "error trying to reach service: malformed HTTP response"),
    (said("HTTP/1.1 200 OK\r\nX: " + "y" * (HEAD_BYTES_MAX + 100)), "error trying to reach service: the answer's head"),
]


@pytest.mark.parametrize(("says", "message"), UNREACHABLE)
def test_a_backend_that_does_not_answer_is_503(says: tuple[bytes, ...], message: str) -> None:
    backend = Backend("", *says)

    async def story(world: World) -> None:
        await ready_pod(world)
        status, body = await world.json("GET", f"{POD}/x")
        assert (status, body["reason"]) == (503, "ServiceUnavailable")
        assert body["message"].startswith(message)
        assert backend.streams[0].reset_reason is not None

    run(story, backend)


def test_an_answer_that_is_cut_short_is_not_shown_as_whole() -> None:
    async def story(world: World) -> None:
        await ready_pod(world)
        answer = await world.ask("GET", f"{POD}/x")
        with pytest.raises(ConnectionError, match="unexpected EOF"):
            await read(answer)

    run(story, Backend("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nonly"))


def test_a_node_that_is_away_is_503() -> None:
    async def story(world: World) -> None:
        await ready_pod(world)
        status, body = await world.json("GET", f"{POD}/x")
        assert status == 503
        assert body["message"] == 'error trying to reach service: cannot reach node "n1"'

    run(story)


def test_the_root_has_a_slash() -> None:
    async def story(world: World) -> None:
        await ready_pod(world)
        answer = await world.ask("GET", f"{POD}?a=b")
        assert isinstance(answer, Response)
        assert (answer.status, list(answer.headers)) == (301, [("Location", f"{POD}/?a=b")])
        assert (await read(await world.ask("POST", POD, b"")))[0] == 200
        assert (await read(await world.ask("GET", f"{POD}/")))[0] == 200

    run(story, Backend(ok()))


def test_redirects_and_links_stay_below_the_proxy() -> None:
    async def redirected(world: World) -> None:
        await ready_pod(world)
        _, _, answer = await read(await world.ask("GET", f"{POD}/x"))
        assert ("Location", f"{POD}/login") in answer.headers

    run(redirected, Backend("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"))

    async def page(world: World) -> None:
        await ready_pod(world)
        _, body, _ = await read(await world.ask("GET", f"{POD}/x"))
        assert body.decode() == f'<a href="{POD}/y">'

    run(page, Backend(ok('<a href="/y">', content_type="text/html; charset=utf-8")))

    async def other(world: World) -> None:
        await ready_pod(world)
        _, body, _ = await read(await world.ask("GET", f"{POD}/x"))
        assert body.decode() == '<a href="/y">'

    run(other, Backend(ok('<a href="/y">')))
    run(other, Backend(ok('<a href="/y">', "Content-Encoding: br", content_type="text/html")))


WRONG = [
    (f"{PODS}/nobody/proxy/x", 404, 'pods "nobody" not found'),
    (f"{PODS}/ftp:web:1/proxy/x", 400, 'invalid pod request "ftp:web:1"'),
    (f"{PODS}/web:http/proxy/x", 503, "error trying to reach service: dial tcp: lookup tcp/http: unknown port"),
    (f"{PODS}/early/proxy/x", 400, "address not allowed"),
    (f"{SERVICES}/nobody/proxy/x", 404, 'services "nobody" not found'),
    (f"{SERVICES}/web:81/proxy/x", 503, 'no service port 81 found for service "web"'),
    (f"{SERVICES}/web:none/proxy/x", 503, 'no endpoints available for service "web:none"'),
    ("/api/v1/nodes/nobody/proxy/x", 404, 'nodes "nobody" not found'),
    ("/api/v1/nodes/a:b:c:d/proxy/x", 400, 'invalid node request "a:b:c:d"'),
    (f"{PODS}/web%2Fproxy/x", 404, "the server could not find the requested resource"),
]


async def a_service(world: World, *pods: str) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    await world.json("POST", SERVICES, {"metadata": {"name": "web"}, "spec": {"ports": ports}})
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    body = {
        "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [
            {"addresses": ["10.42.0.5"], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": each}}
            for each in pods
        ],
    }
    status, made = await world.json("POST", slices, body)
    assert status == 201, made


@pytest.mark.parametrize(("path", "code", "message"), WRONG)
def test_what_cannot_be_reached_is_said_in_kubernetes_words(path: str, code: int, message: str) -> None:
    async def story(world: World) -> None:
        await ready_pod(world)
        await world.json("POST", PODS, pod("early", "n1"))
        await a_service(world)
        status, body = await world.json("GET", path)
        assert (status, body["message"]) == (code, message)

    run(story, Backend(ok()))


@pytest.mark.parametrize("name", ["web:80", "web:http", "http:web:http"])
def test_a_service_leads_to_a_ready_pods_target_port(name: str) -> None:
    backend = Backend(ok())

    async def story(world: World) -> None:
        await ready_pod(world)
        await a_service(world, "gone", "web")
        assert (await read(await world.ask("GET", f"{SERVICES}/{name}/proxy/x")))[0] == 200
        _, asked = backend.asked[0]
        assert isinstance(asked, PortForward)
        assert (asked.pod, asked.port) == ("web", 8080)

    run(story, backend)


def test_who_may_not_is_refused() -> None:
    async def story(world: World) -> None:
        await ready_pod(world)
        for token in (NODE, "nobody-special"):
            status, body = await world.json("GET", f"{POD}/x", token=token)
            assert status == 403, body

    run(story, Backend(ok()))
