import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.proxy.frames import (
    PAYLOAD_BYTES,
    Frame,
    FrameReader,
    Hello,
    TunnelError,
    Type,
    encode_frame,
    encode_hello,
)

HELLO = Hello(1, 3, 4096, 7)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    kind = draw(st.sampled_from(Type))
    least, most = PAYLOAD_BYTES[kind]
    size = draw(st.integers(least, min(most, 50)))
    stream = 0 if kind in (Type.PING, Type.PONG) else draw(st.integers(1, 2**32 - 1))
    return Frame(kind, stream, draw(st.binary(min_size=size, max_size=size)))


def read_all(reader: FrameReader) -> list[Hello | Frame]:
    items: list[Hello | Frame] = []
    while (item := reader.next()) is not None:
        items.append(item)
    return items


@given(st.lists(frames(), max_size=8), st.data())
def test_however_the_bytes_are_split_the_same_frames_come_out(sent: list[Frame], data: st.DataObject) -> None:
    whole = encode_hello(HELLO) + b"".join(map(encode_frame, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    reader, seen = FrameReader(), []
    for start, end in pairwise([0, *cuts, len(whole)]):
        reader.feed(whole[start:end])
        seen += read_all(reader)
    assert seen == [HELLO, *sent]


@given(st.binary(max_size=200), st.booleans())
def test_garbage_fails_cleanly_or_waits_for_more(garbage: bytes, greeted: bool) -> None:
    reader = FrameReader()
    reader.feed((encode_hello(HELLO) if greeted else b"") + garbage)
    with contextlib.suppress(TunnelError):
        read_all(reader)


@pytest.mark.parametrize("kind", Type)
def test_a_frame_at_its_bound_is_read_and_one_beyond_refused_before_its_payload_comes(kind: Type) -> None:
    stream = 0 if kind in (Type.PING, Type.PONG) else 9
    least, most = PAYLOAD_BYTES[kind]
    for size in (least, most):
        reader = FrameReader()
        reader.feed(encode_hello(HELLO) + encode_frame(Frame(kind, stream, b"x" * size)))
        assert len(read_all(reader)) == 2
    for size in {least - 1, most + 1} - {-1}:
        reader = FrameReader()
        reader.feed(encode_hello(HELLO) + encode_frame(Frame(kind, stream, b"x" * size))[:9])
        with pytest.raises(TunnelError, match=f"{kind.name} frame of {size} bytes"):
            read_all(reader)


def test_another_protocol_is_noticed_at_its_first_byte() -> None:
    reader = FrameReader()
    reader.feed(b"H")
    with pytest.raises(TunnelError, match="does not speak"):
        reader.next()


def test_stream_zero_belongs_to_the_connection_alone() -> None:
    for frame in (Frame(Type.DATA, 0, b"x"), Frame(Type.PING, 1, b"12345678")):
        reader = FrameReader()
        reader.feed(encode_hello(HELLO) + encode_frame(frame))
        with pytest.raises(TunnelError, match="on stream"):
            read_all(reader)
