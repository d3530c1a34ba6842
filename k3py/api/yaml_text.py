"""YAML as kube-apiserver writes it: which strings stand in quotes, and in which order keys come.

It writes with a Go library that reads YAML 1.1 (``sigs.k8s.io/yaml``): what that would not read back as a string stands
in double quotes, what has several lines is a block, and of numbers within keys the smaller one comes first.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cmp_to_key
from itertools import takewhile
from typing import Any, Final

import yaml

_WORDS: Final = ("yes", "no", "on", "off", "true", "false", "null")
# What is no string although it has letters only, or nothing at all.
_NO_STRINGS: Final = frozenset(
    {"", "~", "y", "Y", "n", "N", ".nan", ".NaN", ".NAN"}
    | {form for word in _WORDS for form in (word, word.capitalize(), word.upper())}
    | {sign + form for sign in ("", "+", "-") for form in (".inf", ".Inf", ".INF")}
)
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_OTHER_BASE: Final = re.compile(r"[-+]?0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)", re.ASCII)
_BASE_60: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII)
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"(?:[Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:[Zz]|[-+][0-9]{2}:[0-9]{2})?)?",
    re.ASCII,
)
_DUMPER: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def dumped(value: Any) -> bytes:
    """Plain JSON values as a YAML text, which ends with a newline."""
    text: bytes = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=False, sort_keys=False, allow_unicode=True, encoding="utf-8"
    )
    return text


def is_read_otherwise(text: str) -> bool:
    """Whether a string without quotes would be read back as something else: a number, a boolean, a time, nothing."""
    if text in _NO_STRINGS:
        return True
    if text[0] not in "+-.0123456789":
        return False
    digits = text.replace("_", "")
    return any(form.fullmatch(digits) for form in (_NUMBER, _OTHER_BASE)) or any(
        form.fullmatch(text) for form in (_BASE_60, _TIME)
    )


def ordered(keys: Iterable[str]) -> list[str]:
    """The keys of a mapping in the order they are written in."""
    found = list(keys)
    if all(key.isalpha() for key in found):
        return sorted(found)
    return sorted(found, key=cmp_to_key(_compared))


def _compared(left: str, right: str) -> int:
    """Letters come after all else, but before the rest of a number; numbers by their value."""
    for position, (one, other) in enumerate(zip(left, right, strict=False)):
        if one == other:
            continue
        if one.isalpha() and other.isalpha():
            return _sign(ord(one), ord(other))
        if one.isalpha() or other.isalpha():
            in_a_number = position > 0 and _is_digit(left[position - 1])
            return -1 if one.isalpha() is in_a_number else 1
        first, second = _number(left, position, other), _number(right, position, one)
        return _sign((*first, ord(one)), (*second, ord(other)))
    return _sign(len(left), len(right))


def _number(text: str, position: int, other: str) -> tuple[int, int]:
    """The number that begins here, and its length. A zero within a number counts as much as the digits before it."""
    digits = "".join(takewhile(_is_digit, text[position:]))
    lead = ""
    if "0" in (text[position], other):
        before = "".join(takewhile(_is_digit, reversed(text[:position])))
        lead = "1" if before.strip("0") else ""
    return int(lead + digits or "0"), len(digits)


def _is_digit(character: str) -> bool:
    return character in "0123456789"


def _sign(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


class _Dumper(_DUMPER):  # type: ignore[misc]
    """Writes strings and mappings in these ways."""

    def ignore_aliases(self, data: Any) -> bool:
        """Two equal values are both written out."""
        return True


def _string(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else '"' if is_read_otherwise(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


def _mapping(dumper: Any, value: Mapping[str, Any]) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", [(key, value[key]) for key in ordered(value)])


_Dumper.add_representer(str, _string)
_Dumper.add_representer(dict, _mapping)
