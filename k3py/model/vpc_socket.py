"""What is said on the VPC daemon's socket: NDJSON, one request and one answer per line, in this order.

A request is one of the ``...Request`` structs, told apart by its field ``request``; an answer is ``Answer`` with the
result's bytes or a ``Refusal``. Addresses are texts, ids numbers, times seconds.
"""

from typing import Final

import msgspec

VERSION: Final = 1
# A longer line is refused and the connection closed.
LINE_BYTES_MAX: Final = 1024 * 1024
# Reasons of refusals, for programs; the message beside is for people.
BAD_REQUEST: Final = "BadRequest"
FORBIDDEN: Final = "Forbidden"
BUSY: Final = "Busy"
NOT_READY: Final = "NotReady"
NOT_FOUND: Final = "NotFound"
VPC_NOT_FOUND: Final = "VPCNotFound"
VPC_TERMINATING: Final = "VPCTerminating"
VPC_FULL: Final = "VPCFull"
NO_BLOCK: Final = "NoBlock"
EGRESS_EXHAUSTED: Final = "EgressExhausted"
DEVICE_VANISHED: Final = "DeviceVanished"
KERNEL_REFUSED: Final = "KernelRefused"
CONFLICT: Final = "Conflict"
INTERNAL: Final = "Internal"


class Message(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """Base of what crosses the socket."""


class Request(Message, kw_only=True, tag_field="request", tag=lambda name: name.removesuffix("Request")):
    """Base of the requests. ``version`` is that of the protocol; another one is refused."""

    version: int = VERSION


class HostPort(Message, kw_only=True):
    """A port of the node that leads to one of the pod. An empty ``host_ip`` is every address of the node."""

    protocol: str
    host_port: int
    container_port: int
    host_ip: str = ""


class PingRequest(Request, kw_only=True):
    """Answered by ``Pong``."""


class AllocateRequest(Request, kw_only=True):
    """An address for the pod: the one that it has, else a new one, kept before it is answered. ``Allocation``."""

    pod_uid: str
    vpc: str


class ReleaseRequest(Request, kw_only=True):
    """Give back the pod's address; unknown pods are let be. Answered by null."""

    pod_uid: str


class QueryRequest(Request, kw_only=True):
    """The pod's ``Allocation``. Refused with NotFound."""

    pod_uid: str


class AttachPodRequest(Request, kw_only=True):
    """Give the network namespace at the path ``netns`` the pod's link and an address. Answered by ``Allocation``.

    ``namespace`` and ``name`` are the pod's, for events and lists.
    """

    pod_uid: str
    vpc: str
    netns: str
    namespace: str = ""
    name: str = ""
    host_ports: tuple[HostPort, ...] = ()


class DetachPodRequest(Request, kw_only=True):
    """Take back what AttachPod made, the address too; unknown pods are let be. Answered by null."""

    pod_uid: str


class AttachTapRequest(Request, kw_only=True):
    """Put a virtual machine's TAP device, which is in the daemon's namespace, into the VPC. ``Allocation``."""

    pod_uid: str
    vpc: str
    device: str
    mac: str
    namespace: str = ""
    name: str = ""
    host_ports: tuple[HostPort, ...] = ()


class DetachTapRequest(Request, kw_only=True):
    """Take back what AttachTap made, but not the device. Answered by null."""

    pod_uid: str


class ListVpcsRequest(Request, kw_only=True):
    """Answered by a list of ``VpcEntry``."""


class GetRoutesRequest(Request, kw_only=True):
    """Where a VPC's packets go. Answered by a list of ``RouteEntry``."""

    vpc: str


class CheckReachabilityRequest(Request, kw_only=True):
    """Whether a pod's packets would get to an address or another pod, and why. ``Reachability``.

    ``destination``: an IPv4 address as the pod would write it, or a pod's uid.
    """

    pod_uid: str
    destination: str


class CountersRequest(Request, kw_only=True):
    """What became of packets: a list of ``PodCounters``, of one pod or (empty ``pod_uid``) of all."""

    pod_uid: str = ""


class TraceRequest(Request, kw_only=True):
    """Dropped packets numbered above ``after``, oldest first; waits up to ``wait_seconds`` for one. ``Traced``."""

    after: int = 0
    wait_seconds: float = 0.0
    pod_uid: str = ""


AnyRequest = (
    PingRequest
    | AllocateRequest
    | ReleaseRequest
    | QueryRequest
    | AttachPodRequest
    | DetachPodRequest
    | AttachTapRequest
    | DetachTapRequest
    | ListVpcsRequest
    | GetRoutesRequest
    | CheckReachabilityRequest
    | CountersRequest
    | TraceRequest
)


class Refusal(Message, kw_only=True):
    """Why a request was not done."""

    reason: str
    message: str


class Answer(Message, kw_only=True):
    """The answer to one request: ``error``, or else ``result`` (whose type the request says)."""

    version: int = VERSION
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Refusal | None = None


class Pong(Message, kw_only=True):
    """How the daemon does. ``ready``: pods can be attached now; else ``why`` not.

    ``in_contact`` says whether the server answers. ``cluster`` is 0 as long as it is not known.
    """

    ready: bool
    node: str = ""
    why: str = ""
    in_contact: bool = False
    cluster: int = 0
    service_cidr: str = ""
    mtu: int = 0


class Allocation(Message, kw_only=True):
    """A pod's addresses. ``ghost`` is where the node itself reaches it; ``ipv6`` is the pod's own IPv6 address."""

    pod_uid: str
    vpc: str
    vpc_id: int
    ipv4: str
    ipv6: str
    ghost: str
    outside_ipv4: str = ""
    device: str = ""


class VpcEntry(Message, kw_only=True):
    """A VPC as this node knows it. ``blocks`` are this node's."""

    name: str
    vpc_id: int
    cidr: str
    egress: str
    phase: str
    blocks: tuple[str, ...] = ()
    pods: int = 0


class RouteEntry(Message, kw_only=True):
    """``kind``: Pods, System, Outside or Denied."""

    destination: str
    kind: str
    vpc: str = ""
    via: str = ""


class Reachability(Message, kw_only=True):
    """``why`` names the step that decides, in words; ``way`` lists the steps that a packet takes."""

    reachable: bool
    why: str
    way: tuple[str, ...] = ()


class Count(Message, kw_only=True):
    """``direction``: FromPod or ToPod; ``outcome`` as the programs name it."""

    direction: str
    outcome: str
    packets: int
    bytes: int
    dropped: bool = False
    meaning: str = ""


class PodCounters(Message, kw_only=True):
    """What became of the packets of one pod."""

    pod_uid: str
    namespace: str
    name: str
    vpc: str
    ipv4: str
    counts: tuple[Count, ...] = ()


class DropEvent(Message, kw_only=True):
    """One dropped packet. ``time`` is seconds since 1970; ``number`` counts events since the daemon's start."""

    number: int
    time: float
    pod_uid: str
    direction: str
    outcome: str
    meaning: str
    namespace: str = ""
    name: str = ""
    source: str = ""
    destination: str = ""
    protocol: str = ""
    source_port: int = 0
    destination_port: int = 0
    length: int = 0


class Traced(Message, kw_only=True):
    """``lost``: events between ``after`` and the first one here that are no longer kept."""

    events: tuple[DropEvent, ...] = ()
    lost: int = 0
