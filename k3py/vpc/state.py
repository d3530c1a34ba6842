"""Everything that the VPC daemon knows, and what the kernel should look like by it. Decides.

Like the allocator: methods change the state at once and return the rows that say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType

import msgspec

from k3py.model import vpc_socket
from k3py.model.generated.core_v1 import Service
from k3py.model.generated.discovery_v1 import EndpointSlice
from k3py.model.ghost import Ghost, GhostError, parse
from k3py.model.vpc_v1 import DEFAULT_VPC, EGRESS_MASQUERADE, PHASE_TERMINATING, VPC
from k3py.store.log import Puts
from k3py.vpc.allocator import Allocator
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.rows import Attachment, Kept, Name, NodeRow, PodRow, VpcRow, put_node, put_vpc
from k3py.vpc.wanted import NODE_POD, HostPort, NodeConfig, PodNetwork, Protocol, VpcNetwork, Wanted


class BadVpc(ValueError):
    """A VPC object that cannot be used; the message says why."""


@dataclass
class State:
    """``troubles``: by a VPC's name why what the server says of it is not taken up. ``met``: somebody said in this life
    what only a server of this cluster knows."""

    config: NodeConfig
    kept: Kept
    allocator: Allocator = field(init=False)
    node: NodeRow = field(init=False)
    troubles: dict[str, str] = field(default_factory=dict)
    met: bool = False

    def __post_init__(self) -> None:
        self.allocator = Allocator(self.config.egress_range)
        self.node = self.kept.node
        self.vpcs: dict[int, VpcRow] = dict(self.kept.vpcs)
        self.services: dict[Name, Service] = self.kept.services
        self.slices: dict[Name, EndpointSlice] = self.kept.slices
        self._leaving: set[str] = set()
        # VPCs whose id others of this node's still have.
        self._waiting: dict[str, VPC] = {}

    def restore(self, boot_id: str, vanished: frozenset[str]) -> Puts:
        """Take up what an earlier life kept; the rows that differ now.

        ``vanished``: uids of pods whose attachment is not there. After a reboot that is as it should be: they keep
        their addresses until they are detached, and their links are wanted no more. Within one boot they stay wanted,
        and the kernel side says what is missing.

        Raises:
            NetworkProblem: as ``Allocator.restore``.
        """
        puts = self.allocator.restore(self.kept)
        if self.node.boot_id and self.node.boot_id != boot_id:
            for uid in sorted(vanished & self.allocator.pods.keys()):
                puts += self.allocator.attach(uid, None)
        row = NodeRow(self.node.cluster, boot_id, str(self.config.egress_range))
        if row != self.node:
            self.node = row
            puts.append(put_node(row))
        self.kept = Kept()
        return puts

    @property
    def cluster(self) -> int:
        """0: not known yet."""
        return self.node.cluster

    def vpc(self, name: str) -> VpcRow:
        """The VPC that new pods of this name join.

        Raises:
            NetworkProblem: VPCNotFound, VPCTerminating.
        """
        found = self.find_vpc(name)
        if found is None:
            raise NetworkProblem(
                vpc_socket.VPC_NOT_FOUND,
                f'cannot find VPC "{name}": this node does not know it (yet); "k3py get vpcs" lists those that exist',
            )
        if not found.active:
            raise NetworkProblem(
                vpc_socket.VPC_TERMINATING, f'cannot add a pod to VPC "{name}": it is being deleted; name another one'
            )
        return found

    def find_vpc(self, name: str) -> VpcRow | None:
        """The VPC of this name, rather one that is not gone."""
        named = [each for each in self.vpcs.values() if each.name == name]
        return min(named, key=lambda each: (each.gone, each.id), default=None)

    @property
    def vpc_ids(self) -> Mapping[str, int]:
        """Ids of the VPCs that exist, by name."""
        return {each.name: each.id for each in self.vpcs.values() if not each.gone}

    def learn_vpc(self, vpc: VPC) -> Puts:
        """The server says that a VPC is so. No rows when nothing changed; a VPC without status is not usable yet."""
        if not vpc.status.vpc_id or not vpc.status.prefix:
            return []
        try:
            row = read_vpc(vpc)
        except BadVpc as error:
            self.troubles[vpc.metadata.name] = str(error)
            return []
        puts: Puts = []
        if not self.cluster:
            self.node = msgspec.structs.replace(self.node, cluster=row.cluster)
            puts.append(put_node(self.node))
        if row.cluster != self.cluster:
            self.troubles[row.name] = (
                f"the server is of cluster {row.cluster:08x}, this node's network of {self.cluster:08x}; "
                "run 'k3py reset' before it joins another cluster"
            )
            return []
        self.met = True
        held = self.vpcs.get(row.id)
        if held is not None and (held.name, held.cidr) != (row.name, row.cidr) and self._is_held(row.id):
            self.troubles[row.name] = (
                f'VPC id {row.id} was that of "{held.name}", of which pods or blocks are left here'
            )
            self._waiting[row.name] = vpc
            return puts
        self._waiting.pop(row.name, None)
        self.troubles.pop(row.name, None)
        for other in list(self.vpcs.values()):
            if other.name == row.name and other.id != row.id:
                puts += self._lose(other)
        if self.vpcs.get(row.id) == row:
            return puts
        self.vpcs[row.id] = row
        return [*puts, put_vpc(row), *self._open_ways_out(row)]

    def _open_ways_out(self, vpc: VpcRow) -> Puts:
        puts: Puts = []
        try:
            for uid, pod in list(self.allocator.pods.items()):
                if pod.vpc_id == vpc.id and uid != NODE_POD:
                    puts += self.allocator.allocate(uid, vpc)
        except NetworkProblem as problem:
            self.troubles[vpc.name] = str(problem)
        return puts

    def lose_vpc(self, name: str) -> Puts:
        """The server has no VPC of this name any more; pods of it stay as they are."""
        found = self.find_vpc(name)
        self.troubles.pop(name, None)
        self._waiting.pop(name, None)
        return [] if found is None else self._lose(found)

    def _lose(self, vpc: VpcRow) -> Puts:
        if not vpc.gone:
            vpc = self.vpcs[vpc.id] = msgspec.structs.replace(vpc, gone=True)
            return [put_vpc(vpc), *self.forget_vpcs()]
        return []

    def forget_vpcs(self) -> Puts:
        """Forget VPCs that are gone and of which nothing is left here; take up those that waited for their ids."""
        puts: Puts = []
        for row in list(self.vpcs.values()):
            if row.gone and not self._is_held(row.id):
                del self.vpcs[row.id]
                self.allocator.forget(row.id)
                puts.append(put_vpc(row, remove=True))
        for vpc in list(self._waiting.values()) if puts else ():
            puts += self.learn_vpc(vpc)
        return puts

    def _is_held(self, vpc_id: int) -> bool:
        return bool(self.allocator.pods_of(vpc_id)) or any(key[0] == vpc_id for key in self.allocator.blocks)

    def closing(self) -> list[int]:
        """Ids of VPCs that no pod joins any more."""
        return [each.id for each in self.vpcs.values() if not each.active]

    # --- pods that are on their way out

    def leave(self, uid: str) -> None:
        """The pod is to be detached: it is wanted no longer, but keeps its addresses."""
        self._leaving.add(uid)

    def stay(self, uid: str) -> None:
        """The pod is attached again, or forgotten."""
        self._leaving.discard(uid)

    # --- what follows

    def wanted(self) -> Wanted | None:
        """What the kernel should look like; None as long as the cluster is not known."""
        default = self.find_vpc(DEFAULT_VPC)
        if not self.cluster or default is None:
            return None
        vpcs = {row.id: VpcNetwork(row.id, row.name, row.cidr, row.masquerade) for row in self.vpcs.values()}
        blocks = {key for key, row in self.allocator.blocks.items() if not row.leaving}
        return Wanted(
            self.cluster, default.service_cidr, MappingProxyType(vpcs), frozenset(blocks), MappingProxyType(self.pods())
        )

    def pods(self) -> dict[str, PodNetwork]:
        """The pods that have, or should have, a link."""
        pods = {}
        for uid, row in self.allocator.pods.items():
            if uid == NODE_POD:
                if self.config.host_access:
                    pods[uid] = PodNetwork(uid, row.vpc_id, row.ipv4)
            elif row.attachment is not None and uid not in self._leaving:
                vpc = self.vpcs.get(row.vpc_id)
                pods[uid] = _pod_network(uid, row, row.attachment, way_out=vpc is not None and vpc.masquerade)
        return pods

    def allocation(self, uid: str) -> vpc_socket.Allocation:
        """What a pod has.

        Raises:
            NetworkProblem: NotFound.
        """
        row = self.allocator.pods.get(uid)
        if row is None:
            raise NetworkProblem(vpc_socket.NOT_FOUND, f"cannot find pod {uid}: it has no address on this node")
        return vpc_socket.Allocation(
            pod_uid=uid,
            vpc=row.vpc,
            vpc_id=row.vpc_id,
            ipv4=str(row.ipv4),
            ipv6=str(Ghost(self.cluster, row.vpc_id, row.ipv4, native=True)),
            ghost=str(Ghost(self.cluster, row.vpc_id, row.ipv4)),
            outside_ipv4="" if row.outside_ipv4 is None else str(row.outside_ipv4),
            device=row.attachment.device if row.attachment is not None else "",
        )


def read_vpc(vpc: VPC) -> VpcRow:
    """What the node has to know of a VPC with a status.

    Raises:
        BadVpc: its status contradicts itself, or its ranges are none.
    """
    name, status = vpc.metadata.name, vpc.status
    try:
        ghost = parse(status.prefix.partition("/")[0])
        cidr, service_cidr = IPv4Network(vpc.spec.cidr), IPv4Network(status.service_cidr)
    except (GhostError, ValueError) as error:
        raise BadVpc(f'cannot use VPC "{name}": {error}') from error
    if ghost.vpc != status.vpc_id or ghost.native or ghost.ipv4 != IPv4Address(0):
        raise BadVpc(f'cannot use VPC "{name}": {status.prefix} is not the prefix of VPC id {status.vpc_id}')
    return VpcRow(
        id=status.vpc_id,
        name=name,
        cidr=cidr,
        masquerade=vpc.spec.egress == EGRESS_MASQUERADE,
        cluster=ghost.cluster,
        service_cidr=service_cidr,
        terminating=vpc.metadata.deletion_timestamp is not None or status.phase == PHASE_TERMINATING,
    )


def _pod_network(uid: str, row: PodRow, attachment: Attachment, *, way_out: bool) -> PodNetwork:
    return PodNetwork(
        uid=uid,
        vpc=row.vpc_id,
        ipv4=row.ipv4,
        netns=attachment.netns,
        outside_ipv4=row.outside_ipv4 if way_out else None,
        outside_native_ipv4=row.outside_native_ipv4 if way_out else None,
        host_ports=tuple(read_host_port(each) for each in attachment.host_ports),
        tap=attachment.tap,
        mac=attachment.mac,
    )


def read_host_port(port: vpc_socket.HostPort) -> HostPort:
    """A host port as the kernel side knows it.

    Raises:
        NetworkProblem: BadRequest, when protocol, ports or address are none.
    """
    try:
        protocol = Protocol[port.protocol]
        host_ip = IPv4Address(port.host_ip) if port.host_ip not in ("", "0.0.0.0") else None
    except (KeyError, ValueError):
        raise _bad_host_port(port, "protocol is TCP or UDP, hostIp an IPv4 address") from None
    if not 0 < port.host_port < 65536 or not 0 < port.container_port < 65536:
        raise _bad_host_port(port, "ports are within 1 to 65535")
    return HostPort(protocol, port.host_port, port.container_port, host_ip)


def _bad_host_port(port: vpc_socket.HostPort, why: str) -> NetworkProblem:
    text = f"{port.protocol} {port.host_ip}:{port.host_port} -> {port.container_port}"
    return NetworkProblem(vpc_socket.BAD_REQUEST, f"cannot use host port {text}: {why}")
