import contextlib
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.client.answers import (
    EVENT_BYTES_MAX,
    LineSplitter,
    decode_event,
    decode_list,
    decode_problem,
    decode_single,
)
from k3py.client.port import EventType
from k3py.model import codec
from k3py.model.errors import Conflict, Expired, Forbidden, InternalError, Problem, Unavailable
from k3py.model.generated.core_v1 import ConfigMap
from k3py.model.kinds import KINDS
from tests.client.helpers import config_map, event_json, list_json

KIND = KINDS.of(ConfigMap)


def test_a_complete_list() -> None:
    items, version, following = decode_list(KIND, ConfigMap, list_json("7", config_map("a", 3), config_map("b", 5)))
    assert [i.metadata.name for i in items] == ["a", "b"]
    assert (version, following) == ("7", "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>please log in</html>",
        b'{"kind":"ConfigMapList","items":[]}',
        b'{"kind":"ConfigMapList","metadata":{},"items":[]}',
        b'{"kind":"ConfigMapList","metadata":{"resourceVersion":""},"items":[]}',
        b'{"kind":"ConfigMapList","metadata":{"resourceVersion":"7"}}',
        b'{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[]}',
        b'{"kind":"Status","metadata":{"resourceVersion":"7"},"items":[]}',
        list_json("7", config_map("a", 3))[:-1],
        b'{"kind":"ConfigMapList","metadata":{"resourceVersion":"7"},"items":[3]}',
        b'{"kind":"ConfigMapList","metadata":{"resourceVersion":"7"},"items":[{"metadata":[]}]}',
    ],
)
def test_what_is_no_complete_list_is_never_an_empty_one(body: bytes) -> None:
    with pytest.raises(Unavailable, match="cannot use"):
        decode_list(KIND, ConfigMap, body)


def test_an_empty_list_says_that_it_is_one() -> None:
    for items in (b"[]", b"null"):  # Go writes null for a list without items
        body = b'{"kind":"ConfigMapList","metadata":{"resourceVersion":"7"},"items":%s}' % items
        assert decode_list(KIND, ConfigMap, body) == ([], "7", "")


def test_a_newer_server_may_say_more() -> None:
    plain = codec.to_plain(config_map("a", 3))
    newer = msgspec.json.encode({**plain, "color": "blue", "metadata": {**plain["metadata"], "mood": None}})
    assert decode_single(KIND, ConfigMap, newer).metadata.name == "a"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"kind":"Pod"}', b'{"kind":"ConfigMap","data":3}'])
def test_another_thing_is_not_the_object(body: bytes) -> None:
    with pytest.raises(Unavailable):
        decode_single(KIND, ConfigMap, body)


def test_events() -> None:
    seen = decode_event(ConfigMap, event_json("MODIFIED", config_map("a", 3)))
    assert (seen.type, seen.object.metadata.name) == (EventType.MODIFIED, "a")
    with pytest.raises(Expired):
        decode_event(ConfigMap, b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}')
    with pytest.raises(Expired):
        decode_event(ConfigMap, b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Gone"}}')
    with pytest.raises(InternalError):
        decode_event(ConfigMap, b'{"type":"ERROR","object":{}}')
    with pytest.raises(Unavailable, match="unknown type"):
        decode_event(ConfigMap, b'{"type":"EXPLODED","object":{}}')


def test_problems() -> None:
    told = decode_problem(msgspec.json.encode(Conflict("someone wrote first").status()), 409)
    assert isinstance(told, Conflict)
    assert told.message == "someone wrote first"
    assert isinstance(decode_problem(b"<html>", 403), Forbidden)
    assert isinstance(decode_problem(b'{"kind":"Status","details":[]}', 403), Forbidden)


@given(st.binary(max_size=200), st.integers(400, 599))
def test_garbage_is_always_a_problem(data: bytes, code: int) -> None:
    assert isinstance(decode_problem(data, code), Problem)
    with contextlib.suppress(Problem):
        decode_event(ConfigMap, data)
    with contextlib.suppress(Problem):
        decode_list(KIND, ConfigMap, data)
    with contextlib.suppress(Problem):
        decode_single(KIND, ConfigMap, data)


WORDS = ["kind", "metadata", "items", "details", "causes", "type", "object", "reason"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.sampled_from(["Status", "ConfigMap", "ConfigMapList"]))
def test_json_of_any_other_shape_is_always_a_problem(value: object, kind: str) -> None:
    body = msgspec.json.encode({**value, "kind": kind} if isinstance(value, dict) else value)
    assert isinstance(decode_problem(body, 500), Problem)
    for decode in (
        lambda: decode_list(KIND, ConfigMap, body),
        lambda: decode_single(KIND, ConfigMap, body),
        lambda: decode_event(ConfigMap, body),
    ):
        with contextlib.suppress(Problem):
            decode()


@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda b: not set(b) & set(b"\n\r\t\v\f "))), st.data())
def test_however_the_bytes_are_split_the_same_lines_come_out(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    splitter, seen = LineSplitter(), []
    for start, end in pairwise([0, *cuts, len(whole)]):
        seen += splitter.feed(whole[start:end])
    assert seen == lines
    assert not splitter.has_rest


def test_a_line_without_end_is_cut_off_at_the_bound() -> None:
    splitter = LineSplitter()
    assert list(splitter.feed(b"x" * EVENT_BYTES_MAX)) == []
    assert splitter.has_rest
    with pytest.raises(Unavailable, match="more than"):
        list(splitter.feed(b"x"))
