"""What other servers send: read without trust, kept within bounds."""

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.agent.dns import cache as cache_module
from k3py.agent.dns import foreign, rewriting, wire
from k3py.agent.dns.cache import Cache, Question
from k3py.agent.dns.foreign import BadAnswer, Foreign
from k3py.agent.dns.names import from_text
from k3py.agent.dns.wire import Query
from tests.agent.dns.upstream import respond

NAME = from_text("www.example.com")
SECTION = foreign.question_of(NAME, wire.A)
RECORDS = {
    ("www.example.com", "A"): ["100 CNAME web.example.com.", "web.example.com. 50 A 192.0.2.1"],
}
VALID = respond(foreign.make_query(7, NAME, wire.A), RECORDS)


def query(edns: bool = False) -> Query:
    return Query(9, wire.RECURSION_DESIRED, SECTION, NAME, wire.A, wire.IN, wire.Edns(1232, 0, True) if edns else None)


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_any_bytes_are_an_answer_or_not(data: bytes) -> None:
    if foreign.answers(data, 7, SECTION):
        take(data)


@given(st.lists(st.tuples(st.integers(2, len(VALID) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(VALID)))
@settings(max_examples=200)
def test_a_wrong_answer_is_noticed_or_handed_on_whole(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(VALID)
    for place, value in changes:
        data[place] = value
    for message in (bytes(data), bytes(data[:cut]), bytes(data) + b"!"):
        if foreign.answers(message, 7, SECTION):
            take(message)


def take(data: bytes) -> None:
    try:
        found = foreign.read_answer(data, SECTION)
    except BadAnswer:
        return
    assert 0 <= found.lifetime <= 300
    answer = foreign.render(found, query(edns=True), 1232, 5)
    assert answer[:2] == b"\0\x09"
    assert len(answer) <= 1232
    try:
        rewriting.synthesize(NAME, found)
        rewriting.behind_alias(query(), [], NAME, found, 5, 512)
    except BadAnswer:
        return


def test_only_the_answer_to_our_question_is_taken() -> None:
    assert foreign.answers(VALID, 7, SECTION)
    assert not foreign.answers(VALID, 8, SECTION)
    assert not foreign.answers(VALID, 7, foreign.question_of(NAME, wire.AAAA))
    assert not foreign.answers(VALID, 7, foreign.question_of(from_text("wwx.example.com"), wire.A))
    assert not foreign.answers(foreign.make_query(7, NAME, wire.A), 7, SECTION)
    assert not foreign.answers(b"", 7, SECTION)


def test_the_shortest_record_decides_and_opt_stays_with_the_hop() -> None:
    found = foreign.read_answer(VALID, SECTION)
    assert (found.lifetime, found.counts, found.types) == (50, (2, 0, 0), {wire.A, wire.CNAME})
    assert dns.message.from_wire(foreign.render(found, query(), 512, 0)).edns == -1
    assert dns.message.from_wire(foreign.render(found, query(edns=True), 512, 0)).edns == 0


def test_what_is_too_long_for_a_datagram_is_cut() -> None:
    found = foreign.read_answer(VALID, SECTION)
    answer = dns.message.from_wire(foreign.render(found, query(), 60, 0))
    assert answer.flags & 0x0200
    assert not answer.answer


def entry(size: int = 10, lifetime: int = 100) -> Foreign:
    return Foreign(0, False, (1, 0, 0), b"x" * size, (), lifetime, frozenset({1}))


def about(number: int) -> Question:
    return Question((("192.0.2.53", 53),), b"%d" % number, 1)


def test_the_cache_forgets_whom_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "ENTRIES_MAX", 3)
    made = Cache()
    for number in range(3):
        made.put(about(number), entry(), 0)
    made.get(about(0), 1)
    made.put(about(3), entry(), 1)
    assert made.get(about(1), 1) is None
    assert made.get(about(0), 1) is not None
    assert len(made) == 3


def test_the_cache_has_bounds() -> None:
    made = Cache()
    for number in range(cache_module.ENTRIES_MAX + 10):
        made.put(about(number), entry(), 0)
        made.put_failure(about(-number), 0)
    assert len(made) == cache_module.ENTRIES_MAX
    for number in range(3_000):
        made.put(about(number), entry(cache_module.ANSWER_SIZE_MAX), 0)
        assert made.size <= cache_module.BYTES_MAX
    made.put(about(-1), entry(cache_module.ANSWER_SIZE_MAX + 1), 0)
    assert made.get(about(-1), 0) is None
    for number in range(3_000):
        made.put(about(number), entry(), 0)
        made.put(about(number), entry(lifetime=0), 0)
    assert made.size == sum(each.size for each in made._entries.values())
