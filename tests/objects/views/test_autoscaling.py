"""Autoscalers of autoscaling/v1: what they show, and that nothing is lost on the way there and back."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.model import codec
from k3py.model.generated import autoscaling_v1, autoscaling_v2
from k3py.objects import views
from k3py.objects.defaults.autoscaling import autoscaler
from k3py.objects.views.autoscaling import (
    BEHAVIOR,
    CARRIED,
    CONDITIONS,
    CURRENT_METRICS,
    METRICS,
    from_stored,
    to_stored,
)

VIEW = views.of(autoscaling_v1.HorizontalPodAutoscaler)
TARGET = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
MEMORY = {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}}
CONDITION = {"type": "AbleToScale", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}


def _stored(**body: Any) -> autoscaling_v2.HorizontalPodAutoscaler:
    made = codec.convert(autoscaling_v2.HorizontalPodAutoscaler, body)[0]
    autoscaler(made)
    return made


def _spec(*metrics: Any, **more: Any) -> dict[str, Any]:
    return {"scaleTargetRef": TARGET, "maxReplicas": 3, "metrics": list(metrics), **more}


def test_cpu_is_a_number() -> None:
    shown = from_stored(_stored(spec=_spec(CPU)))
    assert codec.to_plain(shown)["spec"] == {
        "scaleTargetRef": TARGET, "minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 60,
    }  # fmt: skip
    assert shown.metadata.annotations == {}


def test_what_has_no_field_is_an_annotation_in_kubernetes_words() -> None:
    spec = _spec(CPU, MEMORY, behavior={"scaleDown": {"selectPolicy": "Disabled"}})
    current = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 7}}}]
    shown = from_stored(_stored(spec=spec, status={"currentMetrics": current, "conditions": [CONDITION]}))
    assert shown.status.current_cpu_utilization_percentage == 7
    assert shown.metadata.annotations == {
        METRICS: '[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"1Gi"}}]',
        CURRENT_METRICS: '[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":7,'
        '"currentAverageValue":"0"}}]',
        CONDITIONS: '[{"type":"AbleToScale","status":"True","lastTransitionTime":"2020-01-01T00:00:00Z"}]',
        BEHAVIOR: '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods",'
        '"Value":4,"PeriodSeconds":15},{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null},'
        '"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Disabled","Policies":[{"Type":"Percent",'
        '"Value":100,"PeriodSeconds":15}],"Tolerance":null}}',
    }


def test_a_new_one_without_a_number_gets_the_default() -> None:
    made = to_stored(autoscaling_v1.HorizontalPodAutoscaler())
    assert made.spec.min_replicas == 1
    assert made.spec.metrics[0].resource is not None
    assert made.spec.metrics[0].resource.target.average_utilization == 80


@pytest.mark.parametrize("text", ["", "x", "{", "[1]", '[{"type":5}]', '{"ScaleUp":5}', "null", "[" * 10_000])
@pytest.mark.parametrize("name", CARRIED)
def test_annotations_that_cannot_be_read_say_nothing_and_are_not_kept(name: str, text: str) -> None:
    obj = autoscaling_v1.HorizontalPodAutoscaler()
    obj.metadata.annotations = {name: text, "mine": "1"}
    made = to_stored(obj)
    assert made.metadata.annotations == {"mine": "1"}
    assert obj.metadata.annotations == {name: text, "mine": "1"}
    assert (made.spec.behavior, made.status.conditions, made.status.current_metrics) == (None, [], [])


def test_go_writes_what_html_reads() -> None:
    status = {"conditions": [{**CONDITION, "message": "a<b>&c"}]}
    text = from_stored(_stored(spec=_spec(CPU), status=status)).metadata.annotations[CONDITIONS]
    assert "a\\u003cb\\u003e\\u0026c" in text
    assert msgspec.json.decode(text)[0]["message"] == "a<b>&c"


def test_what_travels_in_an_annotation_is_checked_like_all_else() -> None:
    obj = autoscaling_v1.HorizontalPodAutoscaler()
    source = '{"metricName":"m","targetAverageValue":"0.5"}'
    behavior = '{"scaleup":{"TOLERANCE":"x"}}'
    obj.metadata.annotations = {METRICS: f'[{{"type":"Pods","pods":{source}}}]', BEHAVIOR: behavior}
    made = to_stored(obj)
    assert made.spec.metrics[0].pods is not None
    assert made.spec.metrics[0].pods.target.average_value == "500m"
    assert made.spec.behavior is None


_names = st.text("abc-<&", min_size=1, max_size=5)
_amounts = st.sampled_from(["1", "500m", "10k", "3Gi"])
_selectors = st.none() | st.builds(lambda value: {"matchLabels": {"a": value}}, st.text("xy", max_size=3))
_percents = st.integers(1, 100)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return value


@st.composite
def _metrics(draw: Any) -> Any:
    """One metric that a check would let pass."""
    kind = draw(st.sampled_from(["Object", "Pods", "Resource", "ContainerResource", "External"]))
    metric = {"name": draw(_names), "selector": draw(_selectors)}
    by_value = draw(st.booleans())
    amount = draw(_amounts)
    value = {"type": "Value", "value": amount} if by_value else {"type": "AverageValue", "averageValue": amount}
    use = {"type": "Utilization", "averageUtilization": draw(_percents)}
    average = {"type": "AverageValue", "averageValue": amount}
    source: dict[str, Any] = {
        "Object": {"describedObject": TARGET, "metric": metric, "target": value},
        "Pods": {"metric": metric, "target": average},
        "Resource": {"name": draw(_names), "target": use if by_value else average},
        "ContainerResource": {"name": "cpu", "container": draw(_names), "target": use if by_value else average},
        "External": {"metric": metric, "target": value},
    }[kind]
    return _without_none({"type": kind, kind[0].lower() + kind[1:]: source})


_policies = st.builds(
    lambda kind, value: {"type": kind, "value": value, "periodSeconds": 15},
    st.sampled_from(["Pods", "Percent"]), _percents,
)  # fmt: skip
_rules = st.none() | st.fixed_dictionaries(
    {"selectPolicy": st.sampled_from(["Min", "Max"]), "policies": st.lists(_policies, min_size=1, max_size=2)},
    optional={"stabilizationWindowSeconds": st.integers(0, 3600), "tolerance": _amounts},
)
_bodies = st.builds(
    lambda metrics, up, down, used: {
        "metadata": {"name": "h", "annotations": {"a": "b"}, "resourceVersion": "7"},
        "spec": _without_none(_spec(*metrics, behavior={"scaleUp": up, "scaleDown": down})),
        "status": _without_none({
            "currentReplicas": 1, "desiredReplicas": 2, "conditions": [CONDITION],
            "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {
                "averageUtilization": used, "averageValue": "3"}}}]}),
    },
    st.lists(_metrics(), max_size=3), _rules, _rules, _percents,
)  # fmt: skip


@given(_bodies)
def test_a_round_trip_loses_nothing(body: Any) -> None:
    stored = _stored(**body)
    assert VIEW is not None
    shown = VIEW.from_stored(codec.encode(stored))
    back = VIEW.to_stored(codec.decode(autoscaling_v1.HorizontalPodAutoscaler, codec.encode(shown)))
    assert isinstance(back, autoscaling_v2.HorizontalPodAutoscaler)
    autoscaler(back)
    # The number for CPU comes last, wherever it was.
    stored.spec.metrics.sort(key=codec.encode)
    back.spec.metrics.sort(key=codec.encode)
    assert codec.to_plain(back) == codec.to_plain(stored)


@given(st.dictionaries(st.sampled_from(CARRIED), st.text(max_size=60)))
def test_whatever_annotations_say_something_is_made_of_it(annotations: dict[str, str]) -> None:
    obj = autoscaling_v1.HorizontalPodAutoscaler()
    obj.metadata.annotations = annotations
    from_stored(to_stored(obj))
