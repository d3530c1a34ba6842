"""RFC 6902, with Kubernetes' liberties."""

import contextlib
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model.errors import BadRequest, Invalid, Problem, RequestTooLarge
from k3py.objects.patch.json_patch import (
    COMPLAINTS_MAX,
    COPIED_BYTES_MAX,
    OPERATIONS_MAX,
    check_operations,
    json_patch,
)

DOCUMENT = {"a": {"b": 1, "x/y": 2, "m~n": 3}, "l": [1, 2, 3], "t": True}

WORKS = [
    ([{"op": "add", "path": "/a/c", "value": 5}], lambda d: d["a"].update(c=5)),
    ([{"op": "add", "path": "/l/-", "value": 4}], lambda d: d["l"].append(4)),
    ([{"op": "add", "path": "/l/0", "value": 0}], lambda d: d["l"].insert(0, 0)),
    ([{"op": "add", "path": "/l/3", "value": 0}], lambda d: d["l"].append(0)),
    ([{"op": "replace", "path": "/a/x~1y", "value": 9}], lambda d: d["a"].update({"x/y": 9})),
    ([{"op": "replace", "path": "/a/m~0n", "value": 9}], lambda d: d["a"].update({"m~n": 9})),
    ([{"op": "replace", "path": "/a/none", "value": 9}], lambda d: d["a"].update(none=9)),
    ([{"op": "remove", "path": "/l/1"}], lambda d: d["l"].pop(1)),
    ([{"op": "move", "from": "/a/b", "path": "/b"}], lambda d: d.update(b=d["a"].pop("b"))),
    ([{"op": "copy", "from": "/l", "path": "/k"}], lambda d: d.update(k=[1, 2, 3])),
    ([{"op": "test", "path": "/l", "value": [1, 2, 3]}], lambda d: None),
    ([{"op": "test", "path": "/none", "value": None}], lambda d: None),
    ([{"op": "add", "path": "/l/-1", "value": 4}], lambda d: d["l"].append(4)),
    ([{"op": "add", "path": "/l/-4", "value": 0}], lambda d: d["l"].insert(0, 0)),
    ([{"op": "remove", "path": "/l/-1"}], lambda d: d["l"].pop()),
    ([{"op": "add", "path": "/none"}], lambda d: d.update(none=None)),
    ([{"op": "copy", "from": "/none", "path": "/n"}], lambda d: d.update(n=None)),
    ([{"op": "add", "path": "passed over/b", "value": 1}], lambda d: d.update(b=1)),
    ([{"op": "test", "path": "", "value": DOCUMENT}], lambda d: None),
    ([{"op": "replace", "path": "", "value": {"x": 1}}], lambda d: (d.clear(), d.update(x=1))),
    (
        [{"op": "copy", "from": "/a", "path": "/c"}, {"op": "add", "path": "/c/z", "value": 1}],
        lambda d: d.update(c={**d["a"], "z": 1}),
    ),
    ([], lambda d: None),
    (None, lambda d: None),
]


@pytest.mark.parametrize(("patch", "change"), WORKS)
def test_operations(patch, change):
    before = copy.deepcopy(DOCUMENT)
    wanted = copy.deepcopy(DOCUMENT)
    change(wanted)
    assert json_patch(before, patch) == wanted
    assert before == DOCUMENT


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/l", "value": [1]},
        {"op": "test", "path": "/t", "value": 1},
        {"op": "remove", "path": "/none"},
        {"op": "add", "path": "/none/x", "value": 1},
        {"op": "add", "path": "/l/9", "value": 1},
        {"op": "add", "path": "/l/x", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "", "value": {}},
        {"op": "replace", "path": "", "value": 1},
        {"op": "test", "path": "", "value": {}},
        {"op": "test", "path": "/a/b", "value": 1.0},
        {"op": "add", "path": "/l/-9", "value": 1},
        {"op": "replace", "path": "/l/9", "value": 1},
        {"op": "test", "path": "/none/x", "value": None},
        {"op": "add", "value": 1},
        {"op": "frob", "path": "/a"},
        {"op": "move", "from": "/a", "path": "/a/b"},
        {"op": "move", "from": "/none", "path": "/x"},
        {"op": "copy", "path": "/x"},
        {"op": "add", "path": "/t/x", "value": 1},
        None,
        {"path": "/a", "value": 1},
    ],
)
def test_what_does_not_fit_changes_nothing(operation):
    with pytest.raises(Invalid, match="the server rejected our request due to an error in our request"):
        json_patch(DOCUMENT, [{"op": "add", "path": "/new", "value": 1}, operation])
    assert "new" not in DOCUMENT


def test_an_operation_is_an_object():
    for operation, what in (("add", "string"), (1, "number"), ([], "array"), (True, "bool")):
        with pytest.raises(BadRequest, match=f"cannot unmarshal {what} into Go value of type jsonpatch.Operation"):
            json_patch(DOCUMENT, [operation])


def test_bounds():
    assert len(check_operations([{"odd": 1}] * (COMPLAINTS_MAX + 1))) == COMPLAINTS_MAX
    with pytest.raises(BadRequest, match="cannot unmarshal object"):
        json_patch({}, {"op": "add"})
    operation = {"op": "test", "path": "/a", "value": None}
    assert json_patch({}, [operation] * OPERATIONS_MAX) == {}
    with pytest.raises(RequestTooLarge):
        json_patch({}, [operation] * (OPERATIONS_MAX + 1))
    double = [{"op": "copy", "from": "/a", "path": f"/a/{number}"} for number in range(40)]
    with pytest.raises(Invalid):
        json_patch({"a": {"x": "y" * 100}}, double)
    assert len(json_patch({"a": "x" * (COPIED_BYTES_MAX - 2)}, [{"op": "copy", "from": "/a", "path": "/b"}])) == 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", ""]), inner, max_size=3),
    max_leaves=8,
)
POINTERS = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "-1", "~1", "~"]), max_size=3).map(
    lambda tokens: "".join(f"/{token}" for token in tokens)
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": POINTERS},
    optional={"value": VALUES, "from": POINTERS},
)


@settings(max_examples=300, deadline=None)
@given(VALUES, st.lists(OPERATIONS | VALUES, max_size=5) | VALUES)
def test_any_patch_applies_or_is_refused_and_leaves_the_document_alone(document, patch):
    before = copy.deepcopy(document)
    with contextlib.suppress(Problem):
        json_patch(document, patch)
    assert document == before
