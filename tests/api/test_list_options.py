"""Options of lists and watches: what goes together, and what is said when it does not."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.list_options import (
    ListOptions,
    check_list,
    check_watch,
    is_exact,
    list_options,
    parse_revision,
    sends_initial_events,
)
from k3py.api.parameters import Query
from k3py.api.selection import selection, selectors
from k3py.model.errors import BadRequest, Invalid
from k3py.model.generated import batch_v1, core_v1
from k3py.model.kinds import KINDS
from k3py.store.records import Record

FORBIDDEN = "resourceVersionMatch: Forbidden: resourceVersionMatch"
SENT = "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
LIST_CASES = [  # options -> what is wrong with them, for a list
    (ListOptions(match="Exact"), [f"{FORBIDDEN} is forbidden unless resourceVersion is provided"]),
    (
        ListOptions(match="Exact", resource_version="0"),
        [f'{FORBIDDEN} "exact" is forbidden for resourceVersion "0"'],
    ),
    (
        ListOptions(match="Odd", continue_token="x"),
        [
            f"{FORBIDDEN} is forbidden unless resourceVersion is provided",
            f"{FORBIDDEN} is forbidden when continue is provided",
            'resourceVersionMatch: Unsupported value: "Odd": supported values: "Exact", "NotOlderThan", ""',
        ],
    ),
    (
        ListOptions(send_initial_events=False),
        ["sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"],
    ),
    (ListOptions(match="NotOlderThan", resource_version="0"), []),
]
WATCH_CASES = [  # likewise, for a watch
    (ListOptions(send_initial_events=True), [SENT]),
    (ListOptions(send_initial_events=False, match="NotOlderThan", resource_version="5"), []),
    (
        ListOptions(match="NotOlderThan", resource_version="5"),
        [f"{FORBIDDEN} is forbidden for watch unless sendInitialEvents is provided"],
    ),
    (
        ListOptions(match="Exact", send_initial_events=True),
        [SENT, 'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"'],
    ),
    (ListOptions(continue_token="x"), [f"{FORBIDDEN} is forbidden when continue is provided"]),
    (ListOptions(continue_token="x", resource_version="5"), []),
]


def _said(check: Callable[[ListOptions], None], options: ListOptions) -> list[str]:
    try:
        check(options)
    except Invalid as problem:
        causes = problem.details.causes if problem.details else ()
        return [f"{cause.field}: {cause.message}" for cause in causes]
    return []


@pytest.mark.parametrize(("options", "wrong"), LIST_CASES)
def test_all_that_is_wrong_with_a_list_is_said(options: ListOptions, wrong: list[str]) -> None:
    assert _said(check_list, options) == wrong


@pytest.mark.parametrize(("options", "wrong"), WATCH_CASES)
def test_all_that_is_wrong_with_a_watch_is_said(options: ListOptions, wrong: list[str]) -> None:
    assert _said(check_watch, options) == wrong


@pytest.mark.parametrize(
    ("options", "exact"),
    [
        (ListOptions(), False),
        (ListOptions(limit=5), False),
        (ListOptions(resource_version="7"), False),
        (ListOptions(resource_version="0", limit=5), False),
        (ListOptions(resource_version="7", limit=5), True),
        (ListOptions(resource_version="7", match="Exact"), True),
        (ListOptions(resource_version="7", match="NotOlderThan", limit=5), False),
    ],
)
def test_which_lists_are_of_the_very_version_they_name(options: ListOptions, exact: bool) -> None:
    assert is_exact(options, one_object=False) is exact
    assert is_exact(options, one_object=True) is (options.match == "Exact")


@pytest.mark.parametrize(
    ("asked", "match", "version", "sent"),
    [
        (None, "", "", True),
        (None, "", "0", True),
        (None, "", "5", False),
        (True, "NotOlderThan", "5", True),
        (False, "NotOlderThan", "", False),
    ],
)
def test_which_watches_begin_with_what_is_there(asked: bool | None, match: str, version: str, sent: bool) -> None:
    assert sends_initial_events(ListOptions(send_initial_events=asked, match=match, resource_version=version)) is sent


def test_a_version_is_a_number_of_64_bits() -> None:
    assert [parse_revision(each) for each in ("", "0", "007", str(2**64 - 1))] == [0, 0, 7, 2**64 - 1]
    said = 'invalid resource version: resourceVersion: Invalid value: "-1": strconv.ParseUint: parsing "-1": '
    with pytest.raises(BadRequest) as caught:
        parse_revision("-1")
    assert caught.value.message == said + "invalid syntax"
    for text in (str(2**64), "9" * 5000):
        with pytest.raises(BadRequest, match="value out of range"):
            parse_revision(text)


NAMES = st.sampled_from(["limit", "continue", "resourceVersion", "resourceVersionMatch", "watch", "timeoutSeconds",
                         "sendInitialEvents", "allowWatchBookmarks", "labelSelector", "fieldSelector"])  # fmt: skip
VALUES = st.sampled_from(["", "0", "1", "-1", "true", "Exact", "NotOlderThan", "a=b", "a in (b"]) | st.text(max_size=20)


@given(st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=2)))
def test_any_query_is_understood_or_refused(query: Query) -> None:
    for check in (check_list, check_watch):
        try:
            options = list_options(query)
            check(options)
            parse_revision(options.resource_version)
        except (BadRequest, Invalid):
            continue
        assert options.limit >= 0


PODS, JOBS = KINDS.of(core_v1.Pod), KINDS.of(batch_v1.Job)


def test_kinds_have_fields_under_other_names_and_words_of_their_own() -> None:
    fields = tuple("n1" if each == "spec.nodeName" else "" for each in PODS.selectable)
    record = Record("pods", "default", "p", 1, "", b"{}", (), fields)
    assert selection({"fieldSelector": ["spec.host=n1"]}, PODS).has(record)
    assert not selection({"fieldSelector": ["status.podIPs=10.0.0.1"]}, PODS).has(record)
    with pytest.raises(BadRequest) as caught:
        selectors({"fieldSelector": ["status.active=1"]}, JOBS)
    assert caught.value.message == 'field label "status.active" not supported for Job'


def test_one_name_in_the_path_goes_with_the_same_in_the_selector_only() -> None:
    assert selectors({"fieldSelector": ["metadata.name=a"]}, PODS, "a")[1] is not None
    assert selectors({}, PODS)[1] is None
    with pytest.raises(BadRequest, match="doesn't match requested name"):
        selectors({"fieldSelector": ["metadata.name=b"]}, PODS, "a")
