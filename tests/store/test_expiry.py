"""When records end; the clock is a number."""

from hypothesis import given
from hypothesis import strategies as st

from k3py.store.expiry import Expiry


def test_records_end_in_the_order_of_their_last_writes() -> None:
    expiry = Expiry(60.0)
    assert expiry.next_at() is None
    for i, now in enumerate((0.0, 1.0, 5.0)):
        expiry.written("events", "x", f"e{i}", i, now)
    assert expiry.next_at() == 60.0
    assert expiry.take(59.9, 10) == []
    assert [due.name for due in expiry.take(61.0, 10)] == ["e0", "e1"]
    [due] = expiry.take(100.0, 10)
    expiry.put_back(due)
    assert expiry.next_at() == 65.0
    assert len(expiry) == 1


def test_few_end_in_one_step() -> None:
    expiry = Expiry(1.0)
    for i in range(10):
        expiry.written("events", "x", f"e{i}", i, 0.0)
    assert [len(expiry.take(9.0, 4)) for _ in range(4)] == [4, 4, 2, 0]


@given(age=st.floats(allow_nan=False))
def test_a_wall_clock_that_jumped_makes_nothing_immortal(age: float) -> None:
    expiry = Expiry(60.0)
    expiry.written("events", "x", "e", 1, 1_000.0, age)
    at = expiry.next_at()
    assert at is not None
    assert 1_000.0 <= at <= 1_060.0
