"""Workloads, jobs, autoscalers and budgets in one line."""

from typing import Any

import pytest

from k3py.api.columns.table import COLUMNS
from k3py.base.clock import rfc3339
from k3py.model import codec
from k3py.model.generated import apps_v1, autoscaling_v2, batch_v1, policy_v1

NOW = 1_700_000_000.0
META = {"name": "x", "creationTimestamp": rfc3339(NOW - 60)}
POD = {"spec": {"containers": [{"name": "c", "image": "x:1"}, {"name": "d", "image": "y"}]}}
SELECTOR = {"matchLabels": {"a": "b"}}


def _cells(kind: Any, metadata: Any = None, **body: Any) -> list[Any]:
    made = codec.convert(kind, {"metadata": {**META, **(metadata or {})}, **body})[0]
    return COLUMNS[kind].cells(made, NOW)


def test_daemon_sets_say_where_they_run() -> None:
    template = {"spec": {**POD["spec"], "nodeSelector": {"os": "linux", "disk": "ssd"}}}
    status = {"desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3, "numberMisscheduled": 0,
              "updatedNumberScheduled": 2, "numberAvailable": 1}  # fmt: skip
    cells = _cells(apps_v1.DaemonSet, spec={"selector": SELECTOR, "template": template}, status=status)
    assert cells == ["x", 5, 4, 3, 2, 1, "disk=ssd,os=linux", "60s", "c,d", "x:1,y", "a=b"]


def test_revisions_say_whose_they_are() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s", "uid": "u", "controller": True}
    assert _cells(apps_v1.ControllerRevision, {"ownerReferences": [owner]}, revision=3)[1:3] == [
        "statefulset.apps/s",
        3,
    ]
    assert _cells(apps_v1.ControllerRevision, revision=3)[1] == "<none>"


def _true(*types: str) -> dict[str, Any]:
    return {"conditions": [{"type": each, "status": "True"} for each in types]}


STATES = [  # conditions, deleted, the word
    ((), False, "Running"), ((), True, "Terminating"), (("Suspended",), False, "Suspended"),
    (("Suspended",), True, "Terminating"), (("FailureTarget",), False, "FailureTarget"),
    (("FailureTarget", "Failed"), True, "Failed"), (("SuccessCriteriaMet",), False, "SuccessCriteriaMet"),
    (("SuccessCriteriaMet", "Complete"), False, "Complete"),
]  # fmt: skip


@pytest.mark.parametrize(("conditions", "deleted", "word"), STATES)
def test_a_jobs_state_in_a_word(conditions: tuple[str, ...], deleted: bool, word: str) -> None:
    metadata = {"deletionTimestamp": rfc3339(NOW)} if deleted else {}
    assert _cells(batch_v1.Job, metadata, status=_true(*conditions))[1] == word


def test_jobs_say_how_far_they_are() -> None:
    assert _cells(batch_v1.Job, spec={"completions": 3}, status={"succeeded": 1})[2:4] == ["1/3", ""]
    assert _cells(batch_v1.Job, spec={"parallelism": 4})[2] == "0/1 of 4"
    assert _cells(batch_v1.Job, spec={"parallelism": 1})[2] == "0/1"
    began, ended = rfc3339(NOW - 300), rfc3339(NOW - 100)
    assert _cells(batch_v1.Job, status={"startTime": began})[3] == "5m"
    assert _cells(batch_v1.Job, status={"startTime": began, "completionTime": ended})[3] == "3m20s"


def test_cron_jobs_say_when_they_came() -> None:
    spec = {"schedule": "@daily", "timeZone": "UTC", "suspend": False, "jobTemplate": {"spec": {"template": POD}}}
    status = {"active": [{"name": "j"}], "lastScheduleTime": rfc3339(NOW - 30)}
    cells = _cells(batch_v1.CronJob, spec=spec, status=status)
    assert cells == ["x", "@daily", "UTC", "False", 1, "30s", "60s", "c,d", "x:1,y", "<none>"]
    assert _cells(batch_v1.CronJob)[2:6] == ["<none>", "<unset>", 0, "<none>"]


def _metric(kind: str, **source: Any) -> dict[str, Any]:
    return {"type": kind, kind[0].lower() + kind[1:]: source}


CPU = _metric("Resource", name="cpu", target={"type": "Utilization", "averageUtilization": 80})
TARGETS = [  # metrics, what they are, how they are shown
    ([], [], "<none>"),
    ([CPU], [], "cpu: <unknown>/80%"),
    ([CPU], [_metric("Resource", name="cpu", current={"averageUtilization": 7})], "cpu: 7%/80%"),
    ([_metric("Resource", name="memory", target={"type": "AverageValue", "averageValue": "1Gi"})],
     [_metric("Resource", name="memory", current={"averageValue": "5Mi"})], "memory: 5Mi/1Gi"),
    ([_metric("ContainerResource", name="cpu", target={"type": "Utilization"})], [], "cpu: <unknown>/<auto>"),
    ([_metric("Pods", target={"type": "AverageValue", "averageValue": "1k"})],
     [_metric("Pods", current={"averageValue": "30"})], "30/1k"),
    ([_metric("Object", target={"type": "Value", "value": "10"})], [], "<unknown>/10"),
    ([_metric("Object", target={"type": "AverageValue", "averageValue": "10"})], [], "<unknown>/10 (avg)"),
    ([_metric("External", target={"type": "AverageValue", "averageValue": "9"})],
     [_metric("External", current={"averageValue": "3"})], "3/9 (avg)"),
    ([CPU, CPU, CPU, CPU], [], "cpu: <unknown>/80%, cpu: <unknown>/80% + 2 more..."),
    ([{"type": "Odd"}], [], "<unknown type>"),
]  # fmt: skip


@pytest.mark.parametrize(("metrics", "current", "text"), TARGETS)
def test_targets_are_shown_beside_what_is(metrics: Any, current: Any, text: str) -> None:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 3, "metrics": metrics}
    cells = _cells(autoscaling_v2.HorizontalPodAutoscaler, spec=spec, status={"currentMetrics": current})
    assert cells == ["x", "Deployment/d", text, "<unset>", 3, 0, "60s"]


def test_budgets_say_what_they_allow() -> None:
    assert _cells(policy_v1.PodDisruptionBudget, spec={"minAvailable": "30%"})[1:4] == ["30%", "N/A", 0]
    assert _cells(policy_v1.PodDisruptionBudget, spec={"maxUnavailable": 0})[1:3] == ["N/A", "0"]


@pytest.mark.parametrize("kind", [apps_v1.Deployment, batch_v1.Job, autoscaling_v2.HorizontalPodAutoscaler])
def test_every_column_says_what_it_means(kind: Any) -> None:
    assert all(each.description for each in COLUMNS[kind].definitions)
