"""Applying: fields others set stay, fields no longer wanted go."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.cli.three_way import LAST_APPLIED, last_applied, three_way_patch, with_last_applied
from k3py.model.generated import apps_v1
from k3py.model.kinds import KINDS
from k3py.objects.patch.strategic import strategic_merge

DEPLOYMENT = KINDS.of(apps_v1.Deployment).definition
Plain = dict[str, Any]


def pods(*containers: Plain, **spec: Any) -> Plain:
    return {"spec": {"template": {"spec": {"containers": list(containers), **spec}}}}


A, B = {"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}
CASES = [
    # what happened, applied last, wanted now, there now, what becomes of it
    ("nothing", {"spec": {"replicas": 1}}, {"spec": {"replicas": 1}}, {"spec": {"replicas": 1}},
     {"spec": {"replicas": 1}}),
    ("a value changed", {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, {"spec": {"replicas": 1}},
     {"spec": {"replicas": 2}}),
    ("somebody scaled", {"spec": {"replicas": 1}}, {"spec": {"replicas": 1}}, {"spec": {"replicas": 5}},
     {"spec": {"replicas": 1}}),
    ("a default stays", {"spec": {}}, {"spec": {}}, {"spec": {"replicas": 1}}, {"spec": {"replicas": 1}}),
    ("a field is given up", {"spec": {"replicas": 3, "paused": True}}, {"spec": {"replicas": 3}},
     {"spec": {"replicas": 3, "paused": True}}, {"spec": {"replicas": 3}}),
    ("a label of others stays", {"metadata": {"labels": {"x": "1"}}}, {"metadata": {"labels": {"y": "1"}}},
     {"metadata": {"labels": {"x": "1", "other": "1"}}}, {"metadata": {"labels": {"y": "1", "other": "1"}}}),
    ("an image changed", pods(A, B), pods({**A, "image": "a:2"}, B), pods({**A, "stdin": False}, B),
     pods({"name": "a", "image": "a:2", "stdin": False}, B)),
    ("a sidecar was injected", pods(A), pods({**A, "image": "a:2"}), pods(A, B), pods({**A, "image": "a:2"}, B)),
    ("a container is given up", pods(A, B), pods(B), pods(A, B), pods(B)),
    ("a container is added", pods(A), pods(B, A), pods(A), pods(B, A)),
    ("containers change places", pods(A, B), pods(B, A), pods(A, B), pods(B, A)),
    ("a finalizer is given up", {"metadata": {"finalizers": ["x/a", "x/b"]}}, {"metadata": {"finalizers": ["x/b"]}},
     {"metadata": {"finalizers": ["x/a", "x/b", "x/c"]}}, {"metadata": {"finalizers": ["x/b", "x/c"]}}),
    ("a plain list is replaced", pods({**A, "args": ["1", "2"]}), pods({**A, "args": ["2"]}),
     pods({**A, "args": ["1", "2"]}), pods({**A, "args": ["2"]})),
    ("the strategy is another", {"spec": {"strategy": {"type": "RollingUpdate"}}},
     {"spec": {"strategy": {"type": "Recreate"}}},
     {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}},
     {"spec": {"strategy": {"type": "Recreate"}}}),
    ("null asks for nothing to be there", {}, {"spec": {"replicas": None}}, {"spec": {"replicas": 3}}, {"spec": {}}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "original", "wanted", "current", "result"), CASES)
def test_the_patch_makes_what_is_there_into_what_is_wanted(
    what: str, original: Plain, wanted: Plain, current: Plain, result: Plain
) -> None:
    patch = three_way_patch(original, wanted, current, DEPLOYMENT)
    assert strategic_merge(current, patch, DEPLOYMENT) == result, what
    assert bool(patch) == (current != result), what


def test_the_annotation_is_written_as_kubectl_writes_it() -> None:
    text = with_last_applied({"kind": "X", "metadata": {"name": "n"}, "data": {"b": "<&>", "a": "é"}})["metadata"][
        "annotations"
    ][LAST_APPLIED]
    assert text == (
        '{"data":{"a":"é","b":"\\u003c\\u0026\\u003e"},"kind":"X","metadata":{"annotations":{},"name":"n"}}\n'
    )


def test_the_annotation_does_not_remember_itself() -> None:
    once = with_last_applied({"metadata": {"name": "n", "annotations": {"a": "1"}}})
    assert with_last_applied(once) == once
    assert last_applied(once) == {"metadata": {"name": "n", "annotations": {"a": "1"}}}


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_an_annotation_that_cannot_be_read_remembers_nothing(text: str) -> None:
    assert last_applied({"metadata": {"annotations": {LAST_APPLIED: text}}}) == {}


container = st.fixed_dictionaries(
    {"name": st.sampled_from("abcd")}, optional={"image": st.sampled_from("xy"), "tty": st.booleans()}
)
world = st.lists(container, unique_by=lambda each: each["name"], max_size=4).map(lambda each: pods(*each))


@given(world, world, world)
def test_everything_wanted_is_there_afterwards_and_a_second_time_nothing_is_to_be_done(
    original: Plain, wanted: Plain, current: Plain
) -> None:
    after = strategic_merge(current, three_way_patch(original, wanted, current, DEPLOYMENT), DEPLOYMENT)
    assert three_way_patch(wanted, wanted, after, DEPLOYMENT) == {}
