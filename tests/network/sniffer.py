"""Sees every frame that arrives at a device."""

import select
import socket
from pathlib import Path

from k3py.vpc.kernel import namespaces

_ETH_P_ALL = 3
_FRAME_BYTES_MAX = 70_000
_BUFFER_BYTES = 8 << 20
_SO_RCVBUFFORCE = 33


class Sniffer:
    """On a device in a namespace. What the namespace itself sends is left out."""

    def __init__(self, netns: str, device: str = "eth0") -> None:
        self._socket = namespaces.inside(Path(netns), lambda: _open(device))

    def frames(self) -> list[bytes]:
        """Those that have arrived since the last call."""
        heard = []
        while True:
            try:
                frame, (_, _, kind, *_) = self._socket.recvfrom(_FRAME_BYTES_MAX)
            except BlockingIOError:
                return heard
            if kind != socket.PACKET_OUTGOING:
                heard.append(frame)

    def wait(self, seconds: float) -> list[bytes]:
        """As ``frames``, when there are some; empty: there were none in time."""
        select.select([self._socket], [], [], seconds)
        return self.frames()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


def _open(device: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    made.bind((device, 0))
    made.setblocking(False)
    return made
