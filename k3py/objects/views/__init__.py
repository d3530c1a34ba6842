"""Versions of kinds that are not stored themselves: converted on the way in and out, as Kubernetes converts them."""

from collections.abc import Mapping
from typing import Final

from k3py.model import codec
from k3py.model.generated import autoscaling_v1, events_v1
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.objects.views.autoscaling import AUTOSCALERS
from k3py.objects.views.events import EVENTS
from k3py.objects.views.view import View

VIEWS: Final[Mapping[type[Wire], View]] = {
    autoscaling_v1.HorizontalPodAutoscaler: AUTOSCALERS,
    events_v1.Event: EVENTS,
}


def of(kind: type[Wire]) -> View | None:
    """How a Struct class is converted; None when it is stored itself."""
    return VIEWS.get(kind)


def shown(kind: Kind, raw: bytes) -> bytes:
    """Stored JSON as the kind shows it: as it is, or converted for a view."""
    view = of(kind.type) if kind.view_of is not None else None
    return raw if view is None else codec.encode(view.from_stored(raw))
