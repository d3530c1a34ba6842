"""Query parameters, as Kubernetes' generated conversions read them: the first one given counts, numbers are 64 bits
wide, and a boolean is true unless it says that it is not."""

from collections.abc import Mapping

from k3py.model.errors import BadRequest

Query = Mapping[str, list[str]]
INTEGER_MAX = (1 << 63) - 1
# No number of 64 bits has more digits. Python itself refuses to read very long ones.
_DIGITS_MAX = 20
# Go's reader of numbers takes any count of leading zeros; a message quotes no more than this much of a text.
_QUOTED_MAX = 64


def first(query: Query, name: str) -> str:
    """The parameter's value; empty when it is not given."""
    values = query.get(name)
    return values[0] if values else ""


def integer(query: Query, name: str) -> int | None:
    """The parameter as a number; None when it is not given.

    Raises:
        BadRequest: it is none, or needs more than 64 bits.
    """
    values = query.get(name)
    if not values:
        return None
    text = values[0]
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise BadRequest(f'strconv.ParseInt: parsing "{text[:_QUOTED_MAX]}": invalid syntax')
    significant = digits.lstrip("0") or "0"
    number = int(significant) if len(significant) < _DIGITS_MAX else INTEGER_MAX + 2
    number = -number if text[0] == "-" else number
    if not -INTEGER_MAX - 1 <= number <= INTEGER_MAX:
        raise BadRequest(f'strconv.ParseInt: parsing "{text[:_QUOTED_MAX]}": value out of range')
    return number


def flag(query: Query, name: str) -> bool | None:
    """A boolean parameter; None when it is not given. It is true but for ``0`` and ``false``: also without a value."""
    values = query.get(name)
    if not values:
        return None
    return values[0] != "0" and values[0].lower() != "false"
