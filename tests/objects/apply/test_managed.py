"""``metadata.managedFields``, read and written."""

from typing import Any

import pytest

from k3py.objects.apply.elements import BadFields
from k3py.objects.apply.managed import (
    ANCIENT,
    UPDATE_MANAGERS_MAX,
    Managed,
    Operation,
    Owned,
    capped,
    is_reset,
    manager_of,
    read,
    read_leniently,
    same_but_for_times,
    write,
)


def entry(manager: str = "one", operation: str = "Apply", second: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "manager": manager, "operation": operation, "apiVersion": "v1", "time": f"2026-11-22T10:00:{second:02}Z",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {f"f:{manager}": {}}}, **more,
    }  # fmt: skip


def test_entries_come_back_as_they_were() -> None:
    entries = [
        entry(),
        entry("two", second=1),
        entry("three", "Update"),
        entry("four", "Update", 2, subresource="status"),
    ]
    assert write(read(entries)) == entries
    assert write(read(entries, stored=False)) == entries


def test_appliers_come_first_then_the_eldest_then_by_name() -> None:
    entries = [entry("b", "Update"), entry("a", "Update", 1), entry("z", second=3), entry("y", second=3)]
    untimed = {key: value for key, value in entry("x").items() if key != "time"}
    assert [each["manager"] for each in write(read([*entries, untimed]))] == ["x", "y", "z", "b", "a"]


def test_a_manager_is_one_per_operation_subresource_and_for_updates_version() -> None:
    entries = [
        entry(),
        entry(operation="Update"),
        entry(operation="Update", apiVersion="v2"),
        entry(subresource="status"),
    ]
    assert len(read(entries)) == 4
    assert len(read([entry(), entry(apiVersion="v2")])) == 1


@pytest.mark.parametrize(
    "odd",
    [{"operation": "Odd"}, {"operation": None}, {"apiVersion": ""}, {"fieldsType": "FieldsV2"}, {"fieldsType": ""},
     {"fieldsV1": {"x": {}}}],
)  # fmt: skip
def test_one_bad_entry_spoils_them_all(odd: dict[str, Any]) -> None:
    with pytest.raises(BadFields):
        read([entry("good"), entry(**odd) if "operation" not in odd else {**entry(), **odd}])
    assert read_leniently([{**entry(), **odd}]) == {}


def test_an_empty_list_or_one_empty_entry_resets() -> None:
    assert is_reset([])
    assert is_reset([{}])
    assert is_reset([{"manager": "", "time": None}])
    assert not is_reset(None)
    assert not is_reset([entry()])
    assert not is_reset([{}, {}])


def _updaters(count: int, version: str = "v1") -> Managed:
    return {
        manager_of(f"m{number:02}", Operation.UPDATE, version, ""): Owned(
            version, {"f:data": {f"f:{number}": {}}}, f"2026-11-22T10:00:{number:02}Z"
        )
        for number in range(count)
    }


def test_the_tenth_updater_stays_and_of_more_the_eldest_become_one() -> None:
    assert capped(_updaters(UPDATE_MANAGERS_MAX)) == _updaters(UPDATE_MANAGERS_MAX)
    after = capped(_updaters(UPDATE_MANAGERS_MAX + 2))
    ancient = manager_of(ANCIENT, Operation.UPDATE, "v1", "")
    assert len(after) == UPDATE_MANAGERS_MAX
    assert after[ancient].tree == {"f:data": {"f:0": {}, "f:1": {}, "f:2": {}}}
    assert after[ancient].time == "2026-11-22T10:00:02Z"
    assert capped(after) == after
    again = capped({**after, manager_of("new", Operation.UPDATE, "v1", ""): Owned("v1", {"f:x": {}}, "2027")})
    assert len(again) == UPDATE_MANAGERS_MAX
    assert again[ancient].tree == {"f:data": {f"f:{number}": {} for number in range(4)}}


def test_versions_are_put_together_apart_and_appliers_never() -> None:
    many = {**_updaters(8, "v1"), **_updaters(8, "v2")}
    appliers = {manager_of(f"a{n}", Operation.APPLY, "v1", ""): Owned("v1", {"f:x": {}}, "") for n in range(20)}
    after = capped(many | appliers)
    assert appliers.items() <= after.items()
    assert sum(key.operation is Operation.UPDATE for key in after) == UPDATE_MANAGERS_MAX
    assert {key.api_version for key in after if key.name == ANCIENT} == {"v1", "v2"}


def test_times_alone_make_no_difference() -> None:
    assert same_but_for_times([entry(second=1), entry("two")], [entry("two", second=5), entry()])
    assert not same_but_for_times([entry()], [entry("two")])
    assert not same_but_for_times([entry()], [])
