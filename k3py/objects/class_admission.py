"""Classes of ingresses and priorities in view of the cluster: which one is the default.

Source: Kubernetes' admission plugins DefaultIngressClass and Priority.
"""

from typing import Any, Final

from k3py.model import codec
from k3py.model.errors import forbidden
from k3py.model.generated import networking_v1, scheduling_v1
from k3py.model.registry import Kind
from k3py.objects.validation.ingress import CLASS_ANNOTATION
from k3py.store.store import Store

DEFAULT_ANNOTATION: Final = "ingressclass.kubernetes.io/is-default-class"
INGRESS_CLASSES: Final = "ingressclasses"
PRIORITY_CLASSES: Final = "priorityclasses"


def complete_ingress(store: Store, obj: networking_v1.Ingress) -> None:
    """A new ingress that names no class is of the default one: of several the newest, then the first by name."""
    if obj.spec.ingress_class_name is not None or CLASS_ANNOTATION in obj.metadata.annotations:
        return
    classes = [
        codec.decode(networking_v1.IngressClass, record.raw) for record in store.list_latest(INGRESS_CLASSES, None)
    ]
    defaults = [each.metadata for each in classes if each.metadata.annotations.get(DEFAULT_ANNOTATION) == "true"]
    if defaults:
        newest = max(each.creation_timestamp or "" for each in defaults)
        obj.spec.ingress_class_name = min(each.name for each in defaults if (each.creation_timestamp or "") == newest)


def check_priority_class(store: Store, kind: Kind, obj: scheduling_v1.PriorityClass) -> None:
    """There is one default at most.

    Raises:
        Forbidden: another class is the default already.
    """
    if not obj.global_default:
        return
    for record in store.list_latest(PRIORITY_CLASSES, None):
        other: Any = codec.decode(scheduling_v1.PriorityClass, record.raw)
        if other.global_default and other.metadata.name != obj.metadata.name:
            why = f"PriorityClass {other.metadata.name} is already marked as default. Only one default can exist"
            raise forbidden(kind.plural, kind.group, obj.metadata.name, why)
