"""The indexes of an Indexed Job in their compressed form: ``0,2-4,7``.

Grammar and messages are those of Kubernetes' ``pkg/apis/batch/validation``.
"""

import re
from collections.abc import Iterator
from typing import Final

from k3py.objects.fields import shown

# A longer text is not looked at: it cannot be the work of a client in its right mind.
TEXT_LENGTH_MAX: Final = 64 << 10
_NUMBER: Final = re.compile("[+-]?[0-9]{1,18}", re.ASCII)

Interval = tuple[int, int]


def count(text: str, completions: int) -> int:
    """How many indexes a text names, of ``completions`` that there are.

    Raises:
        ValueError: the text is no ascending list of intervals below ``completions``.
    """
    total, last = 0, None
    for part in text.split(",") if text else ():
        first, end = _interval(part, completions)
        if last is not None and last >= first:
            raise ValueError(f"non-increasing order, previous: {last}, current: {first}")
        total, last = total + end - first + 1, end
    return total


def overlap(one: str, other: str, completions: int) -> int | None:
    """The first index that both texts name; intervals that cannot be read are passed over."""
    ones, others = _readable(one, completions), _readable(other, completions)
    left, right = next(ones, None), next(others, None)
    while left is not None and right is not None:
        if left[0] <= right[1] and right[0] <= left[1]:
            return max(left[0], right[0])
        if left[0] <= right[0]:
            left = next(ones, None)
        else:
            right = next(others, None)
    return None


def _readable(text: str, completions: int) -> Iterator[Interval]:
    for part in text.split(",") if text else ():
        try:
            yield _interval(part, completions)
        except ValueError:
            continue


def _interval(text: str, completions: int) -> Interval:
    parts = text.split("-")
    if len(parts) > 2:
        raise ValueError(
            f"the fragment {shown(text)} violates the requirement that an index interval can have at most two parts"
            " separated by '-'"
        )
    first, end = [_index(part, completions) for part in (parts[0], parts[-1])]
    if len(parts) == 2 and first >= end:
        raise ValueError(f"non-increasing order, previous: {first}, current: {end}")
    return first, end


def _index(text: str, completions: int) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"cannot convert string to integer for index: {shown(text)}")
    if int(text) >= completions:
        raise ValueError(f"too large index: {shown(text)}")
    return int(text)
