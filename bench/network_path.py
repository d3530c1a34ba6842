"""Packets between two pods of one node, beside a plain bridge, plain routing and a bare veth pair, in turns.

``python bench/network_path.py [--rounds 7] [--seconds 2]`` prints JSON: for each set-up TCP throughput and processor
time per GB (iperf3, sender and receiver on a CPU each), the round trip of one byte over TCP (both ends on one CPU), and
UDP datagrams of 64 bytes that arrive. Ours are pods that the VPC daemon's kernel side attached: by the short cut
between pods of a node, and the long way through Ghost addresses and the kernel's routes, as to another node. Everything
is in network namespaces of its own. A ratio is the median of the rounds' ratios to the bridge, with their quartiles.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import MappingProxyType
from typing import Any

from measure import Row, host, row
from network_namespaces import Namespaces, inside, namespaces, netlink

from k3py.vpc.kernel import entries
from k3py.vpc.kernel.maps import open_if_there
from k3py.vpc.kernel.node import KernelNode
from k3py.vpc.kernel.reset import pins_folder
from k3py.vpc.wanted import NODE_POD, NodeConfig, PodNetwork, VpcNetwork, Wanted

CONFIG = NodeConfig("be7cb37c", "bench", IPv4Network("100.64.0.0/18"))
VPC = VpcNetwork(1, "default", IPv4Network("10.42.0.0/16"))
BLOCK = IPv4Network("10.42.0.0/26")
CLUSTER = 0xB37C_0001
SENDER_CPU, RECEIVER_CPU = 0, 1
PORT = 5201
TRIES_MAX = 3
GRACE_SECONDS = 10


class IperfFailed(Exception):
    """It said so."""


# Quantities: unit, whether more is better, and the ratio to the bridge that is wanted.
QUANTITIES = {
    "TCP throughput": ("Gbit/s", 0.95, True),
    "processor time": ("s/GB", 1.05, False),
    "TCP round trip": ("us", 1.1, False),
    "UDP, 64 bytes": ("1/s", 0.8, True),
}
BASE = "bridge"
# What is promised for the pods of one node.
TARGETED = "k3py, short cut"
PING_PONG = """
import os, socket, sys, time
kind, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.sched_setaffinity(0, {0})
with socket.socket() as made:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind == "server":
        made.bind((address, 5202)); made.listen(); print("ready", flush=True)
        made = made.accept()[0]
    else:
        made.connect((address, 5202))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    number = made.fileno()
    if kind == "server":
        while data := os.read(number, 1): os.write(number, data)
    else:
        for part in (count // 10, count):
            begin = time.perf_counter()
            for _ in range(part): os.write(number, b"x"); os.read(number, 1)
        print((time.perf_counter() - begin) / count * 1e6)
"""


@dataclass(frozen=True)
class SetUp:
    """Two namespaces, and the address of the second as the first sees it."""

    sender: Path
    receiver: Path
    address: str

    def command(self, place: Path, *command: str) -> list[str]:
        return ["nsenter", f"--net={place}", *command]


def pair(near: str, far: str, place: Path, address: str, prefix: int) -> int:
    """A veth pair with one end in ``place``; the index of the end that is here, which is up."""
    with netlink() as connection, place.open() as namespace:
        connection.link("add", ifname=near, kind="veth", peer={"ifname": far, "net_ns_fd": namespace.fileno()})
        index = socket.if_nametoindex(near)
        connection.link("set", index=index, state="up")
    inside(place, lambda: configure(far, address, prefix))
    return index


def configure(name: str, address: str, prefix: int) -> None:
    number = socket.if_nametoindex(name)
    with netlink() as connection:
        connection.addr("add", index=number, address=address, prefixlen=prefix)
        connection.link("set", index=number, state="up")


def bare(made: Namespaces) -> SetUp:
    """A veth pair and nothing else: the floor."""
    sender, receiver = made.make("bare-a"), made.make("bare-b")

    def build() -> None:
        pair("eth0", "eth0", receiver, "192.0.2.2", 24)
        configure("eth0", "192.0.2.1", 24)

    inside(sender, build)
    return SetUp(sender, receiver, "192.0.2.2")


def bridge(made: Namespaces) -> SetUp:
    """What most container networks are on one node."""
    node, sender, receiver = (made.make(f"bridge-{name}") for name in ("node", "a", "b"))

    def build() -> None:
        ports = [pair(f"v{n}", "eth0", place, f"192.0.2.{n}", 24) for n, place in ((1, sender), (2, receiver))]
        with netlink() as connection:
            connection.link("add", ifname="br0", kind="bridge")
            index = socket.if_nametoindex("br0")
            for port in ports:
                connection.link("set", index=port, master=index)
            connection.link("set", index=index, state="up")

    inside(node, build)
    return SetUp(sender, receiver, "192.0.2.2")


def routing(made: Namespaces) -> SetUp:
    """A node that routes between its pods, without any rule."""
    node, sender, receiver = (made.make(f"routing-{name}") for name in ("node", "a", "b"))

    def build() -> None:
        for number, place in ((1, sender), (2, receiver)):
            pair(f"v{number}", "eth0", place, f"198.51.{number}.2", 24)
            configure(f"v{number}", f"198.51.{number}.1", 24)

            def default(gateway: str = f"198.51.{number}.1") -> None:
                with netlink() as connection:
                    connection.route("add", dst="default", gateway=gateway)

            inside(place, default)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    inside(node, build)
    return SetUp(sender, receiver, "198.51.2.2")


@contextmanager
def bpffs(folder: Path) -> Iterator[Path]:
    """bpffs of our own."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "bpf", "bpffs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def ours(made: Namespaces, folder: Path, name: str, short_cut: bool) -> SetUp:
    """Two pods, attached as the daemon does it. What it made stays in the kernel when it has stopped."""
    node, sender, receiver = (made.make(f"{name}-{part}") for part in ("node", "a", "b"))
    first = IPv4Address("10.42.0.3"), IPv4Address("100.64.0.4"), IPv4Address("100.64.0.5")
    second = IPv4Address("10.42.0.4"), IPv4Address("100.64.0.6"), IPv4Address("100.64.0.7")
    pods = [
        PodNetwork(uid, VPC.id, ipv4, str(place), outside, native)
        for uid, place, (ipv4, outside, native) in (("a", sender, first), ("b", receiver, second))
    ]
    everybody = [PodNetwork(NODE_POD, VPC.id, IPv4Address("10.42.0.2")), *pods]
    wanted = Wanted(
        CLUSTER,
        IPv4Network("10.43.0.0/16"),
        MappingProxyType({VPC.id: VPC}),
        frozenset({(VPC.id, BLOCK)}),
        MappingProxyType({each.uid: each for each in everybody}),
    )

    async def attach() -> None:
        kernel = KernelNode(CONFIG, folder / f"{name}-state", bpffs=folder / name)
        await kernel.start()
        try:
            problems = await kernel.converge(wanted)
            if problems:
                raise RuntimeError(str(problems))
        finally:
            await kernel.stop()

    inside(node, lambda: asyncio.run(attach()))
    if not short_cut:
        table = open_if_there(pins_folder(CONFIG, folder / name) / "maps" / entries.LOCAL_PODS)
        assert table is not None
        with table:
            for each in pods:
                del table[entries.local_key(each)]
    return SetUp(sender, receiver, str(pods[1].ipv4))


def iperf(setup: SetUp, seconds: int, *options: str) -> tuple[dict[str, Any], float]:
    """A run of iperf3: its report, and the processor time of both ends in seconds.

    Its server sometimes fails as a test begins ("select failed"), and the client waits for ever: that is tried again.
    """
    for _ in range(TRIES_MAX):
        with suppress(subprocess.TimeoutExpired, IperfFailed):
            return iperf_once(setup, seconds, *options)
    raise RuntimeError(f"iperf3 failed {TRIES_MAX} times")


def iperf_once(setup: SetUp, seconds: int, *options: str) -> tuple[dict[str, Any], float]:
    server = [*setup.command(setup.receiver, "taskset", "-c", str(RECEIVER_CPU)), "iperf3", "-s", "-1", "-p", str(PORT)]
    client = [*setup.command(setup.sender, "taskset", "-c", str(SENDER_CPU)), "iperf3", "-c", setup.address]
    before = os.times()
    with subprocess.Popen([*server, "--forceflush"], stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            while "listening" not in running.stdout.readline():
                if running.poll() is not None:
                    raise IperfFailed("it does not listen")
            command = [*client, "-p", str(PORT), "-t", str(seconds), "-J", *options]
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_SECONDS)
            report = json.loads(done.stdout)
            if "error" in report:
                raise IperfFailed(report["error"])
            running.wait(GRACE_SECONDS)
        finally:
            running.kill()
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return report["end"], spent


def tcp(setup: SetUp, seconds: int) -> dict[str, float]:
    end, spent = iperf(setup, seconds)
    received = end["sum_received"]
    return {
        "TCP throughput": received["bits_per_second"] / 1e9,
        "processor time": spent / (received["bytes"] / 1e9),
    }


def udp(setup: SetUp, seconds: int) -> dict[str, float]:
    end, _ = iperf(setup, seconds, "-u", "-b", "0", "-l", "64")
    found = end.get("sum_received") or end["sum"]
    return {"UDP, 64 bytes": (found["packets"] - found["lost_packets"]) / found["seconds"]}


def round_trip(setup: SetUp, seconds: int) -> dict[str, float]:
    python = (sys.executable, "-c", PING_PONG)
    count = str(int(seconds * 10_000))
    server = setup.command(setup.receiver, *python, "server", setup.address, count)
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        client = setup.command(setup.sender, *python, "client", setup.address, count)
        done = subprocess.run(client, capture_output=True, text=True, timeout=60, check=True)
    return {"TCP round trip": float(done.stdout)}


MEASURES: tuple[Callable[[SetUp, float], dict[str, float]], ...] = (tcp, round_trip, udp)


def measure(setups: dict[str, SetUp], rounds: int, seconds: int) -> dict[str, dict[str, list[float]]]:
    """Figures by quantity and set-up, one for each round."""
    figures: dict[str, dict[str, list[float]]] = {each: {name: [] for name in setups} for each in QUANTITIES}
    for number in range(rounds):
        names = list(setups)
        turned = names[number % len(names) :] + names[: number % len(names)]
        for how in MEASURES:
            for name in turned:
                for quantity, value in how(setups[name], seconds).items():
                    figures[quantity][name].append(value)
    return figures


def rows(figures: dict[str, dict[str, list[float]]], load: str) -> list[Row]:
    found = []
    for quantity, (unit, limit, more) in QUANTITIES.items():
        for name, values in figures[quantity].items():
            ratios = [ours / base for ours, base in zip(values, figures[quantity][BASE], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            made = row(f"{quantity}, {name}", unit, statistics.median(values), load=load)
            made |= {"lowest": round(min(values), 3), "highest": round(max(values), 3)}
            made |= {"ratio": round(middle, 3), "ratio_quartiles": [round(low, 3), round(high, 3)]}
            if name == TARGETED:
                made |= {"target_ratio": limit, "met": middle >= limit if more else middle <= limit}
            found.append(made)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    facts = host()
    begin = time.perf_counter()
    with ExitStack() as undo:
        made = undo.enter_context(namespaces())
        for name in ("short", "long"):
            undo.enter_context(bpffs(made.folder / name))
        setups = {
            BASE: bridge(made),
            TARGETED: ours(made, made.folder, "short", True),
            "k3py, long way": ours(made, made.folder, "long", False),
            "routing": routing(made),
            "bare veth pair": bare(made),
        }
        figures = measure(setups, options.rounds, options.seconds)
    load = f"{options.rounds} rounds of {options.seconds} s, in turns"
    found = {"benchmark": "network_path", "host": facts, "rows": rows(figures, load)}
    print(json.dumps({**found, "seconds": round(time.perf_counter() - begin)}, indent=1))


if __name__ == "__main__":
    main()
