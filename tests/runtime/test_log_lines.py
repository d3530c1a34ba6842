"""CRI log lines: what conmon writes is understood, anything else is skipped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.runtime.log_lines import LogOptions, LogPiece, Renderer, parse_line, parse_stamp
from k3py.runtime.port import Channel

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        (b"1970-01-01T00:00:01Z", SECOND),
        (b"1970-01-01T00:00:01.5Z", SECOND + SECOND // 2),
        (b"1970-01-01T01:00:00.000000001+01:00", 1),
        (b"1969-12-31T23:00:01-01:00", SECOND),
        (b"1970-01-01T00:00:01", None),
        (b"1970-13-01T00:00:01Z", None),
        (b"yesterday", None),
    ],
)
def test_stamps(text: bytes, nanoseconds: int | None) -> None:
    assert parse_stamp(text) == nanoseconds


@pytest.mark.parametrize(
    ("line", "piece"),
    [
        (b"1970-01-01T00:00:01Z stdout F a b", (Channel.STDOUT, True, b"a b")),
        (b"1970-01-01T00:00:01Z stderr P a", (Channel.STDERR, False, b"a")),
        (b"1970-01-01T00:00:01Z stdout F ", (Channel.STDOUT, True, b"")),
        (b"1970-01-01T00:00:01Z stdout F", (Channel.STDOUT, True, b"")),
        (b"1970-01-01T00:00:01Z stdout P:tag a", (Channel.STDOUT, False, b"a")),
        (b"1970-01-01T00:00:01Z stdlog F a", None),
        (b"out F a", None),
        (b"", None),
    ],
)
def test_lines(line: bytes, piece: tuple[Channel, bool, bytes] | None) -> None:
    found = parse_line(line)
    assert (None if found is None else (found.channel, found.final, found.text)) == piece


@given(st.binary(max_size=200))
def test_any_line_is_understood_or_skipped(line: bytes) -> None:
    parse_line(line)


@given(st.binary(max_size=50).map(lambda b: b"1970-01-01T00:00:01Z " + b))
def test_any_line_with_a_stamp_is_understood_or_skipped(line: bytes) -> None:
    parse_line(line)


def piece(text: bytes, final: bool = True, channel: Channel = Channel.STDOUT, at: int = SECOND) -> LogPiece:
    return LogPiece(b"T", at, channel, final, text)


def shown(options: LogOptions, *pieces: LogPiece) -> bytes:
    renderer = Renderer(options)
    return b"".join(renderer.render(each) for each in pieces)


def test_pieces_are_joined_and_stamped_once_per_line() -> None:
    pieces = [piece(b"a", final=False), piece(b"b"), piece(b"c")]
    assert shown(LogOptions(), *pieces) == b"ab\nc\n"
    assert shown(LogOptions(timestamps=True), *pieces) == b"T ab\nT c\n"


def test_since_and_channels_leave_lines_out() -> None:
    pieces = [
        piece(b"old", at=SECOND),
        piece(b"new", at=3 * SECOND),
        piece(b"err", channel=Channel.STDERR, at=3 * SECOND),
    ]
    assert shown(LogOptions(since=2.0), *pieces) == b"new\nerr\n"
    assert shown(LogOptions(channels=frozenset({Channel.STDERR})), *pieces) == b"err\n"


@given(st.integers(0, 12))
def test_the_limit_is_exact(limit: int) -> None:
    pieces = [piece(b"abc"), piece(b"de"), piece(b"f")]
    assert shown(LogOptions(limit_bytes=limit), *pieces) == b"abc\nde\nf\n"[:limit]


def test_a_stamp_in_utc_is_shown_with_z() -> None:
    utc = LogPiece(b"2026-11-22T10:00:00.5+00:00", 0, Channel.STDOUT, True, b"x")
    local = LogPiece(b"2026-11-22T12:00:00.5+02:00", 0, Channel.STDOUT, True, b"y")
    shown_lines = shown(LogOptions(timestamps=True), utc, local)
    assert shown_lines == b"2026-11-22T10:00:00.5Z x\n2026-11-22T12:00:00.5+02:00 y\n"
