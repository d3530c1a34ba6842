"""The kernel goes on: without a daemon, while programs are exchanged, and when another process takes over."""

import os
import pickle
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from threading import Event, Thread

import pytest

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.links import Link
from k3py.vpc.kernel import actions, names
from k3py.vpc.kernel.node import KernelNode
from k3py.vpc.wanted import PodNetwork
from tests.network.bed import NODE, OUTSIDE
from tests.network.serving import Serving, serving
from tests.network.speaker import Speaker
from tests.vpc.kernel.machine import CONFIG, DEFAULT, INSTANCE, NODE_IPV4, ghost
from tests.vpc.services.world import PORT, SERVICE_PORT, VIP, service

EXCHANGES = 100
DAEMON = Path(__file__).with_name("daemon_process.py")
# struct bpf_link_info: type, id, program's id.
_LINK_INFO_BYTES = 12


class Street:
    """Two pods, a service before one of them, and somebody who talks in each and on the host."""

    def __init__(self, made: Serving) -> None:
        self.serving, self.place = made, made.place
        home, machine = made.place.home, made.place.machine
        self.first = home.do(lambda: machine.pod("first", "10.42.0.3"))
        self.second = home.do(lambda: machine.pod("second", "10.42.0.4"))
        made.place.connect()
        home.do(lambda: made.maps.switch([service([str(self.second.ipv4)], vpc=DEFAULT.id)], {}, [IPv4Address(NODE)]))
        self.caller = made.process(self.first)
        made.process(self.second, "second", PORT)
        self.speakers = {name: made.place.speaker(path) for name, path in self._places().items()}

    def _places(self) -> dict[str, str]:
        return {"first": self.first.netns, "second": self.second.netns, "host": "", "outside": self.place.outside}

    def everything_works(self) -> None:
        """New connections on every way, and to a service."""
        ways = [("first", str(self.second.ipv4)), ("first", ghost(self.second, native=True)), ("first", OUTSIDE)]
        ways += [("first", f"64:ff9b::{OUTSIDE}"), ("first", str(NODE_IPV4)), ("host", str(self.second.ipv4))]
        ways += [("host", ghost(self.first))]
        for who, target in ways:
            self.speakers[who].asks(f"tcp {target} 100000 2", "swallowed 200000")
            self.speakers[who].asks(f"udp {target} 64 20", "answered 20")
        assert self.caller.does(f"tcp('{VIP}', {SERVICE_PORT})") == ["second", [VIP, SERVICE_PORT]]

    def attached(self) -> dict[str, tuple[int, int]]:
        """Links and their programs, by number."""
        found = {}
        for path in sorted((self.place.machine.bpffs / f"k3py-{INSTANCE}/pods").glob("*/*_pod")):
            with Link.open(path) as link:
                _, number, program = struct.unpack("<3I", kernel.info(link.descriptor, _LINK_INFO_BYTES))
                found[f"{path.parent.name}/{path.name}"] = (number, program)
        return found

    def exchange(self, pod: PodNetwork) -> None:
        """What a new version of the programs leads to."""
        load, exchange = actions.LoadPrograms(pod, "test"), actions.ExchangePrograms(pod, (), "test")
        self.place.machine.node.runner.run(self.place.wanted(), [(load,), (exchange,)])


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with serving(tmp_path) as made:
        yield Street(made)


def test_traffic_goes_on_without_a_daemon_and_another_one_takes_over(street):
    home, machine = street.place.home, street.place.machine
    stream = street.speakers["first"]
    street.everything_works()
    before = street.attached()
    assert len(before) == 6
    stream.says(f"tcp {street.second.ipv4} 1000000 2000")
    home.run(machine.node.stop())
    street.serving.maps.close()
    stream.hears("swallowed 2000000000")
    street.everything_works()
    maps = street.serving.open(machine.bpffs / "services")
    machine.node = KernelNode(CONFIG, machine.folder / "state", bpffs=machine.bpffs, services=maps)
    home.run(machine.node.start())
    assert home.run(machine.node.converge(street.place.wanted())) == {}
    assert street.attached() == before
    street.everything_works()


def test_traffic_goes_on_when_the_daemon_is_killed_and_another_one_takes_over(street):
    """As the process that ``kill -9`` meets has it: nothing is said or closed."""
    home, machine = street.place.home, street.place.machine
    home.run(machine.node.stop())
    before = street.attached()
    asked = street.place.machine.folder / "wanted"
    asked.write_bytes(pickle.dumps((CONFIG, machine.folder / "state", machine.bpffs, _plain(street))))
    root = DAEMON.parents[2]
    command = [sys.executable, DAEMON, asked]
    daemon = home.do(
        lambda: subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
        )
    )
    with daemon:
        assert daemon.stdout
        assert daemon.stdout.readline() == "{}\n"
        street.speakers["first"].says(f"udp {street.second.ipv4} 64 5000")
        os.kill(daemon.pid, signal.SIGKILL)
    street.speakers["first"].hears("answered 5000")
    assert street.attached() == before
    street.everything_works()
    home.run(machine.node.start())
    assert home.run(machine.node.converge(street.place.wanted())) == {}
    assert street.attached() == before


def _plain(street: Street) -> bytes:
    wanted = street.place.wanted()
    parts = (wanted.cluster, wanted.service_cidr, dict(wanted.vpcs), wanted.blocks, dict(wanted.pods))
    return pickle.dumps(parts)


def test_programs_are_exchanged_under_traffic_without_a_lost_packet(street):
    """On three ways at once; every datagram is answered, or somebody says nothing for five seconds."""
    over, failed, rounds = Event(), [], []

    def talk(speaker: Speaker, target: str) -> None:
        try:
            while not over.is_set():
                speaker.asks(f"udp {target} 64 500", "answered 500")
                rounds.append(target)
        except AssertionError as failure:
            failed.append(failure)

    askers = [("first", str(street.second.ipv4)), ("host", ghost(street.second)), ("second", OUTSIDE)]
    threads = [Thread(target=talk, args=(street.speakers[who], target)) for who, target in askers]
    before = street.attached()
    for each in threads:
        each.start()
    for number in range(EXCHANGES):
        street.place.home.work(lambda number=number: street.exchange((street.first, street.second)[number % 2]))
    over.set()
    for each in threads:
        each.join()
    assert not failed
    assert {rounds.count(target) > 10 for _, target in askers} == {True}
    after = street.attached()
    assert {each: link for each, (link, _) in before.items()} == {each: link for each, (link, _) in after.items()}
    changed = {each.split("/")[0] for each in before if before[each] != after[each]}
    assert changed == {names.pin_name(each.uid) for each in (street.first, street.second)}
