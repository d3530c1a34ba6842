"""Checks of events as core/v1 has them. Source: Kubernetes ``pkg/apis/core/validation/events.go``."""

from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors

_SHORT_MAX: Final = 128
_NOTE_MAX: Final = 1024
_MISMATCH: Final = "does not match event.namespace"


def event(obj: core_v1.Event, wrong: Errors, controller: str = "reportingComponent") -> None:
    """An event lives where its object does; one with ``eventTime`` says who did what.

    ``controller``: what the version that it is written in calls the reporting component.
    """
    namespace, about = obj.metadata.namespace, obj.involved_object.namespace
    if obj.event_time is None:
        if namespace != about and (about or namespace not in ("", "default")):
            wrong.invalid("involvedObject.namespace", about, _MISMATCH)
    else:
        if not about and namespace not in ("default", "kube-system"):
            wrong.invalid("involvedObject.namespace", about, _MISMATCH)
        _reported(obj, controller, wrong)
    wrong.each_invalid("namespace", namespace, names.dns_1123_subdomain(namespace))


def _reported(obj: core_v1.Event, controller: str, wrong: Errors) -> None:
    component = obj.reporting_component
    if not component:
        wrong.required(controller)
    wrong.each_invalid(controller, component, names.qualified_name(component))
    for path, text in (("reportingInstance", obj.reporting_instance), ("action", obj.action), ("reason", obj.reason)):
        if not text:
            wrong.required(path)
        _bounded(path, text, _SHORT_MAX, wrong)
    _bounded("message", obj.message, _NOTE_MAX, wrong)


def _bounded(path: str, text: str, maximum: int, wrong: Errors) -> None:
    if len(text.encode()) > maximum:
        wrong.invalid(path, "", f"can have at most {maximum} characters")
