"""The client's side of WebSocket; the server's is tested where it is served (``tests/api/streams``)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.model.websocket import CloseCode, Closed, Opcode, Part, WebSocket, accept_key, frame

MASK = b"\x01\x02\x03\x04"


def client() -> WebSocket:
    return WebSocket(lambda: MASK)


def test_the_key_of_the_rfc() -> None:
    assert accept_key(b"dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(st.binary(max_size=300) | st.integers(65_530, 65_540).map(bytes))
def test_what_a_client_says_a_server_hears_and_the_other_way_round(data: bytes) -> None:
    heard = WebSocket().feed(client().message(data))
    assert heard == [Part(data, True, True)]
    assert client().feed(WebSocket().message(data)) == [Part(data, True, True)]


def test_a_client_masks_what_it_sends() -> None:
    assert client().message(b"\x00\x00") == b"\x82\x82" + MASK + MASK[:2]


@pytest.mark.parametrize(
    ("socket", "data"),
    [(client(), frame(Opcode.BINARY, b"x", MASK)), (WebSocket(), frame(Opcode.BINARY, b"x"))],
)
def test_who_masks_is_settled(socket: WebSocket, data: bytes) -> None:
    *_, last = socket.feed(data)
    assert isinstance(last, Closed)
    assert last.code == CloseCode.PROTOCOL_ERROR
