"""What the deciding side of the VPC daemon asks of the machine. ``kernel`` and ``services`` are the real ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol

from k3py.vpc.bpf.abi import Direction, Outcome
from k3py.vpc.bpf.counters import Total
from k3py.vpc.wanted import PodNetwork, ServicePort, Wanted


class NetworkProblem(Exception):
    """The machine did not do what was asked. ``reason`` is one of ``model.vpc_socket``'s; the text is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Attached:
    """``device``: the name of the host end."""

    device: str


class Node(Protocol):
    """The network of this machine. Every method may be repeated, and interrupted between any two of its steps."""

    async def converge(self, wanted: Wanted) -> Mapping[str, NetworkProblem]:
        """Make everything as wanted, and remove of ours what is not; by pod uid what could not be done.

        Also learns ``wanted`` as what later repairs restore.
        """
        ...

    async def attach(self, wanted: Wanted, uid: str) -> Attached:
        """Make one pod's part of ``wanted`` at once. Raises NetworkProblem; nothing half-made is reachable then."""
        ...

    async def detach(self, wanted: Wanted, uid: str) -> None:
        """Take away everything of a pod that ``wanted`` no longer has. Raises NetworkProblem."""
        ...

    def counters(self, uid: str) -> Mapping[Direction, Mapping[Outcome, Total]]:
        """What became of a pod's packets; empty when it has no programs."""
        ...

    def ifindex(self, uid: str) -> int:
        """The interface number of the pod's host end; 0 when there is none."""
        ...


class ServiceTable(Protocol):
    """The services as the socket programs and nft see them."""

    def switch(
        self,
        services: Sequence[ServicePort],
        pods: Mapping[tuple[int, IPv4Address], PodNetwork],
        node_addresses: Sequence[IPv4Address],
    ) -> None:
        """Make these the services of the node. ``pods``: its own by VPC id and guest IPv4. Raises NetworkProblem."""
        ...


OnDrop = Callable[[bytes], None]
"""Gets each record of the events ring (``abi.Event``)."""
