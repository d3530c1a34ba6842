"""Kubernetes' protobuf bodies to plain JSON values; decode only, for answers are JSON.

kubectl from 1.32 on, Helm 4 and every client-go program send ``application/vnd.kubernetes.protobuf`` and do not try
again as JSON. Field numbers come from the generated table. Sources: the protobuf encoding
(https://protobuf.dev/programming-guides/encoding/) and apimachinery ``pkg/runtime/generated.proto`` (the envelope).
"""

import base64
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

MAGIC: Final = b"k8s\x00"
# The deepest Kubernetes message has some 20 levels; a hostile one must not exhaust the stack.
DEPTH_MAX: Final = 100
VARINT_BYTES_MAX: Final = 10
# Fields and messages in one body: two bytes can make an empty message, and each costs microseconds and memory.
VALUES_MAX: Final = 100_000
MESSAGES_MAX: Final = 30_000

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_API: Final = "io.k8s.api."
# Definitions are named by the first word of their group.
_CORE: Final = "core"

Values = dict[int, Any]


@dataclass(frozen=True, slots=True)
class GoField:
    """A field as Go declares it. ``name`` is the JSON name, empty for a struct that is inlined; ``type`` is Go's, of a
    list's or map's elements where it is one, with the full name of a definition.
    """

    name: str
    type: str
    pointer: bool
    is_list: bool
    is_map: bool


def decode(data: bytes) -> dict[str, Any]:
    """The object in a ``k8s\\0`` envelope, with its apiVersion and kind.

    Raises:
        ValueError: the bytes are no such envelope, or of a type that is not known.
    """
    if not data.startswith(MAGIC):
        raise ValueError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    envelope = dict(_fields(data[len(MAGIC) :]))
    type_meta = dict(_fields(_bytes(envelope.get(1, b""))))
    api_version, kind = _text(type_meta.get(1, b"")), _text(type_meta.get(2, b""))
    if envelope.get(3) not in (None, b""):
        raise ValueError("encoded contents of the protobuf envelope are not supported")
    definition = _definition(api_version, kind)
    body = _message(definition, _bytes(envelope.get(2, b"")), 0, _Left())
    return {"apiVersion": api_version, "kind": kind, **body}


@cache
def go_fields(definition: str) -> Mapping[str, GoField]:
    """JSON name -> field of a definition, with the fields of inlined structs; empty when it is not known."""
    found: dict[str, GoField] = {}
    for field in _table().get(definition, {}).values():
        found |= {field.name: field} if field.name else go_fields(field.type)
    return found


def _definition(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    name = f"{_API}{group.partition('.')[0] or _CORE}.{version}.{kind}"
    if name in _table():
        return name
    name = _META + kind  # DeleteOptions and its like are sent under any group
    if name in _table():
        return name
    raise ValueError(f'no kind "{kind}" is registered for version "{api_version}"')


@cache
def _table() -> dict[str, dict[int, GoField]]:
    text = files("k3py.model.generated").joinpath("protobuf.json").read_bytes()
    table = msgspec.json.decode(text, type=dict[str, list[tuple[int, str, str, bool]]])
    return {name: {number: _field(wire_name, kind) for number, wire_name, kind, _ in fields}
            for name, fields in table.items()}  # fmt: skip


def _field(name: str, kind: str) -> GoField:
    pointer = kind.startswith("*")
    kind = kind.removeprefix("*")
    is_map = kind.startswith("map[string]")
    kind = kind.removeprefix("map[string]")
    is_list = not is_map and kind.startswith("[]") and kind != "[]uint8"
    if is_list:
        kind = kind.removeprefix("[]")
    return GoField(name, kind, pointer, is_list, is_map)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    for _ in range(VARINT_BYTES_MAX):
        if position >= len(data):
            raise ValueError("unexpected EOF")
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7
    raise ValueError("proto: integer overflow")


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and raw values: int for varints and fixed sizes, bytes for the rest."""
    position, end = 0, len(data)
    while position < end:
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise ValueError("proto: illegal tag 0")
        value: Any
        if wire_type == 0:
            value, position = _varint(data, position)
        elif wire_type == 2:
            length, position = _varint(data, position)
            value = data[position : position + length]
            if len(value) != length:
                raise ValueError("unexpected EOF")
            position += length
        elif wire_type in (1, 5):
            length = 8 if wire_type == 1 else 4
            if position + length > end:
                raise ValueError("unexpected EOF")
            value = int.from_bytes(data[position : position + length], "little")
            position += length
        else:
            raise ValueError(f"proto: illegal wireType {wire_type}")
        yield number, value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("proto: wrong wireType")
    return value


def _text(value: Any) -> str:
    return _bytes(value).decode("utf-8")


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError("proto: wrong wireType")
    return value - (1 << 64) if value >> 63 else value


def _int32(value: Any) -> int:
    number = _number(value)
    return (number & 0xFFFF_FFFF) - (1 << 32) if number & 0x8000_0000 else number & 0xFFFF_FFFF


def _double(value: Any) -> float:
    number: float = struct.unpack("<d", (_number(value) & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "little"))[0]
    return number


def _moment(value: Any, form: str) -> str | None:
    """A ``Time``: seconds in field 1, nanoseconds in field 2; nothing at all is no time."""
    found = dict(_fields(_bytes(value)))
    if not found:
        return None
    seconds, nanoseconds = _number(found.get(1, 0)), _number(found.get(2, 0))
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
    except OverflowError:
        raise ValueError("time is out of range") from None
    return None if moment.year == 1 else moment.strftime(form)


def _int_or_string(value: Any) -> int | str:
    found = dict(_fields(_bytes(value)))
    return _text(found.get(3, b"")) if found.get(1) else _int32(found.get(2, 0))


def _raw_json(value: Any) -> Any:
    text = _bytes(dict(_fields(_bytes(value))).get(1, b""))
    return msgspec.json.decode(text) if text else None


_SCALARS: Final[dict[str, Callable[[Any], Any]]] = {
    "string": _text,
    "bool": lambda value: bool(_number(value)),
    "int32": _int32,
    "int64": _number,
    "uint32": _number,
    "float64": _double,
    "[]uint8": lambda value: base64.b64encode(_bytes(value)).decode(),
    "[]string": lambda value: [_text(each) for _, each in _fields(_bytes(value))],
    "io.k8s.apimachinery.pkg.api.resource.Quantity": lambda value: _text(dict(_fields(_bytes(value))).get(1, b"0")),
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
    _META + "Time": lambda value: _moment(value, "%Y-%m-%dT%H:%M:%SZ"),
    _META + "MicroTime": lambda value: _moment(value, "%Y-%m-%dT%H:%M:%S.%fZ"),
    _META + "FieldsV1": _raw_json,
    "io.k8s.apimachinery.pkg.runtime.RawExtension": _raw_json,
}


class _Left:
    """What may still come."""

    __slots__ = ("messages", "values")

    def __init__(self) -> None:
        self.values = VALUES_MAX
        self.messages = MESSAGES_MAX

    def value(self) -> None:
        self.values -= 1
        if self.values < 0:
            raise ValueError(f"a body must not have more than {VALUES_MAX} values")

    def message(self) -> None:
        self.messages -= 1
        if self.messages < 0:
            raise ValueError(f"a body must not have more than {MESSAGES_MAX} messages")


def _value(kind: str, value: Any, depth: int, left: _Left) -> Any:
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        return scalar(value)
    return _message(kind, _bytes(value), depth + 1, left)


def _message(definition: str, data: bytes, depth: int, left: _Left) -> dict[str, Any]:
    left.message()
    if depth > DEPTH_MAX:
        raise ValueError("exceeded max depth")
    table = _table().get(definition)
    if table is None:
        raise ValueError(f"cannot read a message of type {definition}")
    result: dict[str, Any] = {}
    for number, raw in _fields(data):
        left.value()
        field = table.get(number)
        if field is None:
            continue  # a newer client's field
        if field.is_map:
            entry = dict(_fields(_bytes(raw)))
            value = _value(field.type, entry.get(2, 0 if field.type in ("int32", "int64") else b""), depth, left)
            result.setdefault(field.name, {})[_text(entry.get(1, b""))] = value
        elif field.is_list:
            result.setdefault(field.name, []).extend(_elements(field.type, raw, depth, left))
        elif not field.name:
            result.update(_value(field.type, raw, depth, left))
        else:
            value = _value(field.type, raw, depth, left)
            if value is not None and (field.pointer or value not in ("", 0, False)):
                result[field.name] = value
    return result


def _elements(kind: str, raw: Any, depth: int, left: _Left) -> list[Any]:
    """One element, or several numbers that are packed."""
    if kind not in ("int32", "int64") or isinstance(raw, int):
        return [_value(kind, raw, depth, left)]
    data, position, found = _bytes(raw), 0, []
    while position < len(data):
        left.value()
        number, position = _varint(data, position)
        found.append(_value(kind, number, depth, left))
    return found
