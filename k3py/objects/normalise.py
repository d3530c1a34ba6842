"""Quantities and times in their one form, wherever a kind has them; the places come from the table of definitions.

Go's types do this while they decode; ours stay plain text, so a walk made once per type does it.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Final, get_args, get_origin

from k3py.model import quantity
from k3py.model.codec import fields_of
from k3py.model.definitions import merge_table
from k3py.model.errors import BadRequest
from k3py.model.registry import Kind
from k3py.model.struct import Wire

_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_TIME: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.Time"
_MICRO_TIME: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
TIME_LAYOUT: Final = "2006-01-02T15:04:05Z07:00"
MICRO_TIME_LAYOUT: Final = "2006-01-02T15:04:05.000000Z07:00"

# Stamps repeat (an object's own creation time comes back with every update).
CACHE_ENTRIES: Final = 4_096

Walk = Callable[[Any], None]
Canonical = Callable[[Any], str]


def normalise(obj: Wire) -> None:
    """Give every quantity and time in the object its canonical text, in place.

    Raises:
        ValueError: one of them is none; the message is Kubernetes'.
    """
    _walk_of(type(obj))(obj)


def normalised(kind: Kind, obj: Wire) -> None:
    """The same, refusing in the API's words.

    Raises:
        BadRequest: a quantity or a time is none.
    """
    try:
        normalise(obj)
    except ValueError as error:
        said = f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {error}'
        raise BadRequest(said) from None


@lru_cache(CACHE_ENTRIES)
def canonical_time(text: str) -> str:
    """RFC 3339, whole seconds, UTC.

    Raises:
        ValueError: the text is no RFC 3339 time.
    """
    return _parsed(text, TIME_LAYOUT).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(CACHE_ENTRIES)
def canonical_micro_time(text: str) -> str:
    """RFC 3339 with six digits of fraction, UTC.

    Raises:
        ValueError: the text is no RFC 3339 time.
    """
    return _parsed(text, MICRO_TIME_LAYOUT).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _parsed(text: str, layout: str) -> datetime:
    found = _RFC3339.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        fraction = (found[2] or "").ljust(6, "0")[:6]
        moment = datetime.fromisoformat(f"{found[1]}.{fraction}{found[3]}").astimezone(UTC)
        return moment if moment.year >= 1000 else moment.replace(year=1000)
    except (ValueError, OverflowError):
        raise ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{text}" as "2006"') from None


_TEXT: Final[dict[str, Canonical]] = {
    _QUANTITY: quantity.canonical,
    _TIME: canonical_time,
    _MICRO_TIME: canonical_micro_time,
}


@cache
def _walk_of(kind: type[Wire]) -> Walk:
    """What has to be done to an object of this type; each type is looked through once.

    Four sorts of fields matter: texts, maps of texts, single structs, and lists or maps of structs.
    """
    known = merge_table().get((kind.__doc__ or "").strip(), {})
    texts: list[tuple[str, Canonical]] = []
    maps: list[tuple[str, Canonical]] = []
    singles: list[tuple[str, type[Wire]]] = []
    many: list[tuple[str, type[Wire]]] = []
    for attribute, (wire_name, hint) in zip(kind.__struct_fields__, fields_of(kind).items(), strict=True):
        reference = known.get(wire_name, {}).get("ref", "")
        is_plain = get_origin(hint) not in (list, dict)
        if reference in _TEXT:
            (texts if is_plain else maps).append((attribute, _TEXT[reference]))
        elif (element := _struct_in(hint)) is not None and _has_texts(element, (kind,)):
            (singles if is_plain else many).append((attribute, element))

    def walk(obj: Any) -> None:
        for attribute, canonical in texts:
            value = getattr(obj, attribute)
            if value is not None and value != "":
                setattr(obj, attribute, canonical(value))
        for attribute, canonical in maps:
            amounts = getattr(obj, attribute)
            for key in amounts:
                amounts[key] = canonical(amounts[key])
        for attribute, element in singles:
            value = getattr(obj, attribute)
            if value is not None:
                _walk_of(element)(value)
        for attribute, element in many:
            value = getattr(obj, attribute)
            if value:
                inner = _walk_of(element)
                for each in value if isinstance(value, list) else value.values():
                    inner(each)

    return walk


def _struct_in(hint: Any) -> type[Wire] | None:
    """The Struct class in ``X``, ``X | None``, ``list[X]`` or ``dict[str, X]``."""
    if isinstance(hint, type) and get_origin(hint) is None and issubclass(hint, Wire):
        return hint
    for arm in get_args(hint):
        if (found := _struct_in(arm)) is not None:
            return found
    return None


@cache
def _has_texts(kind: type[Wire], above: tuple[type[Wire], ...]) -> bool:
    """Whether anything in the type has to be normalised; a type within itself adds nothing."""
    known = merge_table().get((kind.__doc__ or "").strip(), {})
    for wire_name, hint in fields_of(kind).items():
        if known.get(wire_name, {}).get("ref", "") in _TEXT:
            return True
        element = _struct_in(hint)
        if element is not None and element not in above and _has_texts(element, (*above, kind)):
            return True
    return False
