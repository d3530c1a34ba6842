"""How many questions a second the DNS server answers on one core, beside unbound and dnsmasq in the same run.

``python bench/dns_answers.py [--seconds 3] [--rounds 3]`` prints JSON. In a network namespace of its own, servers on
core 0, the load on core 1: a socket with 256 questions on the way, sent and received by sendmmsg(2) and recvmmsg(2).
All servers have the same 1,000 services; a third of the questions is for services, a third for names that do not exist
(what search lists ask for), a third for AAAA records of services, which there are none of. Servers take turns; medians
of the rounds.

*repeated*: the same 3,000 questions again and again, as pods ask. *with cookies*: each with another DNS cookie.
*in random case*: each name is spelt with other capitals, so that nothing that was rendered for one serves another.
"""

import argparse
import asyncio
import ctypes
import json
import os
import random
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import uvloop
from measure import cpu_seconds, host, peer, row

from k3py.agent.dns.entries import Port, ServiceEntry, VpcEntry
from k3py.agent.dns.exchange import exchange
from k3py.agent.dns.forwarder import Forwarder
from k3py.agent.dns.server import DnsServer
from k3py.agent.dns.table import Table
from k3py.base.clock import SystemClock
from k3py.model.ghost import Ghost
from k3py.runtime import kernel
from k3py.runtime.sandbox import bring_up_loopback

CLUSTER = 0xC0FFEE01
HERE = str(Ghost(CLUSTER, 0, IPv4Address("10.43.0.10")))
POD = str(Ghost(CLUSTER, 1, IPv4Address("10.42.0.9")))
SERVICES = 1000
REPEATED, WITH_COOKIES, IN_RANDOM_CASE = "repeated", "with cookies", "in random case"
TARGET = 30_000
WINDOW = 256
BATCH = 64
RECEIVE_SIZE = 1500
# So long without any answer: what is on the way is lost, and sent anew.
LOST_SECONDS = 0.2
PAUSE_SECONDS = 0.0002
READY_SECONDS = 20
PORTS = {"k3py": 5301, "unbound": 5302, "dnsmasq": 5303}


def services() -> list[tuple[str, str]]:
    """Name and address of each service."""
    network = IPv4Network("10.43.0.0/16")
    return [(f"service-{n}.default.svc.cluster.local", str(network[256 + n])) for n in range(SERVICES)]


def questions(what: str) -> list[bytes]:
    """The messages of the load; twelve for each name, if each is to be another one."""
    source = random.Random(1)
    made: list[bytes] = []
    for _ in range(1 if what == REPEATED else 12):
        for name, _ in services():
            for asked, kind in ((name, "A"), (name, "AAAA"), (f"www.example.com.{name}", "A")):
                if what == IN_RANDOM_CASE:
                    asked = "".join(source.choice((each, each.upper())) for each in asked)
                query = dns.message.make_query(asked, kind, use_edns=0, payload=1232).to_wire()
                if what == WITH_COOKIES:
                    query = query[:-2] + struct.pack("!HHHQ", 12, 10, 8, len(made))
                made.append(query)
    source.shuffle(made)
    return made


# --- servers


async def serve() -> None:
    """Ours, until it is killed."""
    table = Table()
    table.put_vpc(VpcEntry("default", CLUSTER, 1, "10.42.0.0/16", "10.43.0.0/16"))
    for name, address in services():
        packed = (IPv4Address(address).packed,)
        first = name.partition(".")[0]
        table.put_service(ServiceEntry("default", first, "default", addresses=packed, ports=(Port("http", "tcp", 80),)))
    table.complete()
    server = DnsServer(table, Forwarder(exchange, SystemClock(), random.SystemRandom()), lambda vpc: ())
    await server.start([HERE], PORTS["k3py"])
    await asyncio.Event().wait()


def unbound(folder: Path) -> list[str]:
    """The command of an unbound with the same names."""
    lines = [
        "server:",
        f"  interface: {HERE}",
        f"  port: {PORTS['unbound']}",
        "  access-control: ::0/0 allow",
        "  num-threads: 1",
        "  do-daemonize: no",
        "  use-syslog: no",
        '  username: ""',
        '  chroot: ""',
        f'  directory: "{folder}"',
        f'  pidfile: "{folder}/unbound.pid"',
        '  module-config: "iterator"',
        "  so-rcvbuf: 1m",
        '  local-zone: "cluster.local." static',
        '  local-data: "cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5"',
        *(f'  local-data: "{name}. 5 IN A {address}"' for name, address in services()),
        "remote-control:",
        "  control-enable: no",
    ]
    (folder / "unbound.conf").write_text("\n".join(lines) + "\n")
    return ["unbound", "-d", "-p", "-c", str(folder / "unbound.conf")]


def dnsmasq(folder: Path) -> list[str]:
    """The command of a dnsmasq with the same names."""
    lines = [
        f"listen-address={HERE}",
        f"port={PORTS['dnsmasq']}",
        "bind-interfaces",
        "keep-in-foreground",
        "no-resolv",
        "no-hosts",
        "user=root",
        "pid-file=",
        "local=/cluster.local/",
        "local-ttl=5",
        *(f"host-record={name},{address}" for name, address in services()),
    ]
    (folder / "dnsmasq.conf").write_text("\n".join(lines) + "\n")
    return ["dnsmasq", "-k", "-C", str(folder / "dnsmasq.conf")]


def start(name: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a server on core 0 and wait until it answers rightly."""
    commands: dict[str, Callable[[Path], list[str]]] = {
        "k3py": lambda _: [sys.executable, __file__, "--serve"],
        "unbound": unbound,
        "dnsmasq": dnsmasq,
    }
    with (folder / f"{name}.log").open("wb") as output:
        started = subprocess.Popen(["taskset", "-c", "0", *commands[name](folder)], stdout=output, stderr=output)
    until = time.monotonic() + READY_SECONDS
    while True:
        try:
            check(PORTS[name])
            return started
        except OSError as problem:
            if time.monotonic() > until or started.poll() is not None:
                started.kill()
                started.wait()
                said = (folder / f"{name}.log").read_text(errors="replace")[-500:]
                raise RuntimeError(f"{name} does not answer: {problem}; it said {said}") from problem
            time.sleep(0.05)


def check(port: int) -> None:
    """Ask one question of each sort."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asker:
        asker.bind((POD, 0))
        asker.connect((HERE, port))
        asker.settimeout(0.5)
        name, address = services()[7]
        for asked, kind, expected in (
            (name, "A", [address]),
            (name, "AAAA", []),
            (f"www.example.com.{name}", "A", None),
        ):
            asker.send(dns.message.make_query(asked, kind).to_wire())
            answer = dns.message.from_wire(asker.recv(RECEIVE_SIZE))
            found = [each.to_text() for rrset in answer.answer for each in rrset]
            assert found == (expected or []), f"{asked} {kind}: {answer}"
            assert answer.rcode() == (dns.rcode.NXDOMAIN if expected is None else dns.rcode.NOERROR), str(answer)


# --- load


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iov", ctypes.POINTER(_Iovec)),
        ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("header", _Msghdr), ("length", ctypes.c_uint32))


def _messages(buffers: list[Any]) -> Any:
    """An array of struct mmsghdr, one for each buffer; the buffers have to stay."""
    made = (_Mmsghdr * len(buffers))()
    for each, buffer in zip(made, buffers, strict=True):
        each.header.iov = ctypes.pointer(_Iovec(ctypes.addressof(buffer), ctypes.sizeof(buffer)))
        each.header.iov_count = 1
    return made


class Load:
    """Questions in a ring, sent from one socket with a window."""

    def __init__(self, wanted: list[bytes]) -> None:
        wanted = wanted[: len(wanted) // BATCH * BATCH]
        self._buffers = [(ctypes.c_char * len(each)).from_buffer_copy(each) for each in wanted]
        self._out = _messages(self._buffers)
        self._answers = [ctypes.create_string_buffer(RECEIVE_SIZE) for _ in range(BATCH)]
        self._in = _messages(self._answers)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._next = 0

    def run(self, port: int, seconds: float) -> tuple[int, int]:
        """How many answers came within ``seconds``, and how many did not."""
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asker:
            asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
            asker.bind((POD, 0))
            asker.connect((HERE, port))
            poll = select.poll()
            poll.register(asker, select.POLLIN)
            return self._run(asker.fileno(), poll, time.monotonic() + seconds)

    def _run(self, descriptor: int, poll: Any, until: float) -> tuple[int, int]:
        done = lost = way = 0
        while time.monotonic() < until:
            while way < WINDOW:
                sent = self._send(descriptor, min(BATCH, WINDOW - way))
                if sent <= 0:
                    break
                way += sent
            # Answers are fetched by the dozen, so that the load does not become the bottleneck.
            time.sleep(PAUSE_SECONDS)
            got = self._libc.recvmmsg(descriptor, self._in, BATCH, socket.MSG_DONTWAIT, None)
            if got <= 0 and not poll.poll(LOST_SECONDS * 1000):
                lost, way = lost + way, 0
            if got > 0:
                done, way = done + got, max(0, way - got)
                # QR is set, and the result is NOERROR or NXDOMAIN.
                first = self._answers[0].raw[2:4]
                assert first[0] & 0x80, first
                assert first[1] & 0xF in (0, 3), first
        return done, lost

    def _send(self, descriptor: int, count: int) -> int:
        count = min(count, len(self._buffers) - self._next)
        start = ctypes.byref(self._out, self._next * ctypes.sizeof(_Mmsghdr))
        sent = int(self._libc.sendmmsg(descriptor, start, count, socket.MSG_DONTWAIT))
        if sent > 0:
            self._next = (self._next + sent) % len(self._buffers)
        return sent


def measure(name: str, load: Load, folder: Path, seconds: float) -> dict[str, float]:
    """One server: answers per second, its processor time for each in seconds, and the share that was lost."""
    server = start(name, folder)
    try:
        load.run(PORTS[name], 0.5)
        before, begin = cpu_seconds(server.pid), time.monotonic()
        done, lost = load.run(PORTS[name], seconds)
        took, busy = time.monotonic() - begin, cpu_seconds(server.pid) - before
    finally:
        server.kill()
        server.wait()
    return {"rate": done / took, "cpu_us": busy / max(done, 1) * 1e6, "lost": lost / max(done + lost, 1)}


def prepare_network() -> None:
    """A network namespace with nothing but a loopback that has the two addresses."""
    kernel.unshare(kernel.CLONE_NEWNET)
    bring_up_loopback()
    for address in (HERE, POD):
        subprocess.run(["ip", "-6", "address", "add", f"{address}/128", "dev", "lo", "nodad"], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())
        return
    prepare_network()
    os.sched_setaffinity(0, {1})
    names = ["k3py", *(each for each in ("unbound", "dnsmasq") if shutil.which(each))]
    rows = []
    for what in (REPEATED, WITH_COOKIES, IN_RANDOM_CASE):
        load = Load(questions(what))
        found: dict[str, list[dict[str, float]]] = {each: [] for each in names}
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            for _ in range(options.rounds):
                for name in names:
                    found[name].append(measure(name, load, Path(folder), options.seconds))
        middle = {n: {k: statistics.median(e[k] for e in found[n]) for k in ("rate", "cpu_us", "lost")} for n in names}
        ours = middle["k3py"]
        spread = [min(e["rate"] for e in found["k3py"]), max(e["rate"] for e in found["k3py"])]
        made = row(
            f"DNS answers, questions {what}",
            "1/s",
            ours["rate"],
            load=f"{WINDOW} on the way",
            target=TARGET if what == REPEATED else None,
            cpu_us=ours["cpu_us"],
            lost=ours["lost"],
            slowest=spread[0],
            fastest=spread[1],
        )
        made["peers"] = [
            peer(ours["rate"], middle[n]["rate"], n, "same run") | {"cpu_us": round(middle[n]["cpu_us"], 1)}
            for n in names[1:]
        ]
        rows.append(made)
    missing = sorted({"unbound", "dnsmasq"} - set(names))
    print(json.dumps({"host": host(), "services": SERVICES, "missing_peers": missing, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
