"""Readers of streams that are behind, all together."""

from hypothesis import given
from hypothesis import strategies as st

from k3py.api.http.backlog import COUNTED_BYTES_MIN, Backlog


class Slow:
    """A reader that notes what happens to it."""

    def __init__(self, backlog: Backlog) -> None:
        self.backlog = backlog
        self.is_cut_off = False

    def cut_off(self) -> None:
        self.is_cut_off = True
        self.backlog.forget(self)


MANY = COUNTED_BYTES_MIN * 4


def test_at_the_bound_all_stay_and_beyond_it_who_is_furthest_behind_goes() -> None:
    backlog = Backlog(3 * MANY)
    readers = [Slow(backlog) for _ in range(3)]
    for reader, behind in zip(readers, (MANY, MANY + 1, MANY - 1), strict=True):
        backlog.note(reader, behind)
    assert (backlog.bytes, [each.is_cut_off for each in readers]) == (3 * MANY, [False, False, False])
    backlog.note(readers[0], MANY + 2)
    assert [each.is_cut_off for each in readers] == [True, False, False]
    assert backlog.bytes == 2 * MANY


def test_who_has_caught_up_or_is_little_behind_is_not_counted() -> None:
    backlog = Backlog(MANY)
    readers = [Slow(backlog) for _ in range(100)]
    for reader in readers:
        backlog.note(reader, COUNTED_BYTES_MIN - 1)
    assert backlog.bytes == 0
    backlog.note(readers[0], MANY)
    backlog.note(readers[0], 1)
    backlog.note(readers[1], MANY)
    backlog.forget(readers[1])
    assert (backlog.bytes, any(each.is_cut_off for each in readers)) == (0, False)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3 * COUNTED_BYTES_MIN)), max_size=60))
def test_the_sum_never_passes_the_bound(notes: list[tuple[int, int]]) -> None:
    backlog = Backlog(5 * COUNTED_BYTES_MIN)
    readers = [Slow(backlog) for _ in range(5)]
    behind: dict[int, int] = {}
    for number, count in notes:
        backlog.note(readers[number], count)
        behind[number] = count
        for other, each in enumerate(readers):
            if each.is_cut_off:
                behind.pop(other, None)
                each.is_cut_off = False
        assert backlog.bytes == sum(each for each in behind.values() if each >= COUNTED_BYTES_MIN)
        assert backlog.bytes <= 5 * COUNTED_BYTES_MIN
