"""``/etc/hosts``, ``/etc/resolv.conf`` and ``/etc/hostname`` of a pod: texts, without any I/O."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from k3py.model.generated.core_v1 import HostAlias, Pod

# resolv.conf(5): glibc reads no more than three name servers; Kubernetes keeps searches to 32 entries, 2048 bytes.
NAMESERVERS_MAX: Final = 3
SEARCHES_MAX: Final = 32
SEARCH_BYTES_MAX: Final = 2048
HOSTNAME_LENGTH_MAX: Final = 63

_MANAGED: Final = "# Kubernetes-managed hosts file.\n"
_MANAGED_HOST: Final = "# Kubernetes-managed hosts file (host network).\n"
_LOOPBACK: Final = (
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
)


@dataclass(frozen=True)
class Dns:
    """The cluster's DNS: its servers and domain."""

    servers: Sequence[str] = ()
    domain: str = "cluster.local"


def hostname(pod: Pod, node_name: str) -> str:
    """The pod's host name, or the node's with the host's network."""
    if pod.spec.hostname_override:
        return pod.spec.hostname_override
    if pod.spec.host_network:
        return node_name
    return (pod.spec.hostname or pod.metadata.name)[:HOSTNAME_LENGTH_MAX].rstrip("-.")


def hosts(pod: Pod, host_file: str, node_name: str, pod_ips: Sequence[str], domain: str) -> str:
    """``/etc/hosts``: the host's own with the host's network, else one of the pod's."""
    aliases = _aliases(pod.spec.host_aliases)
    if pod.spec.host_network:
        return _MANAGED_HOST + host_file + aliases
    name, lines = hostname(pod, node_name), []
    for address in pod_ips:
        if pod.spec.subdomain:
            full = f"{name}.{pod.spec.subdomain}.{pod.metadata.namespace}.svc.{domain}"
            lines.append(f"{address}\t{full}\t{name}\n")
        else:
            lines.append(f"{address}\t{name}\n")
    return _MANAGED + _LOOPBACK + "".join(lines) + aliases


def _aliases(aliases: Sequence[HostAlias]) -> str:
    if not aliases:
        return ""
    lines = [f"{each.ip}\t" + "\t".join(each.hostnames) + "\n" for each in aliases]
    return "\n# Entries added by HostAliases.\n" + "".join(lines)


def resolv_conf(pod: Pod, host_file: str, dns: Dns) -> str:
    """``/etc/resolv.conf`` by ``dnsPolicy`` and ``dnsConfig`` (Kubernetes, "DNS for Services and Pods").

    A resolver on the host's loopback (systemd-resolved's 127.0.0.53) is nobody in a network of the pod's own; the
    cluster's DNS, which asks it, stands in for it.
    """
    servers, searches, options = _parse(host_file)
    if not pod.spec.host_network and dns.servers:
        servers = [each for each in servers if not _is_of_host_only(each)] or list(dns.servers)
    policy = pod.spec.dns_policy or "ClusterFirst"
    if policy == "ClusterFirst" and pod.spec.host_network:
        policy = "Default"
    if policy == "None":
        servers, searches, options = [], [], []
    elif policy != "Default" and dns.servers:
        spaces = [f"{pod.metadata.namespace}.svc.{dns.domain}", f"svc.{dns.domain}", dns.domain]
        servers, searches, options = list(dns.servers), [*spaces, *searches], ["ndots:5"]
    extra = pod.spec.dns_config
    if extra is not None:
        servers = [*servers, *extra.nameservers]
        searches = [*searches, *extra.searches]
        changed = {each.name for each in extra.options}
        options = [each for each in options if each.partition(":")[0] not in changed]
        options += [f"{each.name}:{each.value}" if each.value else each.name for each in extra.options]
    lines = [f"nameserver {each}" for each in list(dict.fromkeys(servers))[:NAMESERVERS_MAX]]
    search = _bounded(list(dict.fromkeys(searches)))
    if search:
        lines.append(f"search {' '.join(search)}")
    if options:
        lines.append(f"options {' '.join(dict.fromkeys(options))}")
    return "\n".join(lines) + "\n"


def _is_of_host_only(server: str) -> bool:
    try:
        address = ip_address(server)
    except ValueError:
        return False
    return address.is_loopback or (address.version == 6 and address.is_link_local)


def _bounded(searches: list[str]) -> list[str]:
    kept: list[str] = []
    for each in searches[:SEARCHES_MAX]:
        if sum(map(len, kept)) + len(kept) + len(each) > SEARCH_BYTES_MAX:
            break
        kept.append(each)
    return kept


def _parse(text: str) -> tuple[list[str], list[str], list[str]]:
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        words = re.split(r"[#;]", line, maxsplit=1)[0].split()
        if len(words) < 2:
            continue
        match words[0]:
            case "nameserver":
                servers.append(words[1])
            case "search":
                # The same domain with and without its last dot counts once.
                searches = [each.rstrip(".") or "." for each in words[1:]]
            case "options":
                options = words[1:]
    return servers, searches, options
