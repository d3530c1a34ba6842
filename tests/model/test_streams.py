import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.model.errors import BadRequest, NotFound, Unavailable
from k3py.model.streams import (
    MESSAGE_BYTES_MAX,
    STREAM_REQUEST_BYTES_MAX,
    Attach,
    Channel,
    Exec,
    Logs,
    NodeUnreachable,
    PortForward,
    StreamRequest,
    close_message,
    decode_request,
    decode_resize,
    decode_status,
    encode_request,
    exit_status,
    messages,
    problem_status,
    resize_message,
    split,
    status_message,
    success_status,
)

POD = {"namespace": "default", "pod": "web", "uid": "u-1"}
REQUESTS: list[StreamRequest] = [
    Exec(**POD, container="c", command=("sh", "-c", "echo ö"), stdin=True, tty=True),
    Attach(**POD, container="c", stdout=True),
    Logs(**POD, container="c", follow=True, tail_lines=0, since_time="2026-01-01T00:00:00Z"),
    PortForward(**POD, port=8080),
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_arrives_as_it_was_sent(request_: StreamRequest) -> None:
    assert decode_request(encode_request(request_)) == request_


def test_a_newer_end_may_say_more() -> None:
    plain = msgspec.json.decode(encode_request(REQUESTS[3]))
    assert decode_request(msgspec.json.encode({**plain, "color": "blue"})) == REQUESTS[3]


def test_a_command_up_to_the_bound_fits_and_a_longer_one_is_refused() -> None:
    empty = len(encode_request(Exec(**POD, container="c", command=("",))))
    room = STREAM_REQUEST_BYTES_MAX - empty
    longest = Exec(**POD, container="c", command=("x" * room,))
    assert decode_request(encode_request(longest)) == longest
    with pytest.raises(BadRequest, match="too long"):
        encode_request(Exec(**POD, container="c", command=("x" * (room + 1),)))
    with pytest.raises(BadRequest):
        decode_request(b" " * (STREAM_REQUEST_BYTES_MAX + 1))


@given(st.binary(max_size=100))
def test_garbage_is_a_bad_request(data: bytes) -> None:
    for decode in (decode_request, decode_resize, decode_status):
        with contextlib.suppress(BadRequest):
            decode(data)
    with contextlib.suppress(BadRequest):
        channel, rest = split(data)
        assert bytes((channel,)) + rest == data


@given(st.sampled_from([Channel.STDIN, Channel.STDOUT, Channel.STDERR]), st.integers(0, 3 * MESSAGE_BYTES_MAX))
def test_data_of_any_size_comes_out_of_its_messages(channel: Channel, size: int) -> None:
    data = (b"abc" * size)[:size]
    sent = list(messages(channel, data))
    assert all(1 < len(m) <= MESSAGE_BYTES_MAX for m in sent)
    assert b"".join(split(m)[1] for m in sent) == data
    assert {split(m)[0] for m in sent} <= {channel}


def test_control_messages() -> None:
    assert split(close_message(Channel.STDIN)) == (Channel.CLOSE, b"\0")
    channel, data = split(resize_message(80, 24))
    assert (channel, decode_resize(data).width, decode_resize(data).height) == (Channel.RESIZE, 80, 24)
    assert msgspec.json.decode(data) == {"Width": 80, "Height": 24}


@pytest.mark.parametrize("text", ["", "x" * 10 * MESSAGE_BYTES_MAX, "\x01" * MESSAGE_BYTES_MAX, "ö\U0001f600" * 20000])
def test_a_status_always_fits(text: str) -> None:
    message = status_message(NotFound(text).status())
    assert len(message) <= MESSAGE_BYTES_MAX
    channel, data = split(message)
    assert channel is Channel.STATUS
    assert decode_status(data)["reason"] == "NotFound"


def test_how_a_command_ended() -> None:
    assert exit_status(0) == success_status()
    assert exit_status(3)["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert problem_status(ValueError("a path, a secret"))["message"].endswith("internal error")
    assert issubclass(NodeUnreachable, Unavailable)
