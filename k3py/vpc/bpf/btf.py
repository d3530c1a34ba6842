"""BTF, the type information beside a program: struct layouts, enums, and what a map was declared as. Speaks; no kernel.

Format: kernel documentation, ``bpf/btf``.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from k3py.vpc.bpf.elf import text
from k3py.vpc.bpf.errors import ObjectError

INT, POINTER, ARRAY, STRUCT, UNION, ENUM, FORWARD = range(1, 8)
TYPEDEF, VOLATILE, CONST, RESTRICT, FUNCTION, PROTOTYPE, VARIABLE, DATASEC, FLOAT = range(8, 17)
DECLARATION_TAG, TYPE_TAG, ENUM64 = 17, 18, 19
_QUALIFIERS: Final = frozenset({TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG})
# Bytes behind a type's header: a fixed number, and a number per member.
_FIXED: Final = {INT: 4, ARRAY: 12, VARIABLE: 4, DECLARATION_TAG: 4}
_PER_MEMBER: Final = {STRUCT: 12, UNION: 12, ENUM: 8, PROTOTYPE: 8, DATASEC: 12, ENUM64: 12}
POINTER_SIZE: Final = 8
# Types nest a few levels deep; damaged type information may go in circles.
DEPTH_MAX: Final = 32

_HEADER = struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")


@dataclass(frozen=True)
class Type:
    """One type. ``size`` is a size in bytes or the id of the type it refers to, depending on ``kind``."""

    kind: int
    name: str
    size: int
    members: int
    extra: bytes
    offset: int


@dataclass(frozen=True)
class Field:
    """A member of a struct: where it lies, in bytes, and how many it has."""

    name: str
    type_id: int
    offset: int
    size: int


class Btf:
    """The type information of one object.

    Raises:
        ObjectError: on construction and in every method, when the information is damaged.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        try:
            self.types = list(_types(raw))
        except struct.error as error:
            raise ObjectError(f"damaged type information: {error}") from error

    def type_of(self, type_id: int) -> Type:
        """The type without typedefs and qualifiers."""
        for _ in range(DEPTH_MAX):
            each = self._type(type_id)
            if each.kind not in _QUALIFIERS:
                return each
            type_id = each.size
        raise ObjectError("damaged type information: a type refers to itself")

    def size(self, type_id: int, depth: int = 0) -> int:
        """The size of a type in bytes."""
        each = self.type_of(type_id)
        if each.kind == POINTER:
            return POINTER_SIZE
        if each.kind != ARRAY:
            return each.size
        if depth == DEPTH_MAX:
            raise ObjectError("damaged type information: an array of itself")
        element, _, count = map(int, _TYPE.unpack(each.extra))
        return self.size(element, depth + 1) * count

    def array_length(self, pointer_id: int) -> int:
        """The number in ``int (*name)[number]``, as map definitions write it."""
        array = self.type_of(self.target(pointer_id))
        if array.kind != ARRAY:
            raise ObjectError("damaged type information: a map's attribute is no array")
        return int(_TYPE.unpack(array.extra)[2])

    def target(self, pointer_id: int) -> int:
        """The id of the type that a pointer points to."""
        return self.type_of(pointer_id).size

    def fields(self, type_id: int) -> Iterator[Field]:
        """The members of a struct, in order."""
        each = self.type_of(type_id)
        if each.kind not in (STRUCT, UNION):
            raise ObjectError(f"{each.name} is no struct")
        for name, member, bits in _TYPE.iter_unpack(each.extra):
            yield Field(self.string(name), member, (bits & 0xFFFFFF) // 8, self.size(member))

    def find(self, kind: int, name: str) -> int:
        """The id of the type of that kind and name."""
        for type_id, each in enumerate(self.types):
            if (each.kind, each.name) == (kind, name):
                return type_id
        raise ObjectError(f"the object knows no type {name}")

    def enumerators(self, name: str) -> dict[str, int]:
        """The names and values of an enum."""
        extra = self.types[self.find(ENUM, name)].extra
        return {self.string(offset): value for offset, value in struct.iter_unpack("<Ii", extra)}

    def variables(self, section: str) -> Iterator[tuple[str, int]]:
        """Name and type id of each variable in a section; nothing if there is no such section."""
        for each in self.types:
            if each.kind == DATASEC and each.name == section:
                for variable, _, _ in _TYPE.iter_unpack(each.extra):
                    declared = self._type(variable)
                    yield declared.name, declared.size

    def for_kernel(self, sizes: Mapping[str, int], addresses: Mapping[str, int]) -> bytes:
        """The raw information with sizes of sections and offsets of variables, which compilers leave to the linker."""
        raw = bytearray(self.raw)
        for each in self.types:
            if each.kind != DATASEC or each.name not in sizes:
                continue
            struct.pack_into("<I", raw, each.offset + 8, sizes[each.name])
            rows = [
                (addresses.get(self._type(variable).name, offset), variable, size)
                for variable, offset, size in _TYPE.iter_unpack(each.extra)
            ]
            for index, (offset, variable, size) in enumerate(sorted(rows)):
                _TYPE.pack_into(raw, each.offset + _TYPE.size * (index + 1), variable, offset, size)
        return bytes(raw)

    def string(self, offset: int) -> str:
        """A name from the information's string table."""
        return _string(self.raw, offset)

    def _type(self, type_id: int) -> Type:
        if type_id >= len(self.types):
            raise ObjectError(f"damaged type information: no type {type_id}")
        return self.types[type_id]


def _types(raw: bytes) -> Iterator[Type]:
    _, _, _, header, start, length, _, _ = _HEADER.unpack_from(raw)
    yield Type(0, "void", 0, 0, b"", 0)
    position = header + start
    while position < header + start + length:
        name, info, size = _TYPE.unpack_from(raw, position)
        kind, members = info >> 24 & 31, info & 0xFFFF
        extra = _FIXED.get(kind, 0) + _PER_MEMBER.get(kind, 0) * members
        first = position + _TYPE.size
        if first + extra > len(raw):
            raise ObjectError("damaged type information: a type lies behind its end")
        yield Type(kind, _string(raw, name), size, members, raw[first : first + extra], position)
        position = first + extra


def _string(raw: bytes, offset: int) -> str:
    _, _, _, header, _, _, start, length = _HEADER.unpack_from(raw)
    try:
        return text(raw[header + start : header + start + length], offset)
    except UnicodeDecodeError as error:
        raise ObjectError("damaged type information: a name is no text") from error
