"""Checks of events that are written as events.k8s.io/v1, on their stored form; messages use the stored names.

Source: Kubernetes ``pkg/apis/core/validation/events.go``.
"""

from typing import Any, Final

from k3py.model.generated import core_v1
from k3py.objects.fields import IMMUTABLE, Errors
from k3py.objects.validation.events import event
from k3py.objects.validation.go_names import go_names

TYPES: Final = ("Normal", "Warning")
SERIES_COUNT_MIN: Final = 2
_OLD_WAYS: Final = "needs to be unset"
_CONTROLLER: Final = "reportingController"


def new_event(obj: core_v1.Event, wrong: Errors) -> None:
    """A new event says when and of what type it is, and leaves what older clients say to them."""
    event(obj, wrong, _CONTROLLER)
    _series(obj.series, wrong)
    if obj.event_time is None:
        wrong.required("eventTime")
    if obj.type not in TYPES:
        wrong.invalid("type", "", f"has invalid value: {obj.type}")
    for path, is_set in (
        ("firstTimestamp", obj.first_timestamp is not None),
        ("lastTimestamp", obj.last_timestamp is not None),
        ("count", obj.count != 0),
        ("source", bool(obj.source.component or obj.source.host)),
    ):
        if is_set:
            wrong.invalid(path, "", _OLD_WAYS)


def event_update(new: core_v1.Event, old: core_v1.Event, wrong: Errors) -> None:
    """Only the series goes on."""
    event(new, wrong, _CONTROLLER)
    if new.series != old.series:
        _series(new.series, wrong)
    for path, after, before in _told(new, old):
        if after != before:
            wrong.invalid(path, go_names(after), IMMUTABLE)


def _told(new: core_v1.Event, old: core_v1.Event) -> list[tuple[str, Any, Any]]:
    """What an event told once, in the order in which Kubernetes looks."""
    return [
        ("involvedObject", new.involved_object, old.involved_object),
        ("reason", new.reason, old.reason),
        ("message", new.message, old.message),
        ("source", new.source, old.source),
        ("firstTimestamp", new.first_timestamp, old.first_timestamp),
        ("lastTimestamp", new.last_timestamp, old.last_timestamp),
        ("count", new.count, old.count),
        ("reason", new.reason, old.reason),
        ("type", new.type, old.type),
        ("eventTime", new.event_time, old.event_time),
        ("action", new.action, old.action),
        ("related", new.related, old.related),
        ("reportingController", new.reporting_component, old.reporting_component),
        ("reportingInstance", new.reporting_instance, old.reporting_instance),
    ]


def _series(series: core_v1.EventSeries | None, wrong: Errors) -> None:
    if series is None:
        return
    if series.count < SERIES_COUNT_MIN:
        wrong.invalid("series.count", "", f"should be at least {SERIES_COUNT_MIN}")
    if series.last_observed_time is None:
        wrong.required("series.lastObservedTime")
