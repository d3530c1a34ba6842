"""What server-side apply promises, for any objects and managers."""

import copy
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from k3py.model.errors import Problem
from k3py.objects.apply import Conflicts, FieldSet, applied, same_but_for_managed_times, updated
from k3py.objects.apply.comparing import compare
from k3py.objects.apply.fieldset import intersection, leaves, union
from k3py.objects.apply.managed import Managed, Operation, read
from k3py.objects.apply.merging import merge, prune
from k3py.objects.apply.values import entire, field_set
from tests.objects.apply.made import MANAGERS, bare, deployments, objects, stored
from tests.objects.apply.reference import named, pruned

_STEPS = st.lists(st.tuples(st.sampled_from(MANAGERS), objects(), st.booleans()), min_size=1, max_size=4)
_NAMES = st.sampled_from(
    [
        "apiVersion",
        "kind",
        "metadata",
        "spec",
        "template",
        "containers",
        "name",
        "env",
        "ports",
        "labels",
        "finalizers",
        "x",
    ]
)
TARGET = deployments()


def _history(steps: Any) -> dict[str, Any] | None:
    """What is stored after these applies; those in conflict change nothing."""
    live: dict[str, Any] | None = None
    for manager, patch, force in steps:
        try:
            after = applied(TARGET, live, patch, manager=manager, force=force, now=0)
        except Conflicts:
            continue
        live = stored(after.object, after.managed_fields)
    return live


def _managed(obj: dict[str, Any]) -> Managed:
    return read(obj["metadata"]["managedFields"])


def _has_empty(value: Any) -> bool:
    if isinstance(value, dict | list):
        return not value or any(map(_has_empty, value.values() if isinstance(value, dict) else value))
    return value is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(_STEPS, st.sampled_from(MANAGERS), objects())
def test_applying_twice_changes_nothing(steps: Any, manager: str, patch: dict[str, Any]) -> None:
    assume(not _has_empty(patch))  # an empty map is not stored, so each apply brings it anew (as in Kubernetes)
    live = _history(steps)
    first = applied(TARGET, live, patch, manager=manager, force=True, now=1)
    after = stored(first.object, first.managed_fields)
    second = applied(TARGET, after, patch, manager=manager, force=False, now=2)
    assert bare(stored(second.object, [])) == bare(after)
    if first.managed_fields:  # where nobody owns anything, the next apply finds an object that was there before
        assert same_but_for_managed_times(after, stored(second.object, second.managed_fields))


@settings(max_examples=60, deadline=None)
@given(_STEPS, st.sampled_from(MANAGERS), objects())
def test_an_apply_without_force_leaves_alone_what_others_own(steps: Any, manager: str, patch: dict[str, Any]) -> None:
    live = _history(steps)
    if live is None or not live["metadata"]["managedFields"]:
        return
    before = _managed(live)
    try:
        found = applied(TARGET, live, patch, manager=manager, force=False, now=1)
    except Conflicts as conflicts:
        conflicting = conflicts.sets
    else:
        conflicting = {}
    assert all(key.name != manager and tree for key, tree in conflicting.items())
    if conflicting:
        return
    after = _managed(stored(found.object, found.managed_fields))
    made = compare(bare(live), found.object, TARGET.node)
    for key, owned in before.items():
        if key.name != manager:
            assert after[key] == owned
            assert not intersection(owned.tree, union(made.changed, made.removed))


@settings(max_examples=60, deadline=None)
@given(_STEPS, st.sampled_from(MANAGERS), objects())
def test_only_what_the_applier_alone_owned_is_removed(steps: Any, manager: str, patch: dict[str, Any]) -> None:
    live = _history(steps)
    if live is None:
        return
    before = _managed(live)
    found = applied(TARGET, live, patch, manager=manager, force=True, now=1)
    removed = FieldSet(compare(bare(live), found.object, TARGET.node).removed)
    mine = [owned.tree for key, owned in before.items() if key.name == manager]
    last = FieldSet(named(mine[0], TARGET.node)) if mine else FieldSet()
    for path in removed:
        # What only defaults put into a struct goes with it.
        assert any(path[:length] in last for length in range(1, len(path) + 1))
        for key, owned in before.items():
            if key.name != manager:
                assert path not in FieldSet(owned.tree)


@settings(max_examples=100, deadline=None)
@given(objects(), objects(), objects())
def test_pruning_is_what_the_design_says(merged: Any, last: Any, owned: Any) -> None:
    node = TARGET.node
    claimed, others = field_set(last, node), field_set(owned, node)
    assert _written(prune(merged, claimed, others, node)) == _written(pruned(merged, claimed, others, node))


def _written(value: Any) -> Any:
    """Without empty lists, which nobody can own."""
    if isinstance(value, dict):
        return {key: _written(each) for key, each in value.items() if each != []}
    return [_written(each) for each in value] if isinstance(value, list) else value


@settings(max_examples=100, deadline=None)
@given(objects(), objects())
def test_a_merge_has_all_that_was_applied_and_loses_nothing(live: Any, patch: Any) -> None:
    merged = merge(live, patch, TARGET.node)
    assert not compare(live, merged, TARGET.node).removed
    missing = compare(patch, merged, TARGET.node)
    assert not missing.removed
    for path in FieldSet(intersection(leaves(field_set(patch, TARGET.node)), missing.changed)):
        assert not _value_at(patch, path)  # an empty map over one with something in it


def _value_at(value: Any, path: tuple[str, ...]) -> Any:
    for element in path:
        assert element.startswith("f:"), path
        value = value[element[2:]]
    return value


@settings(max_examples=100, deadline=None)
@given(objects(), objects(), _STEPS)
def test_an_update_owns_what_it_changed_and_nobody_else_does(old: Any, new: Any, steps: Any) -> None:
    live = stored(old, (_history(steps) or {"metadata": {"managedFields": []}})["metadata"]["managedFields"])
    if not live["metadata"]["managedFields"]:
        return
    given_object = bare(stored(new, []))
    made = compare(bare(live), given_object, TARGET.node)
    after = read(updated(TARGET, live, given_object, manager="upd", now=5))
    owner = [owned for key, owned in after.items() if key.operation is Operation.UPDATE]
    mine = FieldSet(owner[0].tree) if owner else FieldSet()
    nobodys = {("f:metadata",), ("f:metadata", "f:uid")}
    assert set(FieldSet(made.changed)) - set(mine) <= nobodys
    for key, owned in after.items():
        assert not intersection(owned.tree, made.removed)
        if key.operation is Operation.APPLY:
            assert not intersection(owned.tree, made.changed)


@settings(max_examples=60, deadline=None)
@given(_STEPS, st.sampled_from(MANAGERS), objects(), st.booleans())
def test_nothing_given_is_changed_so_a_dry_run_is_just_a_run(steps: Any, manager: str, patch: Any, force: bool) -> None:
    live = _history(steps)
    kept, given_patch = copy.deepcopy(live), copy.deepcopy(patch)
    try:
        once = applied(TARGET, live, patch, manager=manager, force=force, now=1)
        again = applied(TARGET, live, patch, manager=manager, force=force, now=1)
        assert once == again
    except Conflicts:
        pass
    if live is not None:
        updated(TARGET, live, {**patch, "metadata": {**patch["metadata"], "uid": "u"}}, manager=manager, now=1)
    assert live == kept
    assert patch == given_patch


@settings(max_examples=60, deadline=None)
@given(objects())
def test_a_new_value_owns_at_least_what_an_applier_of_it_would(patch: Any) -> None:
    assert FieldSet(entire(patch, TARGET.node)) >= FieldSet(field_set(patch, TARGET.node))


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_NAMES, _ANYTHING, max_size=3), objects(), _ANYTHING)
def test_whatever_is_sent_is_applied_or_refused(odd: dict[str, Any], before: dict[str, Any], entries: Any) -> None:
    live = stored(before, [])
    try:
        applied(TARGET, live, odd, manager="one", force=True, now=1)
        applied(TARGET, live, {**before, **odd}, manager="one", force=True, now=1)
    except Problem:
        pass
    sent = {**before, "metadata": {**before["metadata"], "managedFields": entries}}
    updated(TARGET, live, sent, manager="one", now=1)
