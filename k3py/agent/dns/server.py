"""The sockets: UDP and TCP on each address that is asked. Acts; ``responder`` and ``resolver`` know the answers."""

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Final

from k3py.agent.dns import wire
from k3py.agent.dns.cache import Server
from k3py.agent.dns.entries import VpcEntry
from k3py.agent.dns.forwarder import Forwarder
from k3py.agent.dns.resolver import Resolver
from k3py.agent.dns.responder import Forward, Responder
from k3py.agent.dns.table import Asker, Table
from k3py.agent.dns.tcp import TcpListener
from k3py.base.tasks import Tasks

log = logging.getLogger(__name__)

# linux/in.h and in6.h: bind an address that does not exist yet; the VPC daemon makes it.
IP_FREEBIND: Final = 15
IPV6_FREEBIND: Final = 78
# Datagrams in one go: enough to save wake-ups, few enough that everybody else gets his turn within milliseconds.
DRAIN_MAX: Final = 64
DATAGRAM_SIZE_MAX: Final = 4096
# Room for a burst of thousands of queries while the process is busy.
RECEIVE_BUFFER_SIZE: Final = 1024 * 1024
# Clients that wait for the outside, all together and of one address: one pod must not take all places.
WAITING_MAX: Final = 4096
WAITING_PER_SOURCE_MAX: Final = 256


class CannotServe(OSError):
    """An address or its port cannot be had; the message says which, the cause why."""


class DnsServer:
    """The DNS server of a node.

    Args:
        table: what the cluster's names are made of; it may change at any time.
        forwarder: asks for all other names. Belongs to the server from now on.
        servers_of: whom to ask for a VPC, now (``upstreams.servers_of``).
        asker_of: who asks from a source address; by default what its Ghost address says.
        domain: the cluster's domain.
    """

    def __init__(
        self,
        table: Table,
        forwarder: Forwarder,
        servers_of: Callable[[VpcEntry], tuple[Server, ...]],
        asker_of: Callable[[str], Asker | None] | None = None,
        domain: str = "cluster.local",
    ) -> None:
        self._responder = Responder(table, asker_of, domain)
        self._forwarder = forwarder
        self._resolver = Resolver(forwarder, servers_of)
        self._sockets: list[socket.socket] = []
        self._listeners: list[TcpListener] = []
        self._tasks = Tasks()
        self._waiting: Counter[str] = Counter()
        self._waiting_count = 0
        self.bound: list[tuple[str, int]] = []

    async def start(self, addresses: Sequence[str], port: int = 53) -> None:
        """Answer on these addresses, whether they exist yet or not; port 0 takes a free one for each (``bound``).

        Raises:
            CannotServe: somebody else has the port; nothing is bound then.
        """
        loop = asyncio.get_running_loop()
        try:
            for address in addresses:
                udp = self._bind(address, port, socket.SOCK_DGRAM)
                tcp = self._bind(address, udp.getsockname()[1], socket.SOCK_STREAM)
                listener = TcpListener(self._answer_tcp)
                self._listeners.append(listener)
                await listener.start(tcp)
                loop.add_reader(udp.fileno(), self._drain, udp)
                self.bound.append((address, udp.getsockname()[1]))
        except OSError as problem:
            await self.stop()
            raise CannotServe(problem.errno, f"cannot serve DNS on {', '.join(addresses)}: {problem}") from problem

    async def stop(self) -> None:
        """Close everything; questions that are still open get no answer."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            await listener.stop()
        for each in self._sockets:
            if each.type == socket.SOCK_DGRAM and each.fileno() >= 0:
                loop.remove_reader(each.fileno())
            each.close()
        self._listeners, self._sockets, self.bound = [], [], []
        await self._tasks.stop()
        await self._forwarder.stop()

    def _bind(self, address: str, port: int, kind: socket.SocketKind) -> socket.socket:
        family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
        made = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        self._sockets.append(made)
        if family == socket.AF_INET:
            made.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        else:
            made.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_SIZE)
        made.bind((address, port))
        return made

    def _drain(self, udp: socket.socket) -> None:
        """Answer what has arrived on a socket."""
        receive, send, ready = udp.recvfrom, udp.sendto, self._responder.ready
        for _ in range(DRAIN_MAX):
            try:
                data, source = receive(DATAGRAM_SIZE_MAX)
            except OSError:
                return  # nothing left, or an ICMP error about an earlier answer
            answer = ready(data, source[0])
            if answer is None:
                answer = self._decide(udp, data, source)
            if answer is not None:
                try:
                    send(answer, source)
                except OSError as problem:
                    _log_send(problem)

    def _decide(self, udp: socket.socket, data: bytes, source: tuple[str, int]) -> bytes | None:
        wanted = self._responder.decide(data, source[0])
        if not isinstance(wanted, Forward):
            return wanted
        size_max = wanted.query.udp_size_max
        known = self._resolver.at_once(wanted, size_max)
        if known is not None:
            return known
        if not self._take_place(source[0]):
            return wire.render(wanted.query, wire.SERVFAIL, size_max=size_max)
        self._tasks.start(self._answer_later(udp, wanted, source, size_max), "dns answer")
        return None

    async def _answer_later(self, udp: socket.socket, wanted: Forward, source: tuple[str, int], size_max: int) -> None:
        try:
            answer = await self._resolver.answer(wanted, size_max)
        finally:
            self._give_place_back(source[0])
        try:
            udp.sendto(answer, source)
        except OSError as problem:
            _log_send(problem)

    async def _answer_tcp(self, data: bytes, source: str) -> bytes | None:
        """What to send for one message of a connection; None ends it."""
        wanted = self._responder.decide(data, source, tcp=True)
        if not isinstance(wanted, Forward):
            return wanted
        if not self._take_place(source):
            return wire.render(wanted.query, wire.SERVFAIL, size_max=wire.TCP_SIZE_MAX)
        try:
            return await self._resolver.answer(wanted, wire.TCP_SIZE_MAX)
        finally:
            self._give_place_back(source)

    def _take_place(self, source: str) -> bool:
        """Whether one more client may wait for the outside."""
        if self._waiting_count >= WAITING_MAX or self._waiting[source] >= WAITING_PER_SOURCE_MAX:
            return False
        self._waiting_count += 1
        self._waiting[source] += 1
        return True

    def _give_place_back(self, source: str) -> None:
        self._waiting_count -= 1
        self._waiting[source] -= 1
        if not self._waiting[source]:
            del self._waiting[source]


def _log_send(problem: OSError) -> None:
    # A full buffer or a vanished pod: the client asks again, or is gone.
    if problem.errno not in (errno.EAGAIN, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED):
        log.debug("cannot send an answer: %s", problem)
