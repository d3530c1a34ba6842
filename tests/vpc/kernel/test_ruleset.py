"""The text of the nft table."""

from ipaddress import IPv4Address

from k3py.vpc.kernel.names import node_group
from k3py.vpc.kernel.ruleset import TARGETS_MAX, DnatRule, removal, ruleset
from k3py.vpc.wanted import HostPort, NodeConfig, PodNetwork, Protocol
from tests.vpc.bpf.kernel_objects import in_network_namespace
from tests.vpc.kernel.machine import CONFIG, DEFAULT, INSTANCE, run, wanted

POD = PodNetwork(
    "pod", DEFAULT.id, IPv4Address("10.42.0.3"), "/ns", IPv4Address("100.64.0.2"),
    host_ports=(HostPort(Protocol.UDP, 53, 5353, IPv4Address("192.0.2.1")), HostPort(Protocol.TCP, 80, 8080)),
)  # fmt: skip


def lines(text: str) -> list[str]:
    return [each.strip() for each in text.splitlines()]


def test_the_whole_table_is_exchanged_at_once():
    text = ruleset(CONFIG, wanted())
    name = f"table inet k3py-{INSTANCE}"
    assert text.startswith(f"{name}\ndelete {name}\n{name} {{\n")
    assert removal(CONFIG.table) == f"{name}\ndelete {name}\n"


def test_rules_match_by_group_and_do_not_change_with_pods():
    without_ports = PodNetwork("pod", DEFAULT.id, IPv4Address("10.42.0.3"), "/ns", IPv4Address("100.64.0.2"))
    assert ruleset(CONFIG, wanted(without_ports)) == ruleset(CONFIG, wanted())


def test_host_ports_lead_to_outside_addresses_those_of_one_address_first():
    text = lines(ruleset(CONFIG, wanted(POD)))
    special = "meta nfproto ipv4 ip daddr 192.0.2.1 udp dport 53 dnat ip to 100.64.0.2:5353"
    general = "meta nfproto ipv4 tcp dport 80 dnat ip to 100.64.0.2:8080"
    assert text.index(special) + 1 == text.index(general)


def test_a_pod_without_a_way_out_has_no_host_ports():
    inside = PodNetwork("pod", DEFAULT.id, POD.ipv4, "/ns", host_ports=POD.host_ports)
    assert ruleset(CONFIG, wanted(inside)) == ruleset(CONFIG, wanted())


def test_targets_are_spread_and_a_client_can_be_kept_at_one():
    targets = ((IPv4Address("100.64.0.2"), 80), (IPv4Address("100.64.0.4"), 81))
    spread = ruleset(CONFIG, wanted(), [DnatRule(Protocol.TCP, 30080, targets)])
    assert "tcp dport 30080 dnat ip to numgen random mod 2 map { 0 : 100.64.0.2 . 80, 1 : 100.64.0.4 . 81 }" in spread
    kept = ruleset(CONFIG, wanted(), [DnatRule(Protocol.TCP, 30080, targets, affinity=True)])
    assert "tcp dport 30080 dnat ip to jhash ip saddr mod 2 map" in kept
    assert ruleset(CONFIG, wanted(), [DnatRule(Protocol.TCP, 30080, ())]) == ruleset(CONFIG, wanted())


def test_the_host_guards_the_ranges_that_it_routes_itself():
    text = lines(ruleset(CONFIG, wanted()))
    for end in ("daddr", "saddr"):
        assert {f"ip {end} 10.42.0.0/16 drop", f"ip {end} 100.64.0.0/18 drop"} <= set(text)
        assert f"ip6 {end} {{ fd6b:3370:1000:c0ff:ee11::/80, fd6b:3370:1001:c0ff:ee11::/80 }} drop" in text
    alone = NodeConfig(INSTANCE, "n1", CONFIG.egress_range, host_access=False)
    assert "ip daddr 10.42.0.0/16 drop" not in lines(ruleset(alone, wanted()))


def test_pods_do_not_come_to_ports_of_the_host_by_the_node_pod_either():
    neither = f"meta iifgroup != {{ {CONFIG.group}, {node_group(CONFIG)} }} fib daddr type local jump host_ports"
    assert neither in lines(ruleset(CONFIG, wanted()))


def test_of_the_nodes_own_services_pods_find_dns_and_the_api():
    text = lines(ruleset(CONFIG, wanted()))
    assert f"meta iifgroup {CONFIG.group} meta nfproto ipv6 jump to_node" in text
    assert any("0:a2b:a" in each and each.endswith("th dport != 53 drop") for each in text)
    assert any("0:a2b:1" in each and each.endswith("th dport != 443 drop") for each in text)


def test_second_lines():
    """Programs and routes close these ways already; a live test would not miss the rules."""
    text = lines(ruleset(CONFIG, wanted()))
    assert f"oifgroup {node_group(CONFIG)} drop" in text
    assert "ip daddr 100.64.0.0/18 ct state new ct status & dnat == 0 drop" in text


def test_the_kernel_takes_everything_that_can_be_written(tmp_path):
    addresses = [IPv4Address("100.64.0.1") + each for each in range(TARGETS_MAX + 1)]
    rules = [
        DnatRule(Protocol.TCP, 30080, tuple((each, 80) for each in addresses)),
        DnatRule(Protocol.UDP, 30081, tuple((each, 80) for each in addresses[:3]), IPv4Address("192.0.2.1"), True),
    ]
    text = ruleset(CONFIG, wanted(POD), rules)
    assert f"mod {TARGETS_MAX} " in text
    file = tmp_path / "rules"
    file.write_text(text)

    def load() -> None:
        for _ in range(2):
            run("nft", "-f", file)
        file.write_text(removal(CONFIG.table))
        for _ in range(2):
            run("nft", "-f", file)
        assert run("nft", "list", "tables") == ""

    in_network_namespace(load)
