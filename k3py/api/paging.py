"""``limit`` and ``continue``: a list in pieces, all of them from one moment.

Kubernetes API Concepts, "Retrieving large results sets in chunks". The token carries the revision of the first piece
and the last key given; the store keeps the listing of that revision for a while.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from k3py.model.errors import BadRequest
from k3py.store.records import Record


@dataclass(frozen=True)
class Page:
    """One piece: its records, the token for the next one (empty at the end), and how many records remain."""

    records: Sequence[Record]
    continue_token: str = ""
    remaining: int | None = None


class Token(msgspec.Struct, frozen=True):
    """Where to go on: revision of the listing, and namespace and name of the last record given."""

    v: int
    rv: int
    namespace: str
    name: str

    def encode(self) -> str:
        """The token as clients pass it back."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def parse_token(text: str) -> Token:
    """A token that a client sent.

    Raises:
        BadRequest: it is not one of ours.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        token = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Token)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise BadRequest(f"continue key is not valid: {error}") from error
    if token.v != 1 or token.rv < 0:
        raise BadRequest("continue key is not valid: unknown version")
    return token


def page(records: Sequence[Record], limit: int, after: tuple[str, str] | None, revision: int, *, exact: bool) -> Page:
    """The records behind ``after`` (namespace and name), at most ``limit`` (0: all).

    ``exact`` says that the records are all there are, so that what remains may be counted: with a selector
    Kubernetes does not say.
    """
    start = 0
    if after is not None:
        start = _position_behind(records, after)
    rest = len(records) - start
    if not limit or rest <= limit:
        return Page(records[start:] if start else records)
    piece = records[start : start + limit]
    last = piece[-1]
    token = Token(1, revision, last.namespace, last.name).encode()
    return Page(piece, token, rest - limit if exact else None)


def _position_behind(records: Sequence[Record], after: tuple[str, str]) -> int:
    low, high = 0, len(records)
    while low < high:
        middle = (low + high) // 2
        if (records[middle].namespace, records[middle].name) <= after:
            low = middle + 1
        else:
            high = middle
    return low
