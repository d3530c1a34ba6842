"""Ends connected UDP sockets whose backend went away. Acts.

A TCP connection notices the end of its backend by itself, and an unconnected UDP socket is led anew with each datagram.
A connected UDP socket would talk to nobody for ever. Instead it is no longer connected: its owner gets ECONNABORTED
when it reads and EDESTADDRREQ when it writes, and connects again.
"""

import logging
import socket
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from k3py.model import ghost
from k3py.vpc.bpf.maps import Map
from k3py.vpc.kernel.namespaces import inside
from k3py.vpc.services import records, sock_diag
from k3py.vpc.services.abi import Form
from k3py.vpc.services.entries import Frontend
from k3py.vpc.services.sock_diag import Socket
from k3py.vpc.wanted import Backend, Protocol

# The namespace that the daemon's main thread is in.
OWN_NAMESPACE: Final = "/proc/self/ns/net"
# The kernel's answers come at once; whoever waits longer waits for nothing.
ANSWER_SECONDS_MAX: Final = 5.0
# The kernel's own bound on one datagram of a list.
ANSWER_BYTES_MAX: Final = 65_536

Lost = Mapping[Frontend, frozenset[Backend]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """A network namespace by path, and the VPC that its sockets are in."""

    netns: str
    vpc: int


class UdpCut:
    """Cuts in a thread of its own, which ends when there is nothing left to cut. Close it before the map."""

    def __init__(self, reverses: Map) -> None:
        self._reverses = reverses
        self._lock = threading.Lock()
        self._waiting: dict[Place, dict[Frontend, frozenset[Backend]]] = {}
        self._worker: threading.Thread | None = None

    def cut(self, lost: Lost, places: Iterable[Place]) -> None:
        """Soon end the sockets in those namespaces that were led from a frontend to a backend that it has lost."""
        with self._lock:
            for place in places:
                mine = {each: backends for each, backends in lost.items() if each.vpc == place.vpc}
                waiting = self._waiting.setdefault(place, {}) if mine else {}
                for frontend, backends in mine.items():
                    waiting[frontend] = waiting.get(frontend, frozenset()) | backends
            if self._waiting and self._worker is None:
                self._worker = threading.Thread(target=self._run, name="udp-cut", daemon=True)
                self._worker.start()

    def close(self) -> None:
        """Wait until everything is cut."""
        worker = self._worker
        if worker is not None:
            worker.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._worker = None
                    return
                place, lost = self._waiting.popitem()
            try:
                inside(Path(place.netns), partial(self._visit, place, lost))
            except FileNotFoundError:
                continue  # the pod is gone, and its sockets with it
            except (OSError, ValueError) as error:
                _log.warning("cannot end UDP sockets in %s: %s", place.netns, error)

    def _visit(self, place: Place, lost: Lost) -> None:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, sock_diag.NETLINK_SOCK_DIAG) as channel:
            channel.settimeout(ANSWER_SECONDS_MAX)
            connected = [
                each for family in (sock_diag.AF_INET, sock_diag.AF_INET6) for each in _listed(channel, family)
            ]
            for each in connected:
                if self._was_led(each, place.vpc, lost):
                    _destroy(channel, each)

    def _was_led(self, connected: Socket, vpc: int, lost: Lost) -> bool:
        backend, form = backend_of(connected)
        if backend is None or not any(backend in each for each in lost.values()):
            return False
        try:
            value = self._reverses[records.reverse_key(connected.cookie, backend, form)]
        except KeyError:
            return False  # it named the pod itself, no service
        address, port = records.parse_reverse(value)
        return backend in lost.get(Frontend(vpc, address, port, Protocol.UDP), ())


def backend_of(connected: Socket) -> tuple[Backend | None, Form]:
    """The pod that a socket is connected to, and how the process names it; None when it can be no pod."""
    peer = connected.peer
    if isinstance(peer, IPv4Address):
        return Backend(peer, connected.peer_port), Form.IPV4
    if peer.ipv4_mapped is not None:
        return Backend(peer.ipv4_mapped, connected.peer_port), Form.IPV4
    try:
        parsed = ghost.parse(peer)
    except ghost.GhostError:
        return None, Form.IPV4
    return Backend(parsed.ipv4, connected.peer_port), Form.NATIVE if parsed.native else Form.LOOPBACK


def _listed(channel: socket.socket, family: int) -> list[Socket]:
    channel.send(sock_diag.list_connected(family))
    found: list[Socket] = []
    while True:
        for each in sock_diag.parse(channel.recv(ANSWER_BYTES_MAX)):
            if each is None:
                return found
            found.append(each)


def _destroy(channel: socket.socket, connected: Socket) -> None:
    channel.send(sock_diag.destroy(connected))
    try:
        list(sock_diag.parse(channel.recv(ANSWER_BYTES_MAX)))
    except FileNotFoundError:
        return  # its owner closed it meanwhile
