"""An exec session, told as what comes and what goes."""

import contextlib
import re
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.cli.channels import Opened, ToSend
from k3py.cli.exec_session import STATUS_BYTES_MAX, Ended, Event, ExecSession, Output
from k3py.cli.exec_session import outcome as outcome_of
from k3py.cli.handshake import HEAD_BYTES_MAX
from k3py.model.errors import NotFound, Problem, Unavailable
from k3py.model.streams import Channel, status_message
from k3py.model.websocket import Opcode, Part, WebSocket, accept_key, frame

NON_ZERO = {
    "status": "Failure",
    "reason": "NonZeroExitCode",
    "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
}


def fixed(size: int) -> bytes:
    return bytes(range(1, size + 1))


def head(session: ExecSession) -> bytes:
    """A server's answer to the session's own request."""
    request = session.request("host:6443", "/exec", {"User-Agent": "test"})
    key = re.search(rb"Sec-WebSocket-Key: (.*)\r\n", request)
    assert key is not None
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        f"Sec-WebSocket-Accept: {accept_key(key[1])}",
        "Sec-WebSocket-Protocol: v5.channel.k8s.io",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def opened() -> ExecSession:
    session = ExecSession(fixed)
    assert session.feed(head(session)) == [Opened()]
    return session


def test_output_comes_and_the_exit_code_ends_it() -> None:
    session = opened()
    assert session.feed(frame(Opcode.BINARY, b"\x01hello")) == [Output(Channel.STDOUT, b"hello")]
    assert session.feed(frame(Opcode.BINARY, b"\x02oh")) == [Output(Channel.STDERR, b"oh")]
    session.feed(frame(Opcode.BINARY, status_message(NON_ZERO)))
    assert session.feed(frame(Opcode.CLOSE, b"\x03\xe8"))[-1] == Ended(7)


def test_it_does_not_matter_in_which_pieces_bytes_come() -> None:
    session = ExecSession(fixed)
    data = head(session) + frame(Opcode.BINARY, b"\x01hello") + frame(Opcode.PING, b"?")
    events = [event for byte in data for event in session.feed(bytes([byte]))]
    assert events[0] == Opened()
    assert b"".join(each.data for each in events if isinstance(each, Output)) == b"hello"
    assert isinstance(events[-1], ToSend)


SENT: list[tuple[Callable[[ExecSession], bytes], list[bytes]]] = [
    (lambda session: session.stdin(b"ls\n"), [b"\x00ls\n"]),
    (lambda session: session.stdin_closed(), [b"\xff\x00"]),
    (lambda session: session.resized(80, 24), [b'\x04{"Width":80,"Height":24}']),
]


@pytest.mark.parametrize(("send", "messages"), SENT)
def test_a_server_reads_what_is_sent(send: Callable[[ExecSession], bytes], messages: list[bytes]) -> None:
    server = WebSocket()
    assert server.feed(send(opened())) == [Part(each, True, True) for each in messages]


def test_a_refusal_is_the_servers_own() -> None:
    body = msgspec.json.encode({"kind": "Status", "reason": "NotFound", "message": "no such pod", "code": 404})
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    session = ExecSession(fixed)
    assert session.feed(answer[:-1]) == []
    with pytest.raises(NotFound, match="no such pod"):
        session.feed(answer[-1:])


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 101 ok\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        b"x" * (HEAD_BYTES_MAX + 1),
    ],
)
def test_what_is_no_server_of_this_protocol(answer: bytes) -> None:
    with pytest.raises(Unavailable):
        ExecSession(fixed).feed(answer)


def test_an_end_without_an_outcome_leaves_it_open() -> None:
    with pytest.raises(Unavailable, match="unknown"):
        opened().feed(frame(Opcode.CLOSE, b"\x03\xe8"))


def test_an_outcome_has_a_bound() -> None:
    session = opened()
    session.feed(frame(Opcode.BINARY, b"\x03" + b"x" * STATUS_BYTES_MAX))
    with pytest.raises(Unavailable, match="too long"):
        session.feed(frame(Opcode.BINARY, b"\x03y"))


OUTCOMES = [
    ({"status": "Success"}, Ended(0)),
    (NON_ZERO, Ended(7)),
    ({"status": "Failure", "message": "no such command"}, Ended(1, "no such command")),
    ([], Ended(1, "cannot read the command's outcome")),
    ({"details": {"causes": [{"reason": "ExitCode", "message": "x"}]}}, Ended(1, "cannot read the command's outcome")),
]


@pytest.mark.parametrize(("status", "ended"), OUTCOMES)
def test_outcomes(status: object, ended: Ended) -> None:
    assert outcome_of(msgspec.json.encode(status)) == ended


@given(st.lists(st.binary(max_size=40), max_size=5), st.booleans())
def test_any_bytes_are_events_or_a_problem(pieces: list[bytes], after_opening: bool) -> None:
    session = opened() if after_opening else ExecSession(fixed)
    events: list[Event] = []
    with contextlib.suppress(Problem):
        for piece in pieces:
            events += session.feed(piece)
    assert all(isinstance(each, Opened | Output | ToSend | Ended) for each in events)
