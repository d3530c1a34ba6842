"""Name servers of the tests' own: one without sockets for virtual time, one on the loopback."""

import asyncio
import struct
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from k3py.agent.dns.cache import Server

Records = dict[tuple[str, str], list[str]]
"""Name and type -> records as text (``300 A 192.0.2.1``), with the name in front if it is another."""

SOA = "example.com. 60 IN SOA ns.example.com. root.example.com. 1 2 3 4 30"


def respond(data: bytes, records: Records, *, udp: bool = True) -> bytes:
    """What a name server with these records says."""
    query = dns.message.from_wire(data)
    response = dns.message.make_response(query, recursion_available=True)
    name, kind = query.question[0].name.to_text(omit_final_dot=True), dns.rdatatype.to_text(query.question[0].rdtype)
    found = records.get((name, kind))
    if found is None:
        if not any(name == known for known, _ in records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        response.authority.append(_rrset(SOA))
    for each in found or []:
        line = each if each.split()[0].endswith(".") else f"{name}. {each}"
        response.answer.append(_rrset(line))
    data = response.to_wire(max_size=65535)
    if udp and len(data) > 1232:
        response.answer.clear()
        response.flags |= dns.flags.TC
        data = response.to_wire()
    return data


def _rrset(line: str) -> dns.rrset.RRset:
    name, ttl, *rest = line.split()
    if rest[0] == "IN":
        rest = rest[1:]
    return dns.rrset.from_text(name, int(ttl), "IN", rest[0], " ".join(rest[1:]))


class Servers:
    """The port ``Exchange`` on virtual time. ``answers`` may be changed; a server in ``silent`` says nothing."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.silent: set[str] = set()
        self.broken: Callable[[bytes], bytes] | None = None
        self.delay = 0.01
        self.asked: list[tuple[str, bool]] = []
        self.ids: set[int] = set()
        self.open = 0
        self.open_most = 0

    async def __call__(
        self, server: Server, message: bytes, accept: Callable[[bytes], bool], seconds: float, *, tcp: bool
    ) -> bytes:
        self.asked.append((server[0], tcp))
        self.ids.add(int.from_bytes(message[:2], "big"))
        self.open += 1
        self.open_most = max(self.open_most, self.open)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.sleep(3600 if server[0] in self.silent else self.delay)
            data = respond(message, self.records, udp=not tcp)
            data = self.broken(data) if self.broken is not None else data
            if not accept(data):
                raise ConnectionAbortedError("somebody else's answer")
            return data
        finally:
            self.open -= 1


class LoopbackServer(asyncio.DatagramProtocol):
    """A name server on 127.0.0.1, UDP and TCP on one port. With ``delay`` it answers when that is set."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.asked: list[str] = []
        self.ports: set[int] = set()
        self.port = 0
        self.delay: asyncio.Event | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def start(self) -> "LoopbackServer":
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def stop(self) -> None:
        self._transport.close()
        self._tcp.close()
        await self._tcp.wait_closed()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append("udp")
        self.ports.add(addr[1])
        if self.delay is None or self.delay.is_set():
            self._send(data, addr)
            return
        task = asyncio.get_running_loop().create_task(self._send_later(self.delay, data, addr))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _send_later(self, delay: asyncio.Event, data: bytes, addr: tuple[str, int]) -> None:
        await delay.wait()
        self._send(data, addr)

    def _send(self, data: bytes, addr: tuple[str, int]) -> None:
        # What somebody guesses comes first, and is passed over.
        self._transport.sendto(bytes((data[0] ^ 1,)) + respond(data, self.records)[1:], addr)
        self._transport.sendto(b"", addr)
        self._transport.sendto(respond(data, self.records), addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append("tcp")
        size = struct.unpack("!H", await reader.readexactly(2))[0]
        answer = respond(await reader.readexactly(size), self.records, udp=False)
        writer.write(struct.pack("!H", len(answer)) + answer)
        await writer.drain()
        writer.close()
