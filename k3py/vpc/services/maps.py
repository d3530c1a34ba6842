"""``ServiceMaps``: the services of this node as the socket programs resolve them. Acts."""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from k3py.model.vpc_socket import KERNEL_REFUSED
from k3py.vpc.bpf.errors import ObjectError
from k3py.vpc.bpf.maps import Map
from k3py.vpc.kernel.ruleset import DnatRule
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.services import pins, records
from k3py.vpc.services.cgroups import find_cgroup2_root
from k3py.vpc.services.diff import DropSet, Forget, Point, Room, Step, WriteSet, peak, steps
from k3py.vpc.services.entries import Frontend, lost_backends, wanted_entries
from k3py.vpc.services.node_ports import node_port_rules
from k3py.vpc.services.records import Joined
from k3py.vpc.services.udp_cut import OWN_NAMESPACE, Place, UdpCut
from k3py.vpc.wanted import Backend, PodNetwork, Protocol, ServicePort

OnNodePorts = Callable[[Sequence[DnatRule]], None]
"""Gets all rules for what outsiders reach, when they changed; raises NetworkProblem when they could not be set."""

# Services that lose backends between a daemon's start and its pods' joining are few; beyond this their sockets stay.
MISSED_MAX: Final = 4096

_FULL: Final = errno.E2BIG


class ServiceMaps:
    """The tables of the socket programs, in the kernel and here. Implements ``ports.ServiceTable``. One per cluster."""

    def __init__(
        self, folder: Path, cluster: int, on_node_ports: OnNodePorts | None = None, cgroup: Path | None = None
    ) -> None:
        """Take over what is pinned, or attach anew.

        Args:
            folder: in bpffs, this instance's folder ``services``.
            cluster: the id in Ghost addresses; native addresses of services have it.
            on_node_ports: takes the rules for what comes from outside.
            cgroup: whose processes are served, the cgroup2 root when None.

        Raises:
            NetworkProblem: the kernel refused, or there is no cgroup2.
        """
        self._folder, self._cluster, self._on_node_ports = folder, cluster, on_node_ports
        self._rules: list[DnatRule] | None = None
        self._netns: dict[int, str] = {}
        with _problems("attach the programs that resolve services"):
            self._pins = pins.Pins(folder, cgroup or find_cgroup2_root())
        try:
            self._adopt()
        except BaseException:
            self._pins.close()
            raise
        self._cut = UdpCut(self.table("udp_reverses"))

    def _adopt(self) -> None:
        with _problems("read the services that were there before"):
            services, backends = _items(self.table("services")), _items(self.table("backends"))
            self._present = records.parse_present(services, backends, iter(self.table("members")))
            self._newest = max(self._present.sets, default=0)
            self._members = {
                int.from_bytes(key, "little"): records.parse_namespace(value)
                for key, value in _items(self.table("namespaces"))
            }
            # Whose place nobody has told of yet, and what their sockets must not miss meanwhile.
            self._unplaced = set(self._members)
            self._missed: dict[Frontend, frozenset[Backend]] = {}

    def switch(
        self,
        services: Sequence[ServicePort],
        pods: Mapping[tuple[int, IPv4Address], PodNetwork],
        node_addresses: Sequence[IPv4Address],
    ) -> None:
        """Make these the services of the node; what does not differ is not written. One call at a time.

        Every connection finds the old backends or the new ones, and UDP sockets are cut from backends that went.

        Raises:
            NetworkProblem: they do not fit into the maps, and then nothing was changed; or the kernel refused a step,
                and then each service is whole, old or new, and the next call goes on from there.
        """
        planned = steps(wanted_entries(services, node_addresses), self._present, self._newest)
        self._check_room(peak(planned, self._present))
        changed = [
            each.frontend
            for each in planned
            if isinstance(each, Point | Forget) and each.frontend.protocol is Protocol.UDP
        ]
        before = self._present.backends(changed)
        try:
            with _problems("write the services"):
                for step in planned:
                    self._carry_out(step)
        finally:
            lost = lost_backends(before, self._present.backends(changed))
            self._cut.cut(lost, self._places())
            self._miss(lost)
        rules = node_port_rules(services, pods)
        if self._on_node_ports is not None and rules != self._rules:
            self._on_node_ports(rules)
        self._rules = rules

    def join(self, cookie: int, vpc: int, host: bool, netns: str = "") -> None:
        """Let the sockets of a network namespace see the services of a VPC; may be repeated.

        Args:
            cookie: of the namespace (``SO_NETNS_COOKIE``, see ``kernel.namespaces.cookie``).
            host: it is the node's own, which has node ports at its loopback addresses.
            netns: its path, so that UDP sockets in it can be cut; needless for the node's own.

        Raises:
            NetworkProblem: the map is full, or another refusal of the kernel.
        """
        joined = Joined(vpc, host, self._cluster)
        with _problems("let a network namespace see services", full=self.table("namespaces"), name="namespaces"):
            self.table("namespaces")[records.namespace_key(cookie)] = records.namespace(joined)
        self._members[cookie] = joined
        self._netns[cookie] = place = OWN_NAMESPACE if host and not netns else netns
        if cookie in self._unplaced and place:
            self._cut.cut(self._missed, [Place(place, vpc)])
        self._placed(cookie)

    def leave(self, cookie: int) -> None:
        """The namespace sees no services any more; may be repeated. Raises NetworkProblem."""
        with _problems("forget a network namespace"):
            _delete(self.table("namespaces"), records.namespace_key(cookie))
        self._members.pop(cookie, None)
        self._netns.pop(cookie, None)
        self._placed(cookie)

    @property
    def joined(self) -> frozenset[int]:
        """The cookies of all namespaces that see services, also of those that an earlier daemon let in."""
        return frozenset(self._members)

    def table(self, name: str) -> Map:
        """A map of the programs by its name; for those who want to look."""
        return self._pins.maps[name]

    def repair(self) -> list[str]:
        """Pin again what somebody unpinned; the names. Raises NetworkProblem."""
        with _problems("pin the programs that resolve services again"):
            return self._pins.repair()

    def settle(self) -> None:
        """Wait until the sockets of the last switch are cut."""
        self._cut.close()

    def close(self) -> None:
        """Give all descriptors back; services go on."""
        self._cut.close()
        self._pins.close()

    def remove(self) -> None:
        """Detach the programs and forget all services. Raises NetworkProblem."""
        self.close()
        with _problems("remove the programs that resolve services"):
            pins.remove(self._folder)

    def _carry_out(self, step: Step) -> None:
        match step:
            case WriteSet(number, content):
                self._newest = number
                self._present.sets[number] = None  # until it is whole
                _write(self.table("backends"), records.backends(number, content))
                _write(self.table("members"), records.members(number, content))
            case Point(frontend, pointer):
                self.table("services")[records.service_key(frontend)] = records.service(frontend, pointer)
            case Forget(frontend):
                _delete(self.table("services"), records.service_key(frontend))
            case DropSet(number):
                for name, keys in self._keys_of(number).items():
                    for key in keys:
                        _delete(self.table(name), key)
        self._present.done(step)

    def _keys_of(self, number: int) -> dict[str, list[bytes]]:
        """The keys of a set; one that is not whole has to be searched for."""
        content = self._present.sets.get(number)
        if content is None:
            names = ("backends", "members")
            return {name: [key for key in self.table(name) if records.set_of(key) == number] for name in names}
        return {
            "backends": [key for key, _ in records.backends(number, content)],
            "members": [key for key, _ in records.members(number, content)],
        }

    def _check_room(self, most: Room) -> None:
        for name, entries in (("services", most.frontends), ("backends", most.backends)):
            room = self.table(name).entries_max
            if entries > room:
                raise NetworkProblem(
                    KERNEL_REFUSED,
                    f"cannot change the services: the map {name} has room for {room} entries, not for {entries}; "
                    "the services stay as they were",
                )

    def _miss(self, lost: Mapping[Frontend, frozenset[Backend]]) -> None:
        for frontend, backends in lost.items() if self._unplaced else ():
            if frontend in self._missed or len(self._missed) < MISSED_MAX:
                self._missed[frontend] = self._missed.get(frontend, frozenset()) | backends

    def _placed(self, cookie: int) -> None:
        self._unplaced.discard(cookie)
        if not self._unplaced:
            self._missed = {}

    def _places(self) -> list[Place]:
        return [Place(path, self._members[cookie].vpc) for cookie, path in self._netns.items() if path]


@contextmanager
def _problems(doing: str, full: Map | None = None, name: str = "") -> Iterator[None]:
    """What the kernel refuses becomes a NetworkProblem that says what was attempted."""
    try:
        yield
    except (OSError, ObjectError) as error:
        why = str(error)
        if full is not None and isinstance(error, OSError) and error.errno == _FULL:
            why = f"the map {name} is full, it has room for {full.entries_max} entries"
        raise NetworkProblem(KERNEL_REFUSED, f"cannot {doing}: {why}") from error


def _items(table: Map) -> Iterator[tuple[bytes, bytes]]:
    for key in table:
        yield key, table[key]


def _write(table: Map, entries: Iterable[tuple[bytes, bytes]]) -> None:
    for key, value in entries:
        table[key] = value


def _delete(table: Map, key: bytes) -> None:
    try:
        del table[key]
    except KeyError:
        return
