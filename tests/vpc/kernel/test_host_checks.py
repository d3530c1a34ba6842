"""What doctor says of a host."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from k3py.vpc.kernel.host_checks import HostFacts, Severity, examine_host
from k3py.vpc.kernel.host_facts import forward_drops, host_facts, release
from tests.vpc.bpf.kernel_objects import in_network_namespace
from tests.vpc.kernel.machine import CONFIG

FORWARDS = {"net/ipv6/conf/all/disable_ipv6": "0", "net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}
FINE = HostFacts(sysctls=FORWARDS, uplinks=("eth0",), routes=[(IPv4Network("192.0.2.0/24"), "eth0")])


def with_settings(**changed: str) -> HostFacts:
    """``net__ipv4__ip_forward`` stands for the path."""
    return replace(FINE, sysctls={**FORWARDS, **{name.replace("__", "/"): value for name, value in changed.items()}})


CASES = [
    (replace(FINE, kernel=(6, 0)), "kernel", Severity.FAIL, "at least 6.1"),
    (replace(FINE, bpf=False), "kernel", Severity.FAIL, "bpf"),
    (replace(FINE, bpffs=False), "bpffs", Severity.WARN, "mount -t bpf"),
    (replace(FINE, cgroup2=False), "cgroup2", Severity.FAIL, "mount -t cgroup2"),
    (replace(FINE, tools=frozenset()), "nft", Severity.FAIL, "nftables"),
    (replace(FINE, sysctls={}), "IPv6", Severity.FAIL, "ipv6.disable=1"),
    (with_settings(net__ipv6__conf__all__disable_ipv6="1"), "IPv6", Severity.WARN, "disable_ipv6=0"),
    (with_settings(net__ipv4__ip_forward="0"), "forwarding", Severity.WARN, "net.ipv4.ip_forward=1"),
    (with_settings(net__ipv6__conf__eth0__accept_ra="1"), "accept_ra", Severity.WARN, "eth0.accept_ra=2"),
    (
        replace(with_settings(net__ipv4__conf__eth1__rp_filter="1"), uplinks=("eth0", "eth1")),
        "rp_filter", Severity.WARN, "rp_filter=2",
    ),
    (replace(FINE, routes=[(IPv4Network("100.64.0.0/10"), "tailscale0")]), "egress range", Severity.FAIL, "choose"),
    (replace(FINE, routes=[(IPv4Network("100.100.1.1/32"), "tailscale0")]), "egress range", Severity.WARN, "198.18"),
    (replace(FINE, services=frozenset({"firewalld"})), "firewalld", Severity.WARN, "--add-source=100.64.0.0/18"),
    (replace(FINE, services=frozenset({"ufw"})), "ufw", Severity.WARN, "ufw route allow from 100.64.0.0/18"),
    (replace(FINE, services=frozenset({"NetworkManager"})), "NetworkManager", Severity.WARN, "interface-name:k7e57*"),
    (
        replace(FINE, forward_drop=["ip filter FORWARD"], services=frozenset({"docker"})),
        "forward policy", Severity.FAIL, "DOCKER-USER -s 100.64.0.0/18 -j ACCEPT",
    ),
    (replace(FINE, forward_drop=["ip filter FORWARD"]), "forward policy", Severity.FAIL, "iptables -I FORWARD"),
    (replace(FINE, forward_drop=["ip6 filter FORWARD"]), "forward policy", Severity.FAIL, "ip6tables"),
    (replace(FINE, forward_drop=["inet mine f"]), "forward policy", Severity.FAIL, "nft insert rule inet mine f"),
]  # fmt: skip


def test_a_good_host_gives_nothing_to_say():
    assert examine_host(CONFIG, FINE) == []
    assert examine_host(CONFIG, replace(FINE, services=frozenset({"NetworkManager"}), unmanaged=True)) == []


@pytest.mark.parametrize(("facts", "name", "severity", "remedy"), CASES, ids=[each[1] for each in CASES])
def test_what_is_wrong_is_named_with_its_remedy(facts, name, severity, remedy):
    (finding,) = examine_host(CONFIG, facts)
    assert (finding.name, finding.severity) == (name, severity)
    assert remedy in finding.remedy
    assert finding.said


def test_chains_of_others_that_drop_what_is_forwarded():
    chains = [
        {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"},
        {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "policy": "drop"},
        {"family": "inet", "table": "ours", "name": "forward", "hook": "forward", "policy": "drop"},
        {"family": "inet", "table": "fine", "name": "forward", "hook": "forward", "policy": "accept"},
    ]
    listed = {"nftables": [{"metainfo": {}}, *({"chain": each} for each in chains)]}
    assert list(forward_drops(listed, "ours")) == ["ip filter FORWARD"]
    assert list(forward_drops({}, "ours")) == []


@pytest.mark.parametrize(
    ("text", "expected"), [("6.18.44-fc", (6, 18)), ("5.10.0-28-amd64", (5, 10)), ("strange", (0, 0))]
)
def test_releases(text, expected):
    assert release(text) == expected


def test_facts_are_found_on_a_host():
    found: list[HostFacts] = []
    in_network_namespace(lambda: found.append(host_facts(CONFIG)))
    (facts,) = found
    assert facts.kernel >= (6, 1)
    assert facts.sysctls["net/ipv4/ip_forward"] == "0"
    assert facts.routes == []
