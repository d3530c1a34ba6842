import random

from hypothesis import given
from hypothesis import strategies as st

from k3py.base.backoff import Backoff


@given(st.integers(0, 2**32))
def test_waits_double_up_to_the_bound_and_are_jittered_down_by_at_most_half(seed: int) -> None:
    backoff = Backoff(random.Random(seed), first_seconds=1, seconds_max=10)
    for whole in (1, 2, 4, 8, 10, 10, 10):
        assert whole / 2 <= backoff.next_seconds() <= whole


def test_success_starts_over_and_years_of_failures_do_not_overflow() -> None:
    backoff = Backoff(random.Random(1), first_seconds=1, seconds_max=10)
    for _ in range(5000):
        assert backoff.next_seconds() <= 10
    backoff.reset()
    assert backoff.next_seconds() <= 1
