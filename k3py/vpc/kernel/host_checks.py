"""What of a host stands in the way of the pod network, and what to do about it. Decides; ``host_facts`` finds out.

What belongs to others (firewalls, NetworkManager, VPNs) is named, never touched.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network
from types import MappingProxyType
from typing import Final

from k3py.vpc.egress import SHARED
from k3py.vpc.wanted import NodeConfig

# What programs need, and since when it is there: the ring buffer and links of cgroups (5.8), bpf_redirect_peer (5.10),
# SO_NETNS_COOKIE (5.14), and last bpf_set_retval for programs at connect(2), by which a service without endpoints
# refuses at once (6.1). Links for interfaces (tcx, 6.6) are not needed: filters do the same.
KERNEL_MIN: Final = (6, 1)
_STRICT: Final = "1"


class Severity(Enum):
    """Whether pods have no network, or something around them does not work or may stop working."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and the remedy, a command where there is one."""

    name: str
    severity: Severity
    said: str
    remedy: str


@dataclass(frozen=True)
class HostFacts:
    """What is so on a host.

    Attributes:
        kernel: its release as two numbers.
        sysctls: settings by path below ``/proc/sys``; what does not exist is left out.
        uplinks: the host's own interfaces.
        routes: IPv4 destinations that something other than this instance routes, default routes left out, and by whom
            (the interface).
        tools: commands that are there.
        bpffs, cgroup2, bpf: whether they are mounted, or there.
        services: names of host services that are running, of those that matter here.
        forward_drop: chains in the forward hook whose policy is to drop, as ``family table chain``.
        unmanaged: NetworkManager was told to leave our interfaces alone.
    """

    kernel: tuple[int, int] = KERNEL_MIN
    sysctls: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    uplinks: Sequence[str] = ()
    routes: Sequence[tuple[IPv4Network, str]] = ()
    tools: frozenset[str] = frozenset({"nft"})
    bpffs: bool = True
    cgroup2: bool = True
    bpf: bool = True
    services: frozenset[str] = frozenset()
    forward_drop: Sequence[str] = ()
    unmanaged: bool = False


def examine_host(config: NodeConfig, facts: HostFacts) -> list[Finding]:
    """Everything that was found; nothing: the host is fine."""
    return [finding for check in CHECKS for finding in check(config, facts)]


def _kernel(_: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    if facts.kernel < KERNEL_MIN:
        said = f"kernel {facts.kernel[0]}.{facts.kernel[1]} cannot load the programs that resolve services"
        yield Finding("kernel", Severity.FAIL, said, f"boot a kernel of at least {KERNEL_MIN[0]}.{KERNEL_MIN[1]}")
    if not facts.bpf:
        said = "the kernel has no bpf(2), or refuses it"
        yield Finding(
            "kernel", Severity.FAIL, said, "use a kernel with CONFIG_BPF_SYSCALL; in a container, allow bpf(2)"
        )


def _mounts(_: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    if not facts.bpffs:
        said = "bpffs is not mounted at /sys/fs/bpf; the VPC daemon mounts it if it may"
        yield Finding("bpffs", Severity.WARN, said, "mount -t bpf bpffs /sys/fs/bpf")
    if not facts.cgroup2:
        said = "cgroup2 is mounted nowhere, so services have no addresses"
        yield Finding("cgroup2", Severity.FAIL, said, "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified")


def _tools(_: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    if "nft" not in facts.tools:
        yield Finding("nft", Severity.FAIL, "the command nft is missing", "install the package nftables")


def _ipv6(_: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    if "net/ipv6/conf/all/disable_ipv6" not in facts.sysctls:
        remedy = "boot without ipv6.disable=1; net.ipv6.conf.all.disable_ipv6=1 keeps the host itself without IPv6"
        yield Finding(
            "IPv6", Severity.FAIL, "the kernel was booted without IPv6, which carries the pods' packets", remedy
        )
    elif facts.sysctls["net/ipv6/conf/all/disable_ipv6"] == "1":
        said = "IPv6 is switched off on all interfaces; only our own get it, and other nodes cannot be reached"
        yield Finding("IPv6", Severity.WARN, said, "sysctl -w net.ipv6.conf.all.disable_ipv6=0")


def _forwarding(_: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    for path in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        if facts.sysctls.get(path) == "0":
            name = path.replace("/", ".")
            said = f"{name} is 0, so nothing gets out of pods; the VPC daemon sets it while it runs"
            yield Finding(
                "forwarding", Severity.WARN, said, f"sysctl -w {name}=1, and see what in /etc/sysctl.d sets it"
            )


def _router_advertisements(_: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    if facts.sysctls.get("net/ipv6/conf/all/forwarding") != "1":
        return
    for each in facts.uplinks:
        if facts.sysctls.get(f"net/ipv6/conf/{each}/accept_ra") == "1":
            said = f"{each} ignores router advertisements as the host forwards, so it may lose its IPv6 address"
            yield Finding("accept_ra", Severity.WARN, said, f"sysctl -w net.ipv6.conf.{each}.accept_ra=2")


def _reverse_path(_: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    strict = [each for each in facts.uplinks if facts.sysctls.get(f"net/ipv4/conf/{each}/rp_filter") == _STRICT]
    if len(facts.uplinks) > 1 and (strict or facts.sysctls.get("net/ipv4/conf/all/rp_filter") == _STRICT):
        said = "rp_filter is strict: with several uplinks, answers that come in by another one are dropped"
        yield Finding("rp_filter", Severity.WARN, said, "sysctl -w net.ipv4.conf.all.rp_filter=2")


def _ranges(config: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    for network, device in facts.routes:
        if network.overlaps(config.egress_range):
            said = f"{network} is routed by {device} and overlaps the egress range {config.egress_range}"
            yield Finding("egress range", Severity.FAIL, said, "choose another one: egress-range in the configuration")
        elif network.overlaps(SHARED):
            said = f"{network} is routed by {device}: Tailscale's firewall, say, drops what pods send to the node"
            remedy = "choose an egress-range that lies elsewhere, such as 198.18.0.0/18"
            yield Finding("egress range", Severity.WARN, said, remedy)


def _firewalls(config: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    zone = "firewall-cmd --permanent --zone=trusted"
    let_out = {
        "firewalld": f"{zone} --add-source={config.egress_range} && firewall-cmd --reload",
        "ufw": f"ufw route allow from {config.egress_range}",
    }
    for name, remedy in let_out.items():
        if name in facts.services:
            yield Finding(name, Severity.WARN, f"{name} is running and may keep pods from getting out", remedy)


def _forward_policy(config: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    for chain in facts.forward_drop:
        said = f"the chain '{chain}' drops what is forwarded (Docker sets this), so pods do not get out"
        yield Finding("forward policy", Severity.FAIL, said, _forward_remedy(chain, config, "docker" in facts.services))


def _forward_remedy(chain: str, config: NodeConfig, docker: bool) -> str:
    out, back = f"-s {config.egress_range}", f"-d {config.egress_range}"
    if chain.startswith("ip filter "):
        where = "DOCKER-USER" if docker else "FORWARD"
        return f"iptables -I {where} {out} -j ACCEPT; iptables -I {where} {back} -j ACCEPT"
    if chain.startswith("ip6 filter "):
        return "ip6tables -I FORWARD -s fd6b:3370::/32 -d fd6b:3370::/32 -j ACCEPT"
    return f"nft insert rule {chain} ip saddr {config.egress_range} accept; and the same with daddr"


def _network_manager(config: NodeConfig, facts: HostFacts) -> Iterator[Finding]:
    if "NetworkManager" in facts.services and not facts.unmanaged:
        said = "NetworkManager is running and may take our interfaces for its own"
        setting = f"[keyfile]\\nunmanaged-devices=interface-name:{config.link_prefix}*"
        remedy = f"printf '{setting}\\n' > /etc/NetworkManager/conf.d/k3py.conf && nmcli general reload"
        yield Finding("NetworkManager", Severity.WARN, said, remedy)


CHECKS: Final[Sequence[Callable[[NodeConfig, HostFacts], Iterator[Finding]]]] = (
    _kernel,
    _mounts,
    _tools,
    _ipv6,
    _forwarding,
    _router_advertisements,
    _reverse_path,
    _ranges,
    _firewalls,
    _forward_policy,
    _network_manager,
)
