"""Time zones by name."""

from datetime import UTC, datetime

import pytest

from k3py.base.zones import time_zone


def test_known_zones_are_found() -> None:
    assert time_zone("UTC") is UTC
    berlin = time_zone("Europe/Berlin")
    assert datetime(2024, 7, 1, tzinfo=berlin).isoformat() == "2024-07-01T00:00:00+02:00"


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "Europe", "../etc/passwd", "/etc/localtime", "a\0b", "zone.tab", "x" * 300]
)
def test_what_is_no_zone_is_none(name: str) -> None:
    assert time_zone(name) is None
