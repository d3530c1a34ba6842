"""How a command opens a WebSocket (RFC 6455, 4.1) on a connection to the server. Bytes in, bytes out; decides."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Final

from k3py.client.answers import decode_problem
from k3py.model.errors import Problem, Unavailable
from k3py.model.websocket import accept_key

HEAD_BYTES_MAX: Final = 64 * 1024
REFUSAL_BYTES_MAX: Final = 1024 * 1024  # a refusal is some hundred bytes; its body may carry many causes
_SWITCHING: Final = 101


class Handshake:
    """One request to switch to ``subprotocol``. ``random_bytes`` makes its key."""

    def __init__(self, random_bytes: Callable[[int], bytes], subprotocol: str) -> None:
        self._key = base64.b64encode(random_bytes(16))
        self._subprotocol = subprotocol
        self._head = bytearray()
        self._refusal: int | None = None  # its HTTP status

    def request(self, host: str, target: str, fields: Mapping[str, str]) -> bytes:
        """The request; ``fields`` are further header fields."""
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {host}",
            *(f"{name}: {value}" for name, value in fields.items()),
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {self._key.decode()}",
            f"Sec-WebSocket-Protocol: {self._subprotocol}",
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes of the answer; once the server has switched what came behind it, None before that.

        Raises:
            Problem: the server refuses, or does not speak the protocol.
        """
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > HEAD_BYTES_MAX:
                raise Unavailable("cannot open the stream: the server's answer has no end")
            return None
        rest = bytes(self._head[end + 4 :])
        status, fields = _parse_head(bytes(self._head[:end]))
        if status != _SWITCHING:
            self._refused(status, fields, rest)
            return None
        if fields.get("sec-websocket-accept") != accept_key(self._key):
            raise Unavailable("cannot open the stream: the server's answer to the handshake is wrong")
        if fields.get("sec-websocket-protocol") != self._subprotocol:
            raise Unavailable(f"cannot open the stream: the server does not speak {self._subprotocol}")
        self._head.clear()
        return rest

    def refusal(self) -> Problem | None:
        """The connection has ended: the refusal that was being received, as far as it came; None if there was none."""
        if self._refusal is None:
            return None
        end = self._head.find(b"\r\n\r\n")
        return decode_problem(bytes(self._head[end + 4 :]), self._refusal)

    def _refused(self, status: int, fields: Mapping[str, str], body: bytes) -> None:
        self._refusal = status
        length = int(fields["content-length"]) if fields.get("content-length", "").isdigit() else 0
        if length > REFUSAL_BYTES_MAX or len(body) >= length:
            raise decode_problem(body, status)


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    match = re.fullmatch(r"HTTP/1\.[01] (\d{3})(?: .*)?", first)
    if match is None:
        raise Unavailable("cannot open the stream: the server does not speak HTTP")
    fields = (line.partition(":") for line in rest)
    return int(match[1]), {name.strip().lower(): value.strip() for name, _, value in fields}
