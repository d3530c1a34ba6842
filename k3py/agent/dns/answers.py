"""What the cluster says about a name: Kubernetes' "DNS-Based Service Discovery" 1.1.0, per VPC. Decides.

https://github.com/kubernetes/dns/blob/master/docs/specification.md
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address
from itertools import islice
from typing import Final

from k3py.agent.dns import wire
from k3py.agent.dns.entries import Endpoint, Port, ServiceEntry, VpcEntry
from k3py.agent.dns.names import BadName, Labels, from_labels, reverse_ipv4, reverse_ipv6, reverse_zone, to_labels
from k3py.agent.dns.table import KUBE_DNS, SYSTEM, Table
from k3py.agent.dns.wire import NOERROR, NXDOMAIN, SERVFAIL, Resource
from k3py.model import ghost

SCHEMA_VERSION: Final = b"1.1.0"
# Names follow pods, so they are kept for seconds only (CoreDNS' default in Kubernetes).
TTL_SECONDS: Final = 5
# More addresses than these fit into no message (16 bytes each in 65,535).
ENDPOINTS_MAX: Final = 4096
# ExternalNames that lead to ExternalNames: a chain is somebody's mistake, a ring as well.
ALIASES_MAX: Final = 4
PROTOCOLS: Final = (b"_tcp", b"_udp", b"_sctp")
# Timers for secondaries, which there are none of; only the last one, the negative TTL, has a reader (RFC 2308).
_SOA_TIMERS: Final = struct.pack("!IIIII", 1, 7200, 1800, 86_400, TTL_SECONDS)
_SRV: Final = struct.Struct("!HHH")
_SRV_WEIGHT: Final = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What there is under a name: flat records.

    ``zone``: the wire name of the zone whose SOA says that there is no record. ``alias``: the wire name, outside the
    cluster, that the last record (a CNAME) leads to and that has to be asked as well.
    """

    rcode: int
    records: tuple[Resource, ...] = ()
    additional: tuple[Resource, ...] = ()
    zone: bytes = b""
    alias: bytes = b""


class Names:
    """The names of one cluster domain."""

    def __init__(self, table: Table, domain: str = "cluster.local") -> None:
        self._table = table
        self._domain: Labels = tuple(domain.lower().encode("ascii").split(b"."))
        self.zone = from_labels(self._domain)
        self._host = from_labels((b"ns", b"dns", *self._domain))
        self._mailbox = from_labels((b"hostmaster", *self._domain))

    def soa(self, zone: bytes) -> Resource:
        """The SOA record of a zone of ours."""
        return Resource(zone, wire.SOA, TTL_SECONDS, self._host + self._mailbox + _SOA_TIMERS)

    def find(self, vpc: VpcEntry, name: bytes, kind: int) -> Answer | None:
        """What ``vpc`` sees under a wire name; None for a name that is not the cluster's to answer."""
        try:
            return self._find(vpc, to_labels(name), kind)
        except BadName:  # names of ours that are too long together with a long domain
            return Answer(SERVFAIL)

    def _find(self, vpc: VpcEntry, labels: Labels, kind: int) -> Answer | None:
        if labels[-len(self._domain) :] == self._domain:
            return self._in_domain(vpc, labels[: -len(self._domain)], kind)
        if labels[-1:] == (b"arpa",):
            return self._reverse(vpc, labels, kind)
        return None

    def _nothing(self, rcode: int = NOERROR, zone: bytes = b"") -> Answer:
        return Answer(rcode, zone=zone or self.zone)

    def _of(self, records: Sequence[Resource], kind: int, zone: bytes = b"") -> Answer:
        """Those records of a name that are asked for; none of them is no error: the name exists."""
        asked = tuple(each for each in records if kind in (each.type, wire.ANY) or each.type == wire.CNAME)
        return Answer(NOERROR, asked) if asked else self._nothing(zone=zone)

    def _in_domain(self, vpc: VpcEntry, labels: Labels, kind: int, hops: int = 0) -> Answer:
        match labels:
            case ():
                apex = (self.soa(b""), Resource(b"", wire.NS, TTL_SECONDS, self._host))
                return self._of(apex, kind)
            case (b"dns-version",):
                text = bytes((len(SCHEMA_VERSION),)) + SCHEMA_VERSION
                return self._of((Resource(b"", wire.TXT, TTL_SECONDS, text),), kind)
            case (b"svc",) | (b"pod",) | (b"dns",):
                return self._nothing()
            case (b"ns", b"dns"):
                found = self._table.service(vpc, KUBE_DNS)
                return self._of(self._addresses(vpc, found) if found is not None else (), kind)
            case (namespace, (b"svc" | b"pod") as where):
                exists = where == b"pod" or self._table.has_namespace(vpc, _text(namespace))
                return self._nothing(NOERROR if exists else NXDOMAIN)
            case (address, _, b"pod"):
                return self._pod(vpc, address, kind)
            case (*rest, name, namespace, b"svc"):
                service = self._table.service(vpc, (_text(namespace), _text(name)))
                if service is not None:
                    return self._service(vpc, service, tuple(rest), kind, hops)
        return self._nothing(NXDOMAIN)

    def _pod(self, vpc: VpcEntry, label: bytes, kind: int) -> Answer:
        """``10-42-0-5``: an address of the VPC, whether a pod has it or not (as CoreDNS' ``pods insecure``)."""
        try:
            address = IPv4Address(_text(label).replace("-", "."))
        except ValueError:
            return self._nothing(NXDOMAIN)
        if b"." in label or address not in IPv4Network(vpc.network):
            return self._nothing(NXDOMAIN)
        return self._of((Resource(b"", wire.A, TTL_SECONDS, address.packed),), kind)

    def _service(self, vpc: VpcEntry, service: ServiceEntry, rest: Labels, kind: int, hops: int) -> Answer:
        if service.external:
            if rest:
                return self._nothing(NXDOMAIN)
            return self._external(vpc, service, kind, hops)
        if rest and rest[-1] in PROTOCOLS:
            return self._ports(vpc, service, rest, kind)
        if not rest:
            records = self._addresses(vpc, service)
        elif len(rest) == 1 and service.headless:
            wanted = _text(rest[0])
            records = self._records(vpc, service, [e for e in self._ready(service) if host_label(e) == wanted])
        else:
            return self._nothing(NXDOMAIN)
        if not records and service.headless:
            return self._nothing(NXDOMAIN)  # the specification's word, section 2.4.1
        return self._of(records, kind)

    def _external(self, vpc: VpcEntry, service: ServiceEntry, kind: int, hops: int) -> Answer:
        alias = Resource(b"", wire.CNAME, TTL_SECONDS, service.external)
        if kind in (wire.CNAME, wire.ANY):
            return Answer(NOERROR, (alias,))
        if not _is_below(service.external, self.zone):
            return Answer(NOERROR, (alias,), alias=service.external)
        if hops >= ALIASES_MAX:
            return Answer(SERVFAIL)
        found = self._in_domain(vpc, to_labels(service.external)[: -len(self._domain)], kind, hops + 1)
        owned = tuple(
            Resource(each.owner or service.external, each.type, each.ttl, each.rdata) for each in found.records
        )
        return Answer(
            found.rcode, (alias, *owned) if found.rcode != SERVFAIL else (), zone=found.zone, alias=found.alias
        )

    def _addresses(self, vpc: VpcEntry, service: ServiceEntry) -> list[Resource]:
        if service.headless:
            return self._records(vpc, service, list(islice(self._ready(service), ENDPOINTS_MAX)))
        return self._records(vpc, service, [Endpoint(each, "", True) for each in service.addresses])

    def _ready(self, service: ServiceEntry) -> Iterator[Endpoint]:
        for made in self._table.slices(service):
            yield from (each for each in made.endpoints if each.ready or service.publish_not_ready)

    def _records(
        self, vpc: VpcEntry, service: ServiceEntry, endpoints: Sequence[Endpoint], owner: bytes = b""
    ) -> list[Resource]:
        """A and AAAA records, each address once."""
        found: dict[bytes, Resource] = {}
        for each in endpoints:
            if len(each.address) == 4 and service.ipv4:
                found[each.address] = Resource(owner, wire.A, TTL_SECONDS, each.address)
            if service.ipv6 and (native := _native(vpc, service, each.address)):
                found[native] = Resource(owner, wire.AAAA, TTL_SECONDS, native)
        return list(found.values())

    def _ports(self, vpc: VpcEntry, service: ServiceEntry, rest: Labels, kind: int) -> Answer:
        """``_http._tcp`` before a Service's name, and the empty ``_tcp``."""
        protocol = _text(rest[-1][1:])
        port = _text(rest[0][1:]) if len(rest) == 2 and rest[0][:1] == b"_" else ""
        if len(rest) > 2 or (len(rest) == 2 and not port):
            return self._nothing(NXDOMAIN)
        targets: dict[bytes, list[Endpoint]] = {}
        found: dict[bytes, None] = {}
        for target, number, endpoint in islice(self._served(service, protocol, port), ENDPOINTS_MAX):
            found[_SRV.pack(0, 0, number) + target] = None
            targets.setdefault(target, []).append(endpoint)
        if not found:
            return self._nothing(NXDOMAIN)
        if not port:
            return self._nothing()
        weight = max(1, _SRV_WEIGHT // len(found))
        records = [Resource(b"", wire.SRV, TTL_SECONDS, e[:2] + weight.to_bytes(2, "big") + e[4:]) for e in found]
        answer = self._of(records, kind)
        if not answer.records:
            return answer
        extra = [r for target, endpoints in targets.items() for r in self._records(vpc, service, endpoints, target)]
        return Answer(NOERROR, answer.records, tuple(extra))

    def _served(self, service: ServiceEntry, protocol: str, port: str) -> Iterator[tuple[bytes, int, Endpoint]]:
        """Target name, port number and address behind each port that has a name; an empty ``port`` stands for all."""
        name = (service.name.encode(), service.namespace.encode(), b"svc", *self._domain)
        if not service.headless:
            for number in _numbers(service.ports, protocol, port):
                yield from ((from_labels(name), number, Endpoint(each, "", True)) for each in service.addresses)
            return
        for made in self._table.slices(service):
            numbers = _numbers(made.ports, protocol, port)
            for each in made.endpoints if numbers else ():
                if each.ready or service.publish_not_ready:
                    target = from_labels((host_label(each).encode(), *name))
                    yield from ((target, number, each) for number in numbers)

    def _reverse(self, vpc: VpcEntry, labels: Labels, kind: int) -> Answer | None:
        """PTR: cluster IPs and the endpoints of headless Services, in ranges that are the cluster's."""
        found = reverse_ipv4(labels)
        if found is not None:
            for network in (vpc.service_network, vpc.network):
                if network and found.subnet_of(IPv4Network(network)):
                    zone = reverse_zone(IPv4Network(network))
                    if found.prefixlen < found.max_prefixlen:
                        return self._nothing(zone=zone)
                    return self._pointer(vpc, found.network_address.packed, found.network_address.packed, kind, zone)
            return None
        wide = reverse_ipv6(labels)
        if wide is None or not wide.subnet_of(ghost.PREFIX):
            return None
        zone = reverse_zone(ghost.PREFIX)
        if wide.prefixlen < wide.max_prefixlen:
            return self._nothing(zone=zone)
        try:
            parsed = ghost.parse(wide.network_address)
        except ghost.GhostError:
            return self._nothing(NXDOMAIN, zone)
        if parsed.cluster != vpc.cluster or parsed.vpc not in (vpc.id, ghost.SYSTEM_VPC):
            return self._nothing(NXDOMAIN, zone)
        return self._pointer(vpc, parsed.ipv4.packed, parsed.packed, kind, zone)

    def _pointer(self, vpc: VpcEntry, key: bytes, address: bytes, kind: int, zone: bytes) -> Answer:
        """Who has ``address``; ``key`` is what the entries hold for it."""
        found: dict[bytes, None] = {}
        for key_or_own in dict.fromkeys((key, address)):
            for service in self._table.owners(vpc, key_or_own):
                name = (service.name.encode(), service.namespace.encode(), b"svc", *self._domain)
                for each in self._ready(service) if service.headless else (Endpoint(key_or_own, "", True),):
                    if each.address == key_or_own and self._has(vpc, service, each, address):
                        host = (host_label(each).encode(),) if service.headless else ()
                        found[from_labels((*host, *name))] = None
        if not found:
            return self._nothing(NXDOMAIN, zone)
        return self._of([Resource(b"", wire.PTR, TTL_SECONDS, each) for each in found], kind, zone)

    def _has(self, vpc: VpcEntry, service: ServiceEntry, endpoint: Endpoint, address: bytes) -> bool:
        return any(each.rdata == address for each in self._records(vpc, service, [endpoint]))


def host_label(endpoint: Endpoint) -> str:
    """The name of an endpoint below its Service: its hostname, else its address with dashes."""
    if endpoint.hostname:
        return endpoint.hostname
    return str(ip_address(endpoint.address)).replace(".", "-").replace(":", "-")


def _native(vpc: VpcEntry, service: ServiceEntry, address: bytes) -> bytes:
    """The IPv6 address that a native socket reaches ``address`` at; empty if there is none."""
    if len(address) == 16:
        return address
    ipv4 = IPv4Address(address)
    if service.vpc == SYSTEM:
        return ghost.Ghost(vpc.cluster, ghost.SYSTEM_VPC, ipv4, native=True).packed
    if service.headless and ipv4 not in IPv4Network(vpc.network):
        return b""
    return ghost.Ghost(vpc.cluster, vpc.id, ipv4, native=True).packed


def _numbers(ports: Sequence[Port], protocol: str, name: str) -> list[int]:
    return [each.number for each in ports if each.protocol == protocol and each.name and name in ("", each.name)]


def _is_below(name: bytes, zone: bytes) -> bool:
    return to_labels(name)[-len(to_labels(zone)) :] == to_labels(zone)


def _text(label: bytes) -> str:
    return label.decode("latin-1")
