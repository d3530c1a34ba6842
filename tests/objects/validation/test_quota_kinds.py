"""What quotas and limit ranges may say; everything wrong is said at once."""

import pytest

from k3py.model.generated import core_v1
from k3py.objects.defaults import quotas as defaults
from k3py.objects.validation import quotas
from tests.objects.validation.said import made, said


def quota(status=None, version="", **spec):
    meta = {"name": "q", "resourceVersion": version}
    return made(core_v1.ResourceQuota, metadata=meta, spec=spec, status=status or {})


def _selects(name, operator, *values):
    return {"matchExpressions": [{"scopeName": name, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"hard": {"cpu": "1", "pods": "2", "requests.storage": "1Gi", "count/jobs.batch": "1", "a.b/c": "1"}}, []),
        ({"hard": {"requests.nvidia.com/gpu": "1", "hugepages-2Mi": "1", "requests.hugepages-2Mi": "2"}}, []),
        ({"hard": {"bananas": "1", "pods": "-1", "a b": "1"}}, [
            "spec.hard[a b]: Invalid value", "must be a standard resource for quota",
            "spec.hard[bananas]: Invalid value: \"bananas\": must be a standard resource type",
            "must be a standard resource for quota", "spec.hard[pods]: Invalid value: \"-1\": must be greater"]),
        ({"hard": {"storage": "1"}}, ["must be a standard resource for quota"]),
        ({"hard": {"pods": "1500m", "a.b/c": "500m", "cpu": "500m"}}, ["must be an integer", "must be an integer"]),
        ({"hard": {"cpu": "1"}, "scopes": ["BestEffort", "NotBestEffort", "Odd"]}, [
            "unsupported scope applied to resource", "unsupported scope", "conflicting scopes"]),
        ({"hard": {"pods": "1"}, "scopes": ["Terminating", "NotTerminating"]}, ["conflicting scopes"]),
        ({"hard": {"requests.storage": "1"}, "scopes": ["VolumeAttributesClass"]}, []),
        ({"scopeSelector": _selects("PriorityClass", "In", "high")}, []),
        ({"scopeSelector": _selects("PriorityClass", "In")}, ["must be at least one value"]),
        ({"scopeSelector": _selects("PriorityClass", "Exists", "a")}, ["must be no value"]),
        ({"scopeSelector": _selects("Odd", "Near")}, ["unsupported scope", "not a valid selector operator"]),
        ({"scopeSelector": _selects("BestEffort", "In", "a"), "hard": {"cpu": "1"}}, [
            "unsupported scope applied", "must be 'Exists' when scope is any of"]),
    ],
)  # fmt: skip
def test_quotas(spec, why):
    found = said(quotas.resource_quota, quota(**spec))
    assert len(found) == len(why), found
    assert all(part in each for part, each in zip(why, found, strict=True)), found


def test_the_scopes_of_a_quota_stay_in_whatever_order():
    one, other = quota(scopes=["Terminating", "PriorityClass"]), quota(scopes=["PriorityClass", "Terminating"])
    assert said(quotas.resource_quota_update, one, other) == []
    found = said(quotas.resource_quota_update, quota(), one)
    assert found == ["spec.scopes: Invalid value: null: field is immutable"]


def test_what_was_counted_is_an_amount():
    found = said(quotas.resource_quota_status, quota(status={"hard": {"x": "1"}, "used": {"pods": "-1"}}), quota())
    assert [each.partition(":")[0] for each in found] == ["status.hard[x]", "status.hard[x]", "status.used[pods]"]


def test_requests_above_limits_are_warned_of_in_a_new_quota():
    hard = {"requests.cpu": "2", "limits.cpu": "1", "memory": "2Gi", "limits.memory": "1Gi", "requests.storage": "1"}
    assert quotas.resource_quota_warnings(quota(hard=hard)) == [
        "ResourceQuota requests.cpu (2) should be less than limits.cpu (1)",
        "ResourceQuota memory (2Gi) should be less than limits.memory (1Gi)",
    ]
    assert quotas.resource_quota_warnings(quota(version="7", hard=hard)) == []


def limits(*items):
    obj = made(core_v1.LimitRange, metadata={"name": "l"}, spec={"limits": list(items)})
    defaults.limit_range(obj)
    return obj


def test_most_is_the_default_and_the_default_is_asked_for():
    found = limits({"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}, "default": {"a.b/c": "1"}},
                   {"type": "Pod", "max": {"cpu": "3"}}).spec.limits  # fmt: skip
    assert found[0].default == {"cpu": "2", "a.b/c": "1"}
    assert found[0].default_request == {"cpu": "2", "memory": "1Mi", "a.b/c": "1"}
    assert found[1].default == found[1].default_request == {}


def _container(**amounts):
    return {"type": "Container", **amounts}


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([_container(min={"cpu": "1"}, max={"cpu": "2"}, maxLimitRequestRatio={"cpu": "2"}), {"type": "a.b/C"}], []),
        ([{"type": "Odd"}, {"type": "Pod"}, {"type": "Pod"}], ["must be a standard limit type", "Duplicate value"]),
        ([{"type": "Pod", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}], ["default: Fo", "Request: Fo"]),
        ([{"type": "PersistentVolumeClaim"}], ["either minimum or maximum storage value is required"]),
        ([{"type": "PersistentVolumeClaim", "min": {"storage": "1"}, "max": {"odd": "1"}}], ["[odd]: Invalid value"]),
        ([_container(max={"odd": "1"}, default={"odd": "1"}, defaultRequest={"odd": "1"})], ["standard"] * 6),
        ([_container(default={"cpu": "3"}, max={"cpu": "2"})], [
            'defaultRequest[cpu]: Invalid value: "3": default request value 3 is greater than max value 2',
            'default[cpu]: Invalid value: "2": default value 3 is greater than max value 2']),
        ([_container(min={"cpu": "2"}, max={"cpu": "1"}, default={"cpu": "1"}, defaultRequest={"cpu": "1"})], [
            'min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
            "min value 2 is greater than default request value 1", "min value 2 is greater than default value 1"]),
        ([_container(default={"cpu": "1"}, defaultRequest={"cpu": "2"})], ["is greater than default limit value 1"]),
        ([_container(maxLimitRequestRatio={"cpu": "500m"})], ["ratio 500m is less than 1"]),
        ([{"type": "Pod", "min": {"cpu": "1"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "3"}}], [
            "ratio 3 is greater than max/min = 2.000000"]),
        ([_container(default={"a.b/c": "2"}, defaultRequest={"a.b/c": "1"})], ["must equal to defaultRequest value 1"]),
    ],
)  # fmt: skip
def test_limit_ranges(items, why):
    found = said(quotas.limit_range, limits(*items))
    assert len(found) == len(why), found
    assert all(part in each for part, each in zip(why, found, strict=True)), found


def test_a_least_of_nothing_bounds_no_ratio():
    item = {"type": "Pod", "min": {"cpu": "0"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "3"}}
    assert said(quotas.limit_range, limits(item)) == []
