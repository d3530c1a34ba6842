"""Cron schedules as CronJobs have them: five fields, or a word such as ``@daily``.

Grammar, meaning and messages are those of Kubernetes' CronJob page ("Schedule syntax") and of the library behind it
(robfig/cron v3, ``ParseStandard``). Nothing here knows what time it is or where time zones are kept.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

# A longer text is no schedule; reading it would only cost time.
TEXT_LENGTH_MAX: Final = 1_024
# A schedule that does not come within so many years (30 February) never does.
YEARS_MAX: Final = 5

_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_ATOI: Final = re.compile("[+-]?[0-9]+", re.ASCII)
_INT_MAX: Final = 2**63 - 1


class CronError(ValueError):
    """The text is no schedule; the message says why."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """A field's smallest and greatest number, and words for some of them."""

    low: int
    high: int
    words: Mapping[str, int]


_FIELDS: Final = (
    _Bounds(0, 59, {}),
    _Bounds(0, 23, {}),
    _Bounds(1, 31, {}),
    _Bounds(1, 12, {word: number for number, word in enumerate(_MONTHS, 1)}),
    _Bounds(0, 6, {word: number for number, word in enumerate(_DAYS)}),
)
_WORDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True, slots=True)
class _Field:
    """The numbers that a field allows; ``is_any`` when it says ``*`` and so leaves the choice to others."""

    numbers: frozenset[int]
    is_any: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times of day on days; ``zone`` is a name the text began with (``TZ=``), empty when it named none."""

    minute: _Field
    hour: _Field
    day_of_month: _Field
    month: _Field
    day_of_week: _Field
    zone: str = ""

    def next(self, after: datetime, zone: tzinfo) -> datetime | None:
        """The first moment later than ``after`` (aware), in UTC, that is in the schedule by ``zone``'s clocks.

        Times that a clock jumps over do not come; those that it shows twice come twice. None: not within
        ``YEARS_MAX`` years, or beyond what calendars reach.
        """
        if not all(each.numbers for each in (self.minute, self.hour, self.day_of_month, self.month)):
            return None
        try:
            return self._after(after.astimezone(UTC), zone)
        except OverflowError:
            return None

    def _after(self, after: datetime, zone: tzinfo) -> datetime | None:
        moment = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        last_year = moment.astimezone(zone).year + YEARS_MAX
        while (local := moment.astimezone(zone)).year <= last_year:
            if local.month not in self.month.numbers:
                moment = _midnight(local, _first_of_next_month, zone)
            elif not self._is_day(local):
                moment = _midnight(local, _next_day, zone)
            elif local.hour not in self.hour.numbers:
                moment += timedelta(hours=1, minutes=-local.minute)
            elif local.minute not in self.minute.numbers:
                moment += timedelta(minutes=1)
            else:
                return moment
        return None

    def _is_day(self, local: datetime) -> bool:
        """Both fields of days have to agree, unless both restrict: then either is enough."""
        in_month = local.day in self.day_of_month.numbers
        in_week = local.isoweekday() % 7 in self.day_of_week.numbers
        if self.day_of_month.is_any or self.day_of_week.is_any:
            return in_month and in_week
        return in_month or in_week


@dataclass(frozen=True, slots=True)
class Every:
    """A constant delay in whole seconds, at least one."""

    seconds: int
    zone: str = ""

    def next(self, after: datetime, zone: tzinfo) -> datetime | None:
        """The moment so many seconds after ``after`` (aware), in UTC; None when no calendar reaches it."""
        del zone
        try:
            return after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=self.seconds)
        except OverflowError:
            return None


def parse(text: str) -> Schedule | Every:
    """A schedule from its text.

    Raises:
        CronError: the text is none.
    """
    if not text:
        raise CronError("empty spec string")
    if len(text) > TEXT_LENGTH_MAX:
        raise CronError(f"longer than {TEXT_LENGTH_MAX} characters")
    zone, rest = _zone(text)
    if rest.startswith("@"):
        return _word(rest, zone)
    return _fields(rest, zone)


def _zone(text: str) -> tuple[str, str]:
    for prefix in ("TZ=", "CRON_TZ="):
        if text.startswith(prefix):
            zone, space, rest = text.removeprefix(prefix).partition(" ")
            if not space:
                raise CronError(f"provided bad location {zone}: no schedule follows")
            return zone, rest.strip()
    return "", text


def _word(text: str, zone: str) -> Schedule | Every:
    if text in _WORDS:
        return _fields(_WORDS[text], zone)
    if text.startswith("@every "):
        try:
            nanoseconds = parse_duration(text.removeprefix("@every "))
        except ValueError as error:
            raise CronError(f"failed to parse duration {text}: {error}") from None
        return Every(max(1, nanoseconds // _NANO), zone)
    raise CronError(f"unrecognized descriptor: {text}")


def _fields(text: str, zone: str) -> Schedule:
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise CronError(f"expected exactly {len(_FIELDS)} fields, found {len(parts)}: [{' '.join(parts)}]")
    minute, hour, day, month, week = (_field(part, bounds) for part, bounds in zip(parts, _FIELDS, strict=True))
    return Schedule(minute, hour, day, month, week, zone)


def _field(text: str, bounds: _Bounds) -> _Field:
    numbers: set[int] = set()
    is_any = False
    for part in text.split(","):
        if part:
            found, anything = _range(part, bounds)
            numbers.update(found)
            is_any = is_any or anything
    return _Field(frozenset(numbers), is_any)


def _range(text: str, bounds: _Bounds) -> tuple[range, bool]:
    """``*``, ``5``, ``1-5``, each with ``/step``; the second result says whether it is a plain ``*``."""
    span, *steps = text.split("/")
    ends = span.split("-")
    anything = ends[0] in ("*", "?")
    if anything:
        low, high = bounds.low, bounds.high
    else:
        low = high = _number(ends[0], bounds.words)
        if len(ends) == 2:
            high = _number(ends[1], bounds.words)
        elif len(ends) > 2:
            raise CronError(f"too many hyphens: {text}")
    step = 1
    if len(steps) == 1:
        step = _number(steps[0], {})
        high = bounds.high if len(ends) == 1 else high
        anything = anything and step <= 1
    elif steps:
        raise CronError(f"too many slashes: {text}")
    if low < bounds.low:
        raise CronError(f"beginning of range ({low}) below minimum ({bounds.low}): {text}")
    if high > bounds.high:
        raise CronError(f"end of range ({high}) above maximum ({bounds.high}): {text}")
    if low > high:
        raise CronError(f"beginning of range ({low}) beyond end of range ({high}): {text}")
    if step == 0:
        raise CronError(f"step of range should be a positive number: {text}")
    return range(low, high + 1, step), anything


def _number(text: str, words: Mapping[str, int]) -> int:
    if text.lower() in words:
        return words[text.lower()]
    why = "" if _ATOI.fullmatch(text) else "invalid syntax"
    number = 0 if why else int(text)
    if abs(number) > _INT_MAX:
        why = "value out of range"
    if why:
        raise CronError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": {why}')
    if number < 0:
        raise CronError(f"negative number ({number}) not allowed: {text}")
    return number


def _next_day(local: datetime) -> datetime:
    return local + timedelta(days=1)


def _first_of_next_month(local: datetime) -> datetime:
    return (local.replace(day=1) + timedelta(days=32)).replace(day=1)


def _midnight(local: datetime, forward: Callable[[datetime], datetime], zone: tzinfo) -> datetime:
    """The first moment of a later day by the zone's clocks, in UTC."""
    start = forward(local.replace(tzinfo=None, hour=0, minute=0, fold=0)).replace(tzinfo=zone)
    moment = start.astimezone(UTC)
    # Where clocks jump at midnight, the day begins when they have jumped.
    if moment.astimezone(zone).day != start.day:
        moment += timedelta(hours=1)
    return moment


_NANO: Final = 10**9
_UNITS: Final = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": _NANO, "m": 60 * _NANO, "h": 3600 * _NANO,
}  # fmt: skip
_AMOUNT: Final = re.compile(r"([0-9]*)(\.[0-9]*)?([^0-9.]*)", re.ASCII)


def parse_duration(text: str) -> int:
    """A duration as Go writes it (``1h30m``, ``-1.5s``), in nanoseconds.

    Raises:
        ValueError: the text is none; the message is Go's.
    """
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    total = 0
    while rest:
        found = _AMOUNT.match(rest)
        assert found is not None
        whole, fraction, unit = found[1], found[2] or "", found[3]
        if not whole and len(fraction) < 2:
            raise ValueError(f'time: invalid duration "{text}"')
        if not unit:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in _UNITS:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
        digits = fraction[1:]
        total += int(whole or "0") * _UNITS[unit] + int(digits or "0") * _UNITS[unit] // 10 ** len(digits)
        if total > _INT_MAX:
            raise ValueError(f'time: invalid duration "{text}"')
        rest = rest[found.end() :]
    return -total if text.startswith("-") else total
