"""Framing: what is a request, what is refused, and that it never depends on how the bytes came."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.http.admission import Bodies
from k3py.api.http.chunked import SIZE_LINE_BYTES_MAX, TRAILER_BYTES_MAX
from k3py.api.http.limits import Limits
from k3py.api.http.messages import NO_PEER, Peer, Request
from k3py.api.http.reader import RequestReader
from k3py.model.errors import Problem
from tests.api.http.fakes import splits

SMALL = Limits(
    head_bytes=512, header_count=8, body_bytes=1000, bodies_bytes=4000, bodies_bytes_per_client=2000, body_bytes_free=0
)
HOST = b"Host: a\r\n"


def outcome(pieces: list[bytes], limits: Limits = SMALL) -> tuple[list[tuple[str, bytes, object, bytes]], int]:
    """The requests read and the status of the refusal that ended it, 0 for none."""
    bodies = Bodies(limits.bodies_bytes, limits.bodies_bytes_per_client)
    reader = RequestReader(limits, bodies, NO_PEER)
    found: list[tuple[str, bytes, object, bytes]] = []
    code = 0
    for piece in pieces:
        reader.receive(piece)
        try:
            while (request := reader.next()) is not None:
                found.append((request.method, request.target, dict(request.headers), request.body))
        except Problem as problem:
            code = problem.code
            break
    reader.close()
    assert bodies.take(limits.bodies_bytes_per_client, NO_PEER.address), "memory for bodies leaked"
    return found, code


def one(data: bytes, limits: Limits = SMALL) -> Request:
    reader = RequestReader(limits, Bodies(limits.bodies_bytes, limits.bodies_bytes_per_client), NO_PEER)
    reader.receive(data)
    request = reader.next()
    assert request is not None
    return request


def test_a_request_is_read_whole() -> None:
    request = one(b"POST /a%20b?x=1&x=2&y HTTP/1.1\r\n" + HOST + b"X-A: 1 \r\nx-a:2\r\nContent-Length: 3\r\n\r\nabc")
    assert (request.method, request.path, request.body) == ("POST", "/a b", b"abc")
    assert request.query == {"x": ["1", "2"], "y": [""]}
    assert request.headers[b"x-a"] == b"1,2"
    assert request.keep_alive


def test_chunked_bodies_are_joined_and_trailers_read_over() -> None:
    head = b"PUT /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: Chunked\r\n\r\n"
    body = b"3;name=value\r\nabc\r\n0a\r\n0123456789\r\n0\r\nChecksum: x\r\n\r\n"
    assert one(head + body).body == b"abc0123456789"


REFUSED = [
    ("both framings", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("both, swapped", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400),
    ("two lengths", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    ("listed lengths", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    ("signed length", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +3\r\n\r\nabc", 400),
    ("endless length", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 18 + b"\r\n\r\n", 413),
    ("empty length", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: \r\n\r\n", 400),
    ("other coding", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
    ("coding twice", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    ("like chunked", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n", 400),
    ("chunked in 1.0", b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", 400),
    ("space before colon", b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length : 3\r\n\r\n", 400),
    ("folded field", b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n", 400),
    ("bare line feed", b"GET / HTTP/1.1\r\n" + HOST + b"A: b\nContent-Length: 3\r\n\r\n", 400),
    ("NUL in a value", b"GET / HTTP/1.1\r\n" + HOST + b"A: \0\r\n\r\n", 400),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ("HTTP/0.9", b"GET /\r\n\r\n", 400),
    ("RTSP", b"OPTIONS / RTSP/1.0\r\n" + HOST + b"\r\n", 400),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    ("unknown method", b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    ("method not served", b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    ("tunnel", b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    ("expectation", b"POST / HTTP/1.1\r\n" + HOST + b"Expect: tea\r\nContent-Length: 1\r\n\r\n", 417),
]


@pytest.mark.parametrize(("data", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_could_be_read_in_two_ways_is_refused(data: bytes, code: int) -> None:
    assert outcome([data + b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"]) == ([], code)


BAD_CHUNKS = [
    b"+3\r\nabc\r\n0\r\n\r\n",
    b"0x3\r\nabc\r\n0\r\n\r\n",
    b" 3\r\nabc\r\n0\r\n\r\n",
    b"3 \r\nabc\r\n0\r\n\r\n",
    b"-1\r\nabc\r\n0\r\n\r\n",
    b"\r\nabc\r\n0\r\n\r\n",
    b"3\nabc\r\n0\r\n\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
    b"3\r\nab\r\n0\r\n\r\n",
    b"000000003\r\nabc\r\n0\r\n\r\n",
    b"3;a\nb\r\nabc\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("body", BAD_CHUNKS)
def test_a_broken_chunk_is_refused(body: bytes) -> None:
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert outcome([head + body]) == ([], 400)


def sized_head(size: int) -> bytes:
    start, end = b"GET / HTTP/1.1\r\n" + HOST + b"A: ", b"\r\n\r\n"
    return start + b"x" * (size - len(start) - len(end)) + end


def chunked(body: bytes) -> bytes:
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + body


def sized(length: int, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % length + body


FIELDS = [b"A%d: b\r\n" % n for n in range(SMALL.header_count)]
BOUNDS = [
    ("head", sized_head(512), 0),
    ("head", sized_head(513), 431),
    ("endless head", b"GET / HTTP/1.1\r\n" + b"x" * 512, 431),
    ("fields", b"GET / HTTP/1.1\r\n" + HOST + b"".join(FIELDS[1:]) + b"\r\n", 0),
    ("fields", b"GET / HTTP/1.1\r\n" + HOST + b"".join(FIELDS) + b"\r\n", 431),
    ("body", sized(1000, b"x" * 1000), 0),
    ("body", sized(1001), 413),
    ("chunks", chunked(b"3e7\r\n" + b"x" * 999 + b"\r\n1\r\nx\r\n0\r\n\r\n"), 0),
    ("chunks", chunked(b"3e7\r\n" + b"x" * 999 + b"\r\n2\r\n"), 413),
    ("chunk size line", chunked(b"0;" + b"x" * (SIZE_LINE_BYTES_MAX - 2) + b"\r\n\r\n"), 0),
    ("chunk size line", chunked(b"0;" + b"x" * (SIZE_LINE_BYTES_MAX - 1) + b"\r\n\r\n"), 400),
    ("trailer", chunked(b"0\r\n" + b"x" * (TRAILER_BYTES_MAX - 2) + b"\r\n\r\n"), 0),
    ("trailer", chunked(b"0\r\n" + b"x" * (TRAILER_BYTES_MAX + 1) + b"\r\n\r\n"), 400),
]


@pytest.mark.parametrize(("data", "code"), [b[1:] for b in BOUNDS], ids=[f"{b[0]} {b[2]}" for b in BOUNDS])
def test_every_limit_holds_at_its_bound(data: bytes, code: int) -> None:
    found, said = outcome([data])
    assert said == code
    assert len(found) == (1 if code == 0 else 0)


@pytest.mark.parametrize(("data", "code"), [b[1:] for b in BOUNDS], ids=[f"{b[0]} {b[2]}" for b in BOUNDS])
def test_every_limit_holds_byte_by_byte(data: bytes, code: int) -> None:
    assert outcome([bytes((byte,)) for byte in data]) == outcome([data])


def test_bodies_of_all_connections_together_are_bounded() -> None:
    bodies = Bodies(4000, 2000)
    readers = [RequestReader(SMALL, bodies, Peer(f"192.0.2.{number // 2}")) for number in range(4)]
    for reader in readers:
        reader.receive(sized(1000, b"x" * 999))
        assert reader.next() is None
    refused = RequestReader(SMALL, bodies, Peer("192.0.2.9"))
    refused.receive(sized(1000, b"x" * 5))
    with pytest.raises(Problem) as told:
        refused.next()
    assert told.value.code == 503
    readers[0].close()
    again = RequestReader(SMALL, bodies, Peer("192.0.2.9"))
    again.receive(sized(1000, b"x" * 999))
    assert again.next() is None


def test_one_client_may_have_a_part_of_that_and_what_it_only_promises_takes_nothing() -> None:
    bodies = Bodies(4000, 2000)
    promising = [RequestReader(SMALL, bodies, NO_PEER) for _ in range(100)]
    for reader in promising:
        reader.receive(sized(1000))
        assert reader.next() is None
    for reader in promising[:2]:
        reader.receive(b"x" * 999)
        assert reader.next() is None
    promising[2].receive(b"x" * 3)
    with pytest.raises(Problem) as told:
        promising[2].next()
    assert told.value.code == 503
    other = RequestReader(SMALL, bodies, Peer("192.0.2.9"))
    other.receive(sized(1000, b"x" * 999))
    assert other.next() is None


def test_the_beginning_of_a_body_is_not_counted() -> None:
    bodies = Bodies(0, 0)
    limits = Limits(body_bytes_free=10)
    for data, code in [(sized(11, b"x" * 10), 0), (sized(12, b"x" * 11), 503), (chunked(b"a\r\n" + b"x" * 10), 0)]:
        reader = RequestReader(limits, bodies, NO_PEER)
        reader.receive(data)
        if not code:
            assert reader.next() is None
            continue
        with pytest.raises(Problem) as told:
            reader.next()
        assert told.value.code == code


def test_memory_for_bodies_is_given_back_with_each_request() -> None:
    found, code = outcome([sized(1000), b"x" * 1000] * 5 + [sized(1000, b"x" * 1000)])
    assert (len(found), code) == (6, 0)


GOOD = [
    b"GET /a?b=c HTTP/1.1\r\n" + HOST + b"\r\n",
    b"\r\nDELETE /x HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    sized(10, b"0123456789"),
    sized(4, b"\r\n\r\n"),
    chunked(b"5;e=1\r\nhello\r\n1\r\n!\r\n0\r\nT: x\r\n\r\n"),
    b"GET /h HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
]
STREAM = st.lists(
    st.one_of(st.sampled_from(GOOD), st.sampled_from([case[1] for case in REFUSED]), st.binary(max_size=30)),
    max_size=6,
).map(b"".join)
CUTS = st.lists(st.integers(0, 2000), max_size=12)


@given(STREAM, CUTS)
def test_however_the_bytes_are_split_the_outcome_is_the_same(data: bytes, cuts: list[int]) -> None:
    assert outcome(splits(data, cuts)) == outcome([data])


@given(st.lists(st.sampled_from(GOOD), max_size=8), CUTS)
def test_good_requests_are_all_read(requests: list[bytes], cuts: list[int]) -> None:
    found, code = outcome(splits(b"".join(requests), cuts))
    assert (len(found), code) == (len(requests), 0)


@given(st.binary(max_size=300), CUTS)
def test_garbage_is_refused_and_nothing_else(data: bytes, cuts: list[int]) -> None:
    outcome(splits(b"POST / HTTP/1.1\r\n" + HOST + data, cuts))
    outcome(splits(chunked(data), cuts), replace(SMALL, body_bytes=50))
