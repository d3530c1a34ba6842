"""Port-forward for every generation of clients, behind one port."""

import asyncio

from k3py.api.http.messages import Request, Upgrade
from k3py.api.streams.forward import Connect, Duplex
from k3py.api.streams.forward_spdy import PROTOCOL, TUNNEL_SUBPROTOCOL, SpdyForwarding
from k3py.api.streams.forward_websocket import SUBPROTOCOLS, ChannelForwarding, ports_of
from k3py.api.streams.negotiation import is_spdy, spdy_handshake, upgrade_required
from k3py.api.streams.websocket import handshake, is_websocket

__all__ = ["Connect", "Duplex", "StreamDuplex", "upgrade_port_forward"]


class StreamDuplex:
    """A ``Duplex`` over asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, size: int) -> bytes:
        return await self._reader.read(size)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def write_eof(self) -> None:
        if self._writer.can_write_eof():
            self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()


def upgrade_port_forward(request: Request, connect: Connect) -> Upgrade:
    """Answer a port-forward request by switching to the best protocol the client offers.

    ``connect`` opens a port of the pod, once per forwarded connection; what it raises (OSError, Problem) is told to
    the client on that connection's error stream.

    Raises:
        BadRequest: the request is no upgrade, or offers no protocol that is known.
    """
    forwarding: SpdyForwarding | ChannelForwarding
    if is_websocket(request):
        chosen, headers = handshake(request, (TUNNEL_SUBPROTOCOL, *SUBPROTOCOLS))
        if chosen == TUNNEL_SUBPROTOCOL:
            forwarding = SpdyForwarding(connect, in_websocket=True)
        else:
            forwarding = ChannelForwarding(connect, chosen, ports_of(request))
    elif is_spdy(request):
        _, headers = spdy_handshake(request, (PROTOCOL,), unnamed=PROTOCOL)
        forwarding = SpdyForwarding(connect, in_websocket=False)
    else:
        raise upgrade_required()
    return Upgrade(headers, forwarding.take_over)
