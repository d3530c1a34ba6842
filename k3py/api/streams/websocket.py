"""The handshake that turns a request into a WebSocket (RFC 6455, section 4). The frames are in ``model.websocket``."""

import base64
import binascii
from collections.abc import Sequence

from k3py.api.http.messages import Request
from k3py.model.errors import BadRequest
from k3py.model.websocket import accept_key


def is_websocket(request: Request) -> bool:
    """Whether the request asks for a WebSocket."""
    return request.header(b"upgrade").lower() == "websocket"


def handshake(request: Request, supported: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """The subprotocol agreed on and the header fields of the answer.

    The client's order does not matter: ``supported`` stands in the order of our preference.

    Raises:
        BadRequest: the request is no proper handshake, or offers no subprotocol that is supported.
    """
    key = request.headers.get(b"sec-websocket-key", b"")
    if request.method != "GET" or "upgrade" not in request.header(b"connection").lower():
        raise BadRequest("cannot open a WebSocket: the request is no GET with Connection: Upgrade")
    if request.headers.get(b"sec-websocket-version") != b"13":
        raise BadRequest("cannot open a WebSocket: the only version known is 13")
    try:
        nonce = base64.b64decode(key, validate=True)
    except binascii.Error:
        nonce = b""
    if len(nonce) != 16:
        raise BadRequest("cannot open a WebSocket: the Sec-WebSocket-Key is not 16 bytes in base64")
    offered = {name.strip() for name in request.header(b"sec-websocket-protocol").split(",")}
    chosen = next((name for name in supported if name in offered), None)
    if chosen is None:
        raise BadRequest(f"cannot open a WebSocket: none of the subprotocols {', '.join(supported)} is offered")
    return chosen, [
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Accept", accept_key(key)),
        ("Sec-WebSocket-Protocol", chosen),
    ]
