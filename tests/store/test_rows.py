"""Rows come back as they were written, and bytes from elsewhere are refused, whatever they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.store.errors import CannotOpen, Corrupt
from k3py.store.keys import change_key, registry_key
from k3py.store.records import Change, ChangeType, Header, Record, intern_labels
from k3py.store.rows import change_row, number_row, read_change, read_number, read_record, record_row
from k3py.store.sealing import KeyRing, Sealer

SEALERS = [None, KeyRing({"1": b"1" * 32}, "1")]
NAMES = st.text(st.characters(blacklist_characters="/", blacklist_categories=("Cs",)), min_size=1, max_size=20)
LABELS = st.dictionaries(NAMES, st.text(st.characters(blacklist_categories=("Cs",)), max_size=10), max_size=3)
RECORDS = st.builds(
    lambda namespace, name, revision, uid, raw, labels, fields: Record(
        "pods", namespace, name, revision, uid, raw, intern_labels(labels), tuple(fields)
    ),
    st.one_of(st.just(""), NAMES),
    NAMES,
    st.integers(1, 2**63 - 1),
    NAMES,
    st.binary(max_size=200),
    LABELS,
    st.lists(NAMES, max_size=3),
)


def parts(record: Record) -> tuple[object, ...]:
    return tuple(getattr(record, slot) for slot in Record.__slots__)


@pytest.mark.parametrize("sealer", SEALERS)
@given(record=RECORDS, written_at=st.floats(0, 2e9))
def test_a_record_comes_back(sealer: Sealer | None, record: Record, written_at: float) -> None:
    key = registry_key(record.collection, record.namespace, record.name)
    again, at = read_record(key, record_row(record, written_at, sealer), sealer)
    assert parts(again) == parts(record)
    assert at == written_at


@pytest.mark.parametrize("sealer", SEALERS)
@given(
    record=RECORDS,
    kind=st.sampled_from(ChangeType),
    before=st.one_of(st.none(), st.tuples(st.integers(1, 9), LABELS)),
    displaced=st.one_of(st.none(), st.binary(max_size=20)),
)
def test_a_change_comes_back_without_the_body_that_lies_elsewhere(
    sealer: Sealer | None,
    record: Record,
    kind: ChangeType,
    before: tuple[int, dict[str, str]] | None,
    displaced: bytes | None,
) -> None:
    previous = None if before is None else Header(before[0], intern_labels(before[1]), ("f",))
    row = change_row(Change(kind, record, previous), displaced, sealer)
    stored = read_change(change_key(record.revision), row, sealer)
    again = stored.change
    assert (again.type, again.revision, stored.has_raw) == (kind, record.revision, kind is ChangeType.DELETED)
    assert again.record.raw == (record.raw if stored.has_raw else b"")
    assert (again.record.labels, again.record.fields) == (record.labels, record.fields)
    assert stored.displaced == (displaced if previous is not None else None)
    assert repr(again.previous) == repr(previous)


@given(value=st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda b: b"\x01" + b)))
def test_other_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(Corrupt):
        read_record(b"/registry/pods/a/b", value, None)
    with pytest.raises(Corrupt):
        read_change(change_key(7), value, None)


@given(data=st.data())
def test_an_altered_row_is_refused_or_still_speaks_of_its_own_key(data: st.DataObject) -> None:
    record = Record("pods", "a", "b", 7, "u", b"{}", (("k", "v"),), ("f",))
    key = registry_key("pods", "a", "b")
    value = bytearray(record_row(record, 0.0, None))
    index = data.draw(st.integers(0, len(value) - 1))
    value[index] ^= data.draw(st.integers(1, 255))
    try:
        again, _ = read_record(key, bytes(value), None)
    except Corrupt:
        return
    assert (again.namespace, again.name) == ("a", "b")


@given(data=st.data())
def test_an_altered_sealed_row_is_always_refused(data: st.DataObject) -> None:
    sealer = KeyRing({"1": b"1" * 32}, "1")
    record = Record("secrets", "a", "b", 7, "u", b"{}", (), ())
    row = record_row(record, 0.0, sealer)
    value = bytearray(row)
    index = data.draw(st.integers(row.index(b"\xa11") + 2, len(value) - 1))
    value[index] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotOpen):
        read_record(registry_key("secrets", "a", "b"), bytes(value), sealer)


def test_a_sealed_row_does_not_open_without_a_key_under_another_key_or_moved_elsewhere() -> None:
    sealer = KeyRing({"1": b"1" * 32}, "1")
    record = Record("secrets", "a", "b", 7, "u", b"{}", (), ())
    key, row = registry_key("secrets", "a", "b"), record_row(record, 0.0, sealer)
    for other in (None, KeyRing({"2": b"1" * 32}, "2"), KeyRing({"1": b"2" * 32}, "1")):
        with pytest.raises(CannotOpen):
            read_record(key, row, other)
    moved = row.replace(b"\xa1b", b"\xa1c", 1)
    with pytest.raises(CannotOpen, match="not sealed for it"):
        read_record(registry_key("secrets", "a", "c"), moved, sealer)
    other_life = row.replace(b"\xa1u", b"\xa1v", 1)
    with pytest.raises(CannotOpen, match="not sealed for it"):
        read_record(key, other_life, sealer)


@given(value=st.binary(max_size=30))
def test_a_number_is_digits(value: bytes) -> None:
    if value.isdigit() and len(value) < 19:
        assert read_number(b"k", value) == int(value)
        assert number_row(int(value)) == b"%d" % int(value)
    elif not value.isdigit():
        with pytest.raises(Corrupt):
            read_number(b"k", value)


def test_the_order_of_change_keys_is_that_of_revisions() -> None:
    numbers = [1, 9, 10, 99, 2**40, 2**62]
    assert sorted(change_key(n) for n in numbers) == [change_key(n) for n in numbers]


def test_a_key_ring_needs_its_primary_and_keys_of_the_right_length() -> None:
    with pytest.raises(ValueError, match="no key"):
        KeyRing({"1": b"1" * 32}, "2")
    with pytest.raises(ValueError, match="32 bytes"):
        KeyRing({"1": b"1" * 16}, "1")
