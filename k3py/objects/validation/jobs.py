"""Checks of Jobs and of what jobs are made from. Source: Kubernetes ``pkg/apis/batch/validation``."""

import re
from typing import Final

from k3py.model import names
from k3py.model.generated import batch_v1, core_v1
from k3py.objects.defaults.jobs import CONTROLLER_UID, JOB_NAME, LEGACY_CONTROLLER_UID, LEGACY_JOB_NAME
from k3py.objects.fields import Errors
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.go_templates import template_names
from k3py.objects.validation.job_policies import failure_policy, replacement_policy, success_policy
from k3py.objects.validation.scheduling import label_selector
from k3py.objects.validation.templates import compiled, labels_match, name_warnings, pod_template, warnings_of

COMPLETION_MODES: Final = ("NonIndexed", "Indexed")
PARALLELISM_MAX: Final = 100_000
FAILED_INDEXES_MAX: Final = 100_000
# Beyond so many completions, what a status has to list is bounded more tightly.
MANY_COMPLETIONS: Final = 100_000
PARALLELISM_OF_MANY_MAX: Final = 10_000
FAILED_INDEXES_OF_MANY_MAX: Final = 10_000
MANAGED_BY_LENGTH_MAX: Final = 63
_PATH_PATTERN: Final = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_PATH: Final = re.compile(_PATH_PATTERN, re.ASCII)
_TOO_MANY_TO_TRACK: Final = (
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might"
    " not be able to track completedIndexes when a big number of indexes fail"
)


def job(obj: batch_v1.Job, wrong: Errors) -> None:
    """A Job's selector and spec, and that its pods get names that they can have."""
    _generated_selector(obj, wrong)
    _spec_and_selector(obj.spec, wrong)
    completions = obj.spec.completions
    if is_indexed(obj.spec) and completions is not None and completions > 0:
        longest = f"{obj.metadata.name}-{completions - 1}"
        if names.dns_1123_label(longest):
            detail = f"will not able to create pod with invalid DNS label: {longest}"
            wrong.invalid("metadata.name", obj.metadata.name, detail)


def job_update(new: batch_v1.Job, old: batch_v1.Job, wrong: Errors) -> None:
    """What pods were made after stays. Kubernetes looks at the spec twice, and its causes say so."""
    _spec_and_selector(new.spec, wrong)
    _completions_update(new.spec, old.spec, wrong)
    wrong.immutable("spec.selector", new.spec.selector, old.spec.selector)
    if not _same_template(new, old):
        wrong.invalid("spec.template", template_names(new.spec.template), "field is immutable")
    wrong.immutable("spec.completionMode", new.spec.completion_mode, old.spec.completion_mode)
    for path, after, before in (
        ("podFailurePolicy", new.spec.pod_failure_policy, old.spec.pod_failure_policy),
        ("backoffLimitPerIndex", new.spec.backoff_limit_per_index, old.spec.backoff_limit_per_index),
        ("managedBy", new.spec.managed_by, old.spec.managed_by),
        ("successPolicy", new.spec.success_policy, old.spec.success_policy),
    ):
        if after != before:
            wrong.invalid(f"spec.{path}", go_names(after), "field is immutable")


def is_indexed(spec: batch_v1.JobSpec) -> bool:
    """Whether each pod has an index of its own."""
    return spec.completion_mode == "Indexed"


def warnings(obj: batch_v1.Job) -> list[str]:
    """What the user should hear of a new Job."""
    return name_warnings(obj.metadata.name) + spec_warnings(obj.spec, "spec")


def update_warnings(new: batch_v1.Job, old: batch_v1.Job) -> list[str]:
    """What the user should hear of a change: nothing new while the generation stays."""
    return spec_warnings(new.spec, "spec") if new.metadata.generation != old.metadata.generation else []


def spec_warnings(spec: batch_v1.JobSpec, path: str) -> list[str]:
    """What the user should hear of a job's spec, its own or a template's."""
    said = []
    many = (spec.completions or 0) > MANY_COMPLETIONS and (spec.parallelism or 0) > PARALLELISM_OF_MANY_MAX
    if is_indexed(spec) and many:
        said.append(f"{path}: {_TOO_MANY_TO_TRACK}")
    return said + warnings_of(spec.template, f"{path}.template")


def job_spec(spec: batch_v1.JobSpec, path: str, wrong: Errors) -> None:
    """A job's spec but for its selector."""
    for name, value in (
        ("parallelism", spec.parallelism),
        ("completions", spec.completions),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index),
        ("maxFailedIndexes", spec.max_failed_indexes),
    ):
        wrong.not_negative(f"{path}.{name}", value)
    if spec.max_failed_indexes is not None and spec.backoff_limit_per_index is None:
        wrong.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if spec.managed_by is not None:
        _managed_by(spec.managed_by, f"{path}.managedBy", wrong)
    _completion_mode(spec, path, wrong)
    if spec.pod_failure_policy is not None:
        failure_policy(spec.pod_failure_policy, spec, f"{path}.podFailurePolicy", wrong)
    if spec.success_policy is not None:
        if is_indexed(spec):
            success_policy(spec.success_policy, spec.completions or 0, f"{path}.successPolicy", wrong)
        else:
            wrong.invalid(f"{path}.successPolicy", go_names(spec.success_policy), "requires indexed completion mode")
    replacement_policy(spec, f"{path}.podReplacementPolicy", wrong)
    pod_template(spec.template, f"{path}.template", wrong)
    _restart_policy(spec, f"{path}.template.spec.restartPolicy", wrong)


def _spec_and_selector(spec: batch_v1.JobSpec, wrong: Errors) -> None:
    job_spec(spec, "spec", wrong)
    if spec.selector is None:
        wrong.required("spec.selector")
    else:
        label_selector(spec.selector, "spec.selector", wrong)
    found = compiled(spec.selector)
    if found is not None:
        labels_match(found, spec.template, "spec.template", wrong)


def _generated_selector(obj: batch_v1.Job, wrong: Errors) -> None:
    """Labels and selector that the server made are as it made them."""
    selector = obj.spec.selector
    if obj.spec.manual_selector or selector is None:
        return
    expected = {
        LEGACY_CONTROLLER_UID: obj.metadata.uid,
        LEGACY_JOB_NAME: obj.metadata.name,
        CONTROLLER_UID: obj.metadata.uid,
        JOB_NAME: obj.metadata.name,
    }
    labels = obj.spec.template.metadata.labels
    for key, value in expected.items():
        path = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            wrong.required(path, f"must be '{value}'")
        elif labels[key] != value:
            wrong.invalid(path, labels, f"must be '{value}'")
    found = compiled(selector)
    if found is not None and not found.matches(expected):
        wrong.invalid("spec.selector", selector, "`selector` not auto-generated")


def _managed_by(name: str, path: str, wrong: Errors) -> None:
    """A path below a domain: ``example.com/queue``."""
    domain, _, rest = name.partition("/")
    if not name:
        wrong.required(path)
    elif not domain or not rest:
        wrong.invalid(path, name, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        wrong.each_invalid(path, domain, names.dns_1123_subdomain(domain))
        if not _PATH.fullmatch(rest):
            wrong.invalid(path, rest, names.mismatch("Invalid path", _PATH_PATTERN))
    if len(name.encode()) > MANAGED_BY_LENGTH_MAX:
        wrong.too_long(path, MANAGED_BY_LENGTH_MAX)


def _completion_mode(spec: batch_v1.JobSpec, path: str, wrong: Errors) -> None:
    mode = spec.completion_mode
    if mode is not None and mode not in COMPLETION_MODES:
        wrong.unsupported(f"{path}.completionMode", mode, COMPLETION_MODES)
    if mode == "Indexed":
        _indexed(spec, path, wrong)
    elif mode in (None, "NonIndexed"):
        for name, value in (
            ("backoffLimitPerIndex", spec.backoff_limit_per_index),
            ("maxFailedIndexes", spec.max_failed_indexes),
        ):
            if value is not None:
                wrong.invalid(f"{path}.{name}", value, "requires indexed completion mode")


def _indexed(spec: batch_v1.JobSpec, path: str, wrong: Errors) -> None:
    completions, parallelism, failed = spec.completions, spec.parallelism, spec.max_failed_indexes
    if completions is None:
        wrong.required(f"{path}.completions", "when completion mode is Indexed")
    if parallelism is not None and parallelism > PARALLELISM_MAX:
        detail = f"must be less than or equal to {PARALLELISM_MAX} when completion mode is Indexed"
        wrong.invalid(f"{path}.parallelism", parallelism, detail)
    if completions is not None and failed is not None and failed > completions:
        wrong.invalid(f"{path}.maxFailedIndexes", failed, "must be less than or equal to completions")
    if failed is not None and failed > FAILED_INDEXES_MAX:
        wrong.invalid(f"{path}.maxFailedIndexes", failed, f"must be less than or equal to {FAILED_INDEXES_MAX}")
    if completions is None or completions <= MANY_COMPLETIONS or spec.backoff_limit_per_index is None:
        return
    rest = f"when completions are above {MANY_COMPLETIONS} and used with backoff limit per index"
    if failed is None:
        detail = f"must be specified when completions is above {MANY_COMPLETIONS}"
        wrong.required(f"{path}.maxFailedIndexes", detail)
    if parallelism is not None and parallelism > PARALLELISM_OF_MANY_MAX:
        detail = f"must be less than or equal to {PARALLELISM_OF_MANY_MAX} {rest}"
        wrong.invalid(f"{path}.parallelism", parallelism, detail)
    if failed is not None and failed > FAILED_INDEXES_OF_MANY_MAX:
        detail = f"must be less than or equal to {FAILED_INDEXES_OF_MANY_MAX} {rest}"
        wrong.invalid(f"{path}.maxFailedIndexes", failed, detail)


def _restart_policy(spec: batch_v1.JobSpec, path: str, wrong: Errors) -> None:
    """Pods of a job come to an end."""
    policy = spec.template.spec.restart_policy
    if policy in ("", "Always"):
        wrong.required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        wrong.unsupported(path, policy, ("OnFailure", "Never"))
    elif spec.pod_failure_policy is not None and policy != "Never":
        wrong.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _completions_update(new: batch_v1.JobSpec, old: batch_v1.JobSpec, wrong: Errors) -> None:
    """Only an Indexed Job grows and shrinks, and its parallelism with it."""
    if not is_indexed(new):
        wrong.immutable("spec.completions", new.completions, old.completions)
    elif new.completions not in (old.completions, None, new.parallelism):
        wrong.invalid("spec.completions", new.completions, "can only be modified in tandem with spec.parallelism")


def _same_template(new: batch_v1.Job, old: batch_v1.Job) -> bool:
    """Whether the template is the same, but for what may change while a job is suspended and no pod of it runs."""
    after, before = new.spec.template, old.spec.template
    if after == before:
        return True
    return _rests(old) and _comparable(after) == _comparable(before)


def _rests(job: batch_v1.Job) -> bool:
    return bool(job.spec.suspend) and not job.status.active


def _comparable(template: core_v1.PodTemplateSpec) -> tuple[object, ...]:
    """A template without where its pods run and what they ask for."""
    spec = template.spec
    affinity = spec.affinity or core_v1.Affinity()
    freed = {"affinity", "node_selector", "tolerations", "scheduling_gates", "containers", "init_containers"}
    rest = [getattr(spec, name) for name in spec.__struct_fields__ if name not in freed]
    meta = [
        getattr(template.metadata, name)
        for name in template.metadata.__struct_fields__
        if name not in ("labels", "annotations")
    ]
    return (
        meta,
        rest,
        (affinity.pod_affinity, affinity.pod_anti_affinity),
        [_without_resources(each) for each in (*spec.init_containers, *spec.containers)],
        len(spec.containers),
    )


def _without_resources(container: core_v1.Container) -> tuple[object, ...]:
    fields = [getattr(container, name) for name in container.__struct_fields__ if name != "resources"]
    return (*fields, container.resources.claims)
