"""RFC 6455 from the server's side."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.http.messages import Request
from k3py.api.streams.websocket import handshake
from k3py.model.errors import BadRequest
from k3py.model.websocket import CloseCode, Closed, Event, Opcode, Part, Reply, WebSocket, frame, masked
from tests.api.http.fakes import splits
from tests.api.streams.clients import KEY, MASK, client_frame, server_frames


def request(**changed: str | None) -> Request:
    fields: dict[str, str | None] = {
        "upgrade": "websocket",
        "connection": "keep-alive, Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": KEY,
        "sec-websocket-protocol": "a, v4.x, v5.x",
    }
    fields.update({name.replace("_", "-"): value for name, value in changed.items()})
    return Request("GET", b"/", {name.encode(): value.encode() for name, value in fields.items() if value is not None})


def test_the_handshake_agrees_on_the_best_subprotocol() -> None:
    chosen, headers = handshake(request(), ["v5.x", "v4.x"])
    assert chosen == "v5.x"
    # The key and its answer are the example of RFC 6455, section 1.3.
    assert ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in headers


@pytest.mark.parametrize(
    "changed",
    [
        {"connection": "close"},
        {"sec_websocket_version": "8"},
        {"sec_websocket_version": None},
        {"sec_websocket_key": None},
        {"sec_websocket_key": "c2hvcnQ="},
        {"sec_websocket_key": "not base64!"},
        {"sec_websocket_protocol": "base64.channel.k8s.io"},
        {"sec_websocket_protocol": None},
    ],
)
def test_a_handshake_that_is_none_is_refused(changed: dict[str, str | None]) -> None:
    with pytest.raises(BadRequest):
        handshake(request(**changed), ["v5.x"])


def joined(events: list[Event]) -> list[object]:
    """Events with the parts of each message joined; an unfinished message is a bytearray."""
    out: list[object] = []
    for event in events:
        if isinstance(event, Part):
            if event.begins:
                out.append(bytearray())
            message = out[-1]
            if not isinstance(message, bytearray):  # a ping came in between
                message = next(m for m in reversed(out) if isinstance(m, bytearray))
            message += event.data
            if event.ends:
                out[out.index(message)] = bytes(message)
        else:
            out.append(event)
    return out


def test_fragments_with_a_ping_in_between_are_one_message() -> None:
    data = (
        client_frame(Opcode.TEXT, b"a", final=False)
        + client_frame(Opcode.PING, b"p")
        + client_frame(Opcode.CONTINUATION, b"", final=False)
        + client_frame(Opcode.CONTINUATION, b"b")
        + client_frame(Opcode.PONG, b"unasked")
        + client_frame(Opcode.BINARY, b"")
    )
    assert joined(WebSocket().feed(data)) == [b"ab", Reply(frame(Opcode.PONG, b"p")), b""]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_every_form_of_length_is_read_and_written(size: int) -> None:
    payload = bytes(n % 251 for n in range(size))
    assert joined(WebSocket().feed(client_frame(Opcode.BINARY, payload))) == [payload]
    assert server_frames(WebSocket().message(payload)) == [(Opcode.BINARY, payload)]


def test_closing_is_answered_once() -> None:
    socket = WebSocket()
    events = socket.feed(client_frame(Opcode.CLOSE, struct.pack(">H", 1001) + b"bye") + client_frame(Opcode.PING, b""))
    assert events == [Reply(frame(Opcode.CLOSE, struct.pack(">H", 1000))), Closed(1001, "bye")]
    assert (socket.close(), socket.message(b"x"), socket.feed(b"abc")) == (b"", b"", [])


def test_our_closing_is_ended_by_the_peer() -> None:
    socket = WebSocket()
    said = socket.close(CloseCode.NORMAL, "x" * 200)
    assert server_frames(said)[0][1] == struct.pack(">H", 1000) + b"x" * 123
    assert socket.feed(client_frame(Opcode.PING, b"") + client_frame(Opcode.CLOSE, b"")) == [Closed(1005, "")]


BROKEN = [
    ("not masked", b"\x82\x01a"),
    ("reserved bit", b"\xc2\x80" + MASK),
    ("unknown opcode", client_frame(3, b"")),
    ("unknown control", client_frame(11, b"")),
    ("long ping", client_frame(Opcode.PING, b"x" * 126)),
    ("fragmented ping", client_frame(Opcode.PING, b"", final=False)),
    ("nothing to continue", client_frame(Opcode.CONTINUATION, b"")),
    ("message in a message", client_frame(Opcode.BINARY, b"", final=False) + client_frame(Opcode.BINARY, b"")),
    ("length of two bytes for 125", b"\x82\xfe\x00\x7d" + MASK),
    ("length of eight bytes for 65535", b"\x82\xff" + struct.pack(">Q", 65535) + MASK),
    ("negative length", b"\x82\xff" + struct.pack(">Q", 1 << 63) + MASK),
    ("half a close code", client_frame(Opcode.CLOSE, b"\x03")),
]


@pytest.mark.parametrize("data", [case[1] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_protocol_is_closed_with_1002(data: bytes) -> None:
    *_, reply, closed = WebSocket().feed(data)
    assert isinstance(reply, Reply)
    assert server_frames(reply.data)[0][1][:2] == struct.pack(">H", 1002)
    assert isinstance(closed, Closed)
    assert closed.code == 1002


FRAMES = st.one_of(
    st.builds(
        client_frame,
        st.sampled_from([Opcode.BINARY, Opcode.CONTINUATION, Opcode.PING, Opcode.TEXT]),
        st.binary(max_size=300),
        st.booleans(),
    ),
    st.sampled_from([case[1] for case in BROKEN]),
    st.binary(max_size=20),
)


@given(st.lists(FRAMES, max_size=6).map(b"".join), st.lists(st.integers(0, 2000), max_size=10))
def test_however_the_bytes_are_split_the_events_are_the_same(data: bytes, cuts: list[int]) -> None:
    whole, split = WebSocket(), WebSocket()
    pieces = [event for piece in splits(data, cuts) for event in split.feed(piece)]
    assert joined(pieces) == joined(whole.feed(data))


@given(st.binary(max_size=50), st.binary(min_size=4, max_size=4), st.integers(0, 9))
def test_masking_is_its_own_inverse_at_any_offset(data: bytes, mask: bytes, offset: int) -> None:
    assert masked(masked(data, mask, offset), mask, offset) == data
    assert masked(data, mask, offset) == bytes(b ^ mask[(i + offset) % 4] for i, b in enumerate(data))
