"""Durations as people type them, in Go's form: ``1h30m``, ``90s``, ``1.5h``, ``250ms``. Decides."""

import re
from typing import Final

from k3py.cli.app import USAGE, Failure

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS_MAX: Final = 2**63 / 1e9  # Go counts nanoseconds in 64 bits


def parse_duration(text: str) -> float:
    """Seconds (Go's ``time.ParseDuration``; a bare number is not allowed, except 0).

    Raises:
        Failure: it is none, or longer than 292 years.
    """
    if text == "0":
        return 0.0
    parts = _PART.findall(text.removeprefix("-"))
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not parts or "".join(map("".join, parts)) != text.removeprefix("-") or seconds >= _SECONDS_MAX:
        raise Failure(f"cannot read {text!r} as a duration: write 30s, 5m, 1h30m ...", USAGE)
    return -seconds if text.startswith("-") else seconds
