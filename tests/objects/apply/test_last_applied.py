"""kubectl takes over what it applied client-side."""

import json
from typing import Any

import pytest

from k3py.objects.apply import Conflicts
from k3py.objects.apply.last_applied import ANNOTATION, ANNOTATIONS_BYTES_MAX, renewed
from k3py.objects.apply.managing import updated
from tests.objects.apply.test_managing import CONFIG, NOW, apply, config, kept, owners


def _client_side(text: str, **data: Any) -> dict[str, Any]:
    obj = {**config(**data), "metadata": {"name": "x", "annotations": {ANNOTATION: text}}}
    return kept(obj, updated(CONFIG, None, obj, manager="kubectl-client-side-apply", now=NOW))


def test_values_that_are_still_those_of_then_are_taken_without_force() -> None:
    live = _client_side(json.dumps(config(a="1")), a="1", b="1")
    after = apply(live, config(a="2"), "kubectl")
    assert owners(after)["kubectl"] == {"f:data": {"f:a": {}}}
    assert json.loads(after["metadata"]["annotations"][ANNOTATION]) == config(a="2")
    with pytest.raises(Conflicts, match=r'"kubectl-client-side-apply" using v1: \.data\.a'):
        apply(live, config(a="2"), "another")


def test_values_that_changed_since_or_were_not_applied_are_in_conflict() -> None:
    live = _client_side(json.dumps(config(a="0")), a="1", b="1")
    with pytest.raises(Conflicts) as refused:
        apply(live, config(a="2", b="2"), "kubectl")
    assert len(refused.value.sets) == 1
    assert "2 conflicts" in refused.value.message


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"apiVersion":"v0"}', '{"apiVersion":"v1","odd":1}', "[" * 9999])
def test_an_annotation_that_says_nothing_allows_nothing(text: str) -> None:
    with pytest.raises(Conflicts):
        apply(_client_side(text, a="1"), config(a="2"), "kubectl")


def test_the_annotation_is_written_as_go_does_and_left_out_when_too_large() -> None:
    live = _client_side("x", a="1")
    patch = {**config(a="<&>"), "metadata": {"name": "x", "annotations": {ANNOTATION: "y", "b": "c"}}}
    text = renewed(live, patch)["metadata"]["annotations"][ANNOTATION]
    assert text == (
        '{"apiVersion":"v1","data":{"a":"\\u003c\\u0026\\u003e"},"kind":"ConfigMap",'
        '"metadata":{"annotations":{"b":"c"},"name":"x"}}\n'
    )
    room = (
        ANNOTATIONS_BYTES_MAX
        - len(ANNOTATION)
        - len(renewed(live, config(a=""))["metadata"]["annotations"][ANNOTATION])
    )
    assert ANNOTATION in renewed(live, config(a="a" * room))["metadata"]["annotations"]
    assert ANNOTATION not in renewed(live, config(a="a" * (room + 1)))["metadata"]["annotations"]
    assert renewed(kept(config(), []), patch) == kept(config(), [])
