"""Elements of a field path in their one form: the keys of ``fieldsV1``.

``f:<name>`` a field of a struct or map, ``k:{...}`` the entry of a list with these keys, ``v:<value>`` the entry of a
set, ``i:<n>`` a place in a list. Source: Kubernetes' "Server-Side Apply" and the API reference of ``FieldsV1``.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

# Elements repeat from object to object: all containers are called alike somewhere.
CACHE_ENTRIES: Final = 16_384

_FIELD, _KEY, _VALUE, _INDEX = range(4)


class BadFields(ValueError):
    """A ``fieldsV1`` that is none."""


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def of_field(name: str) -> str:
    """The element of a struct's field or a map's key."""
    return f"f:{name}"


@lru_cache(CACHE_ENTRIES, typed=True)
def of_keys(names: Sequence[str], *values: Any) -> str:
    """The element of a list's entry: the names of its keys and their values, plain ones, in the same order."""
    return f"k:{_json(dict(zip(names, values, strict=True)))}"


@lru_cache(CACHE_ENTRIES, typed=True)
def of_value(value: Any) -> str:
    """The element of a set's entry, a plain value."""
    return f"v:{_json(value)}"


def is_field(element: str) -> bool:
    return element.startswith("f:")


@lru_cache(CACHE_ENTRIES)
def canonical(element: str) -> str:
    """The element as this server writes it, so that equal ones are equal texts.

    Raises:
        BadFields: it is none.
    """
    kind, rest = element[:2], element[2:]
    if kind == "f:":
        return element
    if kind == "i:":
        return f"i:{_index(element, rest)}"
    if kind not in ("k:", "v:"):
        raise BadFields(f"unknown path element {element!r}")
    value = _decoded(element, rest)
    if kind == "k:" and not (isinstance(value, dict) and value):
        raise BadFields(f"path element {element!r} has no keys")
    return f"{kind}{_json(value)}"


def _index(element: str, text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise BadFields(f"path element {element!r} has no index")
    return int(text)


def _decoded(element: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise BadFields(f"path element {element!r} has no JSON value") from None


@lru_cache(CACHE_ENTRIES)
def text(element: str) -> str:
    """A canonical element as it stands in a path that people read: ``.spec``, ``[name="c"]``, ``[="a"]``, ``[0]``."""
    kind, rest = element[0], element[2:]
    if kind == "f":
        return f".{rest}"
    if kind == "i":
        return f"[{rest}]"
    if kind == "v":
        return f"[={rest}]"
    keys = msgspec.json.decode(rest)
    return f"[{','.join(f'{name}={_json(value)}' for name, value in sorted(keys.items()))}]"


@lru_cache(CACHE_ENTRIES)
def order(element: str) -> tuple[Any, ...]:
    """Where a canonical element stands among others: fields, keys, values, indexes."""
    kind, rest = element[0], element[2:]
    if kind == "f":
        return (_FIELD, rest)
    if kind == "i":
        return (_INDEX, int(rest))
    value = msgspec.json.decode(rest)
    if kind == "v":
        return (_VALUE, _value_order(value))
    return (_KEY, tuple((name, _value_order(value[name])) for name in sorted(value)))


def _value_order(value: Any) -> tuple[Any, ...]:
    """Numbers, texts, truth values, lists, maps, null."""
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, (int, float)):
        return (0, value)
    if isinstance(value, str):
        return (1, value)
    if isinstance(value, list):
        return (3, tuple(_value_order(each) for each in value))
    if isinstance(value, dict):
        return (4, tuple((name, _value_order(value[name])) for name in sorted(value)))
    return (5,)
