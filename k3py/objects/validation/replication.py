"""Checks of replication controllers and pod templates."""

from k3py.model.generated import core_v1
from k3py.model.generated.meta_v1 import LabelSelector
from k3py.model.selectors import from_struct
from k3py.objects.fields import Errors
from k3py.objects.validation import templates
from k3py.objects.validation.workloads import replica_counts


def replication_controller(obj: core_v1.ReplicationController, wrong: Errors) -> None:
    """A selector that finds the template's pods, which start again for ever."""
    spec, path = obj.spec, "spec.template"
    wrong.not_negative("spec.minReadySeconds", spec.min_ready_seconds)
    if not spec.selector:
        wrong.required("spec.selector")
    if spec.replicas is None:
        wrong.required("spec.replicas")
    wrong.not_negative("spec.replicas", spec.replicas)
    if spec.template is None:
        wrong.required(path)
        return
    if spec.selector:
        wanted = from_struct(LabelSelector(match_labels=spec.selector))
        templates.labels_match(wanted, spec.template, path, wrong)
    templates.pod_template(spec.template, path, wrong)
    templates.only_always(spec.template, path, "ReplicationController", wrong)


def replication_controller_update(
    new: core_v1.ReplicationController, old: core_v1.ReplicationController, wrong: Errors
) -> None:
    """Anything may change. Kubernetes looks at the spec twice, and its causes say so."""
    del old
    replication_controller(new, wrong)


def replication_controller_status(
    new: core_v1.ReplicationController, old: core_v1.ReplicationController, wrong: Errors
) -> None:
    """Numbers fit together."""
    del old
    replica_counts(new.status, wrong)


def replication_controller_warnings(obj: core_v1.ReplicationController) -> list[str]:
    """What the user should hear of a new replication controller."""
    return templates.name_warnings(obj.metadata.name) + _template_warnings(obj)


def replication_controller_update_warnings(
    new: core_v1.ReplicationController, old: core_v1.ReplicationController
) -> list[str]:
    """What the user should hear of a change: nothing new while the generation stays."""
    return [] if new.metadata.generation == old.metadata.generation else _template_warnings(new)


def _template_warnings(obj: core_v1.ReplicationController) -> list[str]:
    return [] if obj.spec.template is None else templates.warnings_of(obj.spec.template, "template")


def pod_template(obj: core_v1.PodTemplate, wrong: Errors) -> None:
    """Everything that is wrong with a template that nobody uses yet."""
    templates.pod_template(obj.template, "template", wrong)


def pod_template_warnings(obj: core_v1.PodTemplate) -> list[str]:
    """What the user should hear of a template."""
    return templates.warnings_of(obj.template, "template")
