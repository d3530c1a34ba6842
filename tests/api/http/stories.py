"""What the stories of one connection share."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from k3py.api.http.chunked import ChunkedBody
from k3py.api.http.messages import Request, Response
from tests.api.http.test_reader import HOST

GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def dechunked(body: bytes) -> bytes:
    whole = ChunkedBody(1 << 30)
    whole.feed(bytearray(body))
    assert whole.finished
    return bytes(whole.body)


def story(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def nothing(request: Request) -> Response:
    return Response(200, b"{}")


def status_of(answer: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)
