"""SPDY/3.1 from the server's side."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.api.streams.spdy import (
    CONTROL_BYTES_MAX,
    HEADERS_BYTES_MAX,
    INITIAL_WINDOW_BYTES,
    STREAMS_MAX,
    UNLIMITED,
    Event,
    Reset,
    RoomGrew,
    SessionEnded,
    Spdy,
    StreamData,
    StreamEnded,
    StreamOpened,
    StreamReset,
    Type,
)
from k3py.api.streams.spdy_dictionary import DICTIONARY
from k3py.model.websocket import Reply
from tests.api.http.fakes import splits
from tests.api.streams.clients import SpdyClient


def replies(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Reply))


def others(events: list[Event]) -> list[Event]:
    """Events without replies, and with neighbouring data joined."""
    out: list[Event] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, StreamData) and isinstance(last, StreamData) and last.stream == event.stream:
            out[-1] = StreamData(event.stream, last.data + event.data)
        elif not isinstance(event, Reply):
            out.append(event)
    return out


def test_the_dictionary_is_that_of_the_protocol() -> None:
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_a_stream_lives_and_ends() -> None:
    client, spdy = SpdyClient(), Spdy()
    stream, opening = client.open({"StreamType": "stdin", "many": "a\0b"})
    events = spdy.feed(opening + client.data(stream, b"hello") + client.data(stream, b"", end=True))
    assert client.frames(replies(events)) == [(Type.SYN_REPLY, 1)]
    assert others(events) == [
        StreamOpened(1, {"streamtype": "stdin", "many": "a,b"}),
        StreamData(1, b"hello"),
        StreamEnded(1),
    ]
    assert client.frames(spdy.data(1, b"bye", end=True)) == [(1, b"bye", True)]
    assert spdy.data(1, b"more") == b""
    assert spdy.feed(client.data(1, b"late")) == []


def test_pings_are_answered_and_goodbyes_told() -> None:
    client, spdy = SpdyClient(), Spdy()
    events = spdy.feed(
        client.control(Type.PING, struct.pack(">I", 7))
        + client.control(Type.PING, struct.pack(">I", 2))
        + client.control(Type.HEADERS, struct.pack(">I", 1) + client.packed({"a": "b"}))
        + client.control(Type.GOAWAY, bytes(8))
        + client.control(99, b"unknown kinds are ignored")
    )
    assert client.frames(replies(events)) == [(Type.PING, 7)]
    assert others(events) == [SessionEnded("")]


def test_a_client_without_flow_control_may_be_sent_anything() -> None:
    client, spdy = SpdyClient(), Spdy()
    spdy.feed(client.open({})[1])
    for _ in range(10):
        assert spdy.room(1) == UNLIMITED
        spdy.data(1, b"x" * INITIAL_WINDOW_BYTES)


def test_the_windows_of_a_client_that_has_them_are_heeded() -> None:
    client, spdy = SpdyClient(), Spdy()
    spdy.feed(client.open({})[1] + client.open({})[1])
    assert others(spdy.feed(client.window(1, 1000))) == [RoomGrew()]
    assert spdy.room(1) == INITIAL_WINDOW_BYTES  # the session's is the smaller one
    spdy.data(1, b"x" * INITIAL_WINDOW_BYTES)
    assert (spdy.room(1), spdy.room(3)) == (0, 0)
    spdy.feed(client.window(0, 5000))
    assert (spdy.room(1), spdy.room(3)) == (1000, 5000)
    settings = struct.pack(">III", 1, 7, 2000)
    spdy.feed(client.control(Type.SETTINGS, settings))
    assert (spdy.room(1), spdy.room(3)) == (0, 2000)
    spdy.feed(client.control(Type.RST_STREAM, struct.pack(">II", 3, Reset.CANCEL)))
    assert spdy.room(3) == UNLIMITED  # gone: whatever is sent is dropped
    assert spdy.data(3, b"x") == b""


def test_windows_are_granted_as_data_is_consumed() -> None:
    client, spdy = SpdyClient(), Spdy()
    half = INITIAL_WINDOW_BYTES // 2
    spdy.feed(client.open({})[1])
    assert spdy.consumed(1, half - 1) == b""
    assert client.frames(spdy.consumed(1, 1)) == [(Type.WINDOW_UPDATE, 0, half), (Type.WINDOW_UPDATE, 1, half)]
    events = spdy.feed(client.data(99, b"x" * half))  # of no stream: still counted for the session
    assert client.frames(replies(events)) == [(Type.WINDOW_UPDATE, 0, half)]


def test_the_number_of_streams_is_bounded() -> None:
    client, spdy = SpdyClient(), Spdy()
    for _ in range(STREAMS_MAX):
        spdy.feed(client.open({})[1])
    stream, opening = client.open({"a": "b"})
    events = spdy.feed(opening)
    assert events == [Reply(struct.pack(">HHIII", 0x8003, 3, 8, stream, Reset.REFUSED_STREAM))]
    spdy.feed(client.control(Type.RST_STREAM, struct.pack(">II", 1, Reset.CANCEL)))
    assert StreamOpened(stream + 2, {"a": "c"}) in spdy.feed(client.open({"a": "c"})[1])


def opened(client: SpdyClient, headers: dict[str, str]) -> bytes:
    return client.open(headers)[1]


@pytest.mark.parametrize(("size", "accepted"), [(HEADERS_BYTES_MAX - 13, True), (HEADERS_BYTES_MAX - 12, False)])
def test_headers_that_inflate_beyond_the_bound_end_the_session(size: int, accepted: bool) -> None:
    client, spdy = SpdyClient(), Spdy()
    events = spdy.feed(opened(client, {"a": "x" * size}))
    assert isinstance(events[-1], StreamOpened) is accepted
    assert isinstance(events[-1], SessionEnded) is not accepted


def broken() -> list[tuple[str, bytes]]:
    client = SpdyClient()
    first = opened(client, {})
    return [
        ("version 2", b"\x80\x02\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01"),
        ("long control frame", struct.pack(">HHI", 0x8003, 6, CONTROL_BYTES_MAX + 1)),
        ("even stream", client.control(Type.SYN_STREAM, struct.pack(">IIH", 2, 0, 0) + SpdyClient().packed({}))),
        ("stream twice", first + client.control(Type.SYN_STREAM, struct.pack(">IIH", 1, 0, 0) + client.packed({}))),
        ("short open", client.control(Type.SYN_STREAM, b"123")),
        ("no compression", client.control(Type.SYN_STREAM, struct.pack(">IIH", 1, 0, 0) + b"garbage")),
        ("short ping", client.control(Type.PING, b"1")),
        ("short reset", client.control(Type.RST_STREAM, b"1")),
        ("short settings", client.control(Type.SETTINGS, struct.pack(">I", 1 << 20))),
        ("endless window", client.window(0, 0x7FFFFFFF)),
        ("empty window", client.window(0, 0)),
    ]


@pytest.mark.parametrize("data", [case[1] for case in broken()], ids=[case[0] for case in broken()])
def test_a_broken_protocol_ends_the_session(data: bytes) -> None:
    spdy = Spdy()
    *_, reply, ended = spdy.feed(data)
    assert isinstance(reply, Reply)
    assert reply.data[:4] == b"\x80\x03\x00\x07"
    assert isinstance(ended, SessionEnded)
    assert ended.reason
    assert spdy.feed(b"anything") == []


def test_a_window_beyond_its_bound_resets_only_its_stream() -> None:
    client, spdy = SpdyClient(), Spdy()
    spdy.feed(opened(client, {}) + opened(client, {}))
    events = spdy.feed(client.window(1, 0x7FFFFFFF))
    assert StreamReset(1) in events
    assert spdy.data(3, b"x") != b""


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    client = SpdyClient()
    said = b""
    for step in draw(st.lists(st.integers(0, 6), max_size=12)):
        stream = draw(st.integers(0, 9))
        if step <= 1:
            said += opened(client, {"streamtype": draw(st.sampled_from(["stdin", "error", "data"]))})
        elif step <= 3:
            said += client.data(stream, draw(st.binary(max_size=100)), draw(st.booleans()))
        elif step == 4:
            said += client.window(stream, draw(st.integers(0, 1 << 31)) % (1 << 32))
        elif step == 5:
            said += client.control(draw(st.integers(2, 9)), draw(st.binary(max_size=12)))
        else:
            said += draw(st.binary(max_size=12))
    return said


@given(conversations(), st.lists(st.integers(0, 2000), max_size=10))
@settings(max_examples=100)
def test_however_the_bytes_are_split_the_events_are_the_same(data: bytes, cuts: list[int]) -> None:
    whole, split = Spdy(), Spdy()
    pieces = [event for piece in splits(data, cuts) for event in split.feed(piece)]
    expected = whole.feed(data)
    assert others(pieces) == others(expected)
    assert replies(pieces) == replies(expected)
