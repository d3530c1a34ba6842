"""Live pods: network namespaces with a program that talks, behind veth pairs with our programs; and a world outside."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from k3py.vpc.bpf.abi import Direction, LocalFlag, Outcome, RouteKind, Setting
from k3py.vpc.bpf.attach import Attachment, attach
from k3py.vpc.bpf.counters import read_counters
from tests.packets.world import GATEWAY_MAC, VPC, Node, Pod, ghost, node
from tests.vpc.bpf.kernel_objects import ip, namespace_of_a_process

EXCHANGES = 100
HOST, SYSTEM = "169.254.1.1", 0
POD_PROGRAM = Path(__file__).with_name("pod_program.py").read_text()
MTU, POD_MTU = 1500, 1472
# The narrow link between the router and the server outside.
NARROW_MTU = 1400
UPLINK, GATEWAY, ROUTER, SERVER = "198.51.100.2", "198.51.100.1", "192.0.2.1", "192.0.2.7"
# The router says that it knows no way there.
NOWHERE = "203.0.113.9"
NFT = """
table ip world {
    chain postrouting {
        type nat hook postrouting priority srcnat
        oifname "uplink" masquerade
    }
}
"""


class Talker:
    """A network namespace with the pod program in it; ``here``: the caller's."""

    def __init__(self, undo: ExitStack, here: bool = False) -> None:
        self.process = undo.enter_context(namespace_of_a_process(POD_PROGRAM, here))
        self.pid = self.process.pid

    def says(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hears(self, expected: str) -> None:
        assert self.process.stdout
        heard = self.process.stdout.readline()
        assert heard == expected + "\n", f"{heard!r}, not {expected!r}"

    def asks(self, line: str, expected: str) -> None:
        self.says(line)
        self.hears(expected)


class LivePod(Talker):
    """A pod as the VPC daemon makes it. ``last``: the last octet of its addresses."""

    def __init__(self, made: Node, undo: ExitStack, name: str, last: int, flags: Setting) -> None:
        super().__init__(undo)
        self.name, self.ipv4, self.native = name, f"10.0.0.{last}", ghost(f"10.0.0.{last}", native=True)
        ip("link", "add", name, "mtu", MTU, "type", "veth", "peer", "name", "eth0", "mtu", POD_MTU, "netns", self.pid)
        ip("link", "set", name, "address", GATEWAY_MAC, "arp", "off", "addrgenmode", "none", "up")
        index = socket.if_nametoindex(name)
        (described,) = json.loads(ip("-j", "link", "show", "eth0", pid=self.pid))
        self.outside, self.outside_native = f"100.64.0.{last}", f"100.64.1.{last}"
        self.programs: Pod = made.pod(flags, self.ipv4, self.outside, described["address"], self.outside_native)
        self.attached: dict[Direction, Attachment] = {}
        for direction, program in self.loaded.items():
            self.attached[direction] = attach(index, direction, program)
            undo.callback(self.attached[direction].close)
        native = LocalFlag.NATIVE if flags & Setting.NATIVE else LocalFlag(0)
        made.local(self.ipv4, index, native, mac=described["address"])
        # What arrives must fit through the pod's end; from outside also when it has become IPv6, even as fragments.
        for destination, mtu in ((self.outside, POD_MTU), (self.outside_native, POD_MTU - 28)):
            ip("route", "add", destination, "dev", name, "mtu", mtu)
        ip("route", "add", ghost(self.ipv4), "dev", name)
        ip("route", "add", self.native, "dev", name, "mtu", POD_MTU)
        self._configure()
        self.asks("go", "listening")

    def _configure(self) -> None:
        ip("link", "set", "lo", "up", pid=self.pid)
        ip("addr", "add", f"{self.ipv4}/32", "dev", "eth0", pid=self.pid)
        ip("addr", "add", f"{self.native}/128", "dev", "eth0", "nodad", pid=self.pid)
        ip("link", "set", "eth0", "up", pid=self.pid)
        ip("route", "add", "default", "via", "169.254.1.1", "dev", "eth0", "onlink", pid=self.pid)
        ip("-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0", pid=self.pid)

    def widen(self, mtu: int) -> None:
        """Let longer packets through."""
        ip("link", "set", self.name, "mtu", mtu)
        ip("link", "set", "eth0", "mtu", mtu, pid=self.pid)

    @property
    def loaded(self) -> dict[Direction, int]:
        return {
            Direction.FROM_POD: self.programs.sender.programs["from_pod"],
            Direction.TO_POD: self.programs.receiver.programs["to_pod"],
        }

    def exchange_programs(self) -> None:
        """For the same ones; the kernel does not know."""
        for direction, program in self.loaded.items():
            self.attached[direction].update(program)

    def total(self, direction: Direction) -> dict[Outcome, int]:
        """Packets by what became of them."""
        return {each: total.packets for each, total in read_counters(self.programs.counters, direction).items()}

    def carried(self) -> dict[Direction, int]:
        """Packets by the device's own counters."""
        (described,) = json.loads(ip("-j", "-s", "link", "show", self.name))
        counts = described["stats64"]
        return {Direction.FROM_POD: counts["rx"]["packets"], Direction.TO_POD: counts["tx"]["packets"]}


@contextmanager
def two_pods(flags: Setting) -> Iterator[tuple[LivePod, LivePod]]:
    """Two pods on a node, which is the caller's network namespace."""
    for family in ("ipv4", "ipv6"):
        Path(f"/proc/sys/net/{family}/conf/all/forwarding").write_text("1")
    ip("link", "set", "lo", "up")
    ip("addr", "add", ghost(HOST, SYSTEM), "dev", "lo")
    with node() as made, ExitStack() as undo:
        made.route(VPC, f"{HOST}/32", RouteKind.VPC, SYSTEM)
        yield LivePod(made, undo, "pod1", 21, flags), LivePod(made, undo, "pod2", 22, flags)


@contextmanager
def host() -> Iterator[Talker]:
    """The node itself, as pods see it at ``HOST``."""
    with ExitStack() as undo:
        made = Talker(undo, here=True)
        made.asks("go", "listening")
        yield made


@contextmanager
def world() -> Iterator[Talker]:
    """A server outside: behind the node's uplink, which masquerades, and a router with a narrow link beyond it."""
    with ExitStack() as undo:
        router, server = Talker(undo), Talker(undo)
        ip("link", "add", "uplink", "type", "veth", "peer", "name", "near", "netns", router.pid)
        ip("link", "add", "far", "netns", router.pid, "type", "veth", "peer", "name", "eth0", "netns", server.pid)
        for address, device, pid in (
            (UPLINK, "uplink", None), (GATEWAY, "near", router.pid), (ROUTER, "far", router.pid),
            (SERVER, "eth0", server.pid),
        ):  # fmt: skip
            ip("addr", "add", f"{address}/24", "dev", device, pid=pid)
            ip("link", "set", device, "up", pid=pid)
        for device, pid in (("far", router.pid), ("eth0", server.pid)):
            ip("link", "set", device, "mtu", NARROW_MTU, pid=pid)
        forwarding = "echo 1 > /proc/sys/net/ipv4/conf/all/forwarding"
        subprocess.run(["nsenter", "-t", str(router.pid), "-n", "sh", "-c", forwarding], check=True)
        ip("route", "add", "default", "via", GATEWAY)
        ip("route", "add", "default", "via", ROUTER, pid=server.pid)
        ip("route", "add", "unreachable", NOWHERE, pid=router.pid)
        subprocess.run(["nft", "-f", "-"], input=NFT, text=True, check=True)
        server.asks("go", "listening")
        yield server
