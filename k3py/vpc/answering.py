"""What each request on the socket means to the daemon. Acts, by calling others."""

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

from k3py.model import vpc_socket as messages
from k3py.store.errors import StoreError
from k3py.vpc.bpf.abi import MEANING, Direction, Outcome
from k3py.vpc.bpf.counters import Total
from k3py.vpc.daemon import VpcDaemon
from k3py.vpc.drops import direction_name
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.reachability import check, routes
from k3py.vpc.rows import Attachment
from k3py.vpc.wanted import NODE_POD

log = logging.getLogger(__name__)

# Uids name pins, which bpffs wants without dots, and rows of the store.
_UID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_MAC: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
# IFNAMSIZ without its end.
_DEVICE: Final = re.compile(r"[^\s/:]{1,15}")
PATH_MAX: Final = 4096
HOST_PORTS_MAX: Final = 256


async def answer(daemon: VpcDaemon, request: messages.AnyRequest) -> Any:
    """The result of a request, ready to be encoded.

    Raises:
        NetworkProblem: the refusal.
    """
    try:
        return await _answer(daemon, request)
    except StoreError as problem:
        raise NetworkProblem(messages.INTERNAL, str(problem)) from problem
    except OSError as problem:
        log.exception("a request failed")
        raise NetworkProblem(messages.KERNEL_REFUSED, f"the machine refused: {problem}") from problem


async def _answer(daemon: VpcDaemon, request: messages.AnyRequest) -> Any:
    match request:
        case messages.PingRequest():
            return daemon.ready()
        case messages.AllocateRequest():
            return await daemon.allocate(_uid(request.pod_uid), request.vpc)
        case messages.ReleaseRequest():
            return await daemon.release(_uid(request.pod_uid))
        case messages.QueryRequest():
            return daemon.state.allocation(request.pod_uid)
        case messages.AttachPodRequest() | messages.AttachTapRequest():
            return await daemon.attach(_uid(request.pod_uid), request.vpc, _attachment(request))
        case messages.DetachPodRequest() | messages.DetachTapRequest():
            return await daemon.detach(_uid(request.pod_uid))
        case messages.ListVpcsRequest():
            return _vpcs(daemon)
        case messages.GetRoutesRequest():
            return _routes(daemon, request.vpc)
        case messages.CheckReachabilityRequest():
            return check(daemon.config, daemon.wanted(), daemon.feed.ports, request.pod_uid, request.destination)
        case messages.CountersRequest():
            return _counters(daemon, request.pod_uid)
        case messages.TraceRequest():
            return await daemon.trace.after(request.after, request.wait_seconds, request.pod_uid)


def _uid(uid: str) -> str:
    if uid == NODE_POD or not _UID.fullmatch(uid):
        raise NetworkProblem(
            messages.BAD_REQUEST, f"cannot use {uid[:80]!r} as a pod's uid: 1 to 64 letters, digits, - and _"
        )
    return uid


def _attachment(request: messages.AttachPodRequest | messages.AttachTapRequest) -> Attachment:
    if len(request.host_ports) > HOST_PORTS_MAX:
        raise NetworkProblem(messages.BAD_REQUEST, f"cannot give a pod more than {HOST_PORTS_MAX} host ports")
    common = Attachment(namespace=request.namespace, name=request.name, host_ports=request.host_ports)
    if isinstance(request, messages.AttachPodRequest):
        path = request.netns
        if not path.startswith("/") or len(path) > PATH_MAX or "\0" in path:
            raise NetworkProblem(messages.BAD_REQUEST, f"cannot use {path[:80]!r} as a network namespace: no full path")
        return _with(common, netns=path)
    if not _DEVICE.fullmatch(request.device) or not _MAC.fullmatch(request.mac.lower()):
        text = f"cannot use device {request.device[:80]!r} with the MAC address {request.mac[:80]!r}"
        raise NetworkProblem(messages.BAD_REQUEST, text)
    return _with(common, tap=request.device, mac=request.mac.lower())


def _with(attachment: Attachment, **values: str) -> Attachment:
    return Attachment(namespace=attachment.namespace, name=attachment.name, host_ports=attachment.host_ports, **values)


def _vpcs(daemon: VpcDaemon) -> list[messages.VpcEntry]:
    allocator = daemon.state.allocator
    entries = []
    for row in sorted(daemon.state.vpcs.values(), key=lambda each: each.id):
        blocks = sorted(cidr for id_, cidr in allocator.blocks if id_ == row.id)
        entries.append(
            messages.VpcEntry(
                name=row.name,
                vpc_id=row.id,
                cidr=str(row.cidr),
                egress="Masquerade" if row.masquerade else "None",
                phase="Gone" if row.gone else "Terminating" if row.terminating else "Active",
                blocks=tuple(str(each) for each in blocks),
                pods=sum(pod.vpc_id == row.id for uid, pod in allocator.pods.items() if uid != NODE_POD),
            )
        )
    return entries


def _routes(daemon: VpcDaemon, name: str) -> list[messages.RouteEntry]:
    vpc = daemon.state.find_vpc(name)
    if vpc is None:
        raise NetworkProblem(messages.VPC_NOT_FOUND, f'cannot find VPC "{name}": this node does not know it')
    wanted = daemon.wanted()
    return routes(daemon.config, wanted, wanted.vpcs[vpc.id])


def _counters(daemon: VpcDaemon, uid: str) -> list[messages.PodCounters]:
    pods = daemon.state.allocator.pods
    if uid and uid not in pods:
        raise NetworkProblem(messages.NOT_FOUND, f"cannot find pod {uid}: it has no address on this node")
    result = []
    for each in [uid] if uid else sorted(pods):
        row = pods[each]
        attachment = row.attachment or Attachment()
        result.append(
            messages.PodCounters(
                pod_uid=each,
                namespace=attachment.namespace,
                name=attachment.name,
                vpc=row.vpc,
                ipv4=str(row.ipv4),
                counts=_counts(daemon.machine.node.counters(each)),
            )
        )
    return result


def _counts(totals: Mapping[Direction, Mapping[Outcome, Total]]) -> tuple[messages.Count, ...]:
    return tuple(
        messages.Count(
            direction=direction_name(direction),
            outcome=outcome.name,
            packets=total.packets,
            bytes=total.bytes,
            dropped=outcome.dropped,
            meaning=MEANING.get(outcome, ""),
        )
        for direction, outcomes in sorted(totals.items())
        for outcome, total in sorted(outcomes.items())
    )
