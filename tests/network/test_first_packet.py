"""A pod whose processes send forged frames from the instant that its device appears, until it has vanished."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path

from k3py.vpc.bpf.abi import Direction, Outcome
from k3py.vpc.kernel import names, namespaces
from k3py.vpc.wanted import PodNetwork
from tests.network.bed import OUTSIDE
from tests.network.packets import every, outside_of, system
from tests.network.watch import APART, Theatre, framed, said
from tests.vpc.kernel.machine import ghost, ping

ROUNDS = 5
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_REQUEST = "16sH14x"
FLOOD_SECONDS = 10.0


class Flood:
    """Sends frames as fast as it can through a device that need not be there yet, and switches it on itself."""

    def __init__(self, netns: str, frames: list[bytes]) -> None:
        self.sent = 0
        self._frames, self._over = frames, threading.Event()
        self._thread = threading.Thread(target=lambda: namespaces.inside(Path(netns), self._run))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):  # there is no device, or no device any more
                self._send()

    def _send(self) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            name = names.POD_DEVICE.encode()
            (_, flags) = struct.unpack(_REQUEST, ioctl(raw, _SIOCGIFFLAGS, struct.pack(_REQUEST, name, 0)))
            ioctl(raw, _SIOCSIFFLAGS, struct.pack(_REQUEST, name, flags | _IFF_UP))
            raw.bind((names.POD_DEVICE, 0))
            while not self._over.is_set():
                for each in self._frames:
                    raw.send(each)
                    self.sent += 1


@contextmanager
def flood(pod: PodNetwork, theatre: Theatre) -> Iterator[Flood]:
    """What would do harm where no program looks: packets of others, and translated ones as if it were the node."""
    scene = theatre.scene
    packets = every([scene.victim.ipv4, *outside_of(scene.friend)], [*outside_of(scene.victim), OUTSIDE])
    packets += every([ghost(scene.friend), system("169.254.1.1")], scene.natives([scene.victim, scene.innocent]))
    made = Flood(pod.netns, [framed(each, names.pod_mac(pod), names.GATEWAY_MAC) for each in packets])
    made.start()
    try:
        yield made
    finally:
        made.stop()


def test_its_first_packet_is_already_under_the_rules_and_its_last_one_too(theatre):
    machine, home = theatre.place.machine, theatre.place.home
    without = theatre.place.wanted(APART)
    pod = home.do(lambda: machine.pod("flooding", "10.42.0.20"))
    wanted = theatre.place.wanted(APART)

    async def come_and_go() -> None:
        for _ in range(ROUNDS):
            await machine.node.attach(wanted, "flooding")
            async with asyncio.timeout(FLOOD_SECONDS):
                while not machine.node.counters("flooding")[Direction.FROM_POD].get(Outcome.DROP_SOURCE_NOT_OURS):
                    await asyncio.sleep(0)
            await machine.node.detach(without, "flooding")

    del machine.pods["flooding"]  # it has no witness: it is nobody's victim
    with flood(pod, theatre) as made:
        home.run(come_and_go())
    assert made.sent > ROUNDS
    breaches = theatre.seen()
    assert not breaches, said(breaches)
    home.run(machine.node.attach(wanted, "flooding"))
    assert home.do(lambda: ping(pod.netns, str(theatre.scene.innocent.ipv4)))
    home.run(machine.node.detach(without, "flooding"))
