"""Query parameters: the last one given counts, and numbers are 64 bits wide, as in Go."""

from collections.abc import Mapping

from k3py.model.errors import BadRequest

Query = Mapping[str, list[str]]
INTEGER_MAX = (1 << 63) - 1
# No number of 64 bits has more digits. Python itself refuses to read very long ones.
_DIGITS_MAX = 20


def last(query: Query, name: str) -> str:
    """The parameter's value; empty when it is not given."""
    return query.get(name, [""])[-1]


def integer(query: Query, name: str) -> int | None:
    """The parameter as a number; None when it is not given.

    Raises:
        BadRequest: it is none, or needs more than 64 bits.
    """
    text = last(query, name)
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise BadRequest(f'cannot read {name}: parsing "{text}": invalid syntax')
    if len(digits) > _DIGITS_MAX or not -INTEGER_MAX - 1 <= int(text) <= INTEGER_MAX:
        raise BadRequest(f'cannot read {name}: parsing "{text[:_DIGITS_MAX]}": value out of range')
    return int(text)


def is_true(value: str) -> bool:
    """A boolean query parameter, as Go's ``strconv.ParseBool`` reads it; anything else counts as false."""
    return value in ("1", "t", "T", "true", "TRUE", "True")
