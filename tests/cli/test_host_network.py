"""How a host's facts are read, and how findings become results of doctor."""

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from k3py.base.paths import Paths
from k3py.cli import host_network
from k3py.cli.checks import Level
from k3py.cli.host_network import dropping_chains, foreign_routes, gather_host_network, network_results, release
from k3py.vpc.kernel.host_checks import Finding, Severity


def chain(table: str, name: str, **more: str) -> dict[str, Any]:
    return {"chain": {"family": "ip", "table": table, "name": name, "handle": 1, **more}}


def test_chains_as_nft_lists_them() -> None:
    listed = {
        "nftables": [
            {"metainfo": {"version": "1.0.6"}},
            chain("filter", "FORWARD", type="filter", hook="forward", policy="drop"),
            chain("filter", "INPUT", type="filter", hook="input", policy="drop"),
            chain("filter", "DOCKER-USER"),
            chain("k3py-0123abcd", "forward", type="filter", hook="forward", policy="drop"),
        ]
    }
    assert dropping_chains(listed, "k3py-0123abcd") == ["ip filter FORWARD"]
    assert dropping_chains(None, "k3py-0123abcd") == []


def test_routes_as_ip_lists_them() -> None:
    listed = [
        {"dst": "default", "gateway": "10.0.0.1", "dev": "ens3"},
        {"dst": "100.100.100.100", "dev": "tailscale0", "table": "52"},
        {"dst": "100.64.0.7", "dev": "k01230a1b2c3d"},
        {"type": "local", "dst": "127.0.0.0/8", "dev": "lo"},
        {"type": "unreachable", "dst": "100.65.0.0/16"},
    ]
    assert foreign_routes(listed, "k0123") == [
        (IPv4Network("100.100.100.100/32"), "tailscale0"),
        (IPv4Network("100.65.0.0/16"), ""),
    ]
    assert foreign_routes(None, "k0123") == []


@pytest.mark.parametrize(("text", "numbers"), [("6.18.44-fc", (6, 18)), ("5.10", (5, 10)), ("unknown", (0, 0))])
def test_releases(text: str, numbers: tuple[int, int]) -> None:
    assert release(text) == numbers


def test_findings_become_results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    finding = Finding("nft", Severity.FAIL, "missing", "install it")
    monkeypatch.setattr(host_network, "examine_host", lambda config, facts: [finding])
    (result,) = network_results(Paths.below(tmp_path), daemon_runs=False)
    assert (result.name, result.level, result.said, result.remedy) == ("nft", Level.FAIL, "missing", "install it")
    monkeypatch.setattr(host_network, "examine_host", lambda config, facts: [])
    assert [each.level for each in network_results(Paths.below(tmp_path), daemon_runs=False)] == [Level.OK]


def test_facts_of_this_host_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths.below(tmp_path)
    config, facts = gather_host_network(paths, daemon_runs=False)
    assert facts.kernel > (0, 0)
    assert "net/ipv6/conf/all/disable_ipv6" in facts.sysctls
    assert config.egress_range.subnet_of(IPv4Network("100.64.0.0/10"))
    monkeypatch.setattr(host_network, "_ask", lambda *_: [{"dst": "100.64.0.0/10", "dev": "other0"}])
    config, _ = gather_host_network(paths, daemon_runs=False)
    assert config.egress_range == IPv4Network("100.64.0.0/10"), "none is free, and the checks say so"
    (paths.state / "vpc").mkdir(parents=True)
    (paths.state / "vpc/egress-range").write_text("100.99.0.0/18\n")
    config, _ = gather_host_network(paths, daemon_runs=False)
    assert config.egress_range == IPv4Network("100.99.0.0/18")
