"""Event of events.k8s.io/v1: the event of core/v1 with other names, and stricter about new ones.

Source: Kubernetes ``pkg/apis/events/v1/conversion.go`` and ``pkg/apis/core/validation/events.go``.
"""

from typing import Final

from k3py.model.generated import core_v1, events_v1
from k3py.objects.rules import Rules
from k3py.objects.validation import events_v1 as checks
from k3py.objects.views.view import View


def _stored_series(series: events_v1.EventSeries | None) -> core_v1.EventSeries | None:
    if series is None:
        return None
    return core_v1.EventSeries(count=series.count, last_observed_time=series.last_observed_time)


def _shown_series(series: core_v1.EventSeries | None) -> events_v1.EventSeries | None:
    if series is None:
        return None
    return events_v1.EventSeries(count=series.count, last_observed_time=series.last_observed_time)


def to_stored(obj: events_v1.Event) -> core_v1.Event:
    """The event of core/v1 that one of events.k8s.io/v1 is."""
    return core_v1.Event(
        metadata=obj.metadata,
        involved_object=obj.regarding,
        reason=obj.reason,
        message=obj.note,
        source=obj.deprecated_source,
        first_timestamp=obj.deprecated_first_timestamp,
        last_timestamp=obj.deprecated_last_timestamp,
        count=obj.deprecated_count,
        type=obj.type,
        event_time=obj.event_time,
        series=_stored_series(obj.series),
        action=obj.action,
        related=obj.related,
        reporting_component=obj.reporting_controller,
        reporting_instance=obj.reporting_instance,
    )


def from_stored(obj: core_v1.Event) -> events_v1.Event:
    """An event of core/v1 as events.k8s.io/v1 shows it."""
    return events_v1.Event(
        metadata=obj.metadata,
        event_time=obj.event_time,
        series=_shown_series(obj.series),
        reporting_controller=obj.reporting_component,
        reporting_instance=obj.reporting_instance,
        action=obj.action,
        reason=obj.reason,
        regarding=obj.involved_object,
        related=obj.related,
        note=obj.message,
        type=obj.type,
        deprecated_source=obj.source,
        deprecated_first_timestamp=obj.first_timestamp,
        deprecated_last_timestamp=obj.last_timestamp,
        deprecated_count=obj.count,
    )


EVENTS: Final = View(
    core_v1.Event,
    to_stored,
    from_stored,
    rules=Rules(check_create=checks.new_event, check_update=checks.event_update, create_on_update=True),
)
