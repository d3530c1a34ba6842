"""A list's body goes out in slices of the stored objects."""

from hypothesis import given
from hypothesis import strategies as st

from k3py.api.http.parts import Parts, slices_of


@given(st.binary(max_size=9), st.lists(st.binary(max_size=40), max_size=20), st.binary(max_size=9), st.integers(1, 99))
def test_the_slices_are_the_body_and_none_is_longer_than_asked_but_for_its_last_item(
    head: bytes, items: list[bytes], tail: bytes, size: int
) -> None:
    parts = Parts(head, items, tail)
    whole = head + b",".join(items) + tail
    slices = list(slices_of(parts, size))
    assert b"".join(slices) == bytes(parts) == whole
    assert len(parts) == len(whole)
    longest = max(map(len, items), default=0)
    assert all(len(each) < max(size, len(head) + 1) + longest + len(tail) + 2 for each in slices)


ITEMS = st.lists(st.sampled_from([b"{abc", b"{ab", b"{xabc", b"{abcabcd", b"", b"{"]), max_size=20)


@given(ITEMS, st.integers(1, 99))
def test_what_items_begin_with_is_left_out(items: list[bytes], size: int) -> None:
    parts = Parts(b"[", items, b"]", omitted=b"abc")
    wanted = [b"{" + item[4:] if item.startswith(b"{abc") else item for item in items]
    assert b"".join(slices_of(parts, size)) == bytes(parts) == b"[" + b",".join(wanted) + b"]"
    assert len(parts) == len(bytes(parts))


@given(st.binary(max_size=99), st.integers(1, 99))
def test_one_piece_is_cut(body: bytes, size: int) -> None:
    slices = list(slices_of(body, size))
    assert b"".join(slices) == body
    assert all(len(each) <= size for each in slices)


def test_nothing_is_copied_before_it_is_sent() -> None:
    items = [b"x" * 100_000] * 1_000
    slices = Parts(b"[", items, b"]").slices(256 * 1024)
    assert len(next(slices)) < 2 * 256 * 1024
