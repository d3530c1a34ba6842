"""How much a body may hold, at the bounds."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k3py.model import protobuf
from k3py.model.errors import RequestTooLarge
from k3py.objects import amounts, yaml_values
from k3py.objects.amounts import OBJECTS_MAX, check_amount
from k3py.objects.fields import CAUSES_MAX, Errors
from k3py.objects.plain import EXPLAINED_BYTES_MAX, load_json
from k3py.objects.yaml_values import load_yaml

VALUES_MAX = protobuf.VALUES_MAX


def numbers(count: int) -> bytes:
    return b"[" + b",".join([b"1"] * count) + b"]"


def objects(count: int) -> bytes:
    return b"[" + b",".join([b"{}"] * count) + b"]"


@pytest.mark.parametrize(
    ("data", "fits"),
    [
        (numbers(VALUES_MAX), True),
        (numbers(VALUES_MAX + 1), False),
        (objects(OBJECTS_MAX), True),
        (objects(OBJECTS_MAX + 1), False),
        (json.dumps({"data": {"a": ",{[" * VALUES_MAX}}).encode(), True),
        (json.dumps({"data": {"a": '\\",{[' * VALUES_MAX}}).encode(), True),
        (json.dumps({f"k{n}": "," for n in range(VALUES_MAX - 2)}).encode(), True),
        (json.dumps({f"k{n}": "," for n in range(VALUES_MAX + 1)}).encode(), False),
        (b'{"a":"' + b'\\"' * 1_500_000, True),
        (b'",' * 1_500_000, False),
        (b"[" * 3_000_000, False),
    ],
    ids=lambda value: str(value)[:12],
)
def test_values_and_objects_are_bounded_and_texts_are_not_counted(data: bytes, fits: bool) -> None:
    if fits:
        check_amount(data)
        return
    with pytest.raises(RequestTooLarge):
        check_amount(data)


VALUES = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=30,
)


def counted(value: Any) -> tuple[int, int]:
    """Commas, brackets and braces that are no text's; braces alone."""
    if isinstance(value, dict | list):
        inner = [counted(each) for each in (value.values() if isinstance(value, dict) else value)]
        braces = isinstance(value, dict) + sum(each[1] for each in inner)
        return 1 + max(0, len(value) - 1) + sum(each[0] for each in inner), braces
    return 0, 0


@given(VALUES)
def test_the_count_is_that_of_the_values(value: Any) -> None:
    marks, braces = counted(value)
    data = json.dumps(value).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(amounts, "_BYTES_MIN", 0)
        for values_max, objects_max, fits in [
            (marks, braces, True),
            (marks - 1, braces, False),
            (marks, braces - 1, False),
        ]:
            patch.setattr(amounts, "VALUES_MAX", values_max)
            patch.setattr(amounts, "OBJECTS_MAX", objects_max)
            if fits:
                check_amount(data)
            else:
                with pytest.raises(RequestTooLarge):
                    check_amount(data)


def test_yaml_has_the_same_bounds_also_through_aliases() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_values, "MAPPINGS_MAX", 10)
        assert len(load_yaml(b"[" + b"{}," * 10 + b"]")[0]) == 10
        assert len(load_yaml(b"[&a {}" + b",*a" * 9 + b"]")[0]) == 10
        for data in (b"[" + b"{}," * 11 + b"]", b"[&a {}" + b",*a" * 10 + b"]"):
            with pytest.raises(yaml.YAMLError, match="too many values"):
                load_yaml(data)


def pod_in_protobuf(containers: int) -> bytes:
    def field(number: int, data: bytes) -> bytes:
        length, size = b"", len(data)
        while size > 127:
            length += bytes((size & 127 | 128,))
            size >>= 7
        return bytes((number << 3 | 2,)) + length + bytes((size,)) + data

    spec = field(2, b"") * containers
    return protobuf.MAGIC + field(1, field(1, b"v1") + field(2, b"Pod")) + field(2, field(2, spec))


def test_protobuf_has_the_same_bounds() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protobuf, "MESSAGES_MAX", 12)  # pod and spec, too
        assert len(protobuf.decode(pod_in_protobuf(10))["spec"]["containers"]) == 10
        with pytest.raises(ValueError, match="12 messages"):
            protobuf.decode(pod_in_protobuf(11))
        patch.setattr(protobuf, "MESSAGES_MAX", 100)
        patch.setattr(protobuf, "VALUES_MAX", 11)
        assert len(protobuf.decode(pod_in_protobuf(10))["spec"]["containers"]) == 10
        with pytest.raises(ValueError, match="11 values"):
            protobuf.decode(pod_in_protobuf(11))


def test_what_is_wrong_with_a_very_long_text_is_told_in_fewer_words() -> None:
    short = b'{"a":"' + b"x" * (EXPLAINED_BYTES_MAX - 6)
    with pytest.raises(ValueError, match="unexpected end of JSON input"):
        load_json(short)
    with pytest.raises(ValueError, match="Unterminated string"):
        load_json(short + b"x")


def test_the_mistakes_that_are_told_are_bounded() -> None:
    wrong = Errors()
    for number in range(CAUSES_MAX + 1):
        wrong.required(f"spec.containers[{number}].name")
    assert len(wrong.causes) == CAUSES_MAX
    assert wrong.causes[-1].field == f"spec.containers[{CAUSES_MAX - 1}].name"
