"""CronJobs: schedules, time zones, and what is allowed only to those that have it."""

from typing import Any

import pytest

from k3py.model.generated import batch_v1
from k3py.objects.kinds.table import rules_of
from k3py.objects.validation.cron_jobs import NAME_LENGTH_MAX
from tests.objects.validation.made import ENDING, checked, new_object

BODY = {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": ENDING}}}}
NO_ZONE = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
EXPLICIT = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
TEMPLATE = "spec.jobTemplate.spec"


def _cron_job(**spec: Any) -> Any:
    return new_object(batch_v1.CronJob, BODY, spec=spec)


def test_a_good_one_is_good() -> None:
    assert checked(_cron_job(timeZone="Europe/Berlin")) == []


REFUSED = [  # what is changed of a good spec, what is said
    ({"schedule": ""}, ["spec.schedule: Required value"]),
    ({"schedule": "x"}, ['spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]']),
    ({"schedule": "TZ=UTC * * * * *"}, [f'spec.schedule: Invalid value: "TZ=UTC * * * * *": {NO_ZONE}']),
    ({"schedule": "TZ=Mars * * * * *"},
     ['spec.schedule: Invalid value: "TZ=Mars * * * * *": provided bad location Mars: unknown time zone Mars',
      f'spec.schedule: Invalid value: "TZ=Mars * * * * *": {NO_ZONE}']),
    ({"timeZone": ""}, ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string']),
    ({"timeZone": "Mars/Base"}, ['spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base']),
    ({"timeZone": "../UTC"}, ['spec.timeZone: Invalid value: "../UTC": unknown time zone ../UTC']),
    ({"timeZone": "Local"}, [f'spec.timeZone: Invalid value: "Local": {EXPLICIT}']),
    ({"timeZone": "local"}, [f'spec.timeZone: Invalid value: "local": {EXPLICIT}',
                             'spec.timeZone: Invalid value: "local": unknown time zone local']),
    ({"concurrencyPolicy": "Odd", "failedJobsHistoryLimit": -1},
     ['spec.concurrencyPolicy: Unsupported value: "Odd": supported values: "Allow", "Forbid", "Replace"',
      "spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0"]),
    ({"jobTemplate": {"spec": {"selector": {}, "manualSelector": True}}},
     [f"{TEMPLATE}.selector: Invalid value: {{}}: `selector` will be auto-generated",
      f'{TEMPLATE}.manualSelector: Unsupported value: true: supported values: "nil", "false"']),
    ({"jobTemplate": {"spec": {"completions": -1}}},
     [f"{TEMPLATE}.completions: Invalid value: -1: must be greater than or equal to 0"]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), REFUSED)
def test_specs_are_told_everything_at_once(changes: Any, said: list[str]) -> None:
    assert checked(_cron_job(**changes)) == said


def test_names_leave_room_for_those_of_jobs() -> None:
    assert checked(new_object(batch_v1.CronJob, BODY, metadata={"name": "a" * NAME_LENGTH_MAX})) == []
    long = new_object(batch_v1.CronJob, BODY, metadata={"name": "a" * (NAME_LENGTH_MAX + 1)})
    assert checked(long) == [f'metadata.name: Invalid value: "{"a" * 53}": must be no more than 52 characters']
    assert checked(long, long) == []


def test_what_was_allowed_once_may_stay() -> None:
    old = _cron_job(schedule="TZ=UTC 1 * * * *")
    assert checked(_cron_job(schedule="CRON_TZ=UTC 2 * * * *"), old) == []
    assert checked(_cron_job(schedule="TZ=UTC 2 * * * *", timeZone="UTC"), old) == [
        'spec.schedule: Invalid value: "TZ=UTC 2 * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule'
    ]
    gone = _cron_job(timeZone="Mars/Base")
    assert checked(_cron_job(timeZone="Mars/Base", suspend=True), gone) == []


def test_a_zone_in_a_schedule_is_warned_of() -> None:
    rules, made = rules_of(batch_v1.CronJob), _cron_job(schedule="TZ=UTC 1 * * * *")
    said = [
        "CRON_TZ or TZ used in spec.spec.schedule is not officially supported, see"
        " https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
    ]
    assert rules.warn(made) == said
    assert rules.warnings_of_change(made, made) == said
    assert rules.warn(_cron_job()) == []
