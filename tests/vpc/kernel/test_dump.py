"""Links and routes are read without pyroute2, which says the same of them."""

import errno
import socket
import struct
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.vpc.kernel import dump, routes
from k3py.vpc.kernel.netlink import netlink
from k3py.vpc.kernel.seen import all_links, dumped_link, find_link
from k3py.vpc.kernel.values import Route
from tests.vpc.bpf.kernel_objects import in_network_namespace
from tests.vpc.kernel.machine import CONFIG, run

DONE, ERROR, SOME = 3, 2, 16


def message(kind: int, body: bytes, sequence: int = 1, flags: int = 2) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body + bytes(-len(body) % 4)


def test_links_and_routes_are_as_pyroute2_sees_them():
    def inside() -> None:
        run("ip", "link", "add", "one", "mtu", "1400", "group", "77", "type", "veth", "peer", "name", "two")
        run("ip", "link", "set", "one", "up", "arp", "off")
        run("ip", "link", "set", "two", "up")
        wanted = {
            Route(ip_network("10.1.0.0/16"), "one"),
            Route(ip_network("10.2.0.1/32"), "one", mtu=1300),
            Route(ip_network("fd00::7/128"), "one"),
            Route(ip_network("fd00:1::/64")),
        }
        with netlink() as connection:
            for each in wanted:
                routes.put(connection, CONFIG, each, socket.if_nametoindex("one") if each.device else 0)
            routes.put(connection, replace(CONFIG, instance="0befe77e"), Route(ip_network("10.3.0.0/16"), "one"), 3)
            found = all_links()
            assert {each.name for each in found} == {"lo", "one", "two"}
            assert [find_link(connection, each.name) for each in found] == found
            assert routes.seen(CONFIG, {each.index: each.name for each in found}) == wanted
            assert routes.seen_unreachable(CONFIG) == {Route(ip_network("fd00:1::/64"))}

    in_network_namespace(inside)


def test_more_than_one_read():
    def inside() -> None:
        with netlink() as connection:
            for number in range(300):
                connection.link("add", ifname=f"d{number}", kind="veth", peer={"ifname": f"p{number}"})
        assert len({each.index for each in all_links()}) == 601

    in_network_namespace(inside)


def test_an_answer_in_pieces():
    answer = dump.Dump()
    answer.take(message(SOME, b"aaaa") + message(SOME, b"bb") + message(SOME, b"others", sequence=2), 1)
    assert (answer.messages, answer.done, answer.interrupted) == ([b"aaaa", b"bb"], False, False)
    answer.take(message(SOME, b"c", flags=0x12) + message(DONE, bytes(4)), 1)
    assert (answer.messages, answer.done, answer.interrupted) == ([b"aaaa", b"bb", b"c"], True, True)


def test_a_refusal_and_damage():
    with pytest.raises(OSError, match="Operation not permitted"):
        dump.Dump().take(message(ERROR, struct.pack("=i", -errno.EPERM)), 1)
    with pytest.raises(OSError, match="Bad message"):
        dump.Dump().take(message(SOME, b"aaaa")[:-2], 1)


@given(st.binary(max_size=200))
def test_whatever_comes_is_taken_or_refused(data):
    for part in (data, message(SOME, data), message(DONE, data)):
        answer = dump.Dump()
        try:
            answer.take(part, 1)
        except OSError:
            continue
        for each in answer.messages:
            dump.attributes(each, 0)
    for read in (dumped_link, lambda each: routes.dumped_route(each, 1, {})):
        try:
            read(data)
        except (ValueError, struct.error):
            continue
