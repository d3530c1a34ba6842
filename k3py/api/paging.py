"""``limit`` and ``continue``: a list in pieces, all of them from one moment.

Kubernetes API Concepts, "Retrieving large results sets in chunks". The token has the form of apiserver's
``storage/continue.go``: the revision of the first piece and the first key that may come next, within the list's prefix.
"""

import base64
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from k3py.model.errors import BadRequest, Expired
from k3py.objects.json_syntax import syntax_error
from k3py.store.records import Record

_VERSION = "meta.k8s.io/v1"
# Records that are asked whether they are selected before others get their turn: a tenth of a millisecond.
SCAN_PIECE = 100
# The revision in a token that goes on with whatever is there now.
ANY_REVISION = -1
# A name and a namespace have 253 bytes at most; no key that we give out comes near.
TOKEN_LENGTH_MAX = 4096
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True)
class Page:
    """One piece: its records, the token for the next one (empty at the end), and how many records remain."""

    records: Sequence[Record]
    continue_token: str = ""
    remaining: int | None = None


class Token(msgspec.Struct, frozen=True, omit_defaults=False):
    """Where to go on: the revision of the list, and where the rest begins: ``name``, or ``namespace/name`` in a list of
    all namespaces; a NUL behind it passes the object of that name over."""

    v: str = ""
    rv: int = 0
    start: str = ""

    def encode(self) -> str:
        """The token as clients pass it back."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


class ContinueExpired(Expired):
    """The page before is too long ago. The answer has another token, with which the client may go on all the same."""

    def __init__(self, start: str) -> None:
        super().__init__(_TOO_OLD)
        self.token = Token(_VERSION, ANY_REVISION, start).encode()

    def status(self) -> dict[str, Any]:
        """The ``Status``, with the token in its metadata."""
        return {**super().status(), "metadata": {"continue": self.token}}


def parse_token(text: str) -> Token:
    """A token that a client sent.

    Raises:
        BadRequest: it is not one of ours.
    """
    try:
        data = _decoded(text[: TOKEN_LENGTH_MAX + 1])
        token = msgspec.json.decode(data, type=Token)
    except msgspec.MsgspecError as error:
        raise _invalid(f"continue key is not valid: {syntax_error(data) or error}") from None
    except ValueError as error:
        raise _invalid(f"continue key is not valid: {error}") from None
    if token.v != _VERSION:
        raise _invalid(f"continue key is not valid: server does not recognize this encoded version {token.v}")
    if token.rv == 0:
        raise _invalid(f"continue key is not valid: incorrect encoded start resourceVersion (version {_VERSION})")
    if not token.start:
        raise _invalid(f"continue key is not valid: encoded start key empty (version {_VERSION})")
    if any(part in ("", ".", "..") for part in token.start.removeprefix("/").split("/")):  # no key of the list
        raise _invalid(f"continue key is not valid: {token.start}")
    return token


def _decoded(text: str) -> bytes:
    """base64url without padding (RFC 4648, section 5); of more than a token may have, nothing.

    Raises:
        ValueError: it is none, in the words of Go's decoder.
    """
    odd = next((place for place, each in enumerate(text) if each not in _BASE64), len(text) - 1)
    if len(text) > TOKEN_LENGTH_MAX or (text and text[odd] not in _BASE64) or len(text) % 4 == 1:
        raise ValueError(f"illegal base64 data at input byte {odd}")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")


_BASE64: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def _invalid(why: str) -> BadRequest:
    return BadRequest(f"invalid continue token: {why}")


def page(
    records: Sequence[Record],
    limit: int,
    start: str,
    revision: int,
    *,
    of_namespace: bool,
    has: Callable[[Record], bool] | None = None,
) -> Page:
    """The records from ``start`` on (a token's; empty: all) that ``has`` selects (None: all), up to ``limit`` (0: all).

    As in Kubernetes there may be a token although nothing more is selected, and only a list without selectors says how
    many remain. ``of_namespace``: the records are of one namespace, or have none.
    """
    steps = scan(records, limit, start, revision, of_namespace=of_namespace, has=has)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Page = end.value
            return found


def scan(
    records: Sequence[Record],
    limit: int,
    start: str,
    revision: int,
    *,
    of_namespace: bool,
    has: Callable[[Record], bool] | None = None,
) -> Generator[None, None, Page]:
    """``page`` in short pieces of work: yields between them, and returns the page."""
    position = _position(records, start.removeprefix("/"), of_namespace) if start else 0
    rest = len(records) - position
    if has is None:
        if not limit or rest <= limit:
            return Page(records[position:] if position else records)
        piece = records[position : position + limit]
        return Page(piece, _token(piece[-1], revision, of_namespace), rest - limit)
    found: list[Record] = []
    for index, record in enumerate(islice(records, position, None), position):
        if index % SCAN_PIECE == 0:
            yield
        if not has(record):
            continue
        found.append(record)
        if len(found) == limit and index + 1 < len(records):
            return Page(found, _token(found[-1], revision, of_namespace))
    return Page(found)


def _token(last: Record, revision: int, of_namespace: bool) -> str:
    key = last.name if of_namespace else f"{last.namespace}/{last.name}"
    return Token(_VERSION, revision, f"{key}\0").encode()


def _position(records: Sequence[Record], start: str, of_namespace: bool) -> int:
    if of_namespace:
        return bisect_left(records, start, key=lambda each: each.name)
    namespace, _, name = start.partition("/")
    return bisect_left(records, (namespace, name), key=lambda each: (each.namespace, each.name))
