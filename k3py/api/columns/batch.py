"""Jobs and CronJobs, as Kubernetes' ``pkg/printers/internalversion`` shows them."""

from collections.abc import Mapping
from typing import Any, Final

from k3py.api.columns.column import (
    AGE,
    NAME,
    NONE,
    Column,
    Columns,
    age,
    containers_and_images,
    human_duration,
    selector_text,
    since,
)
from k3py.api.columns.described import meaning
from k3py.api.columns.workloads import CONTAINERS, IMAGES, selector_column
from k3py.base.clock import parse_rfc3339
from k3py.model.generated import batch_v1
from k3py.model.struct import Wire

# A true condition, the first that counts -> the word for the job; without one it runs.
_WORDS: Final = {
    "Complete": "Complete",
    "Failed": "Failed",
    "Suspended": "Suspended",
    "FailureTarget": "FailureTarget",
    "SuccessCriteriaMet": "SuccessCriteriaMet",
}


def _completions(job: batch_v1.Job) -> str:
    """Succeeded pods of those wanted; a work queue has no number of its own."""
    succeeded = job.status.succeeded
    if job.spec.completions is not None:
        return f"{succeeded}/{job.spec.completions}"
    parallelism = job.spec.parallelism or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(job: batch_v1.Job, now: float) -> str:
    started, ended = job.status.start_time, job.status.completion_time
    if started is None:
        return ""
    return human_duration((now if ended is None else parse_rfc3339(ended)) - parse_rfc3339(started))


def _state(job: batch_v1.Job) -> str:
    true = {each.type for each in job.status.conditions if each.status == "True"}
    for condition, word in _WORDS.items():
        if condition in true:
            return word
        if condition == "Failed" and job.metadata.deletion_timestamp is not None:
            return "Terminating"
    return "Running"


def _job(job: batch_v1.Job, now: float) -> list[Any]:
    return [
        job.metadata.name,
        _state(job),
        _completions(job),
        _duration(job, now),
        age(job.metadata, now),
        *containers_and_images(job.spec.template),
        selector_text(job.spec.selector),
    ]


def _cron_job(cron_job: batch_v1.CronJob, now: float) -> list[Any]:
    spec, last = cron_job.spec, cron_job.status.last_schedule_time
    return [
        cron_job.metadata.name,
        spec.schedule,
        NONE if spec.time_zone is None else spec.time_zone,
        "<unset>" if spec.suspend is None else str(spec.suspend),
        len(cron_job.status.active),
        NONE if last is None else since(last, now),
        age(cron_job.metadata, now),
        *containers_and_images(spec.job_template.spec.template),
        selector_text(spec.job_template.spec.selector),
    ]


JOBS = Columns(
    (
        NAME,
        Column("Status", description="Status of the job."),
        Column("Completions", description=meaning(batch_v1.JobStatus, "succeeded")),
        Column("Duration", description="Time required to complete the job."),
        AGE,
        CONTAINERS,
        IMAGES,
        selector_column(batch_v1.JobSpec),
    ),
    _job,
)
CRON_JOBS = Columns(
    (
        NAME,
        Column("Schedule", description=meaning(batch_v1.CronJobSpec, "schedule")),
        Column("Timezone", description=meaning(batch_v1.CronJobSpec, "timeZone")),
        Column("Suspend", "boolean", description=meaning(batch_v1.CronJobSpec, "suspend")),
        Column("Active", "integer", description=meaning(batch_v1.CronJobStatus, "active")),
        Column("Last Schedule", description=meaning(batch_v1.CronJobStatus, "lastScheduleTime")),
        AGE,
        CONTAINERS,
        IMAGES,
        selector_column(batch_v1.JobSpec),
    ),
    _cron_job,
)

COLUMNS: Mapping[type[Wire], Columns] = {batch_v1.Job: JOBS, batch_v1.CronJob: CRON_JOBS}
