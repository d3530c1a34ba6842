"""Defaults of Jobs and CronJobs, and the labels that tie a Job's pods to it.

Source: Kubernetes ``pkg/apis/batch/v1/defaults.go`` and ``pkg/registry/batch/job/strategy.go``.
"""

from typing import Final

from k3py.model.generated import batch_v1, meta_v1
from k3py.objects.defaults.pods import template_spec

BACKOFF_LIMIT: Final = 6
# Each index has its own limit then, and all together have none.
BACKOFF_LIMIT_PER_INDEX: Final = 2**31 - 1
SUCCESSFUL_HISTORY: Final = 3
FAILED_HISTORY: Final = 1
CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"
JOB_NAME: Final = "batch.kubernetes.io/job-name"
LEGACY_CONTROLLER_UID: Final = "controller-uid"
LEGACY_JOB_NAME: Final = "job-name"


def job(obj: batch_v1.Job) -> None:
    """One pod at a time until one succeeded; labelled as its pods are."""
    spec = obj.spec
    if spec.parallelism is None:
        spec.parallelism = 1
        if spec.completions is None:
            spec.completions = 1
    if spec.backoff_limit is None:
        spec.backoff_limit = BACKOFF_LIMIT if spec.backoff_limit_per_index is None else BACKOFF_LIMIT_PER_INDEX
    _label_as_pods(obj)
    spec.completion_mode = "NonIndexed" if spec.completion_mode is None else spec.completion_mode
    spec.suspend = bool(spec.suspend)
    spec.manual_selector = bool(spec.manual_selector)
    if spec.pod_replacement_policy is None:
        spec.pod_replacement_policy = "TerminatingOrFailed" if spec.pod_failure_policy is None else "Failed"
    _job_spec(spec)


def cron_job(obj: batch_v1.CronJob) -> None:
    """Jobs that may overlap, of which the last few are kept. The job's own defaults come with each job."""
    spec = obj.spec
    spec.concurrency_policy = spec.concurrency_policy or "Allow"
    spec.suspend = bool(spec.suspend)
    if spec.successful_jobs_history_limit is None:
        spec.successful_jobs_history_limit = SUCCESSFUL_HISTORY
    if spec.failed_jobs_history_limit is None:
        spec.failed_jobs_history_limit = FAILED_HISTORY
    _job_spec(spec.job_template.spec)


def new_job(obj: batch_v1.Job) -> None:
    """A selector and labels that no other job has, unless the user chooses them."""
    spec, meta = obj.spec, obj.metadata
    if not spec.manual_selector:
        labels = spec.template.metadata.labels
        for key, value in (
            (LEGACY_JOB_NAME, meta.name),
            (JOB_NAME, meta.name),
            (LEGACY_CONTROLLER_UID, meta.uid),
            (CONTROLLER_UID, meta.uid),
        ):
            labels.setdefault(key, value)
        if spec.selector is None:
            spec.selector = meta_v1.LabelSelector()
        spec.selector.match_labels.setdefault(CONTROLLER_UID, meta.uid)
    _label_as_pods(obj)


def _label_as_pods(obj: batch_v1.Job) -> None:
    if not obj.metadata.labels:
        obj.metadata.labels = dict(obj.spec.template.metadata.labels)


def _job_spec(spec: batch_v1.JobSpec) -> None:
    for rule in spec.pod_failure_policy.rules if spec.pod_failure_policy is not None else ():
        for pattern in rule.on_pod_conditions:
            pattern.status = pattern.status or "True"
    template_spec(spec.template.spec)
