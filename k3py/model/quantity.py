"""Quantities: amounts of CPU, memory and the like as Kubernetes writes them (``500m``, ``1.5Gi``, ``1e3``).

Rules are those of the Kubernetes API's ``Quantity`` (apimachinery ``pkg/api/resource``): finest unit one nano, rounded
away from zero; at most 2**63 - 1; one canonical text per value and family of suffixes.
"""

import re
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Final

NUMERIC_PATTERN: Final = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
WRONG_FORMAT: Final = f"quantities must match the regular expression '{NUMERIC_PATTERN}'"
WRONG_SUFFIX: Final = "unable to parse quantity's suffix"

# Values in a cluster repeat ("100m", "128Mi"); this many distinct ones stay parsed.
CACHE_ENTRIES: Final = 8_192
# A longer text cannot be a sensible amount, and arithmetic on it would cost too much.
TEXT_LENGTH_MAX: Final = 256
# Exponents beyond this leave the range of values in either direction whatever the digits are.
EXPONENT_MAX: Final = 512
VALUE_MAX: Final = 2**63 - 1
NANO: Final = 10**9

_SHAPE = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?((?:[eEinumkKMGTP]*)[-+]?[0-9]*)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_NAMES = {exponent: name for name, exponent in _DECIMAL.items()}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_BINARY_NAMES = ["", *_BINARY]
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)", re.ASCII)

_DECIMAL_FAMILY, _BINARY_FAMILY, _EXPONENT_FAMILY = range(3)


def parse(value: str | int | float) -> Fraction:
    """The exact amount in the quantity's unit (cores, bytes).

    Raises:
        ValueError: the text is no quantity; the message is Kubernetes'.
    """
    return _parsed(value if isinstance(value, str) else _text(value))[0]


def nano(value: str | int | float) -> int:
    """The exact amount in billionths, the finest unit there is: integers compare faster than fractions.

    Raises:
        ValueError: as ``parse``.
    """
    return _nano(value if isinstance(value, str) else _text(value))


def milli(value: str | int | float) -> int:
    """The amount in thousandths, rounded away from zero, as ``Quantity.MilliValue`` does.

    Raises:
        ValueError: as ``parse``.
    """
    return _milli(value if isinstance(value, str) else _text(value))


def whole(value: str | int | float) -> int:
    """The amount as a whole number, rounded away from zero, as ``Quantity.Value`` does.

    Raises:
        ValueError: as ``parse``.
    """
    return _rounded(parse(value), 1)


def canonical(value: str | int | float) -> str:
    """The text Kubernetes stores: ``1000m`` is ``1``, ``0.5`` is ``500m``, ``1024Ki`` is ``1Mi``.

    Raises:
        ValueError: as ``parse``.
    """
    return _canonical(value if isinstance(value, str) else _text(value))


def total(values: Iterable[str | int | float]) -> str:
    """The canonical text of a sum, in the first value's family of suffixes.

    Raises:
        ValueError: as ``parse``.
    """
    amounts = [_parsed(each if isinstance(each, str) else _text(each)) for each in values]
    if not amounts:
        return "0"
    return _written(min(sum((amount for amount, _ in amounts), Fraction(0)), Fraction(VALUE_MAX)), amounts[0][1])


def _text(value: int | float) -> str:
    return repr(value)


@lru_cache(CACHE_ENTRIES)
def _parsed(text: str) -> tuple[Fraction, int]:
    """Amount and family of suffixes."""
    shape = _SHAPE.fullmatch(text) if len(text) <= TEXT_LENGTH_MAX else None
    if shape is None or not (shape[2] or shape[3]):
        raise ValueError(WRONG_FORMAT)
    suffix = shape[4]
    exponent = _DECIMAL.get(suffix)
    if exponent is not None:
        family, scale = _DECIMAL_FAMILY, Fraction(10) ** exponent
    elif suffix in _BINARY:
        family, scale = _BINARY_FAMILY, Fraction(1024 ** _BINARY[suffix])
    elif (written := _EXPONENT.fullmatch(suffix)) is not None:
        family = _EXPONENT_FAMILY
        scale = Fraction(10) ** max(-EXPONENT_MAX, min(EXPONENT_MAX, int(written[1])))
    else:
        raise ValueError(WRONG_SUFFIX)
    digits = Fraction(int((shape[2] or "0") + (shape[3] or "")), 10 ** len(shape[3] or ""))
    amount = min(Fraction(_rounded(digits * scale, NANO), NANO), Fraction(VALUE_MAX))
    return (-amount if shape[1] == "-" else amount), family


@lru_cache(CACHE_ENTRIES)
def _milli(text: str) -> int:
    return _rounded(_parsed(text)[0], 1000)


@lru_cache(CACHE_ENTRIES)
def _nano(text: str) -> int:
    return _rounded(_parsed(text)[0], NANO)


def _rounded(amount: Fraction, unit: int) -> int:
    """``amount * unit`` as an integer, away from zero."""
    scaled = amount * unit
    return -(-scaled.numerator // scaled.denominator) if scaled >= 0 else scaled.numerator // scaled.denominator


@lru_cache(CACHE_ENTRIES)
def _canonical(text: str) -> str:
    return _written(*_parsed(text))


def _written(amount: Fraction, family: int) -> str:
    if amount == 0:
        return "0"
    if family == _BINARY_FAMILY and abs(amount) >= 1024:
        return _binary(_rounded(amount, 1))
    digits, exponent = _rounded(amount, NANO), -9
    while digits % 1000 == 0 and (family == _EXPONENT_FAMILY or exponent < 18):
        digits, exponent = digits // 1000, exponent + 3
    if family == _EXPONENT_FAMILY:
        return f"{digits}e{exponent}" if exponent else str(digits)
    return f"{digits}{_DECIMAL_NAMES[exponent]}"


def _binary(number: int) -> str:
    power = 0
    while number % 1024 == 0 and power < len(_BINARY_NAMES) - 1:
        number, power = number // 1024, power + 1
    return f"{number}{_BINARY_NAMES[power]}"
