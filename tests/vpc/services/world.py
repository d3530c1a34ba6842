"""Pods on a bridge, whose sockets are resolved by the real programs; nobody else's: they have their own cgroup."""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from k3py.model.ghost import Ghost
from k3py.vpc.kernel import namespaces
from k3py.vpc.services.cgroups import find_cgroup2_root
from k3py.vpc.services.maps import ServiceMaps
from k3py.vpc.wanted import Backend, Protocol, ServicePort
from tests.vpc.bpf.kernel_objects import bpffs, ip, namespace_of_a_process
from tools.build_bpf import build

CLUSTER = 0xC0FFEE11
VPC, OTHER_VPC = 7, 8
VIP, OTHER_VIP, NODE = "10.43.0.50", "10.43.0.51", "10.42.0.1"
PORT, SERVICE_PORT, NODE_PORT = 8080, 80, 30080
REFUSED = "ConnectionRefusedError: Connection refused"
NO_ROUTE = "OSError: Network is unreachable"

POD = Path(__file__).with_name("pod_process.py").read_text()


class Pod:
    """A process in a network namespace of its own that does what it is told."""

    def __init__(self, process: Any, ipv4: str) -> None:
        self._process, self.ipv4, self.netns = process, ipv4, f"/proc/{process.pid}/ns/net"

    @property
    def cookie(self) -> int:
        """The number of its network namespace."""
        return namespaces.inside(Path(self.netns), namespaces.cookie)

    def does(self, call: str) -> Any:
        """What a call gives, or the OSError that it raised, as text."""
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return told["value"] if "value" in told else told["error"]


class World:
    """A node with the programs attached, and pods."""

    def __init__(self, undo: ExitStack, folder: Path, cgroup: Path) -> None:
        self._undo, self.folder, self.cgroup = undo, folder / "services", cgroup
        self._bridges: set[int] = set()
        self._links = 0
        self.maps = self.open()

    def open(self, folder: str = "services", cluster: int = CLUSTER, **options: Any) -> ServiceMaps:
        """What a daemon does at its start. Its end changes nothing."""
        made = ServiceMaps(self.folder.with_name(folder), cluster, cgroup=self.cgroup, **options)
        self._undo.callback(made.close)
        return made

    def pod(
        self,
        ipv4: str,
        vpc: int = VPC,
        *,
        host: bool = False,
        member: bool = True,
        below: bool = True,
        serves: str = "",
    ) -> Pod:
        """A pod, below the cgroup or not; the VPCs have bridges of their own, so their addresses may be the same."""
        process = self._undo.enter_context(namespace_of_a_process(POD))
        if below:
            (self.cgroup / "cgroup.procs").write_text(str(process.pid))
        self._plug(process.pid, ipv4, vpc)
        pod = Pod(process, ipv4)
        if member:
            self.maps.join(pod.cookie, vpc, host, pod.netns)
        if serves:
            pod.does(f"serve({serves!r}, {PORT})")
        return pod

    def serve(self, *services: ServicePort) -> None:
        """Make these the services."""
        self.maps.switch(services, {}, [IPv4Address(NODE)])

    def _plug(self, pid: int, ipv4: str, vpc: int) -> None:
        bridge = f"bridge{vpc}"
        if vpc not in self._bridges:
            self._bridges.add(vpc)
            ip("link", "add", bridge, "type", "bridge")
            ip("link", "set", bridge, "up")
        self._links += 1
        ip("link", "add", f"pod{self._links}", "type", "veth", "peer", "name", "eth0", "netns", pid)
        ip("link", "set", f"pod{self._links}", "master", bridge, "up")
        ip("link", "set", "lo", "up", pid=pid)
        ip("addr", "add", f"{ipv4}/16", "dev", "eth0", pid=pid)
        for native in (False, True):
            ip("addr", "add", f"{ghost(ipv4, vpc, native)}/112", "dev", "eth0", "nodad", pid=pid)
        ip("link", "set", "eth0", "up", pid=pid)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A world without pods; call it in a network namespace that may be thrown away."""
    build()
    cgroup = find_cgroup2_root() / f"k3py-test-{os.getpid()}"
    with ExitStack() as undo:
        place = undo.enter_context(bpffs(folder))
        cgroup.mkdir()
        undo.callback(cgroup.rmdir)
        undo.callback(_end, cgroup)
        yield World(undo, place, cgroup)


def _end(cgroup: Path) -> None:
    for pid in (cgroup / "cgroup.procs").read_text().split():
        os.kill(int(pid), signal.SIGKILL)


def ghost(ipv4: str, vpc: int = VPC, native: bool = True) -> str:
    """The Ghost address as text."""
    return str(Ghost(CLUSTER, vpc, IPv4Address(ipv4), native))


def service(backends: Sequence[str | Pod], vpc: int = VPC, vip: str = VIP, **more: Any) -> ServicePort:
    """A service in front of pods."""
    addresses = [each.ipv4 if isinstance(each, Pod) else each for each in backends]
    return ServicePort(
        **{
            "vpc": vpc,
            "name": "default/web:http",
            "protocol": Protocol.TCP,
            "port": SERVICE_PORT,
            "addresses": (IPv4Address(vip),),
            "backends": tuple(Backend(IPv4Address(each), PORT) for each in sorted(addresses)),
            **more,
        }
    )


def datagrams(backends: Sequence[str | Pod], **more: Any) -> ServicePort:
    """A UDP service in front of pods."""
    return service(backends, protocol=Protocol.UDP, **more)
