"""The measure itself: what is marked, what counts as a difference, when a score fell."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden.comparison import differences, judge, selected
from tests.golden.marks import Marks
from tests.golden.recording import SUITES, drop, expanded, filled, load_cases, pick, pick_or_none
from tests.golden.scores import Score, load, save, total, worse

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
UID, OTHER = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab.[]=/", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", max_size=3), inner, max_size=3),
    max_leaves=10,
)


def test_versions_are_numbered_per_object_in_order_of_appearance() -> None:
    marks = Marks("", NOW)
    first = marks.body({"metadata": {"uid": UID, "resourceVersion": "41"}})
    assert first == {"metadata": {"uid": "<uid>", "resourceVersion": "<rv:1>"}}
    assert marks.body({"uid": OTHER, "resourceVersion": "41"})["resourceVersion"] == "<rv:1>"
    assert marks.body({"uid": UID, "resourceVersion": "44"})["resourceVersion"] == "<rv:2>"
    assert marks.body({"uid": UID, "resourceVersion": "41"})["resourceVersion"] == "<rv:1>"
    assert marks.body({"resourceVersion": "44"})["resourceVersion"] == "<rv>"
    assert marks.body({"resourceVersion": "0"})["resourceVersion"] == "0"


@pytest.mark.parametrize(
    ("value", "marked"),
    [
        (f"uid {OTHER}", "uid <uid>"),
        (f"uid {UID}", f"uid {UID}"),
        ("at 2026-11-22T09:59:00Z", "at <time>"),
        ("at 2026-11-22T09:59:00.123456Z", "at <microtime>"),
        ("at 2020-01-01T00:00:00Z", "at 2020-01-01T00:00:00Z"),
        ("at 2026-99-22T09:59:00Z", "at 2026-99-22T09:59:00Z"),
        ("too old resource version: 1 (7)", "too old resource version: <rv> (<rv>)"),
        ("/openapi/v3/api/v1?hash=0123456789ABCDEF01", "/openapi/v3/api/v1?hash=<hash>"),
        ('pods "kube-api-access-x1y2z"', 'pods "kube-api-access-<suffix>"'),
        ('pods "web-x1y2z" not found', 'pods "web-<suffix>" not found'),
    ],
)
def test_texts_are_marked_but_for_what_was_sent(value: str, marked: str) -> None:
    assert Marks(f'{UID} "generateName": "web-"', NOW).text(value) == marked


def test_what_the_server_chose_is_marked() -> None:
    marks = Marks("10.0.0.9", NOW)
    chosen = {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7", "10.0.0.9"], "nodePort": 31000, "continue": "abc"}
    assert marks.body(chosen) == {
        "clusterIP": "<clusterIP>",
        "clusterIPs": ["<clusterIP>", "10.0.0.9"],
        "nodePort": "<nodePort>",
        "continue": "<continue>",
    }
    assert marks.body({"generateName": "a-", "name": "a-bcdfg"})["name"] == "a-<suffix>"
    table = {
        "kind": "Table",
        "columnDefinitions": [{"name": "Name"}, {"name": "Age"}],
        "rows": [{"cells": ["5s", "5s"]}],
    }
    assert marks.body(table)["rows"] == [{"cells": ["5s", "<age>"]}]


@given(JSON_VALUES)
def test_a_value_differs_from_itself_in_nothing(value: Any) -> None:
    assert not list(differences(value, value))


@pytest.mark.parametrize(
    ("want", "got", "lines"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "c": 3}, ["- a: 1", "+ c: 3"]),
        ([1, [2]], [1, [3], 4], ["~ [1][0]: 2 -> 3", "+ [2]: 4"]),
        (True, 1, ["~ : true -> 1"]),
        ({"a": None}, {}, ["- a: null"]),
    ],
)
def test_differences_say_where(want: Any, got: Any, lines: list[str]) -> None:
    assert list(differences(want, got)) == lines


BODY = {"a": [{"name": "x", "metadata": {"name": "m"}, "o.k": 1}, {"name": "y"}], "z": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a[0].name", "x"),
        ("a[name=y]", {"name": "y"}),
        ('a[metadata/name=m]["o.k"]', 1),
        ("a[name=no]", None),
        ("z.b", None),
    ],
)
def test_paths(path: str, value: Any) -> None:
    assert pick(BODY, path) == value


@given(JSON_VALUES, st.text('ab.[]=/*"', max_size=8))
def test_any_path_leads_somewhere_or_nowhere(value: Any, path: str) -> None:
    pick_or_none(value, path)


def test_parts_are_dropped_wherever_they_are() -> None:
    body = {"a": [{"b": {"c": 1, "d": 2}}, {"b": {"c": 3}}], "e": {"x": {"c": 1}}}
    drop(body, "a[*].b.c")
    drop(body, "e[*].c")
    drop(body, "none.c")
    assert body == {"a": [{"b": {"d": 2}}, {"b": {}}], "e": {"x": {}}}


def test_variables_and_long_strings() -> None:
    answers = [None, {"metadata": {"uid": "u", "count": 3}}]
    assert filled({"a": ["${1:metadata.count}", "/x/${1:metadata.uid}/y"]}, answers) == {"a": [3, "/x/u/y"]}
    assert filled("${0:metadata.uid}", answers) == "${0:metadata.uid}"
    assert expanded([{"$repeat": ["ab", 3]}]) == ["ababab"]


def status(message: str, code: int = 422) -> dict[str, Any]:
    return {"status": code, "body": {"kind": "Status", "reason": "Invalid", "message": message, "details": {}}}


def test_errors_count_by_status_reason_and_message() -> None:
    found = judge({"answer": status("a")}, status("b"))
    assert (found.status_and_reason, found.message, len(found.differences)) == (True, False, 1)
    assert judge({"answer": status("a")}, status("a")).message is True
    assert not judge({"answer": status("a")}, status("a", 400)).status_and_reason
    assert judge({"answer": {"status": 404}, "compare": "status"}, status("b", 404)) == judge(
        {"answer": {"status": 404}, "compare": "status"}, {"status": 404}
    )
    assert judge({"answer": status("[a, b]"), "unordered": True}, status("[b, a]")).message is True
    assert not judge(
        {"answer": {"status": 200, "body": {"a": 1}}, "compare": "keys"}, {"status": 200, "body": {"a": 2}}
    ).differences


def test_only_what_is_selected_is_compared() -> None:
    step = {"select": ["a", "b.c"], "ignore": ["a[*].t"], "sort": []}
    answer = {"status": 200, "body": {"a": [{"t": 1, "u": 2}], "b": {"c": 3, "d": 4}}}
    assert selected(step, answer)["body"] == {"a": [{"u": 2}], "b.c": 3}
    assert selected({"select": ["none"]}, answer)["body"] is None
    assert selected({"sort": ["a"]}, {"status": 200, "body": {"a": [3, 1]}})["body"] == {"a": [1, 3]}
    assert selected(step, {"status": 404, "body": {"a": 1}})["body"] == {"a": 1}


def test_a_score_that_fell_says_where(tmp_path: Path) -> None:
    good = judge({"answer": status("a")}, status("a"))
    bad = judge({"answer": status("a")}, status("b"))
    kept, now = Score(), Score()
    kept.count("one", [good, good])
    now.count("one", [good, bad])
    assert worse(kept, now) == [
        "case one is no longer the same", "cases same: 0, was 1", "body: 1, was 2", "message: 1, was 2",
    ]  # fmt: skip
    assert not worse(now, kept)
    assert total([kept, now]).steps == 4
    save({"x": now}, tmp_path / "scores.json")
    assert load(tmp_path / "scores.json") == {"x": now}
    assert load(tmp_path / "none.json") == {}


def test_every_suite_is_there_and_its_cases_have_names_of_their_own() -> None:
    for suite in SUITES:
        ids = [case["id"] for case in load_cases(suite)]
        assert ids
        assert len(ids) == len(set(ids))
