"""What doctor says of a host's network, as a table: one fact is not as it should be, and the one check that minds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from k3py.base.paths import Paths
from k3py.cli.checks import Level
from k3py.cli.host_network import egress_users, forward_chains, gather_host_network
from k3py.cli.network_checks import ForwardChain, HostNetwork, examine_host_network

DOCKER = ForwardChain("ip", "filter", "FORWARD", drops=True)
FIREWALLD = ForwardChain("inet", "firewalld", "filter_FORWARD", drops=False)
OTHER = ForwardChain("inet", "mine", "forward", drops=False)
HOSTS: list[tuple[str, dict[str, Any], str, Level, str]] = [
    ("an old kernel", {"kernel": "5.10.0"}, "eBPF", Level.FAIL, "at least 5.18"),
    ("a kernel without a number", {"kernel": "unknown"}, "eBPF", Level.FAIL, "at least 5.18"),
    ("no bpffs", {"bpffs": False}, "eBPF", Level.FAIL, "mount -t bpf"),
    ("no cgroup2", {"cgroup2": False}, "eBPF", Level.FAIL, "mount -t cgroup2"),
    ("no nft", {"nft": ""}, "nftables", Level.FAIL, "apt-get install nftables"),
    ("ipv6.disable=1", {"ipv6": False}, "IPv6", Level.FAIL, "ipv6.disable=1"),
    ("disable_ipv6=1", {"ipv6_disabled": ["lo"]}, "IPv6", Level.FAIL, "net.ipv6.conf.lo.disable_ipv6=0"),
    ("no advertisements", {"deaf": ["ens3"]}, "IPv6", Level.WARN, "net.ipv6.conf.ens3.accept_ra=2"),
    ("Docker", {"forward_chains": [OTHER, DOCKER]}, "firewall", Level.WARN,
     "nft insert rule ip filter FORWARD ip saddr 100.64.0.0/10 accept"),
    ("a firewall of IPv6", {"forward_chains": [ForwardChain("ip6", "filter", "FORWARD", drops=True)]}, "firewall",
     Level.WARN, "nft insert rule ip6 filter FORWARD ip6 daddr fd6b:3370::/32 accept"),
    ("firewalld", {"forward_chains": [FIREWALLD]}, "firewall", Level.WARN, "firewall-cmd"),
    ("NetworkManager", {"adopts_links": True}, "links", Level.WARN, "unmanaged-devices"),
    ("Tailscale", {"egress_users": ["tailscale0"]}, "egress range", Level.WARN, "--egress-range"),
]  # fmt: skip


def test_a_good_host_passes_everything() -> None:
    assert {each.level for each in examine_host_network(HostNetwork(forward_chains=[OTHER]))} == {Level.OK}


@pytest.mark.parametrize(("what", "facts", "name", "level", "remedy"), HOSTS)
def test_one_thing_is_wrong(what: str, facts: dict[str, Any], name: str, level: Level, remedy: str) -> None:
    results = examine_host_network(replace(HostNetwork(), **facts))
    wrong = [each for each in results if each.level is not Level.OK]
    assert [(each.name, each.level) for each in wrong] == [(name, level)], what
    assert remedy in wrong[0].remedy


def test_chains_as_nft_lists_them() -> None:
    def chain(table: str, name: str, **more: str) -> dict[str, Any]:
        return {"chain": {"family": "ip", "table": table, "name": name, "handle": 1, **more}}

    listed = {
        "nftables": [
            {"metainfo": {"version": "1.0.6"}},
            chain("filter", "FORWARD", type="filter", hook="forward", policy="drop"),
            chain("filter", "INPUT", type="filter", hook="input", policy="drop"),
            chain("filter", "DOCKER-USER"),
            chain("k3py-0123abcd", "forward", type="filter", hook="forward", policy="accept"),
        ]
    }
    assert forward_chains(listed, "k3py-0123abcd") == [DOCKER]
    assert forward_chains(None, "k3py-0123abcd") == []


def test_interfaces_as_ip_lists_them() -> None:
    def link(name: str, *addresses: str) -> dict[str, Any]:
        return {"ifname": name, "addr_info": [{"local": each, "prefixlen": 32} for each in addresses]}

    listed = [link("lo", "127.0.0.1"), link("tailscale0", "100.101.102.103"), link("k0123node", "100.64.0.1"), {}]
    assert egress_users(listed, "k0123") == ["tailscale0"]
    assert egress_users(None, "k0123") == []


def test_facts_of_this_host_can_be_had(tmp_path: Path) -> None:
    facts = gather_host_network(Paths.below(tmp_path))
    assert facts.kernel
    assert examine_host_network(facts)
