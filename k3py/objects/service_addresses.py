"""Cluster IPs and node ports: given to services on creation, unique, kept as long as the service has them.

A service with both families has a second address, which is its first one as a native Ghost address of its VPC: nothing
has to be remembered, and nobody else can have it.

What is taken is read from the stored services and those on their way to the store: nothing else is remembered.
"""

import ipaddress
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from k3py.model import codec
from k3py.model.errors import InternalError
from k3py.model.generated import core_v1
from k3py.model.ghost import Ghost, cluster_id_of
from k3py.model.service_range import api_address, dns_address
from k3py.model.vpc_v1 import DEFAULT_VPC, DEFAULT_VPC_ID, VPC, VPC_LABEL
from k3py.objects.defaults.service_families import IPV4, IPV6, PREFER_DUAL_STACK
from k3py.objects.fields import Errors
from k3py.objects.problems import Unexplained
from k3py.store.store import Store

DEFAULT_RANGE: Final = ipaddress.IPv4Network("10.43.0.0/16")
HEADLESS: Final = "None"
SYSTEM_NAMESPACE: Final = "kube-system"
# Tries of a random address before the range is looked through in order.
RANDOM_ATTEMPTS: Final = 16
_WITH_PORTS: Final = ("LoadBalancer", "NodePort")


@dataclass(frozen=True)
class ServiceRanges:
    """Where services get their addresses and node ports from; both ends of ``node_ports`` belong to it.

    ``dual_stack``: a service that asks for both families gets them; without pod networks there is only IPv4.
    """

    cluster_ips: ipaddress.IPv4Network = DEFAULT_RANGE
    node_ports: tuple[int, int] = (30_000, 32_767)
    dual_stack: bool = True

    @property
    def first(self) -> str:
        """The address of the service ``kubernetes``."""
        return str(api_address(self.cluster_ips))

    @property
    def dns(self) -> str:
        """The address of the service ``kube-dns``."""
        return str(dns_address(self.cluster_ips))


class ServiceAddresses:
    """Gives services what they did not ask for and refuses what others have."""

    def __init__(self, store: Store, source: random.Random, ranges: ServiceRanges) -> None:
        self.ranges = ranges
        self._store = store
        self._source = source

    def assign(self, new: core_v1.Service, old: core_v1.Service | None, wrong: Errors) -> None:
        """Complete a service about to be stored; ``old`` is the stored one, None for a new one.

        Raises:
            InternalError: the range is full.
            Unexplained: the port for health checks that is asked for cannot be had.
        """
        self._assign_address(new.spec, old.spec if old is not None else None, wrong)
        if not wrong:
            self._assign_second_address(new, wrong)
        self._assign_ports(new, old, wrong)

    def _assign_address(self, spec: core_v1.ServiceSpec, old: core_v1.ServiceSpec | None, wrong: Errors) -> None:
        if spec.type == "ExternalName":
            return
        if spec.cluster_ip == HEADLESS or (old is not None and spec.cluster_ip and spec.cluster_ip == old.cluster_ip):
            return
        taken = {record.fields[0] for record in self._store.list_latest("services", None)}
        if not spec.cluster_ip:
            spec.cluster_ip = self._free_address(taken)
            spec.cluster_ips = [spec.cluster_ip, *spec.cluster_ips[1:]]
        elif why := self._unfit(spec.cluster_ip, taken):
            wrong.invalid("spec.clusterIPs", spec.cluster_ips, f"failed to allocate IP {spec.cluster_ip}: {why}")

    def _assign_second_address(self, new: core_v1.Service, wrong: Errors) -> None:
        spec = new.spec
        if spec.type == "ExternalName" or (spec.cluster_ip == HEADLESS and not (spec.selector and self._single)):
            return
        given = spec.cluster_ips[1:]
        if IPV6 not in spec.ip_families:
            if given:
                wrong.invalid("spec.clusterIPs", spec.cluster_ips, "may only hold as many values as spec.ipFamilies")
            return
        if self._single:
            self._refuse_second(spec, wrong)
            return
        second = self._ghost(new)
        if not second and spec.ip_family_policy == PREFER_DUAL_STACK and not given:
            spec.ip_families = [IPV4]
        elif not second:
            wrong.invalid(
                "spec.ipFamilyPolicy", spec.ip_family_policy, "the service's VPC has no number yet: try again"
            )
        elif given not in ([], [second]):
            wrong.invalid("spec.clusterIPs[1]", given[0], f"must be {second}, the Ghost address of {spec.cluster_ip}")
        else:
            spec.cluster_ips = [spec.cluster_ip, second]

    @property
    def _single(self) -> bool:
        return not self.ranges.dual_stack

    def _refuse_second(self, spec: core_v1.ServiceSpec, wrong: Errors) -> None:
        if spec.ip_family_policy == PREFER_DUAL_STACK and not spec.cluster_ips[1:]:
            spec.ip_families = [IPV4]
        else:
            detail = "this cluster is not configured for dual-stack services"
            wrong.invalid("spec.ipFamilyPolicy", spec.ip_family_policy, detail)

    def _ghost(self, new: core_v1.Service) -> str:
        """The native Ghost address of the first one; empty while cluster or VPC have no number."""
        named = new.metadata.labels.get(VPC_LABEL, DEFAULT_VPC)
        system = self._store.latest("namespaces", "", SYSTEM_NAMESPACE)
        record = self._store.latest("vpcs", "", named)
        number = codec.decode(VPC, record.raw).status.vpc_id if record is not None else 0
        if not number and named == DEFAULT_VPC:
            number = DEFAULT_VPC_ID
        if system is None or not number:
            return ""
        return str(Ghost(cluster_id_of(system.uid), number, ipaddress.IPv4Address(new.spec.cluster_ip), native=True))

    def _unfit(self, address: str, taken: set[str]) -> str:
        try:
            parsed = ipaddress.IPv4Address(address)
        except ValueError:
            return "the first address of a service is IPv4"
        network = self.ranges.cluster_ips
        if parsed not in network:
            return "the provided network does not match the current range"
        if parsed in (network.network_address, network.broadcast_address):
            return f"the provided IP ({address}) is not in the valid range. The range of valid IPs is {network}"
        return "provided IP is already allocated" if address in taken else ""

    def _free_address(self, taken: set[str]) -> str:
        network = self.ranges.cluster_ips
        first, last = int(network.network_address) + 2, int(network.broadcast_address) - 1

        def address(number: int) -> str:
            return str(ipaddress.IPv4Address(number))

        found = self._free(first, last, lambda number: address(number) not in taken)
        if found is None:
            raise InternalError(f"failed to allocate a serviceIP: range {network} is full")
        return address(found)

    def _free(self, first: int, last: int, is_free: Callable[[int], bool]) -> int | None:
        for _ in range(RANDOM_ATTEMPTS):
            number = self._source.randint(first, last)
            if is_free(number):
                return number
        return next((number for number in range(first, last + 1) if is_free(number)), None)

    def _assign_ports(self, new: core_v1.Service, old: core_v1.Service | None, wrong: Errors) -> None:
        """Node ports: those asked for when nobody else has them, others for the rest. The first that fails is told.

        Ports with the same number (DNS over UDP and TCP) share a node port where the user does not say otherwise.
        """
        spec = new.spec
        if spec.type not in _WITH_PORTS:
            return
        own: set[int] = set()
        if old is not None:
            own = {port.node_port for port in old.spec.ports} | {old.spec.health_check_node_port}
        taken = self._taken_ports() - own
        allocates = spec.type == "NodePort" or spec.allocate_load_balancer_node_ports is not False
        asked = {port.port: port.node_port for port in reversed(spec.ports) if port.node_port}
        given: dict[int, int] = {}
        for index, port in enumerate(spec.ports):
            if not port.node_port and not allocates:
                continue
            wanted = port.node_port or (given.get(port.port) or asked.get(port.port, 0) if old is None else 0)
            why = self._unfit_port(wanted, taken, own) if wanted and given.get(port.port) != wanted else ""
            if why:
                wrong.invalid(f"spec.ports[{index}].nodePort", wanted, why)
                return
            port.node_port = wanted or self._free_port(taken | set(asked.values()))
            given.setdefault(port.port, port.node_port)
            taken.add(port.node_port)
        self._assign_health_port(spec, old, taken, own, wrong)

    def _unfit_port(self, number: int, taken: set[int], own: set[int]) -> str:
        first, last = self.ranges.node_ports
        if not first <= number <= last and number not in own:
            return f"provided port is not in the valid range. The range of valid ports is {first}-{last}"
        return "provided port is already allocated" if number in taken else ""

    def _assign_health_port(
        self, spec: core_v1.ServiceSpec, old: core_v1.Service | None, taken: set[int], own: set[int], wrong: Errors
    ) -> None:
        if spec.type != "LoadBalancer" or spec.external_traffic_policy != "Local":
            return
        number = spec.health_check_node_port
        if not number:
            spec.health_check_node_port = self._free_port(taken)
            return
        is_new = old is None or old.spec.health_check_node_port != number
        if is_new and (why := self._unfit_port(number, taken, own)):
            raise Unexplained(f"failed to allocate requested HealthCheck NodePort {number}: {why}")

    def _free_port(self, used: set[int]) -> int:
        first, last = self.ranges.node_ports
        found = self._free(first, last, lambda number: number not in used)
        if found is None:
            raise InternalError(f"failed to allocate a nodePort: range {first}-{last} is full")
        return found

    def _taken_ports(self) -> set[int]:
        taken: set[int] = set()
        for record in self._store.list_latest("services", None):
            if record.fields[1] in _WITH_PORTS:
                spec = codec.decode(core_v1.Service, record.raw).spec
                taken.update(port.node_port for port in spec.ports)
                taken.add(spec.health_check_node_port)
        return taken
