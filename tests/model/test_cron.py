"""Schedules: what can be read, when they come, and that nothing else happens."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.model import cron

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2024, 2, 28, 22, 59, 30, tzinfo=UTC)  # a Wednesday in a leap year

UNREADABLE = [
    ("", "empty spec string"),
    ("x", "expected exactly 5 fields, found 1: [x]"),
    ("* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]"),
    ("61 * * * *", "end of range (61) above maximum (59): 61"),
    ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
    ("* * * * 7", "end of range (7) above maximum (6): 7"),
    ("9-5 * * * *", "beginning of range (9) beyond end of range (5): 9-5"),
    ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
    ("*/2/2 * * * *", "too many slashes: */2/2"),
    ("*/0 * * * *", "step of range should be a positive number: */0"),
    ("a * * * *", 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'),
    ("+-1 * * * *", 'failed to parse int from +: strconv.Atoi: parsing "+": invalid syntax'),
    ("9223372036854775808 * * * *", "failed to parse int from 9223372036854775808: strconv.Atoi: parsing"
     ' "9223372036854775808": value out of range'),
    ("@often", "unrecognized descriptor: @often"),
    ("@every x", 'failed to parse duration @every x: time: invalid duration "x"'),
    ("@every 5", 'failed to parse duration @every 5: time: missing unit in duration "5"'),
    ("@every 5d", 'failed to parse duration @every 5d: time: unknown unit "d" in duration "5d"'),
    ("TZ=UTC", "provided bad location UTC: no schedule follows"),
    ("* " * 600, "longer than 1024 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "why"), UNREADABLE)
def test_what_is_no_schedule_is_told_why(text: str, why: str) -> None:
    with pytest.raises(cron.CronError) as told:
        cron.parse(text)
    assert str(told.value) == why


NEXT = [  # schedule, the moments after START that follow each other
    ("* * * * *", ["2024-02-28 23:00", "2024-02-28 23:01"]),
    ("*/20 * * * *", ["2024-02-28 23:00", "2024-02-28 23:20", "2024-02-28 23:40", "2024-02-29 00:00"]),
    ("50/5 * * * *", ["2024-02-28 23:50", "2024-02-28 23:55", "2024-02-29 00:50"]),
    ("0 9 * * mon-fri", ["2024-02-29 09:00", "2024-03-01 09:00", "2024-03-04 09:00"]),
    ("0 0 29 FEB ?", ["2024-02-29 00:00", "2028-02-29 00:00"]),
    ("0 0 1 * 5", ["2024-03-01 00:00", "2024-03-08 00:00", "2024-03-15 00:00"]),  # the first, and Fridays
    ("0 0 1 */2 *", ["2024-03-01 00:00", "2024-05-01 00:00"]),
    ("@yearly", ["2025-01-01 00:00", "2026-01-01 00:00"]),
    ("@weekly", ["2024-03-03 00:00"]),
    ("@every 90m", ["2024-02-29 00:29"]),
]


@pytest.mark.parametrize(("text", "moments"), NEXT)
def test_schedules_come_when_they_say(text: str, moments: list[str]) -> None:
    schedule, now = cron.parse(text), START
    for moment in moments:
        following = schedule.next(now, UTC)
        assert following is not None
        assert following.strftime("%Y-%m-%d %H:%M") == moment
        now = following


@pytest.mark.parametrize("text", ["0 0 30 2 *", ", * * * *", "0 0 31 4,6,9,11 *"])
def test_what_never_comes_is_not_waited_for(text: str) -> None:
    assert cron.parse(text).next(START, UTC) is None


def test_a_time_that_the_clock_jumps_over_does_not_come() -> None:
    before = datetime(2024, 3, 30, 2, 30, tzinfo=BERLIN)  # the clock jumps from 2 to 3 in the night after
    following = cron.parse("30 2 * * *").next(before, BERLIN)
    assert following is not None
    assert following.astimezone(BERLIN).isoformat() == "2024-04-01T02:30:00+02:00"


def test_a_time_that_the_clock_shows_twice_comes_twice() -> None:
    schedule, now = cron.parse("30 2 * * *"), datetime(2024, 10, 26, 12, 0, tzinfo=BERLIN)
    seen = []
    for _ in range(3):
        following = schedule.next(now, BERLIN)
        assert following is not None
        seen.append(following.astimezone(BERLIN).isoformat())
        now = following
    assert seen == ["2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00", "2024-10-28T02:30:00+01:00"]


def test_a_midnight_that_the_clock_jumps_over_does_not_come() -> None:
    havana = ZoneInfo("America/Havana")  # the clock jumps from 0 to 1 on 10 March 2024
    following = cron.parse("@daily").next(datetime(2024, 3, 9, 12, 0, tzinfo=havana), havana)
    assert following is not None
    assert following.astimezone(havana).isoformat() == "2024-03-11T00:00:00-04:00"


def test_a_zone_in_front_is_told_apart() -> None:
    schedule = cron.parse("CRON_TZ=Europe/Berlin  0 5 * * *")
    assert schedule.zone == "Europe/Berlin"
    assert cron.parse("0 5 * * *").zone == ""


DURATIONS = [
    ("1h30m", 5400 * 10**9), ("-1.5s", -1_500_000_000), ("0", 0), ("+5ms", 5_000_000), (".5us", 500), ("2µs", 2_000),
]  # fmt: skip


@pytest.mark.parametrize(("text", "nanoseconds"), DURATIONS)
def test_durations_are_read_as_go_reads_them(text: str, nanoseconds: int) -> None:
    assert cron.parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "-", ".s", "1.h.", "9999999999h", "1h-1m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time: "):
        cron.parse_duration(text)


def test_a_delay_is_a_second_at_least() -> None:
    for text in ("@every 1ms", "@every -5h", "@every 0"):
        assert cron.parse(text) == cron.Every(1)


def test_a_delay_beyond_the_calendar_never_comes() -> None:
    assert cron.parse("@every 2000000h").next(datetime(9990, 1, 1, tzinfo=UTC), UTC) is None


_ITEM = st.sampled_from(
    ["*", "?", "0", "1", "5", "7", "31", "59", "60", "jan", "Fri", "1-5", "5-1", "*/2", "3/7", "-", ""]
)
_TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.lists(_ITEM, max_size=3).map(",".join), min_size=4, max_size=6).map(" ".join),
    st.tuples(st.sampled_from(["@every ", "TZ=UTC ", "CRON_TZ=", "@"]), st.text(max_size=12)).map("".join),
)


@given(_TEXTS, st.datetimes(timezones=st.just(UTC)), st.sampled_from([UTC, BERLIN, ZoneInfo("Australia/Lord_Howe")]))
def test_any_text_is_a_schedule_or_is_refused(text: str, now: datetime, zone: ZoneInfo) -> None:
    try:
        schedule = cron.parse(text)
    except cron.CronError:
        return
    following = schedule.next(now, zone)
    if following is None:
        return
    assert following > now
    if isinstance(schedule, cron.Schedule):
        local = following.astimezone(zone)
        assert local.minute in schedule.minute.numbers
        assert local.hour in schedule.hour.numbers
        assert local.month in schedule.month.numbers
        assert following - now <= timedelta(days=366 * (cron.YEARS_MAX + 1))
