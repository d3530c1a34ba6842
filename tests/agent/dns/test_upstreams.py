"""Whom to ask: the VPC's servers, else the node's; never ourselves, never what only the node can reach."""

import asyncio
from pathlib import Path

import pytest

from k3py.agent.dns import entries
from k3py.agent.dns.upstreams import LOOK_SECONDS, HostResolvConf, parse_resolv_conf, servers_of
from k3py.base import virtual_loop
from k3py.base.clock import LoopClock
from k3py.model import ghost
from tests.agent.dns.world import CLUSTER, SHOP, source, vpc


def nameservers(*asked: str, cidr: str = "10.0.0.0/16") -> tuple[str, ...]:
    found = entries.vpc_entry(vpc("shop", SHOP, cidr, *asked))
    assert found is not None
    return found.nameservers


def test_a_vpc_may_name_servers_outside() -> None:
    assert nameservers("192.0.2.53", "2001:db8::53") == ("192.0.2.53", "2001:db8::53")


def test_a_server_in_the_vpc_is_reached_at_its_ghost_address() -> None:
    assert nameservers("10.0.3.4") == (source(SHOP, "10.0.3.4"),)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "169.254.1.1",
        "fe80::1",
        "224.0.0.1",
        "10.43.0.10",
        "::ffff:127.0.0.1",
        source(SHOP + 1, "10.0.3.4"),
        source(0, "10.43.0.10"),
        "dns.example.com",
        "",
    ],
)
def test_what_only_the_node_can_reach_is_left_out(address: str) -> None:
    assert nameservers(address) == ()


def test_no_more_than_three_are_asked() -> None:
    assert len(nameservers(*(f"192.0.2.{number}" for number in range(1, 9)))) == 3


def test_the_nodes_servers_serve_a_vpc_that_names_none_but_never_ourselves() -> None:
    entry = entries.vpc_entry(vpc("default", 1))
    assert entry is not None
    host = ("10.43.0.10", source(0, "10.43.0.10"), source(0, "10.43.0.10", native=True), "127.0.0.53", "192.0.2.9")
    assert servers_of(entry, host, ["192.0.2.9"]) == (("127.0.0.53", 53),)
    named = entries.vpc_entry(vpc("default", 1, "10.42.0.0/16", "192.0.2.53"))
    assert named is not None
    assert servers_of(named, host, []) == (("192.0.2.53", 53),)


def test_no_vpc_reaches_pods_of_default_by_naming_them_as_servers() -> None:
    default, shop, only, same_range = (
        entry
        for each in (
            vpc("default", 1, "10.42.0.0/16", "10.42.0.53"),
            vpc("shop", SHOP, "10.0.0.0/16", "10.42.0.53", "2001:db8::53"),
            vpc("shop", SHOP, "10.0.0.0/16", "10.42.0.53"),
            vpc("shop", SHOP, "10.42.0.0/16", "10.42.0.53"),
        )
        if (entry := entries.vpc_entry(each)) is not None
    )
    assert servers_of(shop, ["192.0.2.9"], [], default) == (("2001:db8::53", 53),)
    assert servers_of(only, ["192.0.2.9"], [], default) == ()
    assert servers_of(same_range, [], [], default) == ((source(SHOP, "10.42.0.53"), 53),)
    assert servers_of(default, [], [], default) == ((source(1, "10.42.0.53"), 53),)


@pytest.mark.parametrize(
    "prefix", ["", "hello", "2001:db8::/96", str(ghost.block(CLUSTER, 0, entries.IPv4Network("0.0.0.0/0")))]
)
def test_a_vpc_without_a_place_is_no_vpc_yet(prefix: str) -> None:
    made = vpc("shop", SHOP)
    made.status.prefix = prefix
    assert entries.vpc_entry(made) is None


def test_resolv_conf_is_read_leniently() -> None:
    text = (
        "# a comment\nnameserver 127.0.0.53\nnameserver\nnameserver x\n nameserver 2001:db8::1\nnameserver 127.0.0.53\n"
    )
    assert parse_resolv_conf(text) == ("127.0.0.53", "2001:db8::1")


def test_resolv_conf_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"

    async def story() -> None:
        made = HostResolvConf(path, LoopClock(asyncio.get_running_loop()))
        assert made.servers() == ()
        path.write_text("nameserver 192.0.2.1\n")
        assert made.servers() == ()  # it was looked at a moment ago
        await asyncio.sleep(LOOK_SECONDS)
        assert made.servers() == ("192.0.2.1",)
        path.write_text("nameserver 192.0.2.22\n")
        await asyncio.sleep(LOOK_SECONDS)
        assert made.servers() == ("192.0.2.22",)
        path.unlink()
        await asyncio.sleep(LOOK_SECONDS)
        assert made.servers() == ("192.0.2.22",)

    virtual_loop.run(story())
