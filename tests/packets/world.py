"""A pod's two programs and the maps around them, without any device: frames in, frames and outcomes out."""

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from k3py.model.ghost import NAT64, Ghost
from k3py.vpc.bpf import abi, kernel
from k3py.vpc.bpf.abi import Direction, LocalFlag, Outcome, RouteKind, Setting
from k3py.vpc.bpf.counters import Total, read_counters
from k3py.vpc.bpf.loader import Loaded, read_object
from k3py.vpc.bpf.maps import Map
from tools.build_bpf import build

CLUSTER = 0xC0FFEE11
VPC, PEERED, STRANGE = 7, 8, 9

POD_MAC, GATEWAY_MAC, NEIGHBOR_MAC = "0a:00:00:07:05:01", "0a:fe:fe:fe:fe:01", "0a:00:00:07:09:01"
POD, FAR, LOCAL, LOCAL_NATIVE, LOCAL_PLAIN = "10.0.0.5", "10.0.1.6", "10.0.0.9", "10.0.0.10", "10.0.0.11"
IN_PEERED, IN_STRANGE = "10.8.0.6", "10.0.1.7"
DNS, SERVER, OUTSIDE_POD, OTHER_OUTSIDE = "10.43.0.10", "192.0.2.7", "100.64.0.5", "100.64.0.6"
OUTSIDE_NATIVE = "100.64.0.7"

REDIRECT, OK, SHOT = 7, 0, 2


def ghost(ipv4: str, vpc: int = VPC, native: bool = False) -> str:
    """The Ghost address as text."""
    return str(Ghost(CLUSTER, vpc, IPv4Address(ipv4), native))


def packed(mac: str) -> bytes:
    """A MAC's 6 bytes."""
    return bytes.fromhex(mac.replace(":", ""))


def fill(struct: type[ctypes.Structure], /, **fields: int | bytes) -> bytes:
    """A struct's bytes; addresses are given as bytes."""
    made = struct()
    for name, value in fields.items():
        if isinstance(value, bytes):
            ctypes.memmove(ctypes.addressof(made) + getattr(struct, name).offset, value, len(value))
        else:
            setattr(made, name, value)
    return bytes(made)


@dataclass(frozen=True)
class Result:
    """What a program did with a frame: its verdict, the frame after it, and how it counted the frame."""

    verdict: int
    frame: bytes
    outcome: Outcome


class Pod:
    """One pod's programs."""

    def __init__(self, sender: Loaded, receiver: Loaded | None) -> None:
        self.sender = sender
        self._receiver = receiver
        self.counters = sender.maps["counters"]

    @property
    def receiver(self) -> Loaded:
        assert self._receiver, "nothing is checked on the way to this pod"
        return self._receiver

    def counts(self, direction: Direction) -> dict[Outcome, Total]:
        return read_counters(self.counters, direction)

    def sends(self, frame: bytes) -> Result:
        """A frame leaves the pod."""
        return self._run(Direction.FROM_POD, self._sends, frame)

    def gets(self, frame: bytes) -> Result:
        """A frame arrives for the pod."""
        return self._run(Direction.TO_POD, self.receiver.programs["to_pod"], frame)

    def runs(self, direction: Direction, frame: bytes) -> kernel.Ran:
        """The same without looking at the counters, which takes longer than the run."""
        program = self._sends if direction is Direction.FROM_POD else self.receiver.programs["to_pod"]
        return kernel.test_run(program, frame)

    @property
    def _sends(self) -> int:
        (program,) = self.sender.programs.values()
        return program

    def _run(self, direction: Direction, program: int, frame: bytes) -> Result:
        before = self.counts(direction)
        ran = kernel.test_run(program, frame)
        after = self.counts(direction)
        grown = [each for each in after if after[each] != before.get(each)]
        assert len(grown) == 1, f"one packet is one outcome, not {grown}"
        was = before.get(grown[0], Total(0, 0))
        assert after[grown[0]] == Total(was.packets + 1, was.bytes + len(frame))
        return Result(ran.verdict, ran.packet, grown[0])


class Node:
    """The shared maps of a node, and pods that use them."""

    def __init__(self, undo: ExitStack) -> None:
        build()
        self._undo = undo
        self._objects = {name: read_object(name) for name in ("from_pod", "to_pod", "tap_guard")}
        shared = {name: each for name, each in self._objects["from_pod"].maps.items() if name != "counters"}
        self.maps = {name: undo.enter_context(Map(kernel.map_create(each))) for name, each in shared.items()}

    def route(self, vpc: int, network: str, kind: RouteKind, to_vpc: int = 0) -> None:
        """What a VPC finds behind a range of addresses."""
        parsed = IPv4Network(network)
        prefix = Ghost(CLUSTER, to_vpc, parsed.network_address).prefix
        key = fill(
            abi.RouteKey, prefix_length=32 + parsed.prefixlen, vpc=vpc, destination=parsed.network_address.packed
        )
        outside = NAT64.network_address.packed[:12]
        self.maps["routes"][key] = fill(
            abi.Route, kind=kind, vpc=to_vpc, prefix=outside if kind is RouteKind.OUTSIDE else prefix
        )

    def local(self, ipv4: str, ifindex: int, flags: LocalFlag, mac: str = NEIGHBOR_MAC) -> None:
        """A pod of this node."""
        key = fill(abi.LocalKey, vpc=VPC, ipv4=IPv4Address(ipv4).packed)
        self.maps["local_pods"][key] = fill(abi.LocalPod, ifindex=ifindex, mac=packed(mac), flags=flags)

    def peer(self, receiver: int, sender: int) -> None:
        self.maps["peers"][fill(abi.PeerKey, receiver=receiver, sender=sender)] = (1).to_bytes(4, "little")

    def pod(
        self,
        flags: Setting,
        ipv4: str = POD,
        outside: str = "0.0.0.0",
        pod_mac: str = POD_MAC,
        outside_native: str = "0.0.0.0",
    ) -> Pod:
        """A pod's two programs; outside addresses of zeros: it has none."""
        constants = self._constants(flags, ipv4, outside, pod_mac, outside_native)
        sender = self._undo.enter_context(Loaded(self._objects["from_pod"], constants, self.maps))
        shared = {**self.maps, "counters": sender.maps["counters"]}
        return Pod(sender, self._undo.enter_context(Loaded(self._objects["to_pod"], constants, shared)))

    def machine(self, flags: Setting) -> Pod:
        """A virtual machine that translates inside: its guard, and no program for what it receives."""
        constants = self._constants(flags, POD, "0.0.0.0", POD_MAC, "0.0.0.0")
        return Pod(self._undo.enter_context(Loaded(self._objects["tap_guard"], constants, self.maps)), None)

    @staticmethod
    def _constants(flags: Setting, ipv4: str, outside: str, pod_mac: str, outside_native: str) -> dict[str, bytes]:
        settings = fill(
            abi.Settings,
            ghost=Ghost(CLUSTER, VPC, IPv4Address(ipv4)).packed,
            ipv4=IPv4Address(ipv4).packed,
            outside_ipv4=IPv4Address(outside).packed,
            outside_native_ipv4=IPv4Address(outside_native).packed,
            flags=flags,
            vpc=VPC,
            pod_mac=packed(pod_mac),
            gateway_mac=packed(GATEWAY_MAC),
        )
        return {"settings_constant": settings}


@contextmanager
def node() -> Iterator[Node]:
    """A node with VPC 7 (this pod's), 8 (peered with it) and 9 (not), which overlaps 7."""
    with ExitStack() as undo:
        made = Node(undo)
        made.route(VPC, "10.0.0.0/16", RouteKind.VPC, VPC)
        made.route(VPC, "10.8.0.0/16", RouteKind.VPC, PEERED)
        made.route(VPC, "10.43.0.10/32", RouteKind.VPC, 0)
        made.route(VPC, "0.0.0.0/0", RouteKind.OUTSIDE)
        made.route(VPC, "100.64.0.0/10", RouteKind.DENIED)
        made.peer(VPC, PEERED)
        made.peer(PEERED, VPC)
        made.local(LOCAL, 2, LocalFlag(0))
        made.local(LOCAL_NATIVE, 3, LocalFlag.NATIVE)
        made.local(LOCAL_PLAIN, 4, LocalFlag.PLAIN)
        yield made
