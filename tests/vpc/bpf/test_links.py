"""Programs attached to real devices and cgroups."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.abi import Direction, LocalFlag, Outcome, Setting
from k3py.vpc.bpf.counters import read_counters
from k3py.vpc.bpf.links import Link
from k3py.vpc.bpf.object_file import AttachType, ProgramType
from tests.packets.world import GATEWAY_MAC, Node, Pod, ghost, node
from tests.vpc.bpf.kernel_objects import bpffs, in_network_namespace, ip, namespace_of_a_process

# "r0 = n; exit": the smallest programs there are.
ALLOW, REFUSE = (b"\xb7" + bytes(3) + bytes([value, 0, 0, 0]) + b"\x95" + bytes(7) for value in (1, 0))

EXCHANGES = 100
POD = """
import socket, sys, threading
print("ready", flush=True)
sys.stdin.readline()
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
echo.bind(("0.0.0.0", 7))
def answer():
    while True:
        data, sender = echo.recvfrom(65536)
        echo.sendto(data, sender)
def swallow(listener):
    connection, _ = listener.accept()
    total = 0
    while data := connection.recv(1 << 20):
        total += len(data)
    connection.sendall(str(total).encode())
    connection.close()
listener = socket.create_server(("0.0.0.0", 8))
threading.Thread(target=answer, daemon=True).start()
threading.Thread(target=swallow, args=(listener,), daemon=True).start()
print("listening", flush=True)
for line in sys.stdin:
    kind, target, size, count = line.split()
    if kind == "udp":
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asking.settimeout(5)
        for index in range(int(count)):
            asked = index.to_bytes(4, "big") * (int(size) // 4)
            asking.sendto(asked, (target, 7))
            assert asking.recv(65536) == asked
        print("answered", count, flush=True)
    if kind == "refused":
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asking.settimeout(5)
        asking.connect((target, 9))
        asking.send(b"anybody?")
        try:
            asking.recv(10)
        except ConnectionRefusedError:
            print("refused", flush=True)
    if kind in ("hops", "mtu"):
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asking.settimeout(5)
        asking.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
        asking.setsockopt(socket.IPPROTO_IP, 10, 2 if int(size) < 1500 else 1)  # IP_MTU_DISCOVER: do, want
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(count))
        asking.connect((target, 7))
        asking.send(bytes(int(size)))
        try:
            asking.recv(65536)
        except OSError as error:
            print(error.strerror, asking.getsockopt(socket.IPPROTO_IP, 14), flush=True)  # IP_MTU
    if kind == "tcp":
        stream = socket.create_connection((target, 8), timeout=5)
        for _ in range(int(count)):
            stream.sendall(bytes(int(size)))
        stream.shutdown(socket.SHUT_WR)
        print("swallowed", stream.recv(100).decode(), flush=True)
"""


class LivePod:
    """A network namespace with a program in it that answers, behind a veth pair with our programs."""

    def __init__(self, made: Node, undo: ExitStack, name: str, ipv4: str, flags: Setting) -> None:
        self.process = undo.enter_context(namespace_of_a_process(POD))
        self.ipv4, pid = ipv4, self.process.pid
        ip("link", "add", name, "mtu", 1500, "type", "veth", "peer", "name", "eth0", "mtu", 1472, "netns", pid)
        ip("link", "set", name, "address", GATEWAY_MAC, "arp", "off", "addrgenmode", "none", "up")
        index = socket.if_nametoindex(name)
        (described,) = json.loads(ip("-j", "link", "show", "eth0", pid=pid))
        self.programs: Pod = made.pod(flags, ipv4=ipv4, pod_mac=described["address"])
        self.links = {
            "from_pod": Link.to_interface(self.programs.sender.programs["from_pod"], index, AttachType.TCX_INGRESS),
            "to_pod": Link.to_interface(self.programs.receiver.programs["to_pod"], index, AttachType.TCX_EGRESS),
        }
        for link in self.links.values():
            undo.callback(link.close)
        made.local(ipv4, index, LocalFlag(0), mac=described["address"])
        ip("route", "add", ghost(ipv4), "dev", name)
        ip("addr", "add", f"{ipv4}/32", "dev", "eth0", pid=pid)
        ip("link", "set", "eth0", "up", pid=pid)
        ip("route", "add", "default", "via", "169.254.1.1", "dev", "eth0", "onlink", pid=pid)
        self.asks("go", "listening")

    def says(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hears(self, expected: str) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == expected + "\n"

    def asks(self, line: str, expected: str) -> None:
        self.says(line)
        self.hears(expected)

    def total(self, direction: Direction) -> dict[Outcome, int]:
        return {each: total.packets for each, total in read_counters(self.programs.counters, direction).items()}


@contextmanager
def two_pods(flags: Setting) -> Iterator[tuple[LivePod, LivePod]]:
    """Two pods on a node, which is the caller's network namespace."""
    Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")
    with node() as made, ExitStack() as undo:
        yield LivePod(made, undo, "pod1", "10.0.0.21", flags), LivePod(made, undo, "pod2", "10.0.0.22", flags)


@pytest.mark.parametrize("flags", [Setting.SHORT_CUT, Setting(0)], ids=["short cut", "translated"])
def test_pods_talk(flags):
    def story() -> None:
        with two_pods(flags) as (first, second):
            first.asks(f"udp {second.ipv4} 64 50", "answered 50")
            first.asks(f"udp {second.ipv4} 20000 5", "answered 5")
            first.asks(f"refused {second.ipv4} 0 0", "refused")
            first.asks(f"tcp {second.ipv4} 1000000 20", "swallowed 20000000")
            sent = first.total(Direction.FROM_POD)
            way = Outcome.SENT_SHORT_CUT if flags else Outcome.SENT_TO_VPC
            assert set(sent) <= {way, Outcome.NEIGHBOR_ANSWERED, Outcome.DROP_NOT_IP}
            if not flags:
                assert second.total(Direction.TO_POD)[Outcome.RECEIVED_FROM_VPC] == sent[way]

    in_network_namespace(story)


@pytest.mark.parametrize("flags", [Setting.SHORT_CUT, Setting(0)], ids=["short cut", "translated"])
def test_the_node_tells_a_packet_at_the_end_of_its_hops(flags):
    def story() -> None:
        ip("link", "set", "lo", "up")
        ip("addr", "add", ghost("169.254.0.1", 0), "dev", "lo")
        with two_pods(flags) as (first, second):
            first.asks(f"hops {second.ipv4} 64 1", "No route to host 1472")
            assert first.total(Direction.TO_POD)[Outcome.RECEIVED_FROM_VPC] == 1

    in_network_namespace(story)


def test_a_smaller_mtu_on_the_way_is_learned():
    def story() -> None:
        ip("link", "set", "lo", "up")
        ip("addr", "add", ghost("169.254.0.1", 0), "dev", "lo")
        with two_pods(Setting(0)) as (first, second):
            ip("route", "replace", ghost(second.ipv4), "dev", "pod2", "mtu", 1400)
            first.asks(f"mtu {second.ipv4} 1440 64", "Message too long 1380")
            first.asks(f"mtu {second.ipv4} 20000 64", "Message too long 1372")  # fragments need a header more
            first.asks(f"udp {second.ipv4} 20000 5", "answered 5")
            first.asks(f"tcp {second.ipv4} 1000000 5", "swallowed 5000000")

    in_network_namespace(story)


@pytest.mark.parametrize("flags", [Setting.SHORT_CUT, Setting(0)], ids=["short cut", "translated"])
def test_programs_are_exchanged_under_traffic_without_a_lost_packet(flags):
    def story() -> None:
        with two_pods(flags) as (first, second):
            first.says(f"udp {second.ipv4} 64 5000")
            for _ in range(EXCHANGES):
                for pod in (first, second):
                    pod.links["from_pod"].update(pod.programs.sender.programs["from_pod"])
                    pod.links["to_pod"].update(pod.programs.receiver.programs["to_pod"])
            first.hears("answered 5000")

    in_network_namespace(story)


def test_a_pinned_link_outlives_its_maker_until_it_is_unlinked(tmp_path):
    def story() -> None:
        ip("link", "add", "veth1", "type", "veth", "peer", "name", "veth2")
        index = socket.if_nametoindex("veth1")
        program = kernel.program_load("allow", ProgramType.SCHED_CLS, AttachType.TCX_INGRESS, ALLOW)
        try:
            with Link.to_interface(program, index, AttachType.TCX_INGRESS) as link:
                link.pin(place / "from_pod")
        finally:
            os.close(program)
        with Link.open(place / "from_pod") as link:
            replacement = kernel.program_load("refuse", ProgramType.SCHED_CLS, AttachType.TCX_INGRESS, REFUSE)
            link.update(replacement)
            os.close(replacement)
        (place / "from_pod").unlink()
        with pytest.raises(OSError, match="No such file"):
            Link.open(place / "from_pod")

    with bpffs(tmp_path) as place:
        in_network_namespace(story)


def cgroup2() -> Path:
    """Where the cgroup2 hierarchy is mounted."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return next(Path(each[1]) for each in mounts if each[2] == "cgroup2")


def test_a_cgroups_processes_ask_before_they_connect():
    folder = cgroup2() / f"k3py-test-{os.getpid()}"
    connect = "import socket; socket.create_connection(('127.0.0.1', 9), timeout=5)"
    command = ["sh", "-c", f'echo $$ > {folder}/cgroup.procs; exec python3 -c "{connect}"']

    def story() -> None:
        ip("link", "set", "lo", "up")
        programs = [
            kernel.program_load(name, ProgramType.CGROUP_SOCK_ADDR, AttachType.CGROUP_INET4_CONNECT, code)
            for name, code in (("refuse", REFUSE), ("allow", ALLOW))
        ]
        try:
            with Link.to_cgroup(programs[0], folder, AttachType.CGROUP_INET4_CONNECT) as link:
                refused = subprocess.run(command, capture_output=True, text=True)
                assert "PermissionError" in refused.stderr
                link.update(programs[1])
                assert "ConnectionRefusedError" in subprocess.run(command, capture_output=True, text=True).stderr
        finally:
            for each in programs:
                os.close(each)

    folder.mkdir()
    try:
        in_network_namespace(story)
    finally:
        folder.rmdir()
