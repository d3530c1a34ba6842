"""Which writes are heavy, at the bounds."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.heavy.weight import (
    BYTES_MAX,
    ENTRIES_MAX,
    LIGHT_STORED_BYTES,
    OBJECTS_MAX,
    PROTOBUF_BYTES_MAX,
    PROTOBUF_QUESTION_BYTES_MAX,
    VALUES_MAX,
    YAML_VALUES_MAX,
    check_question,
    is_heavy,
    is_heavy_stored,
)
from k3py.model.errors import RequestTooLarge
from k3py.objects.decode import JSON, PROTOBUF, YAML
from k3py.objects.options import APPLY_PATCH, PatchType

JSON_PATCH = PatchType.JSON.value
PODS_OWN = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}


def pod(containers: int, **json_style: Any) -> bytes:
    made = [{"name": f"c{number}", "image": "a"} for number in range(containers)]
    return json.dumps({**PODS_OWN, "spec": {"containers": made}}, **json_style).encode()


@pytest.mark.parametrize(
    "style", [{}, {"separators": (",", ":")}, {"indent": 1}], ids=["spaced", "compact", "indented"]
)
def test_a_pod_is_heavy_by_its_containers(style: dict[str, Any]) -> None:
    assert not is_heavy(pod(ENTRIES_MAX - 3, **style), JSON)
    assert is_heavy(pod(ENTRIES_MAX + 1, **style), JSON)


def test_managed_fields_are_not_entries() -> None:
    fields: dict[str, Any] = {f"f:field{number}": {} for number in range(OBJECTS_MAX - 10)}
    owned = {"managedFields": [{"manager": "a", "fieldsV1": fields}]}
    assert not is_heavy(json.dumps({**PODS_OWN, "metadata": owned}).encode(), JSON)
    fields |= {f"f:more{number}": {} for number in range(20)}
    assert is_heavy(json.dumps({**PODS_OWN, "metadata": owned}).encode(), JSON)


def test_a_map_is_heavy_by_its_values_or_its_size() -> None:
    values = {f"k{number}": "" for number in range(VALUES_MAX + 1)}
    assert is_heavy(json.dumps(values).encode(), JSON) is False
    assert is_heavy(json.dumps(values | {"one": "more"}).encode(), JSON)
    assert not is_heavy(b'"' + b"x" * (BYTES_MAX - 2) + b'"', JSON)
    assert is_heavy(b'"' + b"x" * (BYTES_MAX - 1) + b'"', JSON)


def test_brackets_are_heavy() -> None:
    assert not is_heavy(b"[" * OBJECTS_MAX, JSON)
    assert is_heavy(b"[" * (OBJECTS_MAX + 1), JSON)


def test_yaml_is_heavy_sooner_and_an_alias_always_is() -> None:
    for media_type in (YAML, APPLY_PATCH):
        assert not is_heavy(b"a: 1\n" * YAML_VALUES_MAX, media_type)
        assert is_heavy(b"a: 1\n" * (YAML_VALUES_MAX + 1), media_type)
        assert is_heavy(b"x: [" + b"1," * YAML_VALUES_MAX + b"]", media_type)
        assert is_heavy(b"a: &a 1\nb: *a\n", media_type)
    assert not is_heavy(b"a: 1\n" * (YAML_VALUES_MAX + 1), JSON)


def test_an_apply_that_is_written_as_json_counts_as_json() -> None:
    assert not is_heavy(pod(ENTRIES_MAX - 3), APPLY_PATCH)
    assert is_heavy(pod(ENTRIES_MAX + 1), APPLY_PATCH)


def test_protobuf_is_heavy_by_its_size() -> None:
    assert not is_heavy(b"x" * PROTOBUF_BYTES_MAX, PROTOBUF)
    assert is_heavy(b"x" * (PROTOBUF_BYTES_MAX + 1), PROTOBUF)


def test_a_patch_that_copies_often_is_heavy() -> None:
    copy = {"op": "copy", "from": "/data/a", "path": "/data/b"}
    assert not is_heavy(json.dumps([copy]).encode(), JSON_PATCH)
    assert is_heavy(json.dumps([copy] * 10).encode(), JSON_PATCH)
    assert not is_heavy(json.dumps([copy | {"op": "move"}] * 10).encode(), JSON_PATCH)


def test_what_is_stored_is_heavy_by_the_same_marks() -> None:
    assert not is_heavy_stored(pod(ENTRIES_MAX - 3))
    assert is_heavy_stored(pod(ENTRIES_MAX * 2))
    assert not is_heavy_stored(b"{},[" * (LIGHT_STORED_BYTES // 4))


def test_questions_are_small() -> None:
    check_question(pod(ENTRIES_MAX - 3), JSON)
    check_question(b"x" * PROTOBUF_QUESTION_BYTES_MAX, PROTOBUF)
    for data, media_type in [
        (pod(ENTRIES_MAX + 1), JSON),
        (b'"' + b"x" * BYTES_MAX + b'"', JSON),
        (b"x" * (PROTOBUF_QUESTION_BYTES_MAX + 1), PROTOBUF),
    ]:
        with pytest.raises(RequestTooLarge):
            check_question(data, media_type)


@given(st.binary(max_size=400), st.sampled_from([JSON, YAML, PROTOBUF, APPLY_PATCH, JSON_PATCH, "text/plain"]))
def test_any_bytes_have_a_weight(data: bytes, media_type: str) -> None:
    assert is_heavy(data, media_type) in (True, False)


@given(st.integers(0, 3 * ENTRIES_MAX), st.sampled_from(["", " ", "\n", "\t "]), st.sampled_from(["", " "]))
def test_spacing_makes_entries_no_fewer(count: int, before: str, after: str) -> None:
    entries = ("," + before).join(["{" + after + '"name":"a"' + after + "}"] * count)
    data = '{"spec":{"containers":[' + before + entries + "]}}"
    if count > ENTRIES_MAX:
        assert is_heavy(data.encode(), JSON)
