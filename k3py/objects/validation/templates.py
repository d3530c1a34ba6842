"""Checks of pod templates and of the selectors that have to find their pods.

Source: Kubernetes ``pkg/apis/apps/validation`` and ``pkg/apis/core/validation``.
"""

from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1, meta_v1
from k3py.model.selectors import Selector, from_struct
from k3py.objects.fields import Errors
from k3py.objects.meta import check_annotations, check_labels
from k3py.objects.validation import pod_annotations
from k3py.objects.validation.pods import pod_spec, template_warnings
from k3py.objects.validation.scheduling import label_selector

_MISMATCH: Final = "`selector` does not match template `labels`"


def pod_template(template: core_v1.PodTemplateSpec, path: str, wrong: Errors) -> None:
    """Everything that is wrong with a template, whoever makes pods of it."""
    check_labels(f"{path}.labels", template.metadata.labels, wrong)
    check_annotations(f"{path}.annotations", template.metadata.annotations, wrong)
    pod_spec(template.spec, template.metadata, f"{path}.spec", wrong)
    pod_annotations.match_fields(template.metadata.annotations, template.spec, f"{path}.spec", wrong)
    pod_annotations.match_app_armor(template.metadata.annotations, template.spec, f"{path}.spec", wrong)
    if template.spec.ephemeral_containers:
        wrong.forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template")


def only_always(template: core_v1.PodTemplateSpec, path: str, kind: str, wrong: Errors) -> None:
    """Pods of kinds that replace them for ever: they start again, and no deadline ends them."""
    spec = template.spec
    if spec.restart_policy and spec.restart_policy != "Always":
        wrong.unsupported(f"{path}.spec.restartPolicy", spec.restart_policy, ("Always",))
    if spec.active_deadline_seconds is not None:
        wrong.forbidden(
            f"{path}.spec.activeDeadlineSeconds", f"activeDeadlineSeconds in {kind} is not Supported"
        )  # fmt: skip


def own_selector(selector: meta_v1.LabelSelector | None, path: str, kind: str, wrong: Errors) -> None:
    """A selector that has to be there and to select something; ``kind`` as messages name it."""
    if selector is None:
        wrong.required(path)
        return
    label_selector(selector, path, wrong)
    if is_empty(selector):
        wrong.invalid(path, selector, f"empty selector is invalid for {kind}")


def is_empty(selector: meta_v1.LabelSelector) -> bool:
    """Whether it says nothing, and so selects everything."""
    return not selector.match_labels and not selector.match_expressions


def compiled(selector: meta_v1.LabelSelector | None) -> Selector | None:
    """What matches labels; None when the selector cannot be used."""
    if selector is not None:
        wrong = Errors()
        label_selector(selector, "", wrong)
        if wrong:
            return None
    return from_struct(selector)


def labels_match(selector: Selector, template: core_v1.PodTemplateSpec, path: str, wrong: Errors) -> None:
    """The selector finds the pods that the template makes."""
    if not selector.matches(template.metadata.labels):
        wrong.invalid(f"{path}.metadata.labels", template.metadata.labels or None, _MISMATCH)


def warnings_of(template: core_v1.PodTemplateSpec, path: str) -> list[str]:
    """What the user should hear of a template."""
    return template_warnings(template.spec, f"{path}.spec", template.metadata)


def name_warnings(name: str) -> list[str]:
    """Pods take names after their owner, and hosts after pods: a name with dots surprises."""
    said = names.dns_1123_label(name)
    if not said:
        return []
    return [
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label"
        f" is recommended: [{' '.join(said)}]"
    ]
