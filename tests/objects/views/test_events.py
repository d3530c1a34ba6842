"""Events of events.k8s.io/v1: the same events with other names, and stricter ways to write them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.model import codec
from k3py.model.generated import core_v1, events_v1
from k3py.objects import views
from k3py.objects.fields import Errors
from k3py.objects.views.events import from_stored, to_stored

VIEW = views.of(events_v1.Event)
TIME = "2020-01-01T00:00:00.000000Z"
GOOD = {
    "metadata": {"name": "e", "namespace": "default"}, "eventTime": TIME, "reportingController": "c",
    "reportingInstance": "i", "action": "A", "reason": "R", "type": "Normal", "note": "n",
    "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
}  # fmt: skip


def _event(**changes: Any) -> events_v1.Event:
    return codec.convert(events_v1.Event, {**GOOD, **changes})[0]


def _said(new: events_v1.Event, old: events_v1.Event | None = None) -> list[str]:
    assert VIEW is not None
    assert VIEW.rules is not None
    wrong = Errors()
    if old is None:
        VIEW.rules.check_create(to_stored(new), wrong)
    else:
        VIEW.rules.check_update(to_stored(new), to_stored(old), wrong)
    return [f"{each.field}: {each.message}" for each in wrong.causes]


def test_names_change_places() -> None:
    stored = codec.to_plain(to_stored(_event(deprecatedCount=3, deprecatedSource={"component": "k", "host": "h"})))
    assert stored["involvedObject"] == GOOD["regarding"]
    assert (stored["message"], stored["reportingComponent"], stored["count"]) == ("n", "c", 3)
    assert stored["source"] == {"component": "k", "host": "h"}
    assert (stored["apiVersion"], stored["kind"]) == ("v1", "Event")


def test_a_good_event_is_good() -> None:
    assert _said(_event()) == []


REFUSED = [  # what is changed of a good event, what is said
    ({"eventTime": None}, ["eventTime: Required value"]),
    ({"type": "Odd"}, ['type: Invalid value: "": has invalid value: Odd']),
    ({"deprecatedCount": 1}, ['count: Invalid value: "": needs to be unset']),
    ({"deprecatedSource": {"host": "h"}}, ['source: Invalid value: "": needs to be unset']),
    ({"deprecatedFirstTimestamp": "2020-01-01T00:00:00Z"}, ['firstTimestamp: Invalid value: "": needs to be unset']),
    ({"series": {"count": 1}}, ['series.count: Invalid value: "": should be at least 2',
                                "series.lastObservedTime: Required value"]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), REFUSED)
def test_a_new_event_is_told_what_it_lacks(changes: Any, said: list[str]) -> None:
    assert _said(_event(**changes)) == said


def test_only_the_series_goes_on() -> None:
    series = {"count": 2, "lastObservedTime": TIME}
    assert _said(_event(series=series), _event()) == []
    assert _said(_event(note="other", action="B"), _event()) == [
        'message: Invalid value: "other": field is immutable',
        'action: Invalid value: "B": field is immutable',
    ]
    assert _said(_event(regarding={"kind": "Pod", "name": "q", "namespace": "default"}), _event())[0].startswith(
        'involvedObject: Invalid value: {"Kind":"Pod","Namespace":"default","Name":"q"'
    )


_texts = st.text(max_size=4)
_references = st.builds(lambda name: {"kind": "Pod", "name": name}, _texts)
_stored = st.fixed_dictionaries(
    {"metadata": st.builds(lambda name: {"name": name}, _texts)},
    optional={
        "involvedObject": _references, "related": _references, "reason": _texts, "message": _texts, "type": _texts,
        "action": _texts, "reportingComponent": _texts, "reportingInstance": _texts, "count": st.integers(0, 9),
        "source": st.builds(lambda name: {"component": name}, _texts), "eventTime": st.just(TIME),
        "firstTimestamp": st.just("2020-01-01T00:00:00Z"), "lastTimestamp": st.just("2020-01-01T00:00:00Z"),
        "series": st.builds(lambda count: {"count": count, "lastObservedTime": TIME}, st.integers(1, 9)),
    },
)  # fmt: skip


@given(_stored)
def test_a_round_trip_loses_nothing(body: Any) -> None:
    event = codec.convert(core_v1.Event, body)[0]
    assert VIEW is not None
    shown = VIEW.from_stored(codec.encode(event))
    assert codec.encode(VIEW.to_stored(shown)) == codec.encode(event)
    again = from_stored(to_stored(codec.decode(events_v1.Event, codec.encode(shown))))
    assert codec.encode(again) == codec.encode(shown)
