"""Compression of large answers as kube-apiserver does it: gzip level 1 above 128 KiB, for who accepts it."""

import zlib
from collections.abc import Iterator
from typing import Final

from k3py.api.http.messages import BodyWriter, Request, Response, StreamResponse
from k3py.api.http.parts import Parts, Steps, slices_of

GZIP_BYTES_MIN: Final = 128 * 1024
_LEVEL: Final = 1
_GZIP_WINDOW: Final = 31  # 15 bits of window, plus 16 for gzip's header (with no time in it)
# An eighth of a millisecond of work; others get their turn between slices.
_SLICE_BYTES: Final = 8 * 1024


def is_compressible(request: Request, response: Response) -> bool:
    """Whether this answer to this request is to be sent in gzip."""
    content = response.content
    if b"accept-encoding" not in request.headers or (not isinstance(content, Steps) and len(content) <= GZIP_BYTES_MIN):
        return False
    if any(name.lower() == "content-encoding" for name, _ in response.headers):
        return False
    return accepts_gzip(request.headers[b"accept-encoding"])


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether an Accept-Encoding field (RFC 9110, 12.5.3) allows gzip by name."""
    for item in accept_encoding.lower().split(b","):
        coding, _, parameter = item.partition(b";")
        if coding.strip() == b"gzip":
            weight = parameter.strip().replace(b" ", b"")
            return not (weight.startswith(b"q=0") and not weight[3:].strip(b".0"))
    return False


def gzip_steps(body: bytes | Parts | Steps) -> Iterator[bytes]:
    """The pieces of the compressed body, many of them empty; each step is a short piece of work."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    for piece in body if isinstance(body, Steps) else slices_of(body, _SLICE_BYTES):
        yield compressor.compress(piece)
    yield compressor.flush()


def in_steps(response: Response, *, packed: bool) -> StreamResponse:
    """The same answer as a stream whose pieces are made as the client takes them, each when it is its turn; ``packed``:
    in gzip. So a slow client costs a piece, however long the answer is."""
    content = response.content
    pieces = gzip_steps(content) if packed else iter(content) if isinstance(content, Steps) else slices_of(
        content, _SLICE_BYTES
    )  # fmt: skip

    async def run(writer: BodyWriter) -> None:
        writer.on_stop = _go_on
        for piece in pieces:
            if piece:
                writer.write(piece)
                await writer.drain()
            await writer.turn()

    said = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")) if packed else ()
    return StreamResponse(run, response.status, response.content_type, (*response.headers, *said), hurries=True)


def _go_on() -> None:
    """The server stops: the answer ends within the grace period, or is broken off."""
