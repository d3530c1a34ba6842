"""Bytes to typed objects and back.

Decoding is strict and fast; only when the strict decoder refuses, a slower pass takes out what Kubernetes lets pass
(``null`` for a value, unknown fields when the caller is lenient) and says what it took out.
"""

from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from k3py.model.struct import Wire

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
encode = _encoder.encode
# Sorted map keys, as Go writes them, so that equal objects have equal bytes.
encode_sorted = msgspec.json.Encoder(order="deterministic").encode


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """The strict decoder of a type; made once."""
    known = _decoders.get(kind)
    if known is None:
        known = _decoders[kind] = msgspec.json.Decoder(kind)
    return known


def decode(kind: type[T], data: bytes) -> T:
    """An object from its JSON, strict but for ``null``, which counts as absent.

    Raises:
        msgspec.ValidationError: a field is unknown or has the wrong type; the message ends with its JSON path.
        msgspec.DecodeError: the bytes are no JSON.
    """
    try:
        return decoder(kind).decode(data)
    except msgspec.ValidationError:
        return convert(kind, msgspec.json.decode(data))[0]


def convert(kind: type[T], value: Any, *, lenient: bool = False) -> tuple[T, list[str]]:
    """An object from plain JSON values.

    With ``lenient`` unknown fields are left out; the second result names them, as ``spec.containers[0].imagee``.

    Raises:
        msgspec.ValidationError: as ``decode``.
    """
    unknown: list[str] = []
    return msgspec.convert(_cleaned(kind, value, "", unknown if lenient else None), kind), unknown


def to_plain(value: Wire) -> Any:
    """The object as plain JSON values, exactly what ``encode`` would write."""
    return msgspec.json.decode(encode(value))


@cache
def fields_of(kind: type[Wire]) -> dict[str, Any]:
    """JSON name of each field -> its Python type."""
    hints = get_type_hints(kind)
    names = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
    return {wire_name: hints[name] for wire_name, name in names}


def _cleaned(kind: Any, value: Any, path: str, unknown: list[str] | None) -> Any:
    """``value`` without nulls and, when ``unknown`` is a list, without fields that ``kind`` does not have."""
    kind = _without_none(kind)
    if kind is msgspec.Raw:
        return msgspec.Raw(encode_sorted(value))
    if isinstance(value, dict):
        if isinstance(kind, type) and issubclass(kind, Wire):
            return _cleaned_struct(kind, value, path, unknown)
        if get_origin(kind) is dict:
            element = get_args(kind)[1]
            return {
                k: _zero(element) if v is None else _cleaned(element, v, f"{path}.{k}", unknown)
                for k, v in value.items()
            }
        return value
    if isinstance(value, list) and get_origin(kind) is list:
        element = get_args(kind)[0]
        return [
            _zero(element) if each is None else _cleaned(element, each, f"{path}[{index}]", unknown)
            for index, each in enumerate(value)
        ]
    return value


def _zero(kind: Any) -> Any:
    """What Go makes of a ``null`` among the values of a map or a list: the type's zero value."""
    kind = _without_none(kind)
    if kind is Any:
        return None
    if (isinstance(kind, type) and issubclass(kind, Wire)) or get_origin(kind) is dict:
        return {}
    if get_origin(kind) is list:
        return []
    if get_args(kind):  # a quantity, or a number or a text
        return "0" if float in get_args(kind) else 0
    return {str: "", bytes: "", bool: False, float: 0.0}.get(kind, 0)


def _cleaned_struct(kind: type[Wire], value: dict[str, Any], path: str, unknown: list[str] | None) -> dict[str, Any]:
    known, result = fields_of(kind), {}
    for key, each in value.items():
        place = f"{path}.{key}" if path else key
        if key not in known:
            if unknown is not None:
                unknown.append(place)
            else:
                result[key] = each
        elif each is not None:
            result[key] = _cleaned(known[key], each, place, unknown)
    return result


def _without_none(kind: Any) -> Any:
    arms = get_args(kind)
    if type(None) in arms:
        rest = [arm for arm in arms if arm is not type(None)]
        return rest[0] if len(rest) == 1 else kind
    return kind
