"""Reads Kubernetes' Go types out of a kubectl binary.

Protobuf field numbers, pointer-ness and ``omitempty`` stand in no OpenAPI document, but the Go run-time keeps every
struct's field names, types and tags in the binary's read-only data (Go's internal/abi ``Type``, ``StructField`` and
``Name``). This module walks that data.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

_KIND_STRUCT, _KIND_POINTER, _KIND_SLICE, _KIND_MAP = 25, 22, 23, 21
_BASIC = {
    1: "bool",
    2: "int",
    5: "int32",
    6: "int64",
    8: "uint8",
    10: "uint32",
    11: "uint64",
    13: "float32",
    14: "float64",
    24: "string",
}
_UNCOMMON_AT = {25: 80, 17: 72, 20: 80, 19: 56}  # kind -> where its "uncommon" part begins
_FIELDS_MAX = 120  # the largest Kubernetes struct has about 50 fields; anything far beyond is not a struct


@dataclass(frozen=True)
class GoField:
    """One field: protobuf number and wire type, whether repeated, JSON name, JSON tag options and Go type.

    ``alias`` is the name of a named basic type (``k8s.io/api/core/v1.Protocol``), also of a pointer's or list's.
    """

    number: int
    wire: str
    repeated: bool
    json_name: str
    options: frozenset[str]
    type: str
    alias: str = ""


class GoBinary:
    """The type data of one ELF executable built by Go (64 bit, little endian)."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self._segments = self._load_segments()

    def _load_segments(self) -> list[tuple[int, int, int]]:
        table, count = struct.unpack_from("<Q", self._data, 32)[0], struct.unpack_from("<H", self._data, 56)[0]
        segments = []
        for index in range(count):
            kind, _, offset, address, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", self._data, table + 56 * index)
            if kind == 1:  # PT_LOAD
                segments.append((address, offset, size))
        return segments

    def _offset(self, address: int) -> int | None:
        for start, offset, size in self._segments:
            if start <= address < start + size:
                return offset + address - start
        return None

    def _varint(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self._data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value, at

    def _name(self, address: int) -> tuple[str, str] | None:
        """A Go ``abi.Name``: its text and its struct tag."""
        at = self._offset(address)
        if at is None:
            return None
        flags = self._data[at]
        length, at = self._varint(at + 1)
        text, at, tag = self._data[at : at + length], at + length, b""
        if flags & 2:
            length, at = self._varint(at)
            tag = self._data[at : at + length]
        try:
            return text.decode(), tag.decode()
        except UnicodeDecodeError:
            return None

    def _structs(self) -> dict[int, tuple[int, list[tuple[str, str]], list[int]]]:
        """Address -> (file offset, field names and tags, field type addresses) of structs with protobuf tags."""
        data, found = self._data, {}
        for start, offset, size in self._segments:
            for at in range(offset, offset + size - 80, 8):
                if data[at + 23] & 31 != _KIND_STRUCT:
                    continue
                fields, length, capacity = struct.unpack_from("<QQQ", data, at + 56)
                place = self._offset(fields)
                if length != capacity or not 0 < length < _FIELDS_MAX or place is None:
                    continue
                if place + 24 * length > len(data):
                    continue
                names = self._field_names(place, length)
                if names is not None:
                    types = [struct.unpack_from("<Q", data, place + 24 * i + 8)[0] for i in range(length)]
                    found[start + at - offset] = (at, names, types)
        return found

    def _field_names(self, place: int, count: int) -> list[tuple[str, str]] | None:
        names, tagged = [], False
        for index in range(count):
            name = self._name(struct.unpack_from("<Q", self._data, place + 24 * index)[0])
            if name is None or not name[0] or len(name[0]) > 60:
                return None
            tagged = tagged or 'protobuf:"' in name[1]
            names.append(name)
        return names if tagged else None

    def _name_base(self, structs: dict[int, tuple[int, list[tuple[str, str]], list[int]]]) -> int:
        """Type names are offsets from a base that no header gives; PodSpec, known by its fields, tells it."""
        pod_spec = next(
            at for at, names, _ in structs.values() if {"RestartPolicy", "InitContainers"} <= {n for n, _ in names}
        )
        name_offset = struct.unpack_from("<i", self._data, pod_spec + 40)[0]
        for match in re.finditer(rb"[\x00-\x05]\x0b\*v1\.PodSpec", self._data):
            for start, offset, size in self._segments:
                if offset <= match.start() < offset + size:
                    base = start + match.start() - offset - name_offset
                    if base % 0x1000 == 0:
                        return int(base)
        raise ValueError("cannot find the base of the type names: this Go version lays them out differently")

    def _type_name(self, address: int, base: int) -> str:
        at = self._offset(address)
        assert at is not None
        kind = self._data[at + 23] & 31

        def pointed(delta: int) -> str:
            return self._type_name(struct.unpack_from("<Q", self._data, at + delta)[0], base)

        if kind == _KIND_POINTER:
            return "*" + pointed(48)
        if kind == _KIND_SLICE:
            return "[]" + pointed(48)
        if kind == _KIND_MAP:
            return f"map[{pointed(48)}]{pointed(56)}"
        if kind in _BASIC:
            return _BASIC[kind]
        name = self._name(base + struct.unpack_from("<i", self._data, at + 40)[0])
        assert name is not None
        text = name[0][1:] if self._data[at + 20] & 2 else name[0]
        if self._data[at + 20] & 1:  # has an "uncommon" part, which names the package
            package_offset = struct.unpack_from("<i", self._data, at + _UNCOMMON_AT.get(kind, 48))[0]
            package = self._name(base + package_offset) if package_offset else None
            if package:
                return f"{package[0]}.{text.rsplit('.', 1)[-1]}"
        return text

    def _alias(self, address: int, base: int) -> str:
        """The name of a basic type that has one of its own, or of what a pointer or list to it points to."""
        at = self._offset(address)
        assert at is not None
        kind = self._data[at + 23] & 31
        if kind in (_KIND_POINTER, _KIND_SLICE):
            return self._alias(struct.unpack_from("<Q", self._data, at + 48)[0], base)
        if kind not in _BASIC or not self._data[at + 20] & 1:
            return ""
        name = self._name(base + struct.unpack_from("<i", self._data, at + 40)[0])
        package = self._name(base + struct.unpack_from("<i", self._data, at + 48)[0])
        return f"{package[0]}.{name[0].rsplit('.', 1)[-1]}" if name and package else ""

    def types(self) -> dict[str, list[GoField]]:
        """Every struct with protobuf tags: full Go name (``k8s.io/api/core/v1.Pod``) -> fields in Go's order."""
        structs = self._structs()
        base = self._name_base(structs)
        result = {}
        for address, (_, names, types) in structs.items():
            fields = []
            for (go_name, tag), type_address in zip(names, types, strict=True):
                numbered = re.search(r'protobuf:"(\w+),(\d+),(\w+)', tag)
                if numbered is None:
                    continue
                json_tag = re.search(r'json:"([^"]*)"', tag)
                json_name, *options = json_tag[1].split(",") if json_tag else [go_name]
                fields.append(
                    GoField(
                        number=int(numbered[2]),
                        wire=numbered[1],
                        repeated=numbered[3] == "rep",
                        json_name=json_name,
                        options=frozenset(options),
                        type=self._type_name(type_address, base),
                        alias=self._alias(type_address, base),
                    )
                )
            result[self._type_name(address, base)] = fields
        return result
