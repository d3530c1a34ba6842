"""Numbers of VPCs: lowest first, and a rest between two owners."""

from hypothesis import given
from hypothesis import strategies as st

from k3py.controllers.vpc_ids import RELEASED_ANNOTATION, REST_SECONDS, free, resting, written

NOW = 1_700_000_000.0


def test_the_lowest_number_that_nobody_has_or_had_a_moment_ago() -> None:
    assert free({0, 1}, {}) == 2
    assert free({1, 2, 4}, {3: NOW}) == 5
    assert free(range(65_536), {}) == 0
    assert free(set(range(65_536)) - {65_535}, {}) == 65_535


def test_a_number_rests_for_its_time() -> None:
    kept = {RELEASED_ANNOTATION: written({7: NOW, 8: NOW - 100})}
    assert resting(kept, NOW) == {7: NOW, 8: NOW - 100}
    assert resting(kept, NOW + REST_SECONDS - 100) == {7: NOW}
    assert resting(kept, NOW + REST_SECONDS) == {}
    assert resting(kept, NOW - 50) == {7: NOW - 50, 8: NOW - 100}


@given(st.text() | st.sampled_from(["[]", '{"a":1}', '{"1":null}', '{"1":"x"}', "{", "[" * 5_000]))
def test_what_cannot_be_read_keeps_no_number(text: str) -> None:
    assert all(isinstance(each, int) for each in resting({RELEASED_ANNOTATION: text}, NOW))


@given(st.dictionaries(st.integers(2, 65_535), st.integers(int(NOW) - 299, int(NOW)), max_size=20))
def test_what_is_written_is_read(released: dict[int, float]) -> None:
    assert resting({RELEASED_ANNOTATION: written(released)}, NOW) == released
