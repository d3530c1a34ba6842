"""Autoscalers and disruption budgets."""

from typing import Any

import pytest

from k3py.model.generated import autoscaling_v2, policy_v1
from k3py.objects.validation.autoscaling import PERIOD_SECONDS_MAX, STABILIZATION_SECONDS_MAX
from tests.objects.validation.made import checked, new_object, status_checked

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
BODY = {"spec": {"scaleTargetRef": TARGET, "maxReplicas": 3}}
METRIC = {"name": "m"}
NOT_NEGATIVE = "must be greater than or equal to 0"


def _autoscaler(**spec: Any) -> Any:
    return new_object(autoscaling_v2.HorizontalPodAutoscaler, BODY, spec=spec)


def _metric(kind: str, **source: Any) -> Any:
    return _autoscaler(metrics=[{"type": kind, kind[0].lower() + kind[1:]: source}])


GROUP = "apiVersion must specify API group"
TYPES = 'supported values: "ContainerResource", "External", "Object", "Pods", "Resource"'
M = "spec.metrics[0]"
REFUSED = [  # an autoscaler, what is said
    (_autoscaler(), []),
    (_autoscaler(minReplicas=0),
     ["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
      "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero"
      " replicas"]),
    (_autoscaler(maxReplicas=0),
     ["spec.maxReplicas: Required value: must be set and greater than 0",
      "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`"]),
    (_autoscaler(minReplicas=4),
     ["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"]),
    (_autoscaler(scaleTargetRef={"kind": "a/b", "name": "", "apiVersion": "v1"}),
     ["spec.scaleTargetRef.kind: Invalid value: \"a/b\": may not contain '/'",
      "spec.scaleTargetRef.name: Required value",
      f'spec.scaleTargetRef.apiVersion: Invalid value: "v1": {GROUP}']),
    (_autoscaler(scaleTargetRef={"kind": "ReplicationController", "apiVersion": "v1"}), []),
    (_autoscaler(scaleTargetRef={"apiVersion": "a/b/c"}),
     ['spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c']),
    (_autoscaler(metrics=[{"type": ""}]),
     [f"{M}.type: Required value: must specify a metric source type", f'{M}.type: Unsupported value: "": {TYPES}']),
    (_autoscaler(metrics=[{"type": "Resource", "pods": {"metric": METRIC, "target": {"type": "AverageValue"}},
                           "resource": {"name": "cpu", "target": {"type": "Value"}}}]),
     [f"{M}.pods.target.averageValue: Required value: must specify a positive target averageValue",
      f"{M}.pods: Forbidden: must populate the given metric source only"]),
    (_metric("Resource", name="", target={"type": "Odd", "averageUtilization": 0, "averageValue": "0"}),
     [f"{M}.resource.name: Required value: must specify a resource name",
      f'{M}.resource.target.type: Invalid value: "Odd": must be either Utilization, Value, or AverageValue',
      f'{M}.resource.target.averageValue: Invalid value: "0": must be positive',
      f"{M}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
      f"{M}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization"]),
    (_metric("ContainerResource", name="cpu", container="A", target={"type": "Utilization"}),
     [f'{M}.containerResource.container: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case'
      " alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or"
      " '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
      f"{M}.containerResource.target.averageUtilization: Required value: must set either a target raw value or a target"
      " utilization"]),
    (_metric("External", metric={"name": ""}, target={"type": "Value", "value": "1", "averageValue": "1"}),
     [f"{M}.external.metric.name: Required value: must specify a metric name",
      f"{M}.external.target.value: Forbidden: may not set both a target value for metric and a per-pod target"]),
    (_metric("External", metric=METRIC, target={"type": "Value"}),
     [f"{M}.external.target.averageValue: Required value: must set either a target value for metric or a per-pod"
      " target"]),
    (_metric("Object", metric=METRIC, describedObject={"kind": "Service", "name": "s", "apiVersion": "v1"},
             target={"type": "Value"}),
     [f"{M}.object.target.averageValue: Required value: must set either a target value or averageValue"]),
    (_autoscaler(metrics=[{"type": "Pods"}]),
     [f"{M}.pods: Required value: must populate information for the given metric source"]),
]  # fmt: skip


@pytest.mark.parametrize(("made", "said"), REFUSED)
def test_autoscalers_are_told_everything_at_once(made: Any, said: list[str]) -> None:
    assert checked(made) == said


def test_an_empty_amount_is_none() -> None:
    made = _metric("Pods", metric=METRIC, target={"type": "AverageValue", "averageValue": ""})
    assert checked(made) == [f'{M}.pods.target.averageValue: Invalid value: "": must be positive']


def _behavior(**rules: Any) -> Any:
    return _autoscaler(behavior={"scaleUp": rules})


def test_behavior_has_bounds() -> None:
    policy = {"type": "Pods", "value": 1, "periodSeconds": PERIOD_SECONDS_MAX}
    assert checked(_behavior(stabilizationWindowSeconds=STABILIZATION_SECONDS_MAX, policies=[policy])) == []
    path = "spec.behavior.scaleUp"
    beyond = {"type": "Odd", "value": 0, "periodSeconds": PERIOD_SECONDS_MAX + 1}
    rules = {"selectPolicy": "Odd", "tolerance": "-1", "policies": [beyond, {**policy, "periodSeconds": 0}]}
    assert checked(_behavior(stabilizationWindowSeconds=STABILIZATION_SECONDS_MAX + 1, **rules)) == [
        f"{path}.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
        f'{path}.selectPolicy: Unsupported value: "Odd": supported values: "Disabled", "Max", "Min"',
        f'{path}.policies[0].type: Unsupported value: "Odd": supported values: "Percent", "Pods"',
        f"{path}.policies[0].value: Invalid value: 0: must be greater than zero",
        f"{path}.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
        f"{path}.policies[1].periodSeconds: Invalid value: 0: must be greater than zero",
        f'{path}.tolerance: Invalid value: "-1": {NOT_NEGATIVE}',
    ]


def test_what_was_allowed_once_may_stay() -> None:
    old = _autoscaler(scaleTargetRef={"apiVersion": ""}, minReplicas=0)
    new = _autoscaler(scaleTargetRef={"apiVersion": ""}, minReplicas=0, maxReplicas=5, metrics=[
        {"type": "External", "external": {"metric": METRIC, "target": {"type": "Value", "value": "1"}}}])  # fmt: skip
    assert checked(new, old) == []


def test_numbers_of_an_autoscalers_status_are_not_negative() -> None:
    old, new = _autoscaler(), _autoscaler()
    new.status.current_replicas = new.status.desired_replicas = -1
    assert status_checked(new, old) == [
        f"status.currentReplicas: Invalid value: -1: {NOT_NEGATIVE}",
        f"status.desiredReplicas: Invalid value: -1: {NOT_NEGATIVE}",
    ]


BUDGETS = [
    ({}, []),
    ({"minAvailable": 1, "maxUnavailable": "2%", "selector": {"matchLabels": {"a": "b"}}},
     ['spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"a":"b"}},"MaxUnavailable":"2%",'
      '"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set']),
    ({"minAvailable": -1}, [f"spec.minAvailable: Invalid value: -1: {NOT_NEGATIVE}"]),
    ({"maxUnavailable": "101%"}, ['spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%']),
    ({"unhealthyPodEvictionPolicy": "Odd"},
     ['spec.unhealthyPodEvictionPolicy: Unsupported value: "Odd": supported values: "AlwaysAllow", "IfHealthyBudget"']),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "said"), BUDGETS)
def test_budgets_are_told_everything_at_once(spec: Any, said: list[str]) -> None:
    assert checked(new_object(policy_v1.PodDisruptionBudget, {"spec": spec})) == said


def test_conditions_are_well_formed() -> None:
    good = {"type": "T", "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    bad = {**good, "status": "Odd", "reason": "0", "observedGeneration": -1}
    empty = {"type": "U", "status": "False", "reason": "", "message": ""}
    old, new = (
        new_object(policy_v1.PodDisruptionBudget, {"status": {"conditions": each}}) for each in ([], [good, bad, empty])
    )
    path = "status.conditions"
    assert status_checked(new, old) == [
        f'{path}[1].type: Duplicate value: "T"',
        f'{path}[1].status: Unsupported value: "Odd": supported values: "False", "True", "Unknown"',
        f"{path}[1].observedGeneration: Invalid value: -1: {NOT_NEGATIVE}",
        f'{path}[1].reason: Invalid value: "0": a condition reason must start with alphabetic character, optionally'
        " followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'"
        " (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for"
        " validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')",
        f"{path}[2].lastTransitionTime: Required value: must be set",
        f"{path}[2].reason: Required value: must be set",
    ]
