"""The rules of the node, one nft table per cluster: text for ``nft -f``. Decides.

Rules match by interface group, so they need no change when pods come and go; only ports of the host are written out.

::

    raw prerouting    (before fragments are put together) only pods and the host itself may send to and from Ghost
                      addresses, egress addresses and the host's pod ranges: the host would answer whoever pretends to
                      be a pod, to that pod; no connection tracking among Ghost addresses
    nat prerouting    ports of the host to pods, for everybody but pods: they resolve node ports at the socket
    nat output        the same for the host's own connections to its own addresses; 127/8 is resolved at the socket
    nat postrouting   pods on their way out look like the host
    filter input      at the node's system addresses pods find DNS and the API, and answers to what the node asked them
    filter forward    a pod's outside address is reached by answers and by ports of the host alone; nobody but the host
                      itself sends through the node pod
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from k3py.vpc.kernel import layout, names
from k3py.vpc.wanted import HOST_IPV4, NodeConfig, Protocol, Wanted

# Before the kernel puts fragments together (NF_IP6_PRI_CONNTRACK_DEFRAG, -400): fragments stay fragments.
BEFORE_FRAGMENTS: Final = -450
# The kernel's usual places (NF_IP_PRI_...), as numbers: their names are not known for every hook.
DESTINATION_NAT, FILTER, SOURCE_NAT = -100, 0, 100
# Where the node's own services for pods are.
DNS_PORT, API_PORT = 53, 443
# From here on sockets get ports that they did not ask for (net.ipv4.ip_local_port_range).
EPHEMERAL_PORT_MIN: Final = 32768
# A rule's targets are written out; a service with more endpoints than this has its first ones used for node ports.
TARGETS_MAX: Final = 1024


@dataclass(frozen=True)
class DnatRule:
    """A port of the host that leads to pods: their outside addresses and ports, spread evenly.

    No ``host_ip``: all addresses of the host. ``affinity``: a client always gets the same target as long as the
    targets stay the same. No targets: no rule.
    """

    protocol: Protocol
    port: int
    targets: tuple[tuple[IPv4Address, int], ...]
    host_ip: IPv4Address | None = None
    affinity: bool = False


def host_port_rules(wanted: Wanted) -> list[DnatRule]:
    """The host ports of all pods that can be reached from outside."""
    return [
        DnatRule(each.protocol, each.host_port, ((pod.outside_ipv4, each.container_port),), each.host_ip)
        for pod in wanted.pods.values()
        for each in pod.host_ports
        if pod.outside_ipv4 is not None
    ]


def ruleset(config: NodeConfig, wanted: Wanted, node_ports: Sequence[DnatRule] = ()) -> str:
    """The whole table; loading the text exchanges it at once, whatever was there before."""
    ports = [_port_rule(each) for each in _ordered([*host_port_rules(wanted), *node_ports])]
    chains = [
        _guard(config, wanted),
        _from_pods(config, wanted),
        _raw_prerouting(config, wanted),
        _raw_output(wanted),
        _chain("host_ports", [], ports),
        _nat_prerouting(config),
        _nat_output(),
        _nat_postrouting(config),
        _to_node(wanted),
        _input(config),
        _forward(config),
    ]
    body = "\n".join(chains)
    return f"table inet {config.table}\ndelete table inet {config.table}\ntable inet {config.table} {{\n{body}}}\n"


def removal(table: str) -> str:
    """Text that takes the table away, also when there is none."""
    return f"table inet {table}\ndelete table inet {table}\n"


def _guard(config: NodeConfig, wanted: Wanted) -> str:
    """For what comes from neither pods nor the host."""
    ipv4 = [config.egress_range, *layout.host_ranges(config, wanted)]
    return _chain(
        "guard",
        [],
        [
            *(f"ip6 {end} {_set(layout.cluster_prefixes(wanted.cluster))} drop" for end in ("daddr", "saddr")),
            *(f"ip {end} {each} drop" for each in ipv4 for end in ("daddr", "saddr")),
        ],
    )


def _from_pods(config: NodeConfig, wanted: Wanted) -> str:
    """The programs let nothing else pass; this holds where they are missing."""
    return _chain(
        "from_pods",
        [],
        [
            f"meta nfproto ipv4 ip saddr != {config.egress_range} drop",
            f"meta nfproto ipv6 ip6 saddr != {_set(layout.cluster_prefixes(wanted.cluster))} drop",
            f"ip6 saddr {_set(layout.system_prefixes(wanted.cluster))} drop",
        ],
    )


def _raw_prerouting(config: NodeConfig, wanted: Wanted) -> str:
    return _chain(
        "raw_prerouting",
        [f"type filter hook prerouting priority {BEFORE_FRAGMENTS}; policy accept;"],
        [
            f"meta iifgroup {config.group} jump from_pods",
            f'meta iifgroup != {_ours(config)} iif != "lo" jump guard',
            f"ip6 daddr {_set(layout.cluster_prefixes(wanted.cluster))} notrack",
        ],
    )


def _raw_output(wanted: Wanted) -> str:
    return _chain(
        "raw_output",
        [f"type filter hook output priority {BEFORE_FRAGMENTS}; policy accept;"],
        [f"ip6 daddr {_set(layout.cluster_prefixes(wanted.cluster))} notrack"],
    )


def _nat_prerouting(config: NodeConfig) -> str:
    return _chain(
        "nat_prerouting",
        [f"type nat hook prerouting priority {DESTINATION_NAT}; policy accept;"],
        [f"meta iifgroup != {_ours(config)} fib daddr type local jump host_ports"],
    )


def _nat_output() -> str:
    return _chain(
        "nat_output",
        [f"type nat hook output priority {DESTINATION_NAT}; policy accept;"],
        ["ip daddr != 127.0.0.0/8 fib daddr type local jump host_ports"],
    )


def _nat_postrouting(config: NodeConfig) -> str:
    return _chain(
        "nat_postrouting",
        [f"type nat hook postrouting priority {SOURCE_NAT}; policy accept;"],
        [f"ip saddr {config.egress_range} oifgroup != {_ours(config)} masquerade"],
    )


def _to_node(wanted: Wanted) -> str:
    """What pods of every VPC may say to the node, also of those that reach nothing outside.

    Nothing is tracked among Ghost addresses, so an answer is known by its flags, or by a port that no service has.
    """
    dns, api = (_set(layout.both_forms(wanted, each)) for each in (wanted.dns, wanted.api))
    host = _set(layout.both_forms(wanted, HOST_IPV4))
    return _chain(
        "to_node",
        [],
        [
            "frag frag-off != 0 return",  # fragments but the first, which alone says more; without it they are lost
            "meta l4proto != { tcp, udp, icmpv6 } drop",  # nft knows these words without /etc/protocols
            f"ip6 daddr {dns} meta l4proto {{ tcp, udp }} th dport != {DNS_PORT} drop",
            f"ip6 daddr {api} meta l4proto {{ tcp, udp }} th dport != {API_PORT} drop",
            f"ip6 daddr {api} meta l4proto udp drop",
            f"ip6 daddr {host} tcp flags & (syn | ack) == syn drop",
            f"ip6 daddr {host} udp dport < {EPHEMERAL_PORT_MIN} drop",
        ],
    )


def _input(config: NodeConfig) -> str:
    return _chain(
        "input",
        [f"type filter hook input priority {FILTER}; policy accept;"],
        [f"meta iifgroup {config.group} meta nfproto ipv6 jump to_node"],
    )


def _forward(config: NodeConfig) -> str:
    return _chain(
        "forward",
        [f"type filter hook forward priority {FILTER}; policy accept;"],
        [
            f"oifgroup {names.node_group(config)} drop",
            f"ip daddr {config.egress_range} ct state new ct status & dnat == 0 drop",
        ],
    )


def _port_rule(rule: DnatRule) -> str:
    at = f"ip daddr {rule.host_ip} " if rule.host_ip else ""
    targets = rule.targets[:TARGETS_MAX]
    head = f"meta nfproto ipv4 {at}{rule.protocol.name.lower()} dport {rule.port} dnat ip to"
    if len(targets) == 1:
        return f"{head} {targets[0][0]}:{targets[0][1]}"
    choice = "jhash ip saddr" if rule.affinity else "numgen random"
    listed = ", ".join(f"{index} : {address} . {port}" for index, (address, port) in enumerate(targets))
    return f"{head} {choice} mod {len(targets)} map {{ {listed} }}"


def _ordered(rules: Iterable[DnatRule]) -> list[DnatRule]:
    """The same rules always give the same text; a rule for one address comes before that for all of them."""

    def key(rule: DnatRule) -> tuple[bool, int, int, int]:
        return rule.host_ip is None, int(rule.host_ip or 0), rule.protocol.value, rule.port

    return sorted((each for each in rules if each.targets), key=key)


def _ours(config: NodeConfig) -> str:
    return f"{{ {config.group}, {names.node_group(config)} }}"


def _set(networks: Iterable[IPv4Network | IPv6Network | IPv6Address]) -> str:
    return f"{{ {', '.join(str(each) for each in networks)} }}"


def _chain(name: str, heads: Sequence[str], rules: Sequence[str]) -> str:
    lines = "".join(f"\t\t{each}\n" for each in (*heads, *rules))
    return f"\tchain {name} {{\n{lines}\t}}\n"
