"""The name table: which Services, endpoints and VPCs there are. Decides; ``answers`` makes records of it.

It keeps one flat entry per object and two indexes, and no records: those follow from the entries and are kept,
rendered, by ``responder``. So a change of one object touches its own entries only, and 10,000 Services with 100,000
endpoints cost tens of megabytes, not hundreds.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from k3py.agent.dns.entries import Key, Port, ServiceEntry, SliceEntry, VpcEntry
from k3py.model import ghost, vpc_v1

KUBERNETES: Final[Key] = ("default", "kubernetes")
KUBE_DNS: Final[Key] = ("kube-system", "kube-dns")
# The Services of the system VPC: every VPC sees them, at these places of the service range.
SYSTEM_SERVICES: Final[Mapping[Key, int]] = {KUBERNETES: 1, KUBE_DNS: 10}
SYSTEM_PORTS: Final[Mapping[Key, tuple[Port, ...]]] = {
    KUBERNETES: (Port("https", "tcp", 443),),
    KUBE_DNS: (Port("dns", "udp", 53), Port("dns-tcp", "tcp", 53)),
}
SYSTEM: Final = ""
"""Stands for the system VPC where entries name their VPC."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the VPC whose names it sees, and whether it asks from a native Ghost address."""

    vpc: int
    native: bool = False


class Table:
    """Everything that cluster names are made of. ``generation`` grows with every change."""

    def __init__(self) -> None:
        self.generation = 0
        # Until everything was read once, a name that is not here may still exist.
        self.is_complete = False
        self._services: dict[Key, ServiceEntry] = {}
        self._slices: dict[Key, dict[str, SliceEntry]] = {}
        self._vpcs: dict[str, VpcEntry] = {}
        self._by_id: dict[int, VpcEntry] = {}
        self._system: dict[Key, ServiceEntry] = {}
        self._namespaces: Counter[tuple[str, str]] = Counter()
        self._owners: dict[tuple[str, bytes], tuple[Key, ...]] = {}

    # --- changes ---

    def put_service(self, new: ServiceEntry) -> None:
        """Take a Service as it is now."""
        old = self._services.get(new.key)
        if old == new:
            return
        if old is not None:
            self._forget_service(old)
        self._services[new.key] = new
        self._namespaces[(new.vpc, new.namespace)] += 1
        for address in self._addresses(new):
            self._own(new.vpc, address, new.key)
        self._changed(new.key in SYSTEM_SERVICES)

    def remove_service(self, key: Key) -> None:
        """The Service is gone; its slices may follow later."""
        old = self._services.get(key)
        if old is not None:
            self._forget_service(old)
            self._changed(key in SYSTEM_SERVICES)

    def put_slice(self, new: SliceEntry) -> None:
        """Take an EndpointSlice as it is now."""
        slices = self._slices.setdefault(new.key, {})
        old = slices.get(new.name)
        if old == new:
            return
        slices[new.name] = new
        service = self._services.get(new.key)
        if service is not None and service.headless:
            self._own_slice(service, new)
            self._disown_slice(service, old)
        self._changed()

    def remove_slice(self, key: Key, name: str) -> None:
        """The slice ``name`` of the Service ``key`` is gone."""
        slices = self._slices.get(key, {})
        old = slices.pop(name, None)
        if old is None:
            return
        if not slices:
            del self._slices[key]
        service = self._services.get(key)
        if service is not None and service.headless:
            self._disown_slice(service, old)
        self._changed()

    def put_vpc(self, new: VpcEntry) -> None:
        """Take a VPC as it is now."""
        old = self._vpcs.get(new.name)
        if old == new:
            return
        if old is not None and self._by_id.get(old.id) is old:
            del self._by_id[old.id]
        self._vpcs[new.name] = new
        self._by_id[new.id] = new
        self._changed(True)

    def remove_vpc(self, name: str) -> None:
        """The VPC is gone; its askers are strangers from now on."""
        old = self._vpcs.pop(name, None)
        if old is not None:
            if self._by_id.get(old.id) is old:
                del self._by_id[old.id]
            self._changed(True)

    def complete(self) -> None:
        """Everything that exists has been put: what is not here does not exist."""
        if not self.is_complete:
            self.is_complete = True
            self._changed()

    # --- questions ---

    @property
    def services(self) -> Mapping[Key, ServiceEntry]:
        """All Services as they were put."""
        return self._services

    @property
    def vpcs(self) -> Mapping[str, VpcEntry]:
        """All VPCs by name."""
        return self._vpcs

    def all_slices(self) -> Iterator[SliceEntry]:
        """All slices as they were put."""
        for slices in self._slices.values():
            yield from slices.values()

    def dns_addresses(self) -> tuple[str, ...]:
        """The Ghost addresses, plain and native, where the cluster's pods ask; none while no VPC is known."""
        service = self._system.get(KUBE_DNS)
        clusters = [each.cluster for each in self._vpcs.values()]
        if service is None or not clusters:
            return ()
        ipv4 = IPv4Address(service.addresses[0])
        return tuple(str(ghost.Ghost(clusters[0], ghost.SYSTEM_VPC, ipv4, native)) for native in (False, True))

    def vpc(self, number: int) -> VpcEntry | None:
        """The VPC with this id."""
        return self._by_id.get(number)

    def asker(self, address: str) -> Asker | None:
        """Who asks from this source address; None for one that is no Ghost address of this cluster.

        The node itself (system VPC) sees what VPC ``default`` sees.
        """
        try:
            parsed = ghost.parse(address)
        except ghost.GhostError:
            return None
        clusters = {each.cluster for each in self._vpcs.values()}
        if clusters and parsed.cluster not in clusters:
            return None
        number = vpc_v1.DEFAULT_VPC_ID if parsed.vpc == ghost.SYSTEM_VPC else parsed.vpc
        return Asker(number, parsed.native)

    def service(self, vpc: VpcEntry, key: Key) -> ServiceEntry | None:
        """The Service ``key`` if ``vpc`` sees it. One of the system has the VPC ``SYSTEM``."""
        if key in SYSTEM_SERVICES:
            return self._system.get(key)
        found = self._services.get(key)
        return found if found is not None and found.vpc == vpc.name else None

    def has_namespace(self, vpc: VpcEntry, namespace: str) -> bool:
        """Whether ``vpc`` sees a Service in this namespace."""
        if any(namespace == key[0] for key in self._system):
            return True
        return self._namespaces[(vpc.name, namespace)] > 0

    def slices(self, service: ServiceEntry) -> Iterator[SliceEntry]:
        """The slices of a Service that are of its VPC."""
        for each in self._slices.get(service.key, {}).values():
            if each.vpc == service.vpc:
                yield each

    def owners(self, vpc: VpcEntry, address: bytes) -> Iterator[ServiceEntry]:
        """The Services that ``vpc`` sees and that have this cluster IP or, being headless, this endpoint."""
        for each in self._system.values():
            if address in each.addresses:
                yield each
        for key in dict.fromkeys(self._owners.get((vpc.name, address), ())):
            found = self.service(vpc, key)
            if found is not None and found.vpc != SYSTEM:
                yield found

    # --- inside ---

    def _changed(self, system: bool = False) -> None:
        self.generation += 1
        if system:
            self._system = dict(self._system_services())

    def _system_services(self) -> Iterator[tuple[Key, ServiceEntry]]:
        ranges = sorted({each.service_network for each in self._vpcs.values() if each.service_network})
        if not ranges:
            return
        network = IPv4Network(ranges[0])
        for key, place in SYSTEM_SERVICES.items():
            if place >= network.num_addresses:
                continue
            made = self._services.get(key)
            yield (
                key,
                ServiceEntry(
                    *key,
                    SYSTEM,
                    addresses=(network[place].packed,),
                    ipv6=made is not None and made.ipv6,
                    ports=made.ports if made is not None and made.ports else SYSTEM_PORTS[key],
                ),
            )

    def _addresses(self, service: ServiceEntry) -> Iterator[bytes]:
        yield from service.addresses
        if service.headless:
            for made in self.slices(service):
                yield from _different(made)

    def _forget_service(self, old: ServiceEntry) -> None:
        for address in self._addresses(old):
            self._disown(old.vpc, address, old.key)
        del self._services[old.key]
        self._namespaces[(old.vpc, old.namespace)] -= 1
        if not self._namespaces[(old.vpc, old.namespace)]:
            del self._namespaces[(old.vpc, old.namespace)]

    def _own_slice(self, service: ServiceEntry, made: SliceEntry) -> None:
        if made.vpc == service.vpc:
            for address in _different(made):
                self._own(service.vpc, address, service.key)

    def _disown_slice(self, service: ServiceEntry, made: SliceEntry | None) -> None:
        if made is not None and made.vpc == service.vpc:
            for address in _different(made):
                self._disown(service.vpc, address, service.key)

    def _own(self, vpc: str, address: bytes, key: Key) -> None:
        # Once for each slice that holds it: an endpoint may be in two for a moment.
        self._owners[(vpc, address)] = (*self._owners.get((vpc, address), ()), key)

    def _disown(self, vpc: str, address: bytes, key: Key) -> None:
        owners = list(self._owners.get((vpc, address), ()))
        if key in owners:
            owners.remove(key)
        if owners:
            self._owners[(vpc, address)] = tuple(owners)
        else:
            self._owners.pop((vpc, address), None)


def _different(made: SliceEntry) -> dict[bytes, None]:
    """The addresses of a slice, each once: one made by hand may hold the same a hundred thousand times."""
    return dict.fromkeys(each.address for each in made.endpoints)
