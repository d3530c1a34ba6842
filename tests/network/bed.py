"""A node as it really is, on a LAN that nobody trusts.

::

    pods == node == LAN (192.0.2.0/24, 2001:db8::/64) == neighbour, a machine that does what it likes
                     |
                   router == narrow link (MTU 1400) == outside, a server on the internet

Everything lives in network namespaces; the node's is that of one thread, which has an event loop.
"""

import asyncio
import ctypes
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from k3py.vpc.kernel import namespaces
from k3py.vpc.kernel.node import KernelNode
from k3py.vpc.kernel.services_port import NamespaceTable
from k3py.vpc.wanted import VpcNetwork, Wanted
from tests.network.speaker import Speaker
from tests.vpc.bpf.kernel_objects import CLONE_NEWNET, bpffs
from tests.vpc.kernel.machine import CLOSED, CONFIG, DEFAULT, TWIN, Joined, Machine, node_pod, run, wanted
from tools.build_bpf import build

T = TypeVar("T")
NODE, NODE_6 = "192.0.2.1", "2001:db8::1"
ROUTER, ROUTER_6 = "192.0.2.254", "2001:db8::fe"
NEIGHBOUR, NEIGHBOUR_6 = "192.0.2.66", "2001:db8::66"
OUTSIDE, GATEWAY = "198.51.100.7", "198.51.100.1"
# The router says that it knows no way there.
NOWHERE = "203.0.113.9"
NARROW_MTU = 1400
UPLINK = "up0"
# A story that takes longer is stuck.
STORY_SECONDS = 60.0
# A kernel that says only some of its errors would hide that it says others; and it shall not be busy with finding out
# whether its addresses are its own.
_SETTINGS = (
    ("ipv4/icmp_ratemask", "0"),
    ("ipv4/icmp_msgs_per_sec", "1000000"),
    ("ipv6/icmp/ratelimit", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
)
_FORWARDING = ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding")


class Home:
    """A thread in a network namespace of its own, with an event loop; what runs there is in that namespace."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._entered = threading.Event()
        self._thread = threading.Thread(target=self._live, name="home")
        self._thread.start()
        self._entered.wait()

    def _live(self) -> None:
        assert ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0
        self._entered.set()
        self._loop.run_forever()
        self._loop.close()

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        """A coroutine's result."""
        return asyncio.run_coroutine_threadsafe(story, self._loop).result(STORY_SECONDS)

    def work(self, work: Callable[[], T]) -> T:
        """A function's result, by a thread beside the loop, as the kernel side has its own."""

        async def story() -> T:
            return await asyncio.get_running_loop().run_in_executor(None, work)

        return self.run(story())

    def do(self, work: Callable[[], T]) -> T:
        """A function's result; the loop waits for it."""

        async def story() -> T:
            return work()

        return self.run(story())

    def close(self) -> None:
        """The namespace goes with the thread."""
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


class Bed:
    """A node on the LAN. ``machine`` makes pods; they are connected by ``connect``."""

    def __init__(self, home: Home, machine: Machine, undo: ExitStack) -> None:
        self.home, self.machine, self._undo = home, machine, undo
        self.neighbour, self.router, self.outside = (
            str(machine.namespace(name)) for name in ("neighbour", "router", "outside")
        )
        self._wire()

    def wanted(self, *more: VpcNetwork) -> Wanted:
        """The host and all pods, in the usual VPCs and in more of them."""
        return wanted(node_pod(), *self.machine.pods.values(), vpcs=(DEFAULT, TWIN, CLOSED, *more))

    def connect(self, *more: VpcNetwork) -> None:
        """Connect all pods."""
        assert self.home.run(self.machine.node.converge(self.wanted(*more))) == {}

    def speaker(self, netns: str = "") -> Speaker:
        """Somebody who talks and answers, in a pod's namespace, on the LAN, or on the node itself."""
        return self.home.do(lambda: Speaker(self._undo, netns))

    def mac(self, device: str = UPLINK, netns: str = "") -> str:
        """A device's MAC."""
        described = self.home.do(lambda: in_namespace(netns, lambda: run("ip", "-o", "link", "show", device)))
        return described.split("link/ether ")[1].split()[0]

    def _wire(self) -> None:
        quick_and_talkative()
        plug(UPLINK, "to-node", self.router)
        in_namespace(self.router, self._make_router)
        for address in (f"{NODE}/24", f"{NODE_6}/64"):
            add_address(address, UPLINK)
        run("ip", "link", "set", UPLINK, "up")
        run("ip", "route", "add", "default", "via", ROUTER)
        run("ip", "-6", "route", "add", "default", "via", ROUTER_6)
        end(self.neighbour, (f"{NEIGHBOUR}/24", f"{NEIGHBOUR_6}/64"), ROUTER)
        end(self.outside, (f"{OUTSIDE}/24",), GATEWAY)
        in_namespace(self.outside, lambda: run("ip", "link", "set", "eth0", "mtu", NARROW_MTU))

    def _make_router(self) -> None:
        quick_and_talkative()
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "lan", "type", "bridge")
        plug("to-neighbour", "eth0", self.neighbour)
        plug("far", "eth0", self.outside)
        for port in ("to-node", "to-neighbour"):
            run("ip", "link", "set", port, "master", "lan", "up")
        for address, device in ((f"{ROUTER}/24", "lan"), (f"{ROUTER_6}/64", "lan"), (f"{GATEWAY}/24", "far")):
            add_address(address, device)
            run("ip", "link", "set", device, "up")
        run("ip", "link", "set", "far", "mtu", NARROW_MTU)
        run("ip", "route", "add", "unreachable", NOWHERE)
        for path in _FORWARDING:
            Path(path).write_text("1")


@contextmanager
def bed(
    folder: Path, make_services: Callable[[Path], NamespaceTable] | None = None, start: bool = True
) -> Iterator[Bed]:
    """A node on the LAN, without pods."""
    build()
    with ExitStack() as undo:
        place = undo.enter_context(bpffs(folder))
        home = Home()
        undo.callback(home.close)
        home.do(lambda: run("ip", "link", "set", "lo", "up"))
        services = make_services(place) if make_services else Joined()
        node = KernelNode(CONFIG, folder / "state", bpffs=place, services=services)
        machine = Machine(folder, place, undo, node, services, [])  # type: ignore[arg-type]
        if start:
            home.run(node.start())
        try:
            yield home.do(lambda: Bed(home, machine, undo))
        finally:
            home.run(machine.node.stop())


def in_namespace(netns: str, work: Callable[[], T]) -> T:
    """Do something in a namespace; the empty one is the caller's."""
    return namespaces.inside(Path(netns), work) if netns else work()


def quick_and_talkative() -> None:
    """The calling thread's namespace says all of its errors, and uses its addresses at once."""
    for path, value in _SETTINGS:
        Path("/proc/sys/net", path).write_text(value)


def plug(name: str, other: str, netns: str) -> None:
    """A cable from here to another namespace."""
    run("ip", "link", "add", name, "type", "veth", "peer", "name", other, "netns", netns)


def add_address(address: str, device: str) -> None:
    """An address that can be used at once."""
    run("ip", "addr", "add", address, "dev", device, *(["nodad"] if ":" in address else []))


def end(netns: str, addresses: tuple[str, ...], gateway: str) -> None:
    """A machine at the end of a cable."""

    def configure() -> None:
        run("ip", "link", "set", "lo", "up")
        for each in addresses:
            add_address(each, "eth0")
        run("ip", "link", "set", "eth0", "up")
        run("ip", "route", "add", "default", "via", gateway)

    in_namespace(netns, configure)
