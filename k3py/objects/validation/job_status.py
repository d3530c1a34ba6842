"""What the status of a Job may be and become, whoever manages it. Source: Kubernetes ``pkg/apis/batch/validation``.

A rule is asked only when something that it speaks of changed: an object that breaks it already can still be repaired.
"""

from collections.abc import Iterable
from typing import Final

from k3py.base.clock import parse_rfc3339
from k3py.model.generated import batch_v1
from k3py.objects.fields import Errors
from k3py.objects.validation import job_indexes
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.jobs import is_indexed

_CONDITIONS: Final = "status.conditions"
_LASTING: Final = ("Failed", "Complete", "FailureTarget")


def job_status(new: batch_v1.Job, old: batch_v1.Job, wrong: Errors) -> None:
    """The numbers, conditions, times and indexes of a status, and how they may move."""
    _numbers(new.status, wrong)
    _complete(new, old, wrong)
    _finished(new, old, wrong)
    _indexes(new, old, wrong)
    _pods_left(new, old, wrong)
    _success_criteria(new, wrong)
    _moves(new, old, wrong)


def has(job: batch_v1.Job, *conditions: str) -> bool:
    """Whether one of the conditions is true."""
    return any(each.type in conditions and each.status == "True" for each in job.status.conditions)


def _changed(new: batch_v1.Job, old: batch_v1.Job, *conditions: str) -> bool:
    return any(has(new, each) != has(old, each) for each in conditions)


def _numbers(status: batch_v1.JobStatus, wrong: Errors) -> None:
    for name, value in (
        ("active", status.active),
        ("succeeded", status.succeeded),
        ("failed", status.failed),
        ("ready", status.ready),
        ("terminating", status.terminating),
    ):
        wrong.not_negative(f"status.{name}", value)
    pods = status.uncounted_terminated_pods
    if pods is not None:
        seen: set[str] = set()
        _uids(pods.succeeded, seen, "status.uncountedTerminatedPods.succeeded", wrong)
        _uids(pods.failed, seen, "status.uncountedTerminatedPods.failed", wrong)


def _uids(uids: Iterable[str], seen: set[str], path: str, wrong: Errors) -> None:
    for index, uid in enumerate(uids):
        if not uid:
            wrong.invalid(f"{path}[{index}]", uid, "must not be empty")
        elif uid in seen:
            wrong.duplicate(f"{path}[{index}]", uid)
        seen.add(uid)


def _complete(new: batch_v1.Job, old: batch_v1.Job, wrong: Errors) -> None:
    """A job that is complete did not fail, and says when it was; each end was announced."""
    status, is_complete = new.status, has(new, "Complete")
    if is_complete and has(new, "Failed") and _changed(new, old, "Complete", "Failed"):
        wrong.unfit(_CONDITIONS, "cannot set Complete=True and Failed=true conditions")
    if is_complete and has(new, "FailureTarget") and _changed(new, old, "Complete", "FailureTarget"):
        wrong.unfit(_CONDITIONS, "cannot set Complete=True and FailureTarget=true conditions")
    started, ended = status.start_time, status.completion_time
    end_changed = ended != old.status.completion_time
    if end_changed or _changed(new, old, "Complete"):
        if ended is not None and not is_complete:
            detail = "cannot set completionTime when there is no Complete=True condition"
            wrong.invalid("status.completionTime", ended, detail)
        if ended is None and is_complete:
            wrong.required("status.completionTime", "completionTime is required for Complete jobs")
    if (end_changed or started != old.status.start_time) and _is_before(ended, started):
        wrong.invalid("status.completionTime", ended, "completionTime cannot be set before startTime")
    if has(new, "Failed") and not has(new, "FailureTarget") and _changed(new, old, "Failed", "FailureTarget"):
        wrong.unfit(_CONDITIONS, "cannot set Failed=True condition without the FailureTarget=true condition")
    if is_complete and not has(new, "SuccessCriteriaMet") and _changed(new, old, "Complete", "SuccessCriteriaMet"):
        wrong.unfit(_CONDITIONS, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition")


def _is_before(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and parse_rfc3339(one) < parse_rfc3339(other)


def _finished(new: batch_v1.Job, old: batch_v1.Job, wrong: Errors) -> None:
    """A finished job was started, and nothing of it runs or is still to be counted."""
    if not has(new, "Complete", "Failed"):
        return
    status, before = new.status, old.status
    now_finished = not has(old, "Complete", "Failed")
    if status.active > 0 and (now_finished or status.active != before.active):
        wrong.invalid("status.active", status.active, "active>0 is invalid for finished job")
    if status.start_time is None and (now_finished or before.start_time is not None):
        wrong.required("status.startTime", "startTime is required for finished job")
    pods = status.uncounted_terminated_pods
    pods_changed = now_finished or pods != before.uncounted_terminated_pods
    if pods is not None and (pods.failed or pods.succeeded) and pods_changed:
        detail = "uncountedTerminatedPods needs to be empty for finished job"
        wrong.invalid("status.uncountedTerminatedPods", go_names(pods), detail)


def _indexes(new: batch_v1.Job, old: batch_v1.Job, wrong: Errors) -> None:
    """Indexes are below the completions; none has both failed and succeeded."""
    completed, failed = new.status.completed_indexes, new.status.failed_indexes
    completed_changed = completed != old.status.completed_indexes
    failed_changed = failed != old.status.failed_indexes
    completions = new.spec.completions
    if completed_changed and completions is not None:
        _readable("completedIndexes", completed, completions, wrong)
    has_limits = new.spec.backoff_limit_per_index is not None
    if failed_changed and failed is not None and completions is not None and has_limits:
        _readable("failedIndexes", failed, completions, wrong)
    if completed_changed and completed and not is_indexed(new.spec):
        detail = "cannot set non-empty completedIndexes when non-indexed completion mode"
        wrong.invalid("status.completedIndexes", completed, detail)
    if failed_changed and failed is not None and new.spec.backoff_limit_per_index is None:
        detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        wrong.invalid("status.failedIndexes", failed, detail)
    if (failed_changed or completed_changed) and completions is not None and failed is not None:
        both = job_indexes.overlap(completed, failed, completions)
        if both is not None:
            detail = f"failedIndexes and completedIndexes overlap at index: {both}"
            wrong.invalid("status.failedIndexes", failed, detail)


def _readable(name: str, indexes: str, completions: int, wrong: Errors) -> None:
    try:
        job_indexes.count(indexes, completions)
    except ValueError as error:
        wrong.invalid(f"status.{name}", indexes, f"error parsing {name}: {error}")


def _pods_left(new: batch_v1.Job, old: batch_v1.Job, wrong: Errors) -> None:
    """Nothing of a finished job is ending; no more pods are ready than run."""
    status, before = new.status, old.status
    is_finished = has(new, "Complete", "Failed")
    now_finished = is_finished != has(old, "Complete", "Failed")
    terminating_changed = now_finished or status.terminating != before.terminating
    if (status.terminating or 0) > 0 and is_finished and terminating_changed:
        wrong.invalid("status.terminating", status.terminating, "terminating>0 is invalid for finished job")
    ready_changed = status.ready != before.ready or status.active != before.active
    if (status.ready or 0) > status.active and ready_changed:
        wrong.invalid("status.ready", status.ready, "cannot set more ready pods than active")


def _success_criteria(new: batch_v1.Job, wrong: Errors) -> None:
    """Who has succeeded does not fail; a policy of success is kept to."""
    if has(new, "SuccessCriteriaMet"):
        for other in ("Failed", "FailureTarget"):
            if has(new, other):
                wrong.unfit(_CONDITIONS, f"cannot set SuccessCriteriaMet=True and {other}=true conditions")
    elif new.spec.success_policy is not None and has(new, "Complete"):
        wrong.unfit(_CONDITIONS, "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True")


def _moves(new: batch_v1.Job, old: batch_v1.Job, wrong: Errors) -> None:
    """An end is final, counters grow, times stay."""
    status, before = new.status, old.status
    for condition in _LASTING:
        if has(old, condition) and not has(new, condition):
            wrong.unfit(_CONDITIONS, f"cannot disable the terminal {condition}=True condition")
    if status.failed < before.failed:
        wrong.invalid("status.failed", status.failed, "cannot decrease the failed counter")
    may_shrink = is_indexed(new.spec) and new.spec.completions == new.spec.parallelism
    if status.succeeded < before.succeeded and not may_shrink:
        wrong.invalid("status.succeeded", status.succeeded, "cannot decrease the succeeded counter")
    if (
        None not in (status.completion_time, before.completion_time)
        and status.completion_time != before.completion_time
    ):
        wrong.invalid("status.completionTime", status.completion_time, "completionTime cannot be mutated")
    if before.start_time is not None and status.start_time != before.start_time and not new.spec.suspend:
        wrong.required("status.startTime", "startTime cannot be removed for unsuspended job")
    if has(old, "SuccessCriteriaMet") and not has(new, "SuccessCriteriaMet"):
        wrong.unfit(_CONDITIONS, "cannot disable the SuccessCriteriaMet=True condition")
    if has(old, "Complete") and not has(old, "SuccessCriteriaMet") and has(new, "SuccessCriteriaMet"):
        detail = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"
        wrong.unfit(_CONDITIONS, detail)
