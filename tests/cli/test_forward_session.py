"""A forwarded connection, told as what comes and what goes."""

import contextlib
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.cli.channels import Opened, ToSend
from k3py.cli.forward_session import PIECE_BYTES, PROBLEM_BYTES_MAX, Ended, ForwardSession, Received
from k3py.model.errors import NotFound, Problem, Unavailable
from k3py.model.websocket import CloseCode, Opcode, Part, WebSocket, accept_key, frame

PORT = b"\x90\x1f"  # 8080, low byte first
CLOSE = frame(Opcode.CLOSE, CloseCode.NORMAL.to_bytes(2, "big"))


def fixed(size: int) -> bytes:
    return bytes(range(1, size + 1))


def head(session: ForwardSession) -> bytes:
    """A server's answer to the session's own request."""
    key = re.search(rb"Sec-WebSocket-Key: (.*)\r\n", session.request("host:6443", "/pf?ports=8080", {}))
    assert key is not None
    lines = ["HTTP/1.1 101 ok", f"Sec-WebSocket-Accept: {accept_key(key[1])}",
             "Sec-WebSocket-Protocol: v5.channel.k8s.io"]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode()


def opened() -> ForwardSession:
    """A session whose server has said which port each channel is for."""
    session = ForwardSession(fixed)
    assert session.feed(head(session)) == [Opened()]
    assert session.feed(frame(Opcode.BINARY, b"\x00" + PORT) + frame(Opcode.BINARY, b"\x01" + PORT)) == []
    return session


def test_data_comes_and_the_pod_ends_it() -> None:
    session = opened()
    assert session.feed(frame(Opcode.BINARY, b"\x00hello")) == [Received(b"hello")]
    assert session.feed(CLOSE)[-1] == Ended()


def test_it_does_not_matter_in_which_pieces_bytes_come() -> None:
    session = ForwardSession(fixed)
    data = head(session) + frame(Opcode.BINARY, b"\x00" + PORT + b"hel") + frame(Opcode.BINARY, b"\x00lo") + CLOSE
    events = [event for byte in data for event in session.feed(bytes([byte]))]
    assert events[0] == Opened()
    assert b"".join(each.data for each in events if isinstance(each, Received)) == b"hello"
    assert events[-1] == Ended()


def test_what_went_wrong_is_told_at_the_end_and_has_a_bound() -> None:
    session = opened()
    session.feed(frame(Opcode.BINARY, b"\x01cannot connect to port 8080: refused"))
    assert session.feed(CLOSE)[-1] == Ended("cannot connect to port 8080: refused")
    session = opened()
    for _ in range(3):
        session.feed(frame(Opcode.BINARY, b"\x01" + b"x" * (PROBLEM_BYTES_MAX // 2)))
    assert session.feed(CLOSE)[-1] == Ended("x" * PROBLEM_BYTES_MAX)


def test_a_server_reads_what_is_sent() -> None:
    session, server = opened(), WebSocket()
    assert server.feed(session.data(b"GET /")) == [Part(b"\x00GET /", True, True)]
    large = server.feed(session.data(b"a" * (PIECE_BYTES + 1)))
    assert [len(each.data) for each in large if isinstance(each, Part)] == [PIECE_BYTES + 1, 2]
    assert server.feed(session.data_ended()) == [Part(b"\xff\x00", True, True)]


def test_pings_are_answered() -> None:
    assert isinstance(opened().feed(frame(Opcode.PING, b"?"))[0], ToSend)


def test_a_refusal_is_the_servers_own() -> None:
    body = msgspec.json.encode({"kind": "Status", "reason": "NotFound", "message": "no such pod", "code": 404})
    session = ForwardSession(fixed)
    with pytest.raises(NotFound, match="no such pod"):
        session.feed(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def test_a_connection_that_breaks_off() -> None:
    assert isinstance(opened().finish(), Unavailable)


@given(st.lists(st.binary(max_size=40), max_size=5), st.booleans())
def test_any_bytes_are_events_or_a_problem(pieces: list[bytes], after_opening: bool) -> None:
    session = opened() if after_opening else ForwardSession(fixed)
    with contextlib.suppress(Problem):
        for piece in pieces:
            assert all(isinstance(each, Opened | Received | ToSend | Ended) for each in session.feed(piece))
