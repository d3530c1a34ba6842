"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import core_v1, meta_v1
from k3py.model.struct import Int32, Wire, null, zero_int


class EventSeries(Wire):
    """io.k8s.api.events.v1.EventSeries"""

    count: Int32 = field(default_factory=zero_int)
    last_observed_time: str | None = field(default_factory=null)


class Event(Wire):
    """io.k8s.api.events.v1.Event"""

    kind: str = field(default_factory=lambda: "Event")
    api_version: str = field(default_factory=lambda: "events.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    event_time: str | None = field(default_factory=null)
    series: EventSeries | None = None
    reporting_controller: str = ""
    reporting_instance: str = ""
    action: str = ""
    reason: str = ""
    regarding: core_v1.ObjectReference = field(default_factory=core_v1.ObjectReference)
    related: core_v1.ObjectReference | None = None
    note: str = ""
    type: str = ""
    deprecated_source: core_v1.EventSource = field(default_factory=core_v1.EventSource)
    deprecated_first_timestamp: str | None = field(default_factory=null)
    deprecated_last_timestamp: str | None = field(default_factory=null)
    deprecated_count: Int32 = 0
