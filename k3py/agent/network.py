"""What the agent asks of whoever gives pods their network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from k3py.model.generated.core_v1 import Pod

NO_VPC_DAEMON: Final = "the VPC daemon is not running"


class NetworkProblem(Exception):
    """The pod's network could not be made; the message is for the event and the pod's condition."""


class Network(Protocol):
    """Gives each pod its addresses. Every method may be repeated."""

    def start(self) -> None:
        """Begin whatever goes on beside; called once, in the loop."""
        ...

    async def stop(self) -> None:
        """Let go; pods keep their network."""
        ...

    async def known(self) -> object:
        """Wait until pods of this node can have a network at all: for the first time, not for now."""
        ...

    def missing(self, pod: Pod) -> str | None:
        """Why the pod cannot have its network now; None: it can. Never waits."""
        ...

    async def attach(self, pod: Pod, namespace: Path) -> Sequence[str]:
        """Connect the namespace; the pod's addresses, the first of each family first. Raises NetworkProblem."""
        ...

    async def detach(self, pod_uid: str) -> None:
        """Take back what ``attach`` gave, now or when that can be done; unknown pods are let be."""
        ...

    def addresses(self, pod_uid: str) -> Sequence[str]:
        """What ``attach`` gave; empty when nothing."""
        ...

    def node_address(self, pod_uid: str) -> str:
        """Where the node itself reaches the pod, for probes; empty when only its namespace leads to it."""
        ...

    def name_servers(self) -> Sequence[str]:
        """The cluster's DNS as pods reach it; empty when there is none."""
        ...


class HostNetworkOnly:
    """No network but the host's: other pods wait, and say why."""

    def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    async def known(self) -> None:
        return

    def missing(self, pod: Pod) -> str | None:
        return None if pod.spec.host_network else NO_VPC_DAEMON

    async def attach(self, pod: Pod, namespace: Path) -> Sequence[str]:
        raise NetworkProblem(NO_VPC_DAEMON)

    async def detach(self, pod_uid: str) -> None:
        return

    def addresses(self, pod_uid: str) -> Sequence[str]:
        return ()

    def node_address(self, pod_uid: str) -> str:
        return ""

    def name_servers(self) -> Sequence[str]:
        return ()
