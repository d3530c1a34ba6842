"""One compressed stream in, plain chunks out, with a bound on how much comes out.

The kind is told from the first bytes, not from a media type: registries and archives mislabel layers, and containerd
looks at the bytes too. Formats: gzip of any number of members (RFC 1952), Zstandard with skippable frames (RFC 8878),
or none. ``zstandard`` is imported only when it is needed.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import IO, Final, cast

from k3py.image.errors import CorruptImage, ImageTooLarge

GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE: Final = b"\x2a\x4d\x18"

# Small, since zlib copies what is left of the input at every call.
INPUT_CHUNK_BYTES: Final = 64 * 1024
OUTPUT_CHUNK_BYTES: Final = 512 * 1024
# RFC 8878 asks decoders for 8 MiB; `zstd --long` uses 128 MiB. It bounds the memory of a hostile frame.
ZSTD_WINDOW_BYTES_MAX: Final = 128 * 1024 * 1024

Read = Callable[[int], bytes]


def is_compressed(head: bytes) -> bool:
    """Whether the first four bytes of a stream are those of gzip or Zstandard."""
    return head.startswith((GZIP_MAGIC, ZSTD_MAGIC)) or head[1:4] == _ZSTD_SKIPPABLE


def decompressed(read: Read, bytes_max: int) -> Iterator[bytes]:
    """The plain bytes behind ``read`` (which answers up to n bytes, ``b""`` at the end), in chunks that are not empty.

    Raises:
        ImageTooLarge: more than ``bytes_max`` bytes come out.
        CorruptImage: the compressed stream is damaged, or a gzip stream ends early (zstandard says nothing of a
            frame cut short; the digest does).
    """
    head = _first_bytes(read)
    if head.startswith(GZIP_MAGIC):
        chunks = _gunzip(head, read)
    elif is_compressed(head):
        chunks = _unzstd(head, read)
    else:
        chunks = _plain(head, read)
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > bytes_max:
            raise ImageTooLarge(f"it unpacks to more than {bytes_max} bytes")
        if chunk:
            yield chunk


def _first_bytes(read: Read) -> bytes:
    head = b""
    while len(head) < 4 and (more := read(INPUT_CHUNK_BYTES)):
        head += more
    return head


def _plain(head: bytes, read: Read) -> Iterator[bytes]:
    while head:
        yield head
        head = read(OUTPUT_CHUNK_BYTES)


def _gunzip(data: bytes, read: Read) -> Iterator[bytes]:
    try:
        while data:
            inflater = zlib.decompressobj(31)
            while not inflater.eof:
                chunk = inflater.decompress(data, OUTPUT_CHUNK_BYTES)
                yield chunk
                data = inflater.unconsumed_tail
                if not data and not inflater.eof and len(chunk) < OUTPUT_CHUNK_BYTES:
                    data = read(INPUT_CHUNK_BYTES)
                    if not data:
                        raise CorruptImage("the gzip stream ends early")
            data = _after_member(inflater.unused_data, read)
    except zlib.error as error:
        raise CorruptImage(f"the gzip stream is damaged: {error}") from None


def _after_member(data: bytes, read: Read) -> bytes:
    """What follows a gzip member: another one, or zeros that pad the file."""
    while True:
        data = data.lstrip(b"\0")
        if len(data) >= 2:
            if not data.startswith(GZIP_MAGIC):
                raise CorruptImage("there are bytes behind the gzip stream")
            return data
        more = read(INPUT_CHUNK_BYTES)
        if not more:
            if data:
                raise CorruptImage("there are bytes behind the gzip stream")
            return b""
        data += more


class _Source:
    """``read`` with the bytes already taken put back, as a file object for zstandard."""

    def __init__(self, head: bytes, read: Read) -> None:
        self._head = head
        self._read = read

    def read(self, size: int) -> bytes:
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._read(size)


def _unzstd(head: bytes, read: Read) -> Iterator[bytes]:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
    source = cast(IO[bytes], _Source(head, read))
    reader = decompressor.stream_reader(source, INPUT_CHUNK_BYTES, read_across_frames=True)
    try:
        while chunk := reader.read(OUTPUT_CHUNK_BYTES):
            yield chunk
    except zstandard.ZstdError as error:
        raise CorruptImage(f"the zstd stream is damaged: {error}") from None
