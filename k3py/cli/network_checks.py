"""What has to be true of a host for the pod network, judged from facts. Decides.

``host_network`` finds the facts out; ``doctor`` shows the results below its own.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from k3py.cli.checks import Level, Result
from k3py.model.ghost import PREFIX

# bpf_set_retval came with 5.18: a service without endpoints refuses connections. Redirects, ring buffers are older.
KERNEL_MIN: Final = (5, 18)
# tcx links: programs are exchanged without a gap, and pinned. Below, they are filters, which go with their device.
KERNEL_LINKS: Final = (6, 6)
# Where the addresses of pods on their way out are taken from.
EGRESS: Final = "100.64.0.0/10"
# Chains that end forwarded packets without a policy that says so.
_FIREWALLD: Final = "firewalld"


@dataclass(frozen=True)
class ForwardChain:
    """A base chain of nftables at the hook ``forward``: that of ``family table chain``."""

    family: str
    table: str
    chain: str
    drops: bool


@dataclass(frozen=True)
class HostNetwork:
    """What is so on this host.

    Attributes:
        kernel: its release.
        nft: the path of the command; empty when there is none.
        bpffs: it is mounted at /sys/fs/bpf, or can be.
        cgroup2: a hierarchy of version 2 is mounted.
        ipv6: the kernel has IPv6.
        ipv6_disabled: interfaces whose ``disable_ipv6`` is 1, of ``all``, ``default`` and ``lo``.
        deaf: uplinks that forward and no longer take router advertisements, though they did.
        forward_chains: of others than k3py.
        adopts_links: NetworkManager runs, and nothing tells it to leave veths alone.
        egress_users: other interfaces with addresses in ``EGRESS``.
    """

    kernel: str = "6.12.0"
    nft: str = "/usr/sbin/nft"
    bpffs: bool = True
    cgroup2: bool = True
    ipv6: bool = True
    ipv6_disabled: Sequence[str] = ()
    deaf: Sequence[str] = ()
    forward_chains: Sequence[ForwardChain] = ()
    adopts_links: bool = False
    egress_users: Sequence[str] = ()


def examine_host_network(facts: HostNetwork) -> list[Result]:
    """Every check, in the order in which one would mend what fails."""
    return [check(facts) for check in CHECKS]


def _programs(facts: HostNetwork) -> Result:
    match = re.match(r"(\d+)\.(\d+)", facts.kernel)
    version = (int(match[1]), int(match[2])) if match else (0, 0)
    if version < KERNEL_MIN:
        wanted = ".".join(map(str, KERNEL_MIN))
        return Result("eBPF", Level.FAIL, f"Linux {facts.kernel}", f"install a kernel of at least {wanted}")
    if not facts.bpffs:
        remedy = "mount -t bpf bpf /sys/fs/bpf; in a container, give it the host's"
        return Result("eBPF", Level.FAIL, "no bpf file system at /sys/fs/bpf", remedy)
    if not facts.cgroup2:
        remedy = "mount -t cgroup2 none /sys/fs/cgroup/unified, or boot with systemd.unified_cgroup_hierarchy=1"
        return Result("eBPF", Level.FAIL, "no cgroup2, where services are resolved", remedy)
    how = "links" if version >= KERNEL_LINKS else "filters"
    return Result("eBPF", Level.OK, f"programs are attached as {how}")


def _nft(facts: HostNetwork) -> Result:
    if not facts.nft:
        return Result("nftables", Level.FAIL, "not installed", "apt-get install nftables")
    return Result("nftables", Level.OK, facts.nft)


def _ipv6(facts: HostNetwork) -> Result:
    if not facts.ipv6:
        remedy = "boot without ipv6.disable=1: pods talk by IPv6 below their IPv4; the host needs no address of its own"
        return Result("IPv6", Level.FAIL, "the kernel runs without it", remedy)
    if facts.ipv6_disabled:
        names = ", ".join(facts.ipv6_disabled)
        remedy = "; ".join(f"sysctl -w net.ipv6.conf.{each}.disable_ipv6=0" for each in facts.ipv6_disabled)
        return Result("IPv6", Level.FAIL, f"switched off for {names}", f"{remedy} (and in /etc/sysctl.d)")
    if facts.deaf:
        names = ", ".join(facts.deaf)
        remedy = "; ".join(f"sysctl -w net.ipv6.conf.{each}.accept_ra=2" for each in facts.deaf)
        return Result("IPv6", Level.WARN, f"{names} forwards and so takes no router advertisements", remedy)
    return Result("IPv6", Level.OK, "the kernel has it")


def _firewall(facts: HostNetwork) -> Result:
    if any(each.table == _FIREWALLD for each in facts.forward_chains):
        sources = f"--add-source={EGRESS} --add-source={PREFIX}"
        remedy = f"firewall-cmd --permanent --zone=trusted {sources}; firewall-cmd --reload"
        return Result("firewall", Level.WARN, "firewalld may keep pods from the outside", remedy)
    dropping = [each for each in facts.forward_chains if each.drops]
    if not dropping:
        return Result("firewall", Level.OK, "nobody drops what is forwarded")
    said = ", ".join(f"{each.family} {each.table} {each.chain}" for each in dropping)
    remedy = "; ".join(dict.fromkeys(remedy for each in dropping for remedy in _accepting(each)))
    return Result("firewall", Level.WARN, f"forwarded packets are dropped by {said}", remedy)


def _accepting(chain: ForwardChain) -> list[str]:
    """Commands that let pods' packets through a chain that drops: those of Docker, ufw and whoever else does."""
    rules = []
    if chain.family in ("ip", "inet"):
        rules += [f"ip saddr {EGRESS}", f"ip daddr {EGRESS}"]
    if chain.family in ("ip6", "inet"):
        rules += [f"ip6 daddr {PREFIX}"]
    return [f"nft insert rule {chain.family} {chain.table} {chain.chain} {each} accept" for each in rules]


def _manager(facts: HostNetwork) -> Result:
    if facts.adopts_links:
        remedy = "put 'unmanaged-devices=type:veth' below [keyfile] into /etc/NetworkManager/conf.d/k3py.conf"
        return Result("links", Level.WARN, "NetworkManager may take pods' links for its own", remedy)
    return Result("links", Level.OK, "left alone")


def _egress(facts: HostNetwork) -> Result:
    if facts.egress_users:
        names = ", ".join(facts.egress_users)
        remedy = "k3py takes a slice that nobody routes; --egress-range of 'k3py vpc' names another"
        return Result("egress range", Level.WARN, f"{names} has addresses of {EGRESS} too (Tailscale does)", remedy)
    return Result("egress range", Level.OK, f"{EGRESS} is free")


CHECKS: Final[Sequence[Callable[[HostNetwork], Result]]] = (_programs, _nft, _ipv6, _firewall, _manager, _egress)
