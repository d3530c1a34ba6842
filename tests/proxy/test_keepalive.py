from hypothesis import given
from hypothesis import strategies as st

from k3py.proxy.keepalive import DEADLINE_SECONDS, PING_INTERVAL_SECONDS, KeepAlive


def test_a_quiet_connection_is_asked_twice_and_then_given_up() -> None:
    alive = KeepAlive(heard_at=100.0)
    assert alive.wait_seconds(100.0) == PING_INTERVAL_SECONDS
    assert not alive.wants_ping(109.9)
    assert alive.wants_ping(110.0)
    alive.pinged(110.0)
    assert not alive.wants_ping(115.0)
    assert alive.wants_ping(120.0)
    alive.pinged(120.0)
    assert not alive.is_dead(124.9)
    assert alive.is_dead(100.0 + DEADLINE_SECONDS)


def test_anything_heard_starts_it_over() -> None:
    alive = KeepAlive(heard_at=0.0)
    alive.heard(24.0)
    assert not alive.is_dead(DEADLINE_SECONDS)
    assert alive.wait_seconds(24.0) == PING_INTERVAL_SECONDS


@given(st.lists(st.floats(0, 60), max_size=20))
def test_after_the_wait_there_is_always_something_to_do(heard: list[float]) -> None:
    now = 0.0
    alive = KeepAlive(heard_at=now)
    for pause in heard:
        now += pause
        alive.heard(now)
    now += alive.wait_seconds(now) + 1e-6
    assert alive.wants_ping(now) or alive.is_dead(now)
