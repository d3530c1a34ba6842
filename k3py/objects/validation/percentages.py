"""Checks of fields that hold a count or a percentage (``25%``). Source: Kubernetes ``pkg/apis/apps/validation``."""

import re
from typing import Final

from k3py.objects.fields import Errors

_PERCENT: Final = re.compile("[0-9]+%", re.ASCII)
_PERCENT_RULE: Final = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for"
    " validation is '[0-9]+%')"
)
_COUNT: Final = re.compile("[+-]?[0-9]{1,18}", re.ASCII)
_ALL: Final = 100

CountOrPercent = int | str


def count_or_percent(path: str, value: CountOrPercent | None, wrong: Errors) -> None:
    """A count is not negative, a text is a percentage; None is fine."""
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            wrong.invalid(path, value, _PERCENT_RULE)
    else:
        wrong.not_negative(path, value)


def at_most_all(path: str, value: CountOrPercent | None, wrong: Errors) -> None:
    """A percentage is no more than everything; what is none was complained of already."""
    if isinstance(value, str) and _PERCENT.fullmatch(value) and amount(value) > _ALL:
        wrong.invalid(path, value, "must not be greater than 100%")


def amount(value: CountOrPercent | None) -> int:
    """The number, whatever it counts; 0 when there is none."""
    if isinstance(value, str):
        if _PERCENT.fullmatch(value):
            # Beyond 18 digits nothing depends on the number any more.
            return int(value[:-1][:18])
        return int(value) if _COUNT.fullmatch(value) else 0
    return value or 0
