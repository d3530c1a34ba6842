"""A compiled object as the loader wants it: programs, map declarations, constants. Decides; no kernel."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from k3py.vpc.bpf import elf
from k3py.vpc.bpf.btf import Btf
from k3py.vpc.bpf.elf import Elf, Relocation, Symbol
from k3py.vpc.bpf.errors import ObjectError

RELOCATION_64: Final = 1
_DATA_SECTIONS: Final = (".rodata", ".data", ".bss")


class ProgramType(IntEnum):
    """The kernel's ``enum bpf_prog_type``, those that we use."""

    SCHED_CLS = 3
    CGROUP_SOCK_ADDR = 18


class AttachType(IntEnum):
    """The kernel's ``enum bpf_attach_type``, those that we use."""

    CGROUP_INET4_CONNECT = 10
    CGROUP_INET6_CONNECT = 11
    CGROUP_UDP4_SENDMSG = 14
    CGROUP_UDP6_SENDMSG = 15
    CGROUP_UDP4_RECVMSG = 19
    CGROUP_UDP6_RECVMSG = 20
    CGROUP_INET4_GETPEERNAME = 29
    CGROUP_INET6_GETPEERNAME = 30
    TCX_INGRESS = 46
    TCX_EGRESS = 47
    NETKIT_PRIMARY = 54
    NETKIT_PEER = 55


# A program's section says what it is, as libbpf's conventions have it.
SECTIONS: Final = {
    "tcx/ingress": (ProgramType.SCHED_CLS, AttachType.TCX_INGRESS),
    "tcx/egress": (ProgramType.SCHED_CLS, AttachType.TCX_EGRESS),
    "cgroup/connect4": (ProgramType.CGROUP_SOCK_ADDR, AttachType.CGROUP_INET4_CONNECT),
    "cgroup/connect6": (ProgramType.CGROUP_SOCK_ADDR, AttachType.CGROUP_INET6_CONNECT),
    "cgroup/sendmsg4": (ProgramType.CGROUP_SOCK_ADDR, AttachType.CGROUP_UDP4_SENDMSG),
    "cgroup/sendmsg6": (ProgramType.CGROUP_SOCK_ADDR, AttachType.CGROUP_UDP6_SENDMSG),
    "cgroup/recvmsg4": (ProgramType.CGROUP_SOCK_ADDR, AttachType.CGROUP_UDP4_RECVMSG),
    "cgroup/recvmsg6": (ProgramType.CGROUP_SOCK_ADDR, AttachType.CGROUP_UDP6_RECVMSG),
    "cgroup/getpeername4": (ProgramType.CGROUP_SOCK_ADDR, AttachType.CGROUP_INET4_GETPEERNAME),
    "cgroup/getpeername6": (ProgramType.CGROUP_SOCK_ADDR, AttachType.CGROUP_INET6_GETPEERNAME),
}


@dataclass(frozen=True)
class MapDefinition:
    """A map as the program declares it: the kernel's map type, sizes in bytes, and BTF ids of key and value."""

    name: str
    kind: int
    key_size: int
    value_size: int
    entries_max: int
    flags: int
    key_type: int
    value_type: int


@dataclass(frozen=True)
class Data:
    """A section of global variables."""

    section: str
    content: bytes

    @property
    def read_only(self) -> bool:
        """Whether the verifier may take its values for granted."""
        return self.section.startswith(".rodata")


@dataclass(frozen=True)
class Reference:
    """The 64-bit load at ``offset`` in a program takes a map, or the address ``addend`` within a data section."""

    offset: int
    map_name: str | None
    data_index: int
    addend: int


@dataclass(frozen=True)
class Program:
    """One program before its references are filled in."""

    name: str
    kind: ProgramType
    attach: AttachType
    code: bytes
    references: list[Reference]


@dataclass(frozen=True)
class ObjectFile:
    """What one object holds. ``data`` is by the index of its section, ``constants`` by the variable's name."""

    btf: Btf
    btf_for_kernel: bytes
    maps: dict[str, MapDefinition]
    data: dict[int, Data]
    constants: dict[str, Symbol]
    programs: list[Program]

    def with_constants(self, values: Mapping[str, bytes]) -> dict[int, Data]:
        """The data sections with constants filled in.

        Raises:
            ObjectError: there is no such constant, or it has another size.
        """
        filled = {index: bytearray(each.content) for index, each in self.data.items()}
        for name, value in values.items():
            symbol = self.constants.get(name)
            if symbol is None:
                raise ObjectError(f"the object has no constant {name}")
            if len(value) != symbol.size:
                raise ObjectError(f"constant {name} has {symbol.size} bytes, not {len(value)}")
            filled[symbol.section][symbol.value : symbol.value + symbol.size] = value
        return {index: Data(self.data[index].section, bytes(content)) for index, content in filled.items()}


def parse(raw: bytes) -> ObjectFile:
    """Take a compiled object apart.

    Raises:
        ObjectError: it is damaged, or uses what this loader does not support (calls between functions, a program type).
    """
    try:
        return _parse(elf.parse(raw))
    except (struct.error, RecursionError) as error:
        raise ObjectError(f"damaged object file: {error}") from error


def _parse(parsed: Elf) -> ObjectFile:
    btf = Btf(parsed.sections[parsed.index(".BTF")].data)
    data = {
        index: Data(each.name, each.data)
        for index, each in enumerate(parsed.sections)
        if each.name.startswith(_DATA_SECTIONS) and each.data
    }
    constants = {
        each.name: each
        for each in parsed.symbols
        if each.name and each.section in data and each.value + each.size <= len(data[each.section].content)
    }
    sizes = {each.name: len(each.data) for each in parsed.sections}
    addresses = {each.name: each.value for each in parsed.symbols if each.name}
    maps = {name: _map(btf, name, type_id) for name, type_id in btf.variables(".maps")}
    programs = [
        _program(parsed, each, data, maps)
        for each in parsed.symbols
        if each.kind == elf.SYMBOL_FUNCTION and each.section < len(parsed.sections)
    ]
    return ObjectFile(btf, btf.for_kernel(sizes, addresses), maps, data, constants, programs)


def _map(btf: Btf, name: str, type_id: int) -> MapDefinition:
    numbers = {"type": 0, "max_entries": 0, "map_flags": 0}
    types = {"key": 0, "value": 0}
    for each in btf.fields(type_id):
        if each.name in numbers:
            numbers[each.name] = btf.array_length(each.type_id)
        elif each.name in types:
            types[each.name] = btf.target(each.type_id)
        else:
            raise ObjectError(f"map {name} has an attribute {each.name} that is not supported")
    key_size, value_size = (btf.size(types[each]) if types[each] else 0 for each in ("key", "value"))
    return MapDefinition(
        name, numbers["type"], key_size, value_size, numbers["max_entries"], numbers["map_flags"],
        types["key"], types["value"],
    )  # fmt: skip


def _program(parsed: Elf, symbol: Symbol, data: dict[int, Data], maps: dict[str, MapDefinition]) -> Program:
    section = parsed.sections[symbol.section]
    if section.name not in SECTIONS:
        raise ObjectError(f"program {symbol.name} is in section {section.name}, which is not supported")
    kind, attach = SECTIONS[section.name]
    code = section.data[symbol.value : symbol.value + symbol.size]
    references = [
        _reference(each, symbol, code, data, maps)
        for each in parsed.relocations.get(symbol.section, [])
        if symbol.value <= each.offset < symbol.value + symbol.size
    ]
    return Program(symbol.name, kind, attach, code, references)


def _reference(
    relocation: Relocation, program: Symbol, code: bytes, data: dict[int, Data], maps: dict[str, MapDefinition]
) -> Reference:
    if relocation.kind != RELOCATION_64:
        raise ObjectError(f"program {program.name} calls a function: helpers have to be inlined")
    offset = relocation.offset - program.value
    if offset + 16 > len(code):
        raise ObjectError(f"damaged object file: a reference behind the end of {program.name}")
    target = relocation.symbol
    if target.section in data:
        (addend,) = struct.unpack_from("<i", code, offset + 4)
        return Reference(offset, None, target.section, target.value + addend)
    if target.name not in maps:
        raise ObjectError(f"program {program.name} refers to {target.name}, which is neither map nor variable")
    return Reference(offset, target.name, 0, 0)


def linked(program: Program, map_descriptors: Mapping[str, int], data_descriptors: Mapping[int, int]) -> bytes:
    """The program's code with the descriptors of maps and data sections filled in, as the kernel wants it."""
    code = bytearray(program.code)
    for each in program.references:
        is_data = each.map_name is None
        descriptor = data_descriptors[each.data_index] if each.map_name is None else map_descriptors[each.map_name]
        # The source register's field says what the constant is: 1 a map, 2 an address in a map's value.
        code[each.offset + 1] = code[each.offset + 1] & 15 | (2 if is_data else 1) << 4
        struct.pack_into("<i", code, each.offset + 4, descriptor)
        struct.pack_into("<I", code, each.offset + 12, each.addend & 0xFFFF_FFFF)
    return bytes(code)
