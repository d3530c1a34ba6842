"""Rules of jobs."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import batch_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import jobs as job_defaults
from k3py.objects.rules import Rules
from k3py.objects.validation import cron_jobs, job_status, jobs

RULES: Final[Mapping[type[Wire], Rules]] = {
    batch_v1.Job: Rules(
        default=job_defaults.job,
        prepare_create=job_defaults.new_job,
        check=jobs.job,
        check_update=jobs.job_update,
        check_status=job_status.job_status,
        warn=jobs.warnings,
        warn_update=jobs.update_warnings,
        metadata_looks=(1, 1),
    ),
    batch_v1.CronJob: Rules(
        default=job_defaults.cron_job,
        check_create=cron_jobs.new_cron_job,
        check_update=cron_jobs.cron_job_update,
        warn=cron_jobs.warnings,
        warn_update=cron_jobs.update_warnings,
    ),
}
