"""What can be done to the kernel: values that leave no choice to whoever carries them out. Each may be repeated.

``why`` says what is wrong now; it ends up in the log.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address

from k3py.vpc.kernel.values import Route
from k3py.vpc.wanted import PodNetwork


@dataclass(frozen=True)
class SetSysctl:
    """Write a file below ``/proc/sys``; the old value is recorded first."""

    path: str
    value: str
    why: str


@dataclass(frozen=True)
class WriteTable:
    """Exchange our nft table."""

    text: str
    why: str


@dataclass(frozen=True)
class AddAddress:
    """Give loopback an address of ours."""

    address: IPv6Address
    why: str


@dataclass(frozen=True)
class RemoveAddress:
    """Take an address of ours from loopback."""

    address: IPv6Address
    why: str


@dataclass(frozen=True)
class PutRoute:
    """Add a route, or exchange the one with the same destination."""

    route: Route
    why: str


@dataclass(frozen=True)
class RemoveRoute:
    """Take a route of ours away."""

    route: Route
    why: str


@dataclass(frozen=True)
class PutEntry:
    """Write an entry of a shared map."""

    map_name: str
    key: bytes
    value: bytes
    why: str


@dataclass(frozen=True)
class PutLocalPod:
    """Let other pods of the node reach this one at once; its device's number is looked up."""

    pod: PodNetwork
    device: str
    why: str


@dataclass(frozen=True)
class RemoveEntry:
    """Delete an entry of a shared map."""

    map_name: str
    key: bytes
    why: str


@dataclass(frozen=True)
class MakeLink:
    """Make a pod's pair of interfaces, both down, the pod's end in its namespace."""

    pod: PodNetwork
    device: str
    why: str


@dataclass(frozen=True)
class DressLink:
    """Give a host end, or a TAP device, its group, MAC, MTU, and switch its address resolution off."""

    pod: PodNetwork
    device: str
    why: str


@dataclass(frozen=True)
class RemoveLink:
    """Delete a host end, and with it the pod's end, its routes, and what is attached to it."""

    device: str
    why: str


@dataclass(frozen=True)
class ReleaseDevice:
    """Take a TAP device, which is somebody else's, down and out of our group."""

    device: str
    why: str


@dataclass(frozen=True)
class LoadPrograms:
    """Begin to load both programs with the pod's constants, and pin its counters; nothing is attached yet."""

    pod: PodNetwork
    why: str


@dataclass(frozen=True)
class AttachProgram:
    """Attach one of a pod's two loaded programs, and pin the link."""

    pod: PodNetwork
    device: str
    name: str
    why: str


@dataclass(frozen=True)
class ExchangePrograms:
    """Exchange a pod's attached programs, but for ``skipped`` ones, for the loaded ones; no packet is lost."""

    pod: PodNetwork
    skipped: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class MarkPrograms:
    """Note, beside the pins, what the pod's programs were made of: they are complete."""

    pod: PodNetwork
    why: str


@dataclass(frozen=True)
class RemovePins:
    """Unpin programs and counters of a pod; what is attached is detached."""

    pin: str
    why: str


@dataclass(frozen=True)
class ConfigurePod:
    """Give the pod's end its addresses and routes, and bring it up."""

    pod: PodNetwork
    why: str


@dataclass(frozen=True)
class BringUp:
    """Bring a host end up: from now on packets flow."""

    device: str
    why: str


@dataclass(frozen=True)
class JoinServices:
    """Let the socket programs resolve services for the pod's namespace."""

    pod: PodNetwork
    why: str


@dataclass(frozen=True)
class LeaveServices:
    """The socket programs forget the namespace that a pod had."""

    pin: str
    why: str


Action = (
    SetSysctl
    | WriteTable
    | AddAddress
    | RemoveAddress
    | PutRoute
    | RemoveRoute
    | PutEntry
    | PutLocalPod
    | RemoveEntry
    | MakeLink
    | DressLink
    | RemoveLink
    | ReleaseDevice
    | LoadPrograms
    | AttachProgram
    | ExchangePrograms
    | MarkPrograms
    | RemovePins
    | ConfigurePod
    | BringUp
    | JoinServices
    | LeaveServices
)

# Actions that may be done at the same time; a plan is a list of them, one after the other.
Stage = tuple[Action, ...]
Plan = list[Stage]
