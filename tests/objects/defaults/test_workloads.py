"""What the server fills in of workloads, and what only it sets."""

from typing import Any

from k3py.model import codec
from k3py.model.generated import apps_v1, autoscaling_v2, batch_v1
from k3py.objects.defaults import workloads
from k3py.objects.defaults.autoscaling import autoscaler
from k3py.objects.defaults.jobs import cron_job, job

GENERATION = workloads.TEMPLATE_GENERATION


def _made(kind: Any, **body: Any) -> Any:
    return codec.convert(kind, body)[0]


def test_stateful_sets_keep_their_claims() -> None:
    made = _made(apps_v1.StatefulSet, spec={"volumeClaimTemplates": [{"metadata": {"name": "d"}}]})
    workloads.stateful_set(made)
    spec = codec.to_plain(made)["spec"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert spec["volumeClaimTemplates"] == [{
        "kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": {"name": "d"},
        "spec": {"resources": {}, "volumeMode": "Filesystem"}, "status": {"phase": "Pending"},
    }]  # fmt: skip


def test_a_rolling_update_without_settings_keeps_none() -> None:
    made = _made(apps_v1.StatefulSet, spec={"updateStrategy": {"type": "RollingUpdate"}})
    workloads.stateful_set(made)
    assert made.spec.update_strategy.rolling_update is None


def test_pods_of_a_stateful_set_go_one_by_one() -> None:
    rolling = {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}}
    made, old = _made(apps_v1.StatefulSet, **rolling), _made(apps_v1.StatefulSet, **rolling)
    workloads.stateful_set_changed(made, old)
    assert made.spec.update_strategy.rolling_update.max_unavailable == 2  # what an object has it keeps
    workloads.new_stateful_set(made)
    assert made.spec.update_strategy.rolling_update.max_unavailable is None


def test_templates_of_daemon_sets_are_counted() -> None:
    new = _made(apps_v1.DaemonSet, metadata={"annotations": {GENERATION: "x"}})
    workloads.daemon_set(new)
    workloads.new_daemon_set(new)
    assert new.metadata.annotations[GENERATION] == "1"
    same, other = (_made(apps_v1.DaemonSet, metadata={"annotations": {GENERATION: "9"}}) for _ in range(2))
    for each in (same, other):
        workloads.daemon_set(each)
    other.spec.template.metadata.labels = {"a": "b"}
    workloads.daemon_set_changed(same, new)
    workloads.daemon_set_changed(other, new)
    assert same.metadata.annotations[GENERATION] == "1"
    assert other.metadata.annotations[GENERATION] == "2"
    workloads.keep_template_generation(other, new)
    assert other.metadata.annotations[GENERATION] == "1"


def test_a_job_is_one_pod_unless_it_says_otherwise() -> None:
    numbers = {
        (None, None): (1, 1), (3, None): (1, 3), (None, 3): (3, None), (5, 2): (2, 5),
    }  # completions, parallelism given -> parallelism, completions  # fmt: skip
    for (completions, parallelism), expected in numbers.items():
        given = {"completions": completions, "parallelism": parallelism}
        made = _made(batch_v1.Job, spec={key: value for key, value in given.items() if value is not None})
        job(made)
        assert (made.spec.parallelism, made.spec.completions) == expected


def test_policies_of_a_job_change_its_defaults() -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "T"}]}
    made = _made(batch_v1.Job, spec={"backoffLimitPerIndex": 1, "podFailurePolicy": {"rules": [rule]}})
    job(made)
    assert made.spec.backoff_limit == 2**31 - 1
    assert made.spec.pod_replacement_policy == "Failed"
    assert made.spec.pod_failure_policy.rules[0].on_pod_conditions[0].status == "True"


def test_a_cron_job_keeps_a_few_jobs() -> None:
    made = _made(batch_v1.CronJob)
    cron_job(made)
    spec = made.spec
    assert (spec.concurrency_policy, spec.suspend) == ("Allow", False)
    assert (spec.successful_jobs_history_limit, spec.failed_jobs_history_limit) == (3, 1)
    assert spec.job_template.spec.parallelism is None  # jobs are defaulted when they are made


def test_who_says_something_of_behavior_says_it_all() -> None:
    made = _made(autoscaling_v2.HorizontalPodAutoscaler, spec={"behavior": {"scaleUp": {"tolerance": "0.1"}}})
    autoscaler(made)
    assert codec.to_plain(made)["spec"]["behavior"] == {
        "scaleUp": {
            "stabilizationWindowSeconds": 0, "selectPolicy": "Max", "tolerance": "0.1",
            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15},
                         {"type": "Percent", "value": 100, "periodSeconds": 15}],
        },
        "scaleDown": {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
    }  # fmt: skip


def test_defaults_may_be_repeated() -> None:
    for kind, default in (
        (apps_v1.StatefulSet, workloads.stateful_set), (apps_v1.DaemonSet, workloads.daemon_set),
        (batch_v1.Job, job), (batch_v1.CronJob, cron_job), (autoscaling_v2.HorizontalPodAutoscaler, autoscaler),
    ):  # fmt: skip
        made = _made(kind)
        default(made)
        once = codec.encode(made)
        default(made)
        assert codec.encode(made) == once
