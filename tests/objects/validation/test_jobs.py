"""Jobs: their specs, policies, changes and the many rules of their status."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.model.generated import batch_v1
from k3py.objects.kinds.table import rules_of
from k3py.objects.validation import job_indexes
from k3py.objects.validation.jobs import FAILED_INDEXES_MAX, PARALLELISM_MAX
from tests.objects.validation.made import ENDING, UID, checked, merged, new_object, status_checked

BODY = {"spec": {"template": ENDING}}
CODES = {"operator": "In", "values": [1]}


def _job(status: Any = None, **spec: Any) -> Any:
    return new_object(batch_v1.Job, merged(BODY, {"status": status or {}}), spec=spec)


def _indexed(**spec: Any) -> Any:
    return _job(**{"completionMode": "Indexed", "completions": 5, **spec})


def _failing(*rules: Any, **spec: Any) -> Any:
    return _job(podFailurePolicy={"rules": list(rules)}, **spec)


def test_a_good_job_is_good_and_labelled() -> None:
    job = _job()
    assert checked(job) == []
    assert checked(job, job) == []
    labels = {
        "batch.kubernetes.io/controller-uid": UID, "batch.kubernetes.io/job-name": "x",
        "controller-uid": UID, "job-name": "x",
    }  # fmt: skip
    assert job.spec.template.metadata.labels == labels == job.metadata.labels
    assert job.spec.selector.match_labels == {"batch.kubernetes.io/controller-uid": UID}


def test_who_chooses_labels_chooses_the_selector() -> None:
    own = {"manualSelector": True, "selector": {"matchLabels": {"a": "b"}}}
    assert checked(_job(**own, template={"metadata": {"labels": {"a": "b"}}})) == []
    other = "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`"
    assert checked(_job(**own)) == [other]
    assert checked(_job(manualSelector=True))[0] == "spec.selector: Required value"


def test_labels_that_the_server_makes_are_not_chosen() -> None:
    said = checked(_job(template={"metadata": {"labels": {"job-name": "y"}}}))
    assert said[0].startswith("spec.template.metadata.labels[job-name]: Invalid value: {")
    assert said[0].endswith("}: must be 'x'")


LIMIT = "must be less than or equal to"
SPECS = [  # a job, what is said
    (_job(parallelism=-1, backoffLimit=-1),
     ["spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
      "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"]),
    (_job(template={"spec": {"restartPolicy": "Always"}}),
     ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"']),
    (_job(maxFailedIndexes=1),
     ["spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
      "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode"]),
    (_job(managedBy="x"),
     ['spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")']),
    (_job(managedBy="a.b/" + "c" * 60), ["spec.managedBy: Too long: may not be more than 63 bytes"]),
    (_job(managedBy="a.b/c d"),
     ['spec.managedBy: Invalid value: "c d": Invalid path (regex used for validation is'
      " '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"]),
    (_indexed(parallelism=PARALLELISM_MAX), []),
    (_indexed(parallelism=PARALLELISM_MAX + 1),
     [f"spec.parallelism: Invalid value: {PARALLELISM_MAX + 1}: {LIMIT} 100000 when completion mode is Indexed"]),
    (_indexed(completions=2, backoffLimitPerIndex=1, maxFailedIndexes=3),
     [f"spec.maxFailedIndexes: Invalid value: 3: {LIMIT} completions"]),
    (_indexed(completions=100_001, backoffLimitPerIndex=1, parallelism=10_001),
     ["spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
      f"spec.parallelism: Invalid value: 10001: {LIMIT} 10000 when completions are above 100000 and used with backoff"
      " limit per index"]),
    (_indexed(completions=FAILED_INDEXES_MAX + 1, backoffLimitPerIndex=1, maxFailedIndexes=FAILED_INDEXES_MAX + 1),
     [f"spec.maxFailedIndexes: Invalid value: 100001: {LIMIT} 100000",
      f"spec.maxFailedIndexes: Invalid value: 100001: {LIMIT} 10000 when completions are above 100000 and used with"
      " backoff limit per index"]),
    (new_object(batch_v1.Job, BODY, metadata={"name": "a" * 62}, spec={"completionMode": "Indexed", "completions": 11}),
     [f'metadata.name: Invalid value: "{"a" * 62}": will not able to create pod with invalid DNS label:'
      f" {'a' * 62}-10"]),
    (_job(successPolicy={"rules": [{"succeededCount": 1}]}),
     ['spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: requires indexed'
      " completion mode"]),
    (_indexed(successPolicy={"rules": []}),
     ["spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is"
      " specified"]),
    (_indexed(successPolicy={"rules": [{"succeededIndexes": "0-2", "succeededCount": 4}]}),
     [f"spec.successPolicy.rules[0].succeededCount: Invalid value: 4: {LIMIT} 3 (the number of indexes in the specified"
      " succeededIndexes field)"]),
    (_indexed(successPolicy={"rules": [{"succeededCount": 1}] * 21}),
     ["spec.successPolicy.rules: Too many: 21: must have at most 20 items"]),
    (_failing({"action": "FailJob", "onExitCodes": CODES}, template={"spec": {"restartPolicy": "OnFailure"}}),
     ['spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is'
      " specified"]),
    (_failing({"action": "FailJob", "onExitCodes": CODES}, podReplacementPolicy="TerminatingOrFailed"),
     ['spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"']),
]  # fmt: skip


@pytest.mark.parametrize(("job", "said"), SPECS)
def test_specs_are_told_everything_at_once(job: Any, said: list[str]) -> None:
    assert checked(job) == said


RULE = "spec.podFailurePolicy.rules[0]"
RULES = [  # a rule of a failure policy, what is said of it
    ({"action": "", "onExitCodes": CODES},
     [f'{RULE}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]']),
    ({"action": "FailIndex", "onExitCodes": CODES},
     [f'{RULE}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set']),
    ({"action": "Count", "onExitCodes": CODES, "onPodConditions": [{"type": "T"}]},
     [f"{RULE}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported"]),
    ({"action": "Count", "onExitCodes": {"operator": "Odd", "values": []}},
     [f'{RULE}.onExitCodes.operator: Unsupported value: "Odd": supported values: "In", "NotIn"',
      f"{RULE}.onExitCodes.values: Invalid value: null: at least one value is required"]),
    ({"action": "Count", "onExitCodes": {"operator": "NotIn", "values": [3, 2, 2], "containerName": "z"}},
     [f'{RULE}.onExitCodes.containerName: Invalid value: "z": must be one of the container or initContainer names in'
      " the pod template",
      f"{RULE}.onExitCodes.values[2]: Duplicate value: 2",
      f"{RULE}.onExitCodes.values: Invalid value: [3,2,2]: must be ordered"]),
    ({"action": "Count", "onExitCodes": {"operator": "In", "values": list(range(1, 257))}},
     [f"{RULE}.onExitCodes.values: Too many: 256: must have at most 255 items"]),
    ({"action": "Ignore", "onPodConditions": [{"type": "T", "status": "Odd"}]},
     [f'{RULE}.onPodConditions[0].status: Unsupported value: "Odd": supported values: "False", "True", "Unknown"']),
    ({"action": "Ignore", "onPodConditions": [{"type": "T"}] * 21},
     [f"{RULE}.onPodConditions: Too many: 21: must have at most 20 items"]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "said"), RULES)
def test_rules_of_failure_are_told_everything_at_once(rule: Any, said: list[str]) -> None:
    assert checked(_failing(rule)) == said


def test_more_rules_than_twenty_are_too_many() -> None:
    rule = {"action": "Count", "onExitCodes": CODES}
    assert checked(_failing(*[rule] * 20)) == []
    assert checked(_failing(*[rule] * 21)) == ["spec.podFailurePolicy.rules: Too many: 21: must have at most 20 items"]


def test_what_pods_were_made_after_stays() -> None:
    assert checked(_job(completions=4), _job(completions=3)) == [
        "spec.completions: Invalid value: 4: field is immutable"
    ]
    assert checked(_job(completions=1, parallelism=4, backoffLimit=1, suspend=True), _job()) == []
    said = checked(_job(template={"spec": {"terminationGracePeriodSeconds": 9}}), _job())
    assert len(said) == 1
    assert said[0].startswith("spec.template: Invalid value: {")


def test_an_indexed_job_grows_with_its_parallelism() -> None:
    assert checked(_indexed(completions=6), _indexed()) == [
        "spec.completions: Invalid value: 6: can only be modified in tandem with spec.parallelism"
    ]
    assert checked(_indexed(completions=6, parallelism=6), _indexed()) == []


RESOURCES = {"containers": [{"name": "c", "image": "x", "resources": {"limits": {"cpu": "1"}}}]}
FREE = [
    {"nodeSelector": {"a": "b"}}, {"tolerations": [{"operator": "Exists"}]}, {"schedulingGates": [{"name": "g"}]},
    {"affinity": {"nodeAffinity": {}}}, RESOURCES,
]  # fmt: skip


@pytest.mark.parametrize("spec", FREE)
def test_where_pods_run_may_change_while_a_job_rests(spec: Any) -> None:
    new = {"template": {"spec": spec}}
    assert checked(_job(suspend=True, **new), _job(suspend=True)) == []
    assert len(checked(_job(**new), _job())) == 1
    running = new_object(batch_v1.Job, BODY, spec={"suspend": True}, status={"active": 1})
    running.status.active = 1
    assert len(checked(_job(suspend=True, **new), running)) == 1


def test_what_pods_are_does_not_change_while_a_job_rests() -> None:
    image = {"containers": [{"name": "c", "image": "y"}]}
    assert len(checked(_job(suspend=True, template={"spec": image}), _job(suspend=True))) == 1


def test_too_much_to_track_is_warned_of() -> None:
    rules = rules_of(batch_v1.Job)
    assert rules.warn(_indexed(completions=100_000, parallelism=10_001)) == []
    said = rules.warn(_indexed(completions=100_001, parallelism=10_001))
    assert len(said) == 1
    assert said[0].startswith("spec: In Indexed Jobs with a number of completions higher than 10^5")


START, END = "2020-01-01T00:00:00Z", "2020-01-01T00:01:00Z"


def _true(*types: str) -> list[dict[str, str]]:
    return [{"type": each, "status": "True"} for each in types]


DONE = {"startTime": START, "completionTime": END, "conditions": _true("Complete", "SuccessCriteriaMet")}
FAILED = {"startTime": START, "conditions": _true("Failed", "FailureTarget")}
CONDITIONS = "status.conditions: Invalid value:"
INDEXED = {"completionMode": "Indexed", "completions": 5}
MOVES = [  # spec, old status, new status, what is said
    ({}, {}, {"active": 1, "startTime": START}, []),
    ({}, {}, DONE, []),
    ({}, {}, FAILED, []),
    ({}, {}, {"active": -1, "ready": -1},
     [f"status.{name}: Invalid value: -1: must be greater than or equal to 0" for name in ("active", "ready")]),
    ({}, {}, {"uncountedTerminatedPods": {"succeeded": ["a", ""], "failed": ["a"]}},
     ['status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
      'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"']),
    ({}, {}, {**DONE, "conditions": _true("Complete", "SuccessCriteriaMet", "Failed", "FailureTarget")},
     [f"{CONDITIONS} cannot set Complete=True and Failed=true conditions",
      f"{CONDITIONS} cannot set Complete=True and FailureTarget=true conditions",
      f"{CONDITIONS} cannot set SuccessCriteriaMet=True and Failed=true conditions",
      f"{CONDITIONS} cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"]),
    ({}, {}, {**DONE, "conditions": _true("Complete")},
     [f"{CONDITIONS} cannot set Complete=True condition without the SuccessCriteriaMet=true condition"]),
    ({}, {}, {**FAILED, "conditions": _true("Failed")},
     [f"{CONDITIONS} cannot set Failed=True condition without the FailureTarget=true condition"]),
    ({}, {}, {"completionTime": END, "startTime": START},
     [f'status.completionTime: Invalid value: "{END}": cannot set completionTime when there is no Complete=True'
      " condition"]),
    ({}, {}, {"conditions": DONE["conditions"]},
     ["status.completionTime: Required value: completionTime is required for Complete jobs",
      "status.startTime: Required value: startTime is required for finished job"]),
    ({}, {}, {**DONE, "completionTime": START, "startTime": END},
     [f'status.completionTime: Invalid value: "{START}": completionTime cannot be set before startTime']),
    ({}, {}, {**DONE, "active": 1, "terminating": 2, "uncountedTerminatedPods": {"failed": ["a"]}},
     ["status.active: Invalid value: 1: active>0 is invalid for finished job",
      'status.uncountedTerminatedPods: Invalid value: {"Succeeded":null,"Failed":["a"]}: uncountedTerminatedPods needs'
      " to be empty for finished job",
      "status.terminating: Invalid value: 2: terminating>0 is invalid for finished job"]),
    ({}, {}, {"ready": 2, "active": 1}, ["status.ready: Invalid value: 2: cannot set more ready pods than active"]),
    ({}, {"ready": 2, "active": 1}, {"ready": 2, "active": 1, "failed": 1}, []),
    ({}, DONE, {"startTime": START},
     [f"{CONDITIONS} cannot disable the terminal Complete=True condition",
      f"{CONDITIONS} cannot disable the SuccessCriteriaMet=True condition"]),
    ({}, DONE, {**DONE, "completionTime": "2020-01-01T00:02:00Z"},
     ['status.completionTime: Invalid value: "2020-01-01T00:02:00Z": completionTime cannot be mutated']),
    ({}, {"failed": 2, "succeeded": 2}, {"failed": 1, "succeeded": 1},
     ["status.failed: Invalid value: 1: cannot decrease the failed counter",
      "status.succeeded: Invalid value: 1: cannot decrease the succeeded counter"]),
    ({**INDEXED, "parallelism": 5}, {"succeeded": 2}, {"succeeded": 1}, []),
    ({}, {"startTime": START}, {"startTime": END},
     ["status.startTime: Required value: startTime cannot be removed for unsuspended job"]),
    ({"suspend": True}, {"startTime": START}, {}, []),
    ({}, {}, {"completedIndexes": "0"},
     ['status.completedIndexes: Invalid value: "0": error parsing completedIndexes: too large index: "0"',
      'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion'
      " mode"]),
    (INDEXED, {}, {"completedIndexes": "1,0"},
     ['status.completedIndexes: Invalid value: "1,0": error parsing completedIndexes: non-increasing order, previous:'
      " 1, current: 0"]),
    (INDEXED, {}, {"failedIndexes": "1"},
     ['status.failedIndexes: Invalid value: "1": cannot set non-null failedIndexes when backoffLimitPerIndex is null']),
    ({**INDEXED, "backoffLimitPerIndex": 1}, {}, {"failedIndexes": "1-3", "completedIndexes": "0,2"},
     ['status.failedIndexes: Invalid value: "1-3": failedIndexes and completedIndexes overlap at index: 2']),
    ({**INDEXED, "successPolicy": {"rules": [{"succeededCount": 1}]}}, DONE,
     {**DONE, "conditions": _true("Complete")},
     [f"{CONDITIONS} cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
      f"{CONDITIONS} cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True",
      f"{CONDITIONS} cannot disable the SuccessCriteriaMet=True condition"]),
    ({}, {**DONE, "conditions": _true("Complete")}, DONE,
     [f"{CONDITIONS} cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"]),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "old", "new", "said"), MOVES)
def test_a_status_moves_as_jobs_do(spec: Any, old: Any, new: Any, said: list[str]) -> None:
    if spec == {}:
        spec = {"completions": 0} if "completedIndexes" in new else {}
    before, after = (new_object(batch_v1.Job, merged(BODY, {"status": each}), spec=spec) for each in (old, new))
    assert status_checked(after, before) == said


COUNTS = [("", 0), ("0", 1), ("0,2-4", 4), ("1-2,3", 3)]


@pytest.mark.parametrize(("text", "number"), COUNTS)
def test_indexes_are_counted(text: str, number: int) -> None:
    assert job_indexes.count(text, 5) == number


def test_indexes_that_cannot_be_read_are_told_why() -> None:
    for text, why in (
        ("1-2-3", "at most two parts separated by '-'"),
        ("x", 'cannot convert string to integer for index: "x"'),
        ("1-5", 'too large index: "5"'),
        ("3-3", "non-increasing order, previous: 3, current: 3"),
        ("1,,2", 'cannot convert string to integer for index: ""'),
    ):
        with pytest.raises(ValueError, match=why):
            job_indexes.count(text, 5)


_sets = st.sets(st.integers(0, 30))


def _compressed(indexes: set[int]) -> str:
    ordered, parts = sorted(indexes), []
    while ordered:
        end = 0
        while end + 1 < len(ordered) and ordered[end + 1] == ordered[end] + 1:
            end += 1
        parts.append(f"{ordered[0]}-{ordered[end]}" if end else str(ordered[0]))
        ordered = ordered[end + 1 :]
    return ",".join(parts)


@given(_sets, _sets)
def test_indexes_are_sets_of_numbers(one: set[int], other: set[int]) -> None:
    assert job_indexes.count(_compressed(one), 31) == len(one)
    assert job_indexes.overlap(_compressed(one), _compressed(other), 31) == min(one & other, default=None)


@given(st.text("0123456789-,x ", max_size=20), st.text("0123456789-,x ", max_size=20))
def test_any_text_names_indexes_or_is_refused(one: str, other: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= job_indexes.count(one, 100) <= 100
    both = job_indexes.overlap(one, other, 100)
    assert both is None or both < 100
