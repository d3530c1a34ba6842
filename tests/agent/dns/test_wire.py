"""Messages: every byte string is answered by the rules or dropped, and what comes out can be read."""

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.agent.dns import responder as responder_module
from k3py.agent.dns import wire
from k3py.agent.dns.names import BadName, end_of_name, from_text, reverse_zone, skip_name, to_labels
from k3py.agent.dns.responder import Forward, Responder
from tests.agent.dns.world import ask, endpoints, says, service, source, table

WEB = "web.default.svc.cluster.local"
HERE = source(1)


def responder() -> Responder:
    many = [(f"10.42.1.{host}", "", True) for host in range(200)]
    return Responder(table(service("web", "10.43.0.80"), service("many", "None"), endpoints("many", *many)))


def answer_to(data: bytes, *, tcp: bool = False) -> bytes | None:
    found = responder().decide(data, HERE, tcp=tcp)
    assert not isinstance(found, Forward)
    return found


def read(data: bytes | None) -> dns.message.Message:
    assert data is not None
    return dns.message.from_wire(data)


@given(st.binary(max_size=600))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_answered_or_dropped(data: bytes) -> None:
    found = responder().decide(data, HERE)
    if isinstance(found, bytes):
        assert found[:2] == data[:2]
        assert found[2] & 0x80
        assert len(found) <= 1232
        dns.message.from_wire(found)


VALID = dns.message.make_query(WEB, "A", use_edns=0).to_wire()


@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(VALID)))
@settings(max_examples=150, deadline=None)
def test_a_query_with_a_few_wrong_bytes_does_no_harm(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(VALID)
    for place, value in changes:
        data[place] = value
    for message in (bytes(data), bytes(data[:cut])):
        made = responder()
        for _ in range(2):
            found = made.ready(message, HERE) or made.decide(message, HERE)
            if isinstance(found, bytes):
                assert found[:2] == message[:2]
                assert found[2] & 0x80
                dns.message.from_wire(found)


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=4), st.integers(0, 0xFFFF), st.booleans())
@settings(max_examples=200, deadline=None)
def test_what_dnspython_asks_is_read_as_it_was_meant(labels: list[bytes], number: int, edns: bool) -> None:
    name = dns.name.Name([*labels, b""])
    query = dns.message.make_query(name, "AAAA", use_edns=0 if edns else -1, payload=1400 if edns else None)
    query.id = number
    found = wire.read_query(query.to_wire())
    assert isinstance(found, wire.Query)
    assert (found.id, found.type, found.rclass) == (number, wire.AAAA, wire.IN)
    assert to_labels(found.name) == tuple(each.lower() for each in labels)
    assert (found.edns is not None) == edns
    assert found.udp_size_max == (1232 if edns else 512)


def test_answers_and_stumps_get_silence() -> None:
    for data in (b"", b"\0" * 11, dns.message.make_response(dns.message.make_query(WEB, "A")).to_wire()):
        assert answer_to(data) is None


def test_other_operations_are_not_implemented() -> None:
    for opcode in (dns.opcode.NOTIFY, dns.opcode.UPDATE, dns.opcode.STATUS):
        query = dns.message.make_query(WEB, "A")
        query.set_opcode(opcode)
        assert read(answer_to(query.to_wire())).rcode() == dns.rcode.NOTIMP


FORMAT_ERRORS = {
    "no question": bytes.fromhex("abcd01000000000000000000"),
    "two questions": bytes.fromhex("abcd01000002000000000000") + b"\1a\0\0\1\0\1" * 2,
    "no name": bytes.fromhex("abcd01000001000000000000"),
    "half a name": bytes.fromhex("abcd01000001000000000000") + b"\5ab",
    "a pointer": bytes.fromhex("abcd01000001000000000000") + b"\xc0\x0c\0\1\0\1",
    "no type": bytes.fromhex("abcd01000001000000000000") + b"\1a\0\0",
    "a name of 257 bytes": bytes.fromhex("abcd01000001000000000000") + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1",
    "an answer": bytes.fromhex("abcd01000001000100000000") + b"\1a\0\0\1\0\1",
    "bytes behind": bytes.fromhex("abcd01000001000000000000") + b"\1a\0\0\1\0\1!",
    "two OPT": bytes.fromhex("abcd01000001000000000002") + b"\1a\0\0\1\0\1" + wire.opt_record(0, False) * 2,
    "OPT with a name": bytes.fromhex("abcd01000001000000000001") + b"\1a\0\0\1\0\1\1b" + wire.opt_record(0, False),
    "OPT cut off": bytes.fromhex("abcd01000001000000000001") + b"\1a\0\0\1\0\1" + wire.opt_record(0, False)[:-1],
    "half an option": bytes.fromhex("abcd01000001000000000001") + b"\1a\0\0\1\0\1\0\0\x29\4\xd0\0\0\0\0\0\3\0\3\0",
    "five additional": bytes.fromhex("abcd01000001000000000005") + b"\1a\0\0\1\0\1" + b"\0\0\1\0\1\0\0\0\0\0\0" * 5,
}


@pytest.mark.parametrize("data", FORMAT_ERRORS.values(), ids=FORMAT_ERRORS)
def test_a_malformed_query_is_told_so(data: bytes) -> None:
    answer = read(answer_to(data))
    assert (answer.id, answer.rcode()) == (0xABCD, dns.rcode.FORMERR)


def test_transfers_and_other_classes_are_refused() -> None:
    assert read(answer_to(dns.message.make_query("cluster.local", "AXFR").to_wire())).rcode() == dns.rcode.REFUSED
    assert read(answer_to(dns.message.make_query("version.bind", "TXT", "CH").to_wire())).rcode() == dns.rcode.REFUSED


def test_edns_is_answered_with_edns_and_dnssec_ok_comes_back() -> None:
    answer = read(answer_to(dns.message.make_query(WEB, "A", use_edns=0, want_dnssec=True).to_wire()))
    assert (answer.edns, answer.payload) == (0, 1232)
    assert answer.ednsflags & dns.flags.DO
    assert read(answer_to(dns.message.make_query(WEB, "A").to_wire())).edns == -1


def test_another_version_of_edns_is_answered_with_ours() -> None:
    query = dns.message.make_query(WEB, "A", use_edns=1)
    answer = read(answer_to(query.to_wire()))
    assert (answer.rcode(), answer.edns) == (dns.rcode.BADVERS, 0)


def test_an_option_that_is_not_known_is_passed_over() -> None:
    query = dns.message.make_query(WEB, "A", use_edns=0, options=[dns.edns.GenericOption(10, b"cookie!!")])
    assert says(read(answer_to(query.to_wire()))) == [f"{WEB} A 10.43.0.80"]


def test_the_askers_case_and_flags_come_back() -> None:
    query = dns.message.make_query("WeB.dEfault.svc.CLUSTER.local", "A")
    answer = read(answer_to(query.to_wire()))
    assert answer.question[0].name.to_text() == "WeB.dEfault.svc.CLUSTER.local."
    assert answer.answer[0].name.to_text() == "WeB.dEfault.svc.CLUSTER.local."
    assert answer.flags & dns.flags.AA
    assert answer.flags & dns.flags.RA
    assert answer.flags & dns.flags.RD
    query.flags &= ~dns.flags.RD
    assert not read(answer_to(query.to_wire())).flags & dns.flags.RD


def test_what_does_not_fit_is_cut_and_said_so() -> None:
    name = "many.default.svc.cluster.local"
    short = ask(responder(), name)
    assert short.flags & dns.flags.TC
    assert 20 < len(says(short)) < 200
    longer = ask(responder(), name, edns=True)
    assert longer.flags & dns.flags.TC
    assert len(says(longer)) > len(says(short))
    whole = ask(responder(), name, tcp=True)
    assert not whole.flags & dns.flags.TC
    assert len(says(whole)) == 200


def test_additional_records_that_do_not_fit_are_left_out_silently() -> None:
    made = table(service("db", "None"), endpoints("db", *[(f"10.42.0.{n}", f"host-{n}", True) for n in range(1, 7)]))
    answer = ask(Responder(made), "_http._tcp.db.default.svc.cluster.local", "SRV")
    assert not answer.flags & dns.flags.TC
    assert len(says(answer)) == 6
    assert len(answer.additional) < 6


def test_addresses_take_turns() -> None:
    made = table(service("db", "None"), endpoints("db", *[(f"10.42.0.{n}", "", True) for n in range(1, 9)]))
    asked = Responder(made)
    firsts = {ask(asked, "db.default.svc.cluster.local").answer[0][0].address for _ in range(8)}
    assert len(firsts) == 4
    assert all(len(says(ask(asked, "db.default.svc.cluster.local"))) == 8 for _ in range(4))


def test_kept_answers_are_the_same_but_for_the_id() -> None:
    asked = responder()
    data = dns.message.make_query(WEB, "A").to_wire()
    assert asked.ready(data, HERE) is None
    first = asked.decide(data, HERE)
    other = b"\xab\xcd" + data[2:]
    assert isinstance(first, bytes)
    assert asked.ready(other, HERE) == b"\xab\xcd" + first[2:]
    assert asked.ready(data, source(7)) is None  # another VPC has answers of its own


def test_kept_answers_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responder_module, "KEPT_ANSWERS_MAX", 8)
    monkeypatch.setattr(responder_module, "SOURCES_MAX", 4)
    asked = responder()
    for number in range(50):
        ask(asked, f"n{number}.default.svc.cluster.local")
        assert sum(map(len, asked._by_vpc.values())) <= 8
    for number in range(50):
        asked.decide(dns.message.make_query(WEB, "A").to_wire(), source(1, f"10.42.0.{number}"))
        assert len(asked._by_source) <= 4
    monkeypatch.setattr(responder_module, "KEPT_BYTES_MAX", 1000)
    for number in range(50):
        ask(asked, f"n{number}.default.svc.cluster.local")
        assert asked._kept_bytes <= 1000


def test_queries_with_options_find_what_is_kept_for_those_without() -> None:
    asked = responder()
    for number in range(20):
        cookie = dns.edns.GenericOption(10, b"cookie%02d" % number)
        query = dns.message.make_query(WEB, "A", use_edns=0, options=[cookie], id=number)
        assert asked.ready(query.to_wire(), HERE) is None
        answer = asked.decide(query.to_wire(), HERE)
        assert isinstance(answer, bytes)
        assert dns.message.from_wire(answer).id == number
        assert says(dns.message.from_wire(answer)) == [f"{WEB} A 10.43.0.80"]
    assert asked._kept == 1
    plain = dns.message.make_query(WEB, "A", use_edns=0)
    assert asked.ready(plain.to_wire(), HERE) is not None


@given(st.binary(max_size=300), st.integers(0, 300))
def test_names_in_any_bytes_end_or_do_not(data: bytes, offset: int) -> None:
    for find in (end_of_name, skip_name):
        end = find(data, offset)
        assert end == -1 or offset < end <= len(data)


@pytest.mark.parametrize("text", ["a..b", ".a", "a" * 64, "é.com", ".".join(["a" * 63] * 4)])
def test_text_that_is_no_name(text: str) -> None:
    with pytest.raises(BadName):
        from_text(text)


def test_zones_of_networks() -> None:
    from ipaddress import ip_network

    assert reverse_zone(ip_network("10.43.0.0/16")) == from_text("43.10.in-addr.arpa")
    assert reverse_zone(ip_network("10.0.0.0/12")) == from_text("10.in-addr.arpa")
    assert reverse_zone(ip_network("fd6b:3370::/32")) == from_text("0.7.3.3.b.6.d.f.ip6.arpa")
