"""The chunked transfer coding, received (RFC 9112, 7.1). Strict: what two parties could read differently is refused."""

import re
from typing import Final

from k3py.model.errors import BadRequest, RequestTooLarge

# Eight hex digits are 4 GiB, far beyond any body; more can only be meant to overflow somebody's integer.
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\Z")
# A size with its extensions, which are ignored.
SIZE_LINE_BYTES_MAX: Final = 256
# All trailer fields together; they are read over.
TRAILER_BYTES_MAX: Final = 8 * 1024


class ChunkedBody:
    """Decodes one body. ``feed`` until ``finished``; the decoded bytes grow in ``body``."""

    def __init__(self, limit_bytes: int) -> None:
        self.body = bytearray()
        self.finished = False
        self._limit = limit_bytes
        self._missing = 0  # of the current chunk's data
        self._after_data = False  # the line end behind a chunk's data comes next
        self._in_trailer = False
        self._trailer_bytes = 0

    def feed(self, buffer: bytearray) -> None:
        """Take from the front of ``buffer`` what belongs to the body.

        Raises:
            BadRequest: the coding is broken.
            RequestTooLarge: the body is larger than the limit.
        """
        position = 0
        try:
            while not self.finished:
                taken = self._step(buffer, position)
                if taken == 0:
                    break
                position += taken
        finally:
            del buffer[:position]

    def _step(self, buffer: bytearray, at: int) -> int:
        """Handle one piece at ``at``; the number of bytes it took, 0 when more are needed."""
        if self._missing:
            piece = buffer[at : at + self._missing]
            self.body += piece
            self._missing -= len(piece)
            self._after_data = self._missing == 0
            return len(piece)
        if self._after_data:
            return self._line_end(buffer, at)
        if self._in_trailer:
            return self._trailer_line(buffer, at)
        return self._size_line(buffer, at)

    def _line_end(self, buffer: bytearray, at: int) -> int:
        found = bytes(buffer[at : at + 2])
        if not b"\r\n".startswith(found):
            raise BadRequest("the body's chunk is longer than its size says")
        if len(found) < 2:
            return 0
        self._after_data = False
        return 2

    def _size_line(self, buffer: bytearray, at: int) -> int:
        end = buffer.find(b"\r\n", at, at + SIZE_LINE_BYTES_MAX + 2)
        if end < 0:
            if len(buffer) - at >= SIZE_LINE_BYTES_MAX + 2:
                raise BadRequest("the body has a chunk size that is too long")
            return 0
        match = _SIZE_LINE.match(bytes(buffer[at:end]))
        if match is None:
            raise BadRequest("the body has a chunk size that is no number")
        size = int(match[1], 16)
        if len(self.body) + size > self._limit:
            raise body_too_large(self._limit)
        self._missing = size
        self._in_trailer = size == 0
        return end + 2 - at

    def _trailer_line(self, buffer: bytearray, at: int) -> int:
        room = TRAILER_BYTES_MAX - self._trailer_bytes
        end = buffer.find(b"\r\n", at, at + room + 2)
        if end < 0:
            if len(buffer) - at >= room + 2:
                raise BadRequest("the body's trailer is too long")
            return 0
        self._trailer_bytes += end + 2 - at
        self.finished = end == at
        return end + 2 - at


def body_too_large(limit_bytes: int) -> RequestTooLarge:
    """The refusal of a body beyond the limit."""
    return RequestTooLarge(f"Request entity too large: limit is {limit_bytes}")
