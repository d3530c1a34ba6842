"""Reads a tar archive from a stream, header by header, and trusts none of it.

The standard library's ``tarfile`` reads a header extension of any size into memory, turns names into text and takes a
third of the time of an unpacking; this reader has a bound on everything, names stay bytes, and file contents are passed
on without a copy. Formats: POSIX ustar and pax (IEEE 1003.1-2017 "pax"), GNU long names, old V7. Only the standard
library, since it also runs in the unpacking child.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from k3py.image.errors import CorruptImage

BLOCK_BYTES: Final = 512

# One pax or GNU extension. Linux allows 64 KiB per xattr and 4 KiB per name; Docker itself refuses beyond 1 MiB.
EXTENSION_BYTES_MAX: Final = 1024 * 1024
# Extensions before one entry: one pax header, a long name and a long link are all that any writer makes.
EXTENSIONS_PER_ENTRY_MAX: Final = 8

REGULAR: Final = b"0"
HARD_LINK: Final = b"1"
SYMBOLIC_LINK: Final = b"2"
CHARACTER_DEVICE: Final = b"3"
BLOCK_DEVICE: Final = b"4"
DIRECTORY: Final = b"5"
FIFO: Final = b"6"

_SUPPORTED: Final = frozenset(b"01234567")
_ZEROS: Final = bytes(BLOCK_BYTES)
_XATTR_PREFIX: Final = b"SCHILY.xattr."


@dataclass
class Entry:
    """One member. ``size`` in bytes; ``mode`` the 12 permission bits; ``mtime_ns`` nanoseconds since 1970."""

    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    link: bytes
    major: int
    minor: int
    xattrs: dict[bytes, bytes]
    offset: int
    """Where the member's contents begin in the archive, in bytes."""


class ChunkReader:
    """Exact reads from a source of chunks (``b""`` at the end). ``offset`` counts the bytes handed out."""

    def __init__(self, next_chunk: Callable[[], bytes]) -> None:
        self._next_chunk = next_chunk
        self._chunk = memoryview(b"")
        self._at = 0
        self._ended = False
        self.offset = 0

    def some(self, most: int) -> memoryview:
        """At least one and at most ``most`` bytes, without a copy; empty at the end of the stream."""
        if self._at == len(self._chunk):
            if self._ended:
                return memoryview(b"")
            self._chunk, self._at = memoryview(self._next_chunk()), 0
            self._ended = not self._chunk
        piece = self._chunk[self._at : self._at + most]
        self._at += len(piece)
        self.offset += len(piece)
        return piece

    def exactly(self, count: int) -> bytes:
        """``count`` bytes, or fewer if the stream ends before. ``count`` must be bounded by the caller."""
        piece = self.some(count)
        if len(piece) == count:
            return bytes(piece)
        pieces = [piece]
        missing = count - len(piece)
        while missing and piece:
            piece = self.some(missing)
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes.

        Raises:
            CorruptImage: the stream ends before.
        """
        while count:
            piece = self.some(count)
            if not piece:
                raise CorruptImage("the archive ends in the middle of a member")
            count -= len(piece)


@dataclass
class _Extensions:
    """What pax and GNU headers said about the entry that follows."""

    count: int = 0
    long_name: bytes | None = None
    long_link: bytes | None = None
    records: dict[bytes, bytes] = field(default_factory=dict)


class TarStream:
    """The entries of an archive in order. Contents not taken by ``contents`` are passed over."""

    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader
        self._left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Entry]:
        """Entry after entry until the end mark or a clean end of the stream.

        Raises:
            CorruptImage: at the first thing that is wrong.
        """
        extensions = _Extensions()
        while True:
            self._finish_member()
            header = self._reader.exactly(BLOCK_BYTES)
            if not header or header == _ZEROS:
                if extensions.count:
                    raise CorruptImage("the archive ends after a header extension")
                return
            if len(header) < BLOCK_BYTES:
                raise CorruptImage("the archive ends in the middle of a header")
            _check_sum(header)
            kind = header[156:157]
            size = _number(header[124:136], "size")
            if kind in b"xgLK":
                self._extend(extensions, kind, size)
                continue
            entry = _entry(header, size, extensions)
            extensions = _Extensions()
            self._left = entry.size
            self._padding = -entry.size % BLOCK_BYTES
            entry.offset = self._reader.offset
            if entry.kind[0] in _SUPPORTED:
                yield entry

    def contents(self) -> Iterator[memoryview]:
        """The current member's bytes in pieces of any length.

        Raises:
            CorruptImage: the archive ends before.
        """
        while self._left:
            piece = self._reader.some(self._left)
            if not piece:
                raise CorruptImage("the archive ends in the middle of a member")
            self._left -= len(piece)
            yield piece

    def _finish_member(self) -> None:
        if self._left:
            self._reader.skip(self._left)
            self._left = 0
        if self._padding:
            # A missing last padding is what some writers leave out; the digest tells whether bytes were lost.
            self._reader.exactly(self._padding)
            self._padding = 0

    def _extend(self, extensions: _Extensions, kind: bytes, size: int) -> None:
        if size > EXTENSION_BYTES_MAX:
            raise CorruptImage(f"a header extension of {size} bytes is beyond {EXTENSION_BYTES_MAX}")
        extensions.count += 1
        if extensions.count > EXTENSIONS_PER_ENTRY_MAX:
            raise CorruptImage(f"more than {EXTENSIONS_PER_ENTRY_MAX} header extensions for one member")
        data = self._reader.exactly(size)
        if len(data) < size:
            raise CorruptImage("the archive ends in the middle of a header extension")
        self._reader.exactly(-size % BLOCK_BYTES)
        if kind == b"x":
            extensions.records.update(parse_pax(data))
        elif kind == b"L":
            extensions.long_name = data.rstrip(b"\0")
        elif kind == b"K":
            extensions.long_link = data.rstrip(b"\0")
        # "g" speaks of the whole archive (git writes its commit there); nothing in it concerns a layer.
        if kind == b"g":
            extensions.count -= 1


def parse_pax(data: bytes) -> dict[bytes, bytes]:
    """The records of a pax extended header (``"<length> <key>=<value>\\n"``), the last of a key winning.

    Raises:
        CorruptImage: a record breaks the format.
    """
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        digits = data[at:space] if space > 0 else b""
        if not digits.isdigit():
            raise CorruptImage("a pax record has no length")
        end = at + int(digits)
        equals = data.find(b"=", space, end)
        if end > len(data) or equals < 0 or data[end - 1 : end] != b"\n" or end <= equals:
            raise CorruptImage("a pax record is damaged")
        records[data[space + 1 : equals]] = data[equals + 1 : end - 1]
        at = end
    return records


def _check_sum(header: bytes) -> None:
    wanted = _number(header[148:156], "checksum")
    unsigned = sum(header) - sum(header[148:156]) + 8 * 32
    if wanted == unsigned:
        return
    # Old Sun tars add up signed bytes.
    high = sum(1 for byte in header[:148] + header[156:] if byte > 127)
    if wanted != unsigned - 256 * high:
        raise CorruptImage("a header's checksum is wrong")


def _number(data: bytes, what: str) -> int:
    """A header's number: octal digits, or base 256 with the top bit set (GNU)."""
    if data[0] & 0x80:
        value = int.from_bytes(data, "big", signed=False)
        bits = 8 * len(data)
        if data[0] & 0x40:
            return value - (1 << bits)
        return value - (1 << (bits - 1))
    digits = data.strip(b" \0")
    if not digits:
        return 0
    try:
        if digits[:1] in b"+-" or b"_" in digits:
            raise ValueError
        return int(digits, 8)
    except ValueError:
        raise CorruptImage(f"a header's {what} is no number") from None


def _entry(header: bytes, size: int, extensions: _Extensions) -> Entry:
    records = extensions.records
    name = _text(header[0:100])
    if header[257:263] == b"ustar\0" and header[345] and extensions.long_name is None:
        name = _text(header[345:500]) + b"/" + name
    kind = header[156:157]
    if kind == b"S" or any(key.startswith(b"GNU.sparse.") for key in records):
        raise CorruptImage("sparse members are not read")
    if kind == b"\0":
        kind = REGULAR
    if extensions.long_name is not None:
        name = extensions.long_name
    link = _text(header[157:257]) if extensions.long_link is None else extensions.long_link
    name = records.get(b"path", name)
    if kind in (REGULAR, b"7"):
        kind = DIRECTORY if name.endswith(b"/") else REGULAR
    size = _decimal(records, b"size", size)
    if size < 0:
        raise CorruptImage("a member's size is negative")
    return Entry(
        name=name,
        kind=kind,
        mode=_number(header[100:108], "mode") & 0o7777,
        uid=_decimal(records, b"uid", _number(header[108:116], "uid")),
        gid=_decimal(records, b"gid", _number(header[116:124], "gid")),
        # Only files have contents; other kinds' size field means nothing (POSIX).
        size=size if kind == REGULAR or kind[0] not in _SUPPORTED else 0,
        mtime_ns=_moment(records.get(b"mtime"), header[136:148]),
        link=records.get(b"linkpath", link),
        major=_number(header[329:337], "device") if kind in b"34" else 0,
        minor=_number(header[337:345], "device") if kind in b"34" else 0,
        xattrs={key[len(_XATTR_PREFIX) :]: value for key, value in records.items() if key.startswith(_XATTR_PREFIX)},
        offset=0,
    )


def _text(data: bytes) -> bytes:
    return data.partition(b"\0")[0]


def _decimal(records: dict[bytes, bytes], key: bytes, otherwise: int) -> int:
    text = records.get(key)
    if text is None:
        return otherwise
    if not text.isdigit() or len(text) > 20:
        raise CorruptImage(f"a pax {key.decode()} is no number")
    return int(text)


def _moment(pax: bytes | None, octal: bytes) -> int:
    """Modification time in nanoseconds; pax times are decimal seconds with a fraction."""
    if pax is None:
        return _number(octal, "mtime") * 1_000_000_000
    sign = -1 if pax.startswith(b"-") else 1
    whole, _, fraction = pax.lstrip(b"-").partition(b".")
    if not whole.isdigit() or len(whole) > 20 or (fraction and not fraction.isdigit()):
        raise CorruptImage("a pax mtime is no number")
    return sign * (int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0")))
