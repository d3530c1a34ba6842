"""What is wrong with an access review. Source: Kubernetes ``pkg/apis/authorization/validation``."""

from dataclasses import replace
from typing import Final

import msgspec

from k3py.model.errors import invalid
from k3py.model.generated import authorization_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.objects.fields import Errors
from k3py.objects.identity import place
from k3py.objects.validation.scheduling import label_selector

GROUP: Final = "authorization.k8s.io"
_SELECTOR: Final = "must be specified when `operator` is 'In' or 'NotIn'"
_NO_VALUES: Final = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"

AccessReview = (
    authorization_v1.SubjectAccessReview
    | authorization_v1.LocalSubjectAccessReview
    | authorization_v1.SelfSubjectAccessReview
)


def check_access_review(review: AccessReview, namespace: str) -> None:
    """Refuse a review that cannot be answered; ``namespace`` is the request's, empty for those of the cluster.

    Raises:
        Invalid: everything that is wrong. BadRequest: it is of another namespace than the request.
    """
    wrong = Errors()
    local = isinstance(review, authorization_v1.LocalSubjectAccessReview)
    if local:
        place(KINDS.of(authorization_v1.LocalSubjectAccessReview), namespace, review.metadata)
    _spec(review.spec, wrong)
    _metadata(review.metadata, local, wrong)
    if isinstance(review, authorization_v1.LocalSubjectAccessReview):
        _local(review.spec, namespace, wrong)
    if wrong:
        raise invalid("", GROUP, "", wrong.causes)


def _spec(
    spec: authorization_v1.SubjectAccessReviewSpec | authorization_v1.SelfSubjectAccessReviewSpec, wrong: Errors
) -> None:
    resource, other = spec.resource_attributes, spec.non_resource_attributes
    if resource is not None and other is not None:
        detail = "cannot be specified in combination with resourceAttributes"
        wrong.invalid("spec.nonResourceAttributes", _shown(other), detail)
    if resource is None and other is None:
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        wrong.invalid("spec.resourceAttributes", None, detail)
    if isinstance(spec, authorization_v1.SubjectAccessReviewSpec) and not spec.user and not spec.groups:
        wrong.invalid("spec.user", "", "at least one of user or group must be specified")
    if resource is not None:
        _selectors(resource, "spec.resourceAttributes", wrong)


def _metadata(metadata: meta_v1.ObjectMeta, local: bool, wrong: Errors) -> None:
    known = {"managed_fields": [], **({"namespace": ""} if local else {})}
    if msgspec.structs.replace(metadata, **known) != meta_v1.ObjectMeta():
        wrong.invalid("metadata", metadata, f"must be empty{' except for namespace' if local else ''}")


def _local(spec: authorization_v1.SubjectAccessReviewSpec, namespace: str, wrong: Errors) -> None:
    resource, other = spec.resource_attributes, spec.non_resource_attributes
    if resource is not None and resource.namespace != namespace:
        wrong.invalid("spec.resourceAttributes.namespace", resource.namespace, "must match metadata.namespace")
    if other is not None:
        wrong.invalid("spec.nonResourceAttributes", _shown(other), "disallowed on this kind of request")


def _shown(attributes: authorization_v1.NonResourceAttributes) -> dict[str, str]:
    return {"Path": attributes.path, "Verb": attributes.verb}


def _selectors(resource: authorization_v1.ResourceAttributes, path: str, wrong: Errors) -> None:
    fields, labels = resource.field_selector, resource.label_selector
    if fields is not None:
        place = f"{path}.fieldSelector"
        _one_of(fields.raw_selector, bool(fields.requirements), place, wrong)
        for index, each in enumerate(fields.requirements):
            _field(each, f"{place}.requirements[{index}]", wrong)
    if labels is not None:
        place = f"{path}.labelSelector"
        _one_of(labels.raw_selector, bool(labels.requirements), place, wrong)
        found = Errors()
        known = [each for each in labels.requirements if each.operator in ("In", "NotIn", "Exists", "DoesNotExist")]
        label_selector(meta_v1.LabelSelector(match_expressions=known), place, found)
        for cause in found.causes:
            where = cause.field.replace(".matchExpressions[", ".requirements[")
            wrong.causes.append(replace(cause, field=where))


def _one_of(raw: str, required: bool, path: str, wrong: Errors) -> None:
    if raw and required:
        wrong.invalid(f"{path}.rawSelector", raw, "may not specified at the same time as requirements")
    elif not raw and not required:
        wrong.required(f"{path}.requirements", f"when {path} is specified, requirements or rawSelector is required")


def _field(requirement: meta_v1.FieldSelectorRequirement, path: str, wrong: Errors) -> None:
    """A client may know operators that this server does not."""
    if requirement.operator in ("In", "NotIn") and not requirement.values:
        wrong.required(f"{path}.values", _SELECTOR)
    elif requirement.operator in ("Exists", "DoesNotExist") and requirement.values:
        wrong.forbidden(f"{path}.values", _NO_VALUES)
    if not requirement.key:
        wrong.required(f"{path}.key", "must be specified")
