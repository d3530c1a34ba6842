"""Compression of large answers as kube-apiserver does it: gzip level 1 above 128 KiB, for who accepts it."""

import zlib
from collections.abc import Iterator
from typing import Final

from k3py.api.http.messages import Request, Response
from k3py.api.http.parts import Parts, slices_of

GZIP_BYTES_MIN: Final = 128 * 1024
_LEVEL: Final = 1
_GZIP_WINDOW: Final = 31  # 15 bits of window, plus 16 for gzip's header (with no time in it)
# About three milliseconds of work; others get their turn between slices.
_SLICE_BYTES: Final = 256 * 1024


def is_compressible(request: Request, response: Response) -> bool:
    """Whether this answer to this request is to be sent in gzip."""
    if len(response.content) <= GZIP_BYTES_MIN or b"accept-encoding" not in request.headers:
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


def gzip_steps(body: bytes | Parts) -> Iterator[bytes]:
    """The pieces of the compressed body; each step is a short piece of work."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    for piece in slices_of(body, _SLICE_BYTES):
        yield compressor.compress(piece)
    yield compressor.flush()


def compressed(response: Response, body: bytes) -> Response:
    """The same answer with its compressed body."""
    headers = (*response.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return Response(response.status, body, response.content_type, headers)
