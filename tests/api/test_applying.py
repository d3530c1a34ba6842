"""Bodies of server-side applies: JSON, which is read quickly, and YAML say the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api import applying
from k3py.api.applying import apply_body, is_json
from k3py.model.errors import BadRequest, RequestTooLarge
from k3py.objects.amounts import OBJECTS_MAX
from k3py.objects.options import FieldValidation
from k3py.objects.yaml_values import DEPTH_MAX, load_yaml

STRICT, WARN = FieldValidation.STRICT, FieldValidation.WARN

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        ["yes", "1", "1.0", "<<", "~", "2001-01-01", "22:22", "\x85", "\u2028x", "\x7f", "a\tb", "\ufeff", "😀"]
    ),
)
DOCUMENTS = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
        max_leaves=12,
    ),
    max_size=4,
)
STYLES: list[dict[str, Any]] = [{}, {"separators": (",", ":")}, {"indent": 1}, {"indent": "\t"}]


def read(data: bytes) -> Any:
    """What is read, with the types of numbers; or that it is refused."""
    try:
        return repr(apply_body(data, STRICT))
    except BadRequest:
        return None


@given(DOCUMENTS, st.sampled_from(STYLES), st.booleans())
def test_the_quick_way_reads_what_yaml_reads(document: Any, style: dict[str, Any], escaped: bool) -> None:
    data = json.dumps(document, ensure_ascii=escaped, **style).encode("utf-8", "surrogatepass")
    quick = read(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(applying, "is_json", lambda data: False)
        assert read(data) == quick


@given(st.binary(max_size=60).map(lambda data: b'{"' + data))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read(data)


def test_most_bodies_are_read_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "load_yaml", None)
    data = json.dumps({"kind": "Deployment", "spec": {"replicas": 3, "paused": False, "text": "<\u003c ü"}}).encode()
    assert is_json(data)
    value, said = apply_body(data, STRICT)
    assert value["spec"]["replicas"] == 3
    assert said == []


def test_fields_that_stand_twice_are_told_also_in_json() -> None:
    data = b'{"a":1,"a":2}'
    with pytest.raises(BadRequest, match='key "a" already set in map'):
        apply_body(data, STRICT)
    value, said = apply_body(data, WARN)
    assert value == {"a": 2}
    assert said


def test_depth_and_amount_are_bounded() -> None:
    for levels in (DEPTH_MAX - 2, DEPTH_MAX - 1, DEPTH_MAX, DEPTH_MAX + 1):
        deep = b'{"a":' + b"[" * levels + b"]" * levels + b"}"
        if levels > DEPTH_MAX:
            with pytest.raises(BadRequest, match="exceeded max depth"):
                apply_body(deep, STRICT)
        else:
            assert apply_body(deep, STRICT)[0] == load_yaml(deep)[0]
    with pytest.raises(RequestTooLarge):
        apply_body(b'{"a":[' + b",".join([b"{}"] * (OBJECTS_MAX + 1)) + b"]}", STRICT)
