"""Defaults of replication controllers and pod templates. Source: Kubernetes ``pkg/apis/core/v1/defaults.go``."""

from k3py.model.generated import core_v1
from k3py.objects.defaults.pods import template_spec


def replication_controller(obj: core_v1.ReplicationController) -> None:
    """One replica, with the template's labels."""
    spec = obj.spec
    if spec.template is not None:
        labels = spec.template.metadata.labels
        spec.selector = spec.selector or dict(labels)
        obj.metadata.labels = obj.metadata.labels or dict(labels)
        template_spec(spec.template.spec)
    if spec.replicas is None:
        spec.replicas = 1


def pod_template(obj: core_v1.PodTemplate) -> None:
    """A pod's defaults."""
    template_spec(obj.template.spec)


def template_changed(new: core_v1.PodTemplate, old: core_v1.PodTemplate) -> bool:
    """A PodTemplate has no spec: its generation moves with its template."""
    return new.template != old.template
