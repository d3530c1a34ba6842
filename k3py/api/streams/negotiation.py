"""Which protocol a client that asks for an upgrade gets."""

from collections.abc import Sequence
from typing import Final

from k3py.api.http.messages import Request
from k3py.model.errors import BadRequest

PROTOCOL_HEADER: Final = b"x-stream-protocol-version"


def is_spdy(request: Request) -> bool:
    """Whether the request asks for SPDY/3.1."""
    wants = [name.strip().lower() for name in request.header(b"upgrade").split(",")]
    return "spdy/3.1" in wants and "upgrade" in request.header(b"connection").lower()


def spdy_handshake(
    request: Request, supported: Sequence[str], unnamed: str | None
) -> tuple[str, list[tuple[str, str]]]:
    """The stream protocol agreed on and the header fields of the answer.

    Clients repeat the header for each protocol they know; the first of ``supported`` among them is taken, and
    ``unnamed`` stands for clients that name none.

    Raises:
        BadRequest: nothing that is offered is supported.
    """
    offered = [name.strip() for name in request.header(PROTOCOL_HEADER).split(",") if name.strip()]
    if not offered and unnamed is not None:
        return unnamed, [("Upgrade", "SPDY/3.1")]
    chosen = next((name for name in supported if name in offered), None)
    if chosen is None:
        raise BadRequest(f"cannot upgrade to SPDY/3.1: none of the protocols {', '.join(supported)} is offered")
    return chosen, [("Upgrade", "SPDY/3.1"), ("X-Stream-Protocol-Version", chosen)]


def upgrade_required() -> BadRequest:
    """The refusal of a plain request where only streams are served."""
    return BadRequest("Upgrade request required")
