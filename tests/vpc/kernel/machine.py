"""A machine of its own for a test: a network namespace as the node, further ones as pods and as the world outside."""

import asyncio
import ctypes
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from k3py.model.ghost import Ghost
from k3py.vpc.kernel import namespaces
from k3py.vpc.kernel.node import KernelNode
from k3py.vpc.wanted import NODE_POD, NodeConfig, PodNetwork, VpcNetwork, Wanted
from tests.vpc.bpf.kernel_objects import CLONE_NEWNET, bpffs, in_network_namespace
from tools.build_bpf import build

T = TypeVar("T")
CLUSTER = 0xC0FFEE11
INSTANCE = "7e57ab1e"
DEFAULT = VpcNetwork(1, "default", IPv4Network("10.42.0.0/16"))
TWIN = VpcNetwork(2, "twin", IPv4Network("10.42.0.0/16"))
CLOSED = VpcNetwork(3, "closed", IPv4Network("10.44.0.0/16"), masquerade=False)
BLOCK = IPv4Network("10.42.0.0/26")
EGRESS = IPv4Network("100.64.0.0/18")
CONFIG = NodeConfig(INSTANCE, "n1", EGRESS)
NODE_IPV4 = IPv4Address("10.42.0.2")
# The world outside: a host on the node's uplink.
OUTSIDE, UPLINK = "192.0.2.7", "192.0.2.1"
TIMEOUT_SECONDS = 5.0
# An answer on one machine takes a millisecond; this long is silence.
PING_SECONDS = 0.5
_libc = ctypes.CDLL(None, use_errno=True)


def node_pod() -> PodNetwork:
    """The host itself."""
    return PodNetwork(NODE_POD, DEFAULT.id, NODE_IPV4)


def wanted(*pods: PodNetwork, vpcs: tuple[VpcNetwork, ...] = (DEFAULT, TWIN, CLOSED), cluster: int = CLUSTER) -> Wanted:
    """What the state side would say of these pods."""
    return Wanted(
        cluster,
        IPv4Network("10.43.0.0/16"),
        MappingProxyType({each.id: each for each in vpcs}),
        frozenset({(DEFAULT.id, BLOCK)}),
        MappingProxyType({each.uid: each for each in pods}),
    )


def ghost(pod: PodNetwork, native: bool = False) -> str:
    """A pod's Ghost address."""
    return str(Ghost(CLUSTER, pod.vpc, pod.ipv4, native))


def run(*command: object) -> str:
    """A command in the calling thread's namespace."""
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@dataclass
class Machine:
    """The node. ``services`` notes what the socket programs would be told."""

    folder: Path
    bpffs: Path
    undo: ExitStack
    node: KernelNode
    services: "Joined"
    drops: list[bytes]
    pods: dict[str, PodNetwork] = field(default_factory=dict)

    def namespace(self, name: str) -> Path:
        """A new network namespace, held by a bind mount until the test ends."""
        path = self.folder / f"ns-{name}"
        path.touch()

        def make() -> None:
            assert _libc.unshare(CLONE_NEWNET) == 0
            run("mount", "--bind", f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net", path)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        self.undo.callback(run, "umount", path)
        return path

    def pod(self, name: str, ipv4: str, vpc: VpcNetwork = DEFAULT, outside: bool = True, **other: object) -> PodNetwork:
        """A pod with a namespace; its outside addresses follow from the number of pods."""
        number = 2 * len(self.pods) + 2
        first, second = (EGRESS.network_address + number + each for each in range(2))
        path = str(self.namespace(name))
        places = (first, second) if outside else (None, None)
        made = PodNetwork(name, vpc.id, IPv4Address(ipv4), path, *places, **other)  # type: ignore[arg-type]
        self.pods[name] = made
        return made

    def outside(self) -> Path:
        """A host behind the node's uplink, which routes to whatever it likes by way of the node."""
        path = self.namespace("outside")
        run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "lan0")
        namespaces.inside(path, lambda: run("ip", "link", "set", "lo", "up"))
        with path.open() as held:
            run("ip", "link", "set", "lan0", "netns", f"/proc/{os.getpid()}/fd/{held.fileno()}")
        run("ip", "addr", "add", f"{UPLINK}/24", "dev", "up0")
        run("ip", "addr", "add", "2001:db8::1/64", "dev", "up0", "nodad")
        run("ip", "link", "set", "up0", "up")

        def configure() -> None:
            run("ip", "addr", "add", f"{OUTSIDE}/24", "dev", "lan0")
            run("ip", "addr", "add", "2001:db8::7/64", "dev", "lan0", "nodad")
            run("ip", "link", "set", "lan0", "up")

        namespaces.inside(path, configure)
        return path


class Joined:
    """Notes which namespaces are in which VPC."""

    def __init__(self) -> None:
        self.vpcs: dict[int, tuple[int, bool]] = {}

    def join(self, cookie: int, vpc: int, host: bool, netns: str = "") -> None:
        self.vpcs[cookie] = (vpc, host)

    def leave(self, cookie: int) -> None:
        self.vpcs.pop(cookie, None)


def on_a_machine(
    folder: Path,
    story: Callable[[Machine], Awaitable[None]],
    config: NodeConfig = CONFIG,
    start: bool = True,
    filters: bool | None = None,
) -> None:
    """Run a story in a network namespace of its own, with bpffs in the test's folder."""
    build()

    def live() -> None:
        run("ip", "link", "set", "lo", "up")
        asyncio.run(tell())

    async def tell() -> None:
        services, drops = Joined(), list[bytes]()
        node = KernelNode(
            config, folder / "state", bpffs=place, services=services, on_drop=drops.append, filters=filters
        )
        with ExitStack() as undo:
            machine = Machine(folder, place, undo, node, services, drops)
            try:
                if start:
                    await node.start()
                await story(machine)
            finally:
                await node.stop()

    with bpffs(folder) as place:
        in_network_namespace(live)


@contextmanager
def listening(port: int, family: socket.AddressFamily = socket.AF_INET) -> Iterator[socket.socket]:
    """A TCP socket that listens on all addresses of the calling thread's namespace."""
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen()
        listener.settimeout(TIMEOUT_SECONDS)
        yield listener


def listener_in(path: str, port: int, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """The same, in another namespace; a socket stays in the one that it was made in."""

    def make() -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind(("", port))
        listener.listen()
        listener.settimeout(TIMEOUT_SECONDS)
        return listener

    return namespaces.inside(Path(path), make)


def talk(client: str, listener: socket.socket, address: str, port: int, timeout: float = TIMEOUT_SECONDS) -> str:
    """Connect from a namespace (empty: this one), exchange some bytes; whom the listener saw.

    Raises:
        OSError: there is no connection.
    """

    def ask() -> str:
        with socket.create_connection((address, port), timeout=timeout) as asking:
            accepted, peer = listener.accept()
            with accepted:
                accepted.settimeout(timeout)
                asking.sendall(b"ping")
                assert accepted.recv(4, socket.MSG_WAITALL) == b"ping"
                accepted.sendall(bytes(100_000))
                received = 0
                while received < 100_000:
                    received += len(asking.recv(65_536))
            return str(peer[0])

    return namespaces.inside(Path(client), ask) if client else ask()


def ping(client: str, address: str) -> bool:
    """Whether one echo comes back in time."""

    def ask() -> bool:
        version6 = ":" in address
        family, protocol = (socket.AF_INET6, 58) if version6 else (socket.AF_INET, 1)
        request, reply = (128, 129) if version6 else (8, 0)
        head = struct.pack("!BBHHH", request, 0, 0, os.getpid() & 0xFFFF, 1)
        summed = sum(struct.unpack("!4H", head))
        with socket.socket(family, socket.SOCK_RAW, protocol) as asking:
            asking.settimeout(PING_SECONDS)
            checksum = ~(summed + (summed >> 16)) & 0xFFFF
            try:
                asking.sendto(head[:2] + struct.pack("!H", checksum) + head[4:], (address, 0))
                while True:
                    answer, (sender, *_) = asking.recvfrom(2048)
                    if sender == address and answer[0 if version6 else 20] == reply:
                        return True
            except OSError:
                return False

    return namespaces.inside(Path(client), ask) if client else ask()
