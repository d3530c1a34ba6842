"""ELF object files as a compiler writes them for eBPF: sections, symbols, relocations. Speaks; no kernel.

Layout: System V ABI, ``ELF-64 Object File Format``; 64-bit little-endian, as eBPF objects for x86-64 and aarch64 are.
"""

import struct
from dataclasses import dataclass
from typing import Final

from k3py.vpc.bpf.errors import ObjectError

MAGIC: Final = b"\x7fELF\x02\x01"
MACHINE_BPF: Final = 247
SECTION_SYMBOLS: Final = 2
SECTION_RELOCATIONS: Final = 9
SECTION_WITHOUT_BYTES: Final = 8
FLAG_EXECUTABLE: Final = 4
SYMBOL_FUNCTION: Final = 2
# Our objects have a few dozen sections; a file that claims more is damaged.
SECTIONS_MAX: Final = 1_024

_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQ")


@dataclass(frozen=True)
class Section:
    """One section; ``data`` is zeros for those that occupy no bytes in the file. ``link`` and ``info`` are indexes."""

    name: str
    kind: int
    executable: bool
    link: int
    info: int
    data: bytes


@dataclass(frozen=True)
class Symbol:
    """A name for ``size`` bytes at ``value`` in the section with that index; ``kind`` is ELF's symbol type."""

    name: str
    kind: int
    section: int
    value: int
    size: int


@dataclass(frozen=True)
class Relocation:
    """The place at ``offset`` in its section refers to a symbol; ``kind`` is the machine's relocation type."""

    offset: int
    kind: int
    symbol: Symbol


@dataclass(frozen=True)
class Elf:
    """A parsed file. ``relocations`` are by the index of the section they apply to."""

    sections: list[Section]
    symbols: list[Symbol]
    relocations: dict[int, list[Relocation]]

    def index(self, name: str) -> int:
        """Where the section of that name stands.

        Raises:
            ObjectError: there is none.
        """
        for index, section in enumerate(self.sections):
            if section.name == name:
                return index
        raise ObjectError(f"the object has no section {name}")


def parse(data: bytes) -> Elf:
    """Take an object file apart.

    Raises:
        ObjectError: it is no eBPF object, or damaged.
    """
    try:
        return _parse(data)
    except (struct.error, IndexError, OverflowError, UnicodeDecodeError) as error:
        raise ObjectError(f"damaged object file: {error}") from error


def _parse(data: bytes) -> Elf:
    if data[: len(MAGIC)] != MAGIC or struct.unpack_from("<H", data, 18)[0] != MACHINE_BPF:
        raise ObjectError("not an eBPF object file")
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    if size != _SECTION.size or count > SECTIONS_MAX:
        raise ObjectError(f"damaged object file: {count} sections of {size} bytes")
    headers = [_SECTION.unpack_from(data, table + size * index) for index in range(count)]
    strings = _bytes(data, headers[names])
    sections = [_section(data, strings, header) for header in headers]
    symbols = [symbol for each in sections if each.kind == SECTION_SYMBOLS for symbol in _symbols(each, sections)]
    relocations = {
        each.info: [
            Relocation(offset, info & 0xFFFF_FFFF, symbols[info >> 32])
            for offset, info in _RELOCATION.iter_unpack(each.data)
        ]
        for each in sections
        if each.kind == SECTION_RELOCATIONS
    }
    return Elf(sections, symbols, relocations)


def _bytes(data: bytes, header: tuple[int, ...]) -> bytes:
    kind, offset, size = header[1], header[4], header[5]
    if kind == SECTION_WITHOUT_BYTES:
        if size > len(data):  # such a section of ours is small; do not allocate what a damaged header asks for
            raise ObjectError(f"damaged object file: an empty section of {size} bytes")
        return bytes(size)
    if offset + size > len(data):
        raise ObjectError("damaged object file: a section lies behind its end")
    return data[offset : offset + size]


def _section(data: bytes, strings: bytes, header: tuple[int, ...]) -> Section:
    name, kind, flags, _, _, _, link, info, _, _ = header
    return Section(text(strings, name), kind, bool(flags & FLAG_EXECUTABLE), link, info, _bytes(data, header))


def _symbols(table: Section, sections: list[Section]) -> list[Symbol]:
    strings = sections[table.link].data
    return [
        Symbol(text(strings, name), info & 15, section, value, size)
        for name, info, _, section, value, size in _SYMBOL.iter_unpack(table.data)
    ]


def text(strings: bytes, offset: int) -> str:
    """The zero-terminated text at an offset of a string table.

    Raises:
        ObjectError: it does not end.
    """
    end = strings.find(b"\0", offset)
    if end < 0:
        raise ObjectError("damaged object file: a name without an end")
    return strings[offset:end].decode("ascii")
