"""Checks of CronJobs. Source: Kubernetes ``pkg/apis/batch/validation``."""

import re
from typing import Final

from k3py.base.zones import time_zone
from k3py.model import cron
from k3py.model.generated import batch_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.jobs import job_spec, spec_warnings
from k3py.objects.validation.templates import name_warnings

CONCURRENCY_POLICIES: Final = ("Allow", "Forbid", "Replace")
# A job's name has eleven characters more (a dash and the minute), and has to be a DNS label.
NAME_LENGTH_MAX: Final = 52
_ZONE_PART: Final = re.compile(r"[A-Za-z.\-_0-9+]{1,14}", re.ASCII)
_TEMPLATE: Final = "spec.jobTemplate.spec"
_EXPLICIT: Final = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"


def new_cron_job(obj: batch_v1.CronJob, wrong: Errors) -> None:
    """A new CronJob's spec, and that its jobs get names that they can have."""
    _spec(obj.spec, None, wrong)
    if len(obj.metadata.name) > NAME_LENGTH_MAX:
        wrong.invalid("metadata.name", obj.metadata.name, f"must be no more than {NAME_LENGTH_MAX} characters")


def cron_job_update(new: batch_v1.CronJob, old: batch_v1.CronJob, wrong: Errors) -> None:
    """A changed CronJob's spec: what was allowed once and is no more may stay."""
    _spec(new.spec, old.spec, wrong)


def warnings(obj: batch_v1.CronJob) -> list[str]:
    """What the user should hear of a new CronJob."""
    said = name_warnings(obj.metadata.name) + spec_warnings(obj.spec.job_template.spec, _TEMPLATE)
    return said + _schedule_warnings(obj)


def update_warnings(new: batch_v1.CronJob, old: batch_v1.CronJob) -> list[str]:
    """What the user should hear of a change."""
    changed = new.metadata.generation != old.metadata.generation
    return (spec_warnings(new.spec.job_template.spec, _TEMPLATE) if changed else []) + _schedule_warnings(new)


def _schedule_warnings(obj: batch_v1.CronJob) -> list[str]:
    if "TZ" not in obj.spec.schedule:
        return []
    return [
        "CRON_TZ or TZ used in spec.spec.schedule is not officially supported, see"
        " https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
    ]


def _spec(new: batch_v1.CronJobSpec, old: batch_v1.CronJobSpec | None, wrong: Errors) -> None:
    if not new.schedule:
        wrong.required("spec.schedule")
    else:
        _schedule(new, old is not None and "TZ" in old.schedule, wrong)
    wrong.not_negative("spec.startingDeadlineSeconds", new.starting_deadline_seconds)
    if new.time_zone is not None and (old is None or old.time_zone != new.time_zone):
        _time_zone(new.time_zone, "spec.timeZone", wrong)
    if not new.concurrency_policy:
        wrong.required("spec.concurrencyPolicy")
    elif new.concurrency_policy not in CONCURRENCY_POLICIES:
        wrong.unsupported("spec.concurrencyPolicy", new.concurrency_policy, CONCURRENCY_POLICIES)
    template = new.job_template.spec
    job_spec(template, _TEMPLATE, wrong)
    if template.selector is not None:
        wrong.invalid(f"{_TEMPLATE}.selector", template.selector, "`selector` will be auto-generated")
    if template.manual_selector:
        wrong.unsupported(f"{_TEMPLATE}.manualSelector", template.manual_selector, ("nil", "false"))
    wrong.not_negative("spec.successfulJobsHistoryLimit", new.successful_jobs_history_limit)
    wrong.not_negative("spec.failedJobsHistoryLimit", new.failed_jobs_history_limit)


def _schedule(spec: batch_v1.CronJobSpec, may_name_zone: bool, wrong: Errors) -> None:
    path, text = "spec.schedule", spec.schedule
    try:
        zone = cron.parse(text).zone
        if zone not in ("", "Local") and time_zone(zone) is None:
            raise cron.CronError(f"provided bad location {zone}: unknown time zone {zone}")
    except cron.CronError as error:
        wrong.invalid(path, text, str(error))
    if "TZ" not in text:
        return
    if not may_name_zone:
        wrong.invalid(path, text, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
    elif spec.time_zone is not None:
        wrong.invalid(path, text, "cannot use both timeZone field and TZ or CRON_TZ in schedule")


def _time_zone(name: str, path: str, wrong: Errors) -> None:
    """A name as the IANA database has them (theory.html, "Names of timezones")."""
    if not name:
        wrong.invalid(path, name, "timeZone must be nil or non-empty string")
        return
    for part in name.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            wrong.invalid(path, name, f"unknown time zone {name}")
            return
    if name.lower() == "local":
        wrong.invalid(path, name, _EXPLICIT)
    if name != "Local" and time_zone(name) is None:
        wrong.invalid(path, name, f"unknown time zone {name}")
