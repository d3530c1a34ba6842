"""What is said of a field of the wrong type: in the words of Go's decoders, for these are what people know.

Only asked when the strict decoder has refused a value. Two decoders have words of their own: ``encoding/json`` (bodies,
JSON patches, merge patches) and apimachinery's conversion of unstructured objects (strategic merge patches).
Types come from the table of protobuf fields, which names Go's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from k3py.model.protobuf import GoField, go_fields
from k3py.model.quantity import canonical
from k3py.model.struct import Wire
from k3py.objects.normalise import canonical_micro_time, canonical_time

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_BITS: Final = {"int32": 31, "uint32": 31, "int64": 63}
_BASE64: Final = re.compile("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII)
_ANYTHING: Final = (_META + "FieldsV1", "io.k8s.apimachinery.pkg.runtime.RawExtension")
_TIMES: Final[dict[str, Callable[[str], str]]] = {
    _META + "Time": canonical_time,
    _META + "MicroTime": canonical_micro_time,
}


@dataclass(frozen=True)
class Mismatch:
    """The first value of a wrong type. ``said`` is set when the type itself complains (a time, a quantity);
    ``reads_itself``: it takes its value from JSON, wherever this comes from.
    """

    struct: str
    path: str
    go_type: str
    value: Any
    said: str = ""
    reads_itself: bool = False

    def as_json(self) -> str:
        """In the words of ``encoding/json``."""
        if self.said:
            return self.said
        place = f"Go struct field {self.struct}.{self.path}" if self.struct else "Go value"
        return f"json: cannot unmarshal {json_kind(self.value, self.go_type)} into {place} of type {self.go_type}"

    def as_unstructured(self) -> str:
        """In the words of the conversion from unstructured objects."""
        if self.said:
            return f"error decoding from json: {self.said}" if self.go_type == "[]uint8" else self.said
        if self.reads_itself:
            return f"json: cannot unmarshal {json_kind(self.value, self.go_type)} into Go value of type {self.go_type}"
        found = _go_kind(self.value)
        if self.go_type.startswith("[]"):
            return f"cannot restore slice from {found}"
        if self.go_type.startswith("map["):
            return f"cannot restore map from {found}"
        if self.go_type not in _BITS and self.go_type not in ("string", "bool", "float64"):
            return f"cannot restore struct from: {found}"
        is_number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        convertible = is_number and (self.go_type in _BITS or self.go_type == "string")
        if convertible and not (self.go_type == "string" and isinstance(self.value, float)):
            return f"cannot convert {found} to {self.go_type}"
        return f"unrecognized type: {self.go_type}"


def mismatch(kind: type[Wire], value: Any) -> Mismatch | None:
    """The first value in a document that does not fit its field; None when all do, or the type is not known."""
    definition = (kind.__doc__ or "").strip()
    if not isinstance(value, dict):
        return Mismatch("", "", _short(definition), value)
    name = definition.rpartition(".")[2]
    for key in ("kind", "apiVersion"):
        if not isinstance(value.get(key), str | None):
            return Mismatch(name, key, "string", value[key])
    return _struct(definition, value, "")


def _struct(definition: str, value: Mapping[str, Any], path: str) -> Mismatch | None:
    known = go_fields(definition)
    name = definition.rpartition(".")[2]
    for key, each in value.items():
        field = known.get(key)
        if field is None or each is None:
            continue
        place = f"{path}.{key}" if path else key
        found = _field(field, each, name, place)
        if found is not None:
            return found
    return None


def _field(field: GoField, value: Any, struct: str, path: str) -> Mismatch | None:
    if field.is_map:
        if not isinstance(value, dict):
            return Mismatch(struct, path, f"map[string]{_short(field.type)}", value)
        return _first(field.type, value.values(), struct, path)
    if field.is_list:
        if not isinstance(value, list):
            return Mismatch(struct, path, f"[]{_short(field.type)}", value)
        return _first(field.type, value, struct, path)
    return _single(field.type, value, struct, path)


def _first(go_type: str, values: Any, struct: str, path: str) -> Mismatch | None:
    for each in values:
        if each is not None and (found := _single(go_type, each, struct, path)) is not None:
            return found
    return None


def _single(go_type: str, value: Any, struct: str, path: str) -> Mismatch | None:
    if go_type in _TIMES or go_type in (_QUANTITY, _INT_OR_STRING, "[]uint8"):
        return _special(go_type, value, struct, path)
    if go_type in _ANYTHING:
        return None
    if go_type == "[]string":
        if not isinstance(value, list):
            return Mismatch(struct, path, go_type, value)
        return _first("string", value, struct, path)
    if go_type in _BITS or go_type in ("string", "bool", "float64"):
        return None if _fits(go_type, value) else Mismatch(struct, path, go_type, value)
    if not isinstance(value, dict):
        return Mismatch(struct, path, _short(go_type), value)
    return _struct(go_type, value, path)


def _special(go_type: str, value: Any, struct: str, path: str) -> Mismatch | None:
    """Types that read themselves."""
    if go_type == _INT_OR_STRING:
        fits = isinstance(value, str) or _fits("int32", value)
        return None if fits else Mismatch(struct, path, "int32", value, reads_itself=True)
    try:
        if go_type == _QUANTITY:
            canonical(value if isinstance(value, str | int | float) else "{}")
        elif not isinstance(value, str):
            is_time = go_type in _TIMES
            return Mismatch(struct, path, "string" if is_time else go_type, value, reads_itself=is_time)
        elif go_type in _TIMES:
            _TIMES[go_type](value)
        else:
            return _base64(value, struct, path)
    except ValueError as error:
        return Mismatch(struct, path, go_type, value, str(error))
    return None


def _base64(text: str, struct: str, path: str) -> Mismatch | None:
    plain = text.replace("\n", "").replace("\r", "")
    if _BASE64.fullmatch(plain) is not None:
        return None
    return Mismatch(struct, path, "[]uint8", text, f"illegal base64 data at input byte {_illegal_at(plain)}")


def _illegal_at(text: str) -> int:
    """Where Go's decoder stops: at the first byte that does not belong, else at the incomplete end."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for position, character in enumerate(text):
        if character not in alphabet:
            is_padding = character == "=" and position % 4 >= 2
            rest = text[position:]
            if not is_padding or rest not in ("=", "==") or len(text) % 4:
                return position
    return len(text) - len(text) % 4


def _fits(go_type: str, value: Any) -> bool:
    if go_type == "string":
        return isinstance(value, str)
    if isinstance(value, bool) or go_type == "bool":
        return isinstance(value, bool) and go_type == "bool"
    if go_type == "float64":
        return isinstance(value, int | float)
    bits = _BITS[go_type]
    return isinstance(value, int) and -(1 << bits) <= value < 1 << bits


def _short(go_type: str) -> str:
    """``v1.Container``: as Go prints a type."""
    package, _, name = go_type.rpartition(".")
    return f"{package.rpartition('.')[2]}.{name}" if package else go_type


def json_kind(value: Any, go_type: str = "") -> str:
    """What a JSON value is, as Go names it; a number with its text where a whole one is wanted."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}" if go_type in _BITS else "number"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "string"


def _go_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, dict):
        return "map"
    return "slice" if isinstance(value, list) else "string"
