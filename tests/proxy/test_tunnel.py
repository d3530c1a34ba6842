"""The rules of the tunnel: small scripts first, then two ends that are compared with a plain model of queues."""

from collections import deque
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from k3py.model.streams import MESSAGE_BYTES_MAX, Logs
from k3py.proxy.frames import Frame, Hello, Type, encode_credit, encode_frame, encode_hello
from k3py.proxy.tunnel import (
    MOVES,
    STREAMS_MAX,
    WINDOW_BYTES,
    WINDOW_BYTES_MIN,
    Abandon,
    Accept,
    Command,
    Consumed,
    Deliver,
    End,
    EndOfStream,
    Fail,
    PingWanted,
    Ready,
    Received,
    Resume,
    Send,
    StreamEvent,
    StreamState,
    Tunnel,
    cost,
)

REQUEST = Logs(namespace="default", pod="web", uid="u", container="c")
HELLO = encode_hello(Hello(1, 1, WINDOW_BYTES, STREAMS_MAX))


def frame(kind: Type, stream: int, payload: bytes = b"") -> bytes:
    return encode_frame(Frame(kind, stream, payload))


def fed(tunnel: Tunnel, *data: bytes) -> list[Command]:
    return list(tunnel.on(Received(b"".join(data))))


def greeted(end: End, **settings_: int) -> Tunnel:
    tunnel = Tunnel(end, **settings_)
    assert fed(tunnel, HELLO) == [Ready()]
    return tunnel


def opened() -> Tunnel:
    """A hub with stream 1 open."""
    tunnel = greeted(End.HUB)
    assert tunnel.open(REQUEST)[0] == 1
    return tunnel


def test_a_stream_from_beginning_to_end() -> None:
    hub, node = greeted(End.HUB), greeted(End.NODE)
    number, send = hub.open(REQUEST)
    assert fed(node, send.data) == [Accept(1, REQUEST)]
    assert fed(hub, node.send(1, b"\1line").data) == [Deliver(1, b"\1line")]
    assert fed(hub, *(s.data for s in node.close(1))) == [EndOfStream(1)]
    assert not node.may_send(1, 1)
    assert fed(node, hub.send(1, b"\0late").data) == [Deliver(1, b"\0late")]
    assert fed(node, *(s.data for s in hub.close(1))) == [EndOfStream(1)]
    assert (hub.streams, node.streams) == (0, 0)
    assert not hub.is_live(number)
    assert list(node.close(1)) == list(hub.reset(1, "late")) == []


def test_every_stream_can_end_and_every_state_is_reached() -> None:
    reached, ahead = {StreamState.OPEN}, [StreamState.OPEN]
    while ahead:
        for following in MOVES[ahead.pop()].values():
            if following not in reached:
                reached.add(following)
                ahead.append(following)
    assert reached == set(StreamState) == set(MOVES)
    for state in StreamState:
        if state is not StreamState.GONE:
            assert MOVES[state][StreamEvent.RESET_SENT] is StreamState.GONE
            assert MOVES[state][StreamEvent.RESET_RECEIVED] is StreamState.GONE


def test_a_reset_tells_the_other_end_and_what_was_under_way_is_passed_over() -> None:
    hub = opened()
    (send,) = hub.reset(1, "the client left")
    node = greeted(End.NODE)
    fed(node, frame(Type.OPEN, 1, b'{"type":"logs","namespace":"d","pod":"p","uid":"u","container":"c"}'))
    late = [node.send(1, b"\1x").data, *(s.data for s in node.close(1))]
    assert fed(node, send.data) == [Abandon(1, "the client left")]
    assert fed(hub, *late, frame(Type.WINDOW, 1, encode_credit(9)), frame(Type.RESET, 1)) == []
    assert hub.is_ready


def test_pings_are_answered_with_their_own_payload() -> None:
    node = greeted(End.NODE)
    assert fed(node, frame(Type.PING, 0, b"12345678")) == [Send(frame(Type.PONG, 0, b"12345678"))]
    assert fed(node, frame(Type.PONG, 0, b"12345678")) == []
    assert list(node.on(PingWanted(b"abcdefgh"))) == [Send(frame(Type.PING, 0, b"abcdefgh"))]


def test_a_sender_stops_at_the_window_and_goes_on_with_the_credit() -> None:
    hub, node = opened(), greeted(End.NODE, window=WINDOW_BYTES)
    fed(node, frame(Type.OPEN, 1, b'{"type":"logs","namespace":"d","pod":"p","uid":"u","container":"c"}'))
    message, sent = b"\1" * MESSAGE_BYTES_MAX, 0
    while node.may_send(1, len(message)):
        assert fed(hub, node.send(1, message).data) == [Deliver(1, message)]
        sent += 1
    assert sent == WINDOW_BYTES // cost(len(message))
    credit: list[Command] = []
    while not credit:
        credit = list(hub.on(Consumed(1, len(message))))
        sent -= 1
    assert sent > 0, "credit comes before everything was read"
    assert isinstance(credit[0], Send)
    assert fed(node, credit[0].data) == [Resume(1)]
    assert node.may_send(1, len(message))


def test_a_stream_carries_any_number_of_windows() -> None:
    hub, node = opened(), greeted(End.NODE)
    fed(node, frame(Type.OPEN, 1, b'{"type":"logs","namespace":"d","pod":"p","uid":"u","container":"c"}'))
    message = b"\1" * MESSAGE_BYTES_MAX
    for _ in range(5 * WINDOW_BYTES // MESSAGE_BYTES_MAX):
        assert fed(hub, node.send(1, message).data) == [Deliver(1, message)]
        for credit in hub.on(Consumed(1, len(message))):
            assert isinstance(credit, Send)
            assert fed(node, credit.data) == [Resume(1)]


VIOLATIONS = {
    "another protocol": (End.HUB, b"GET / HTTP/1.1\r\n", "does not speak"),
    "a version too new": (End.HUB, encode_hello(Hello(2, 9, WINDOW_BYTES, 1)), "upgrade the older"),
    "a version too old": (End.HUB, encode_hello(Hello(0, 0, WINDOW_BYTES, 1)), "upgrade the older"),
    "a window too small": (End.HUB, encode_hello(Hello(1, 1, WINDOW_BYTES_MIN - 1, 1)), "offers a window"),
    "a window too large": (End.HUB, encode_hello(Hello(1, 1, 2**31, 1)), "offers a window"),
    "an unknown frame": (End.HUB, HELLO + b"\x63" + bytes(8), "unknown frame type"),
    "a stream from the node": (End.HUB, HELLO + frame(Type.OPEN, 1, b"{}"), "only servers do"),
    "data for nothing": (End.HUB, HELLO + frame(Type.DATA, 1, b"x"), "never opened"),
    "opened twice": (End.NODE, HELLO + 2 * frame(Type.OPEN, 1, b"{}"), "opened twice"),
    "opened backwards": (End.NODE, HELLO + frame(Type.OPEN, 2, b"{}") + frame(Type.OPEN, 1, b"{}"), "out of order"),
}


@pytest.mark.parametrize("case", VIOLATIONS)
def test_whoever_breaks_the_protocol_is_cut_off_with_a_reason(case: str) -> None:
    end, data, words = VIOLATIONS[case]
    tunnel = Tunnel(end)
    last = fed(tunnel, data)[-1]
    assert isinstance(last, Fail)
    assert words in last.reason
    assert fed(tunnel, frame(Type.PING, 0, bytes(8))) == []
    assert not tunnel.is_ready


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (frame(Type.CLOSE, 1) + frame(Type.DATA, 1, b"x"), "after its end"),
        (2 * frame(Type.CLOSE, 1), "closed twice"),
        (frame(Type.WINDOW, 1, encode_credit(2**32 - 1)), "beyond all bounds"),
        (9 * frame(Type.DATA, 1, b"x" * MESSAGE_BYTES_MAX), "more data on stream 1"),
        (WINDOW_BYTES // cost(1) * frame(Type.DATA, 1, b"x") + frame(Type.DATA, 1, b"x"), "more data"),
    ],
)
def test_whoever_breaks_the_rules_of_a_stream_is_cut_off(data: bytes, words: str) -> None:
    last = fed(opened(), data)[-1]
    assert isinstance(last, Fail)
    assert words in last.reason


def test_exactly_the_window_is_accepted() -> None:
    tunnel = opened()
    count = WINDOW_BYTES // cost(1)
    assert fed(tunnel, count * frame(Type.DATA, 1, b"x")) == [Deliver(1, b"x")] * count


def test_streams_beyond_the_bound_are_refused_one_by_one() -> None:
    node = greeted(End.NODE, streams_max=2)
    request = b'{"type":"logs","namespace":"d","pod":"p","uid":"u","container":"c"}'
    answers = fed(node, *(frame(Type.OPEN, n, request) for n in (1, 2, 3)))
    assert [type(a) for a in answers] == [Accept, Accept, Send]
    hub = Tunnel(End.HUB)
    fed(hub, encode_hello(Hello(1, 1, WINDOW_BYTES, 1)))
    assert hub.may_open()
    hub.open(REQUEST)
    assert not hub.may_open()
    assert fed(hub, frame(Type.RESET, 1, b"no \xff")) == [Abandon(1, "no �")]
    assert hub.may_open()


def test_a_request_that_makes_no_sense_costs_only_its_stream() -> None:
    node = greeted(End.NODE)
    (answer,) = fed(node, frame(Type.OPEN, 1, b"what?"))
    assert isinstance(answer, Send)
    hub = opened()
    (told,) = fed(hub, answer.data)
    assert isinstance(told, Abandon)
    assert "cannot read the stream request" in told.reason
    assert node.is_ready


@settings(max_examples=200)
@given(st.sampled_from(End), st.booleans(), st.lists(st.binary(max_size=60), max_size=5))
def test_garbage_never_raises(end: End, hello: bool, pieces: list[bytes]) -> None:
    tunnel = Tunnel(end)
    if hello:
        fed(tunnel, HELLO)
    for piece in pieces:
        commands = fed(tunnel, piece)
        assert all(not isinstance(c, Fail) for c in commands[:-1]), "nothing follows a failure"


@st.composite
def hostile_frames(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(Type))
    size = draw(st.sampled_from([0, 1, 4, 8, 100]))
    return frame(kind, draw(st.integers(0, 4)), draw(st.binary(min_size=size, max_size=size)))


@settings(max_examples=200)
@given(st.sampled_from(End), st.lists(hostile_frames(), max_size=20))
def test_well_formed_nonsense_never_raises(end: End, sent: list[bytes]) -> None:
    tunnel = greeted(end)
    if end is End.HUB:
        tunnel.open(REQUEST)
        tunnel.open(REQUEST)
    for each in sent:
        fed(tunnel, each)
        assert tunnel.streams <= STREAMS_MAX


class Side:
    """One end in the model: its tunnel, the bytes on their way to it, and what its application saw."""

    def __init__(self, end: End) -> None:
        self.tunnel = Tunnel(end, window=WINDOW_BYTES_MIN, streams_max=3)
        self.incoming = bytearray(b"")
        self.unread: dict[int, deque[bytes]] = {}
        self.read: dict[int, list[bytes]] = {}
        self.sent: dict[int, list[bytes]] = {}
        self.ended: set[int] = set()
        self.broken: set[int] = set()


class TwoEnds(RuleBasedStateMachine):
    """Whatever the interleaving: what goes in comes out, in order, once; nobody holds more than the window."""

    def __init__(self) -> None:
        super().__init__()
        self.hub, self.node = Side(End.HUB), Side(End.NODE)
        self.count = 0
        for side, other in ((self.hub, self.node), (self.node, self.hub)):
            self.obey(side, other, [side.tunnel.hello()])
        self.bytes_arrive(True, 100)
        self.bytes_arrive(False, 100)

    def sides(self, from_hub: bool) -> tuple[Side, Side]:
        return (self.hub, self.node) if from_hub else (self.node, self.hub)

    def obey(self, side: Side, other: Side, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case Send(data):
                    other.incoming += data
                case Accept(number, _):
                    side.unread[number], side.read[number], side.sent[number] = deque(), [], []
                case Deliver(number, message):
                    side.unread[number].append(message)
                case EndOfStream(number):
                    side.ended.add(number)
                case Abandon(number, _):
                    side.broken.add(number)
                case Fail(reason):
                    raise AssertionError(reason)

    @precondition(lambda self: self.hub.tunnel.may_open())
    @rule()
    def open(self) -> None:
        number, send = self.hub.tunnel.open(REQUEST)
        self.hub.unread[number], self.hub.read[number], self.hub.sent[number] = deque(), [], []
        self.obey(self.hub, self.node, [send])

    @rule(from_hub=st.booleans(), pick=st.integers(0, 9), size=st.sampled_from([1, 2, 500, 20_000, MESSAGE_BYTES_MAX]))
    def send(self, from_hub: bool, pick: int, size: int) -> None:
        side, other = self.sides(from_hub)
        ready = [n for n in side.sent if side.tunnel.may_send(n, size)]
        if ready:
            number = ready[pick % len(ready)]
            self.count += 1
            message = (self.count.to_bytes(4, "big") * (size // 4 + 1))[:size]
            side.sent[number].append(message)
            self.obey(side, other, [side.tunnel.send(number, message)])

    @rule(from_hub=st.booleans(), count=st.integers(1, 70_000))
    def bytes_arrive(self, from_hub: bool, count: int) -> None:
        other, side = self.sides(from_hub)
        data = bytes(side.incoming[:count])
        del side.incoming[:count]
        self.obey(side, other, side.tunnel.on(Received(data)))

    @rule(from_hub=st.booleans(), pick=st.integers(0, 9))
    def read(self, from_hub: bool, pick: int) -> None:
        side, other = self.sides(from_hub)
        waiting = [n for n, messages in side.unread.items() if messages]
        if waiting:
            number = waiting[pick % len(waiting)]
            message = side.unread[number].popleft()
            side.read[number].append(message)
            self.obey(side, other, side.tunnel.on(Consumed(number, len(message))))

    @rule(from_hub=st.booleans(), pick=st.integers(0, 9))
    def close(self, from_hub: bool, pick: int) -> None:
        side, other = self.sides(from_hub)
        if side.sent:
            self.obey(side, other, side.tunnel.close(list(side.sent)[pick % len(side.sent)]))

    @rule(from_hub=st.booleans(), pick=st.integers(0, 9))
    def reset(self, from_hub: bool, pick: int) -> None:
        side, other = self.sides(from_hub)
        live = [n for n in side.sent if side.tunnel.is_live(n)]
        if live:
            number = live[pick % len(live)]
            self.obey(side, other, side.tunnel.reset(number, "because"))
            self.hub.broken.add(number)
            self.node.broken.add(number)

    @invariant()
    def what_came_out_went_in_before_in_the_same_order(self) -> None:
        for side, other in ((self.hub, self.node), (self.node, self.hub)):
            for number, messages in side.read.items():
                arrived = [*messages, *side.unread[number]]
                assert arrived == other.sent.get(number, [])[: len(arrived)]

    @invariant()
    def nobody_holds_more_than_the_window(self) -> None:
        for side in (self.hub, self.node):
            for messages in side.unread.values():
                assert sum(cost(len(m)) for m in messages) <= WINDOW_BYTES_MIN

    def teardown(self) -> None:
        """Everything that is under way arrives and is read: nothing is missing but on streams that were reset."""
        for _ in range(50):
            for from_hub in (True, False):
                self.bytes_arrive(from_hub, 10**9)
                for pick in range(5):
                    self.read(from_hub, pick)
        for side, other in ((self.hub, self.node), (self.node, self.hub)):
            for number, messages in other.sent.items():
                if number not in side.broken:
                    assert side.read[number] == messages
        assert self.hub.tunnel.streams == self.node.tunnel.streams


TestTwoEnds = TwoEnds.TestCase
TestTwoEnds.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
