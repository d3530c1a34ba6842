"""What lies around the node, each machine a network namespace; the node is the namespace that the tests run in.

::

    pods == node (192.0.2.1) == LAN 192.0.2.0/24, bridged by the router == neighbours, further nodes
                                          |
                                router (192.0.2.254) == outside (198.51.100.7), a server on the internet
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from k3py.vpc.kernel import namespaces

T = TypeVar("T")

NODE, ROUTER = "192.0.2.1", "192.0.2.254"
OUTSIDE, GATEWAY = "198.51.100.7", "198.51.100.1"
UPLINK = "up0"
TALKER = Path(__file__).with_name("talker.py")
SECONDS = 30.0


class Machine:
    """A network namespace: of a pod, or of a machine of the LAN."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def path(self) -> Path:
        """Where its namespace can be entered."""
        return Path(f"/proc/{self.pid}/ns/net")

    def inside(self, work: Callable[[], T]) -> T:
        """Do something in it."""
        return namespaces.inside(self.path, work)

    def command(self, *words: object) -> list[str]:
        """A command as it has to be called for being in it."""
        return ["nsenter", f"--net={self.path}", *map(str, words)]

    def run(self, *words: object, seconds: float = SECONDS) -> str:
        """What a command in it says."""
        return run(*self.command(*words), seconds=seconds)

    @contextlib.contextmanager
    def talker(self, *words: object) -> Iterator["Talker"]:
        """The program ``talker.py`` in it, while the block runs."""
        command = self.command(sys.executable, TALKER, *words)
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                yield Talker(process)
            finally:
                process.kill()

    def asks(self, *words: object, seconds: float = SECONDS) -> str:
        """What ``talker.py`` in it says, without the line's end."""
        return self.run(sys.executable, TALKER, *words, seconds=seconds).rstrip("\n")


class Talker:
    """A program that says lines; ``ends`` gives its last words."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def hears(self) -> str:
        """Its next line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def ends(self, seconds: float = SECONDS) -> str:
        """Ask it to come to its end, by closing its input; what it says then."""
        said, _ = self._process.communicate(timeout=seconds)
        assert self._process.returncode == 0, said
        return said.rstrip("\n")


class Lan:
    """The router, a server outside, and whoever is plugged in."""

    def __init__(self, undo: ExitStack) -> None:
        self._undo = undo
        self._last = 10
        self.router, self.outside = self._machine(), self._machine()
        self._make_router()
        _plug(UPLINK, "to-node", self.router)
        self.router.run("ip", "link", "set", "to-node", "master", "lan", "up")
        undo.callback(run, "ip", "link", "del", UPLINK)
        for words in (
            ("addr", "add", f"{NODE}/24", "dev", UPLINK),
            ("link", "set", UPLINK, "up"),
            ("route", "add", "default", "via", ROUTER),
        ):
            run("ip", *words)
        _give(self.outside, OUTSIDE, GATEWAY)

    def plug(self) -> tuple[Machine, str]:
        """A new machine on the LAN, and its address."""
        made = self._machine()
        self._last += 1
        port = f"port{self._last}"
        self.router.inside(lambda: _plug(port, "eth0", made))
        self.router.run("ip", "link", "set", port, "master", "lan", "up")
        address = f"192.0.2.{self._last}"
        _give(made, address, ROUTER)
        return made, address

    def _machine(self) -> Machine:
        holder = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", "ip link set lo up && echo ready && exec sleep infinity"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip

        def end() -> None:
            holder.kill()
            holder.communicate()

        self._undo.callback(end)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        return Machine(holder.pid)

    def _make_router(self) -> None:
        self.router.inside(lambda: _plug("far", "eth0", self.outside))
        self.router.run("ip", "link", "add", "lan", "type", "bridge")
        for address, device in ((f"{ROUTER}/24", "lan"), (f"{GATEWAY}/24", "far")):
            self.router.run("ip", "addr", "add", address, "dev", device)
            self.router.run("ip", "link", "set", device, "up")
        self.router.inside(lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1"))


def run(*words: object, seconds: float = SECONDS) -> str:
    """What a command says; it has to succeed."""
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}"
    return done.stdout


def here() -> Machine:
    """The node: where the tests themselves are."""
    return Machine(os.getpid())


def _plug(name: str, other: str, machine: Machine) -> None:
    """A cable from here to another machine."""
    run("ip", "link", "add", name, "type", "veth", "peer", "name", other, "netns", machine.pid)


def _give(machine: Machine, address: str, gateway: str) -> None:
    """A machine's address at the end of its cable."""
    machine.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
    # Without an IPv6 address that would come a second later, amid a comparison.
    machine.run("ip", "link", "set", "eth0", "addrgenmode", "none", "up")
    machine.run("ip", "route", "add", "default", "via", gateway)
