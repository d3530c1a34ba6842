"""Admission of pods and claims: what the cluster adds, and what it refuses."""

from typing import Any

import pytest

from k3py.model.errors import Forbidden
from k3py.objects.service import Objects
from tests.objects.world import Plain, run

CONTAINERS = [{"name": "c", "image": "x"}]


def containers(requests: Any = None, limits: Any = None) -> list[dict[str, Any]]:
    return [{"name": "c", "image": "x", "resources": {"requests": requests or {}, "limits": limits or {}}}]


def test_the_classes_of_the_system_are_there_and_give_their_priority() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        pod = await plain.create(
            "Pod", metadata={"name": "p"}, spec={"containers": CONTAINERS, "priorityClassName": "system-node-critical"}
        )
        assert pod["spec"]["priority"] == 2_000_001_000
        assert plain.get("PriorityClass", "system-cluster-critical")["value"] == 2_000_000_000

    run(story)


def test_a_pod_takes_the_default_class_and_may_not_contradict_its_class() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await plain.create("PriorityClass", metadata={"name": "usual"}, value=7, globalDefault=True,
                           preemptionPolicy="Never")  # fmt: skip
        await plain.create("PriorityClass", metadata={"name": "high"}, value=9)
        pod = await plain.create("Pod", metadata={"name": "p"}, spec={"containers": CONTAINERS})
        assert [pod["spec"][key] for key in ("priorityClassName", "priority", "preemptionPolicy")] == [
            "usual", 7, "Never",
        ]  # fmt: skip
        for spec, why in (
            ({"priorityClassName": "none"}, "no PriorityClass with name none was found"),
            ({"priorityClassName": "high", "priority": 8}, "computed 9 from the given PriorityClass name"),
            ({"preemptionPolicy": "PreemptLowerPriority"}, "the string value of PreemptionPolicy"),
        ):
            with pytest.raises(Forbidden, match=why):
                await plain.create("Pod", metadata={"name": "q"}, spec={"containers": CONTAINERS, **spec})

    run(story)


def test_a_runtime_class_brings_overhead_nodes_and_tolerations() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await plain.create(
            "RuntimeClass", metadata={"name": "vm"}, handler="vm", overhead={"podFixed": {"memory": "64Mi"}},
            scheduling={"nodeSelector": {"vm": "yes"}, "tolerations": [{"key": "vm", "operator": "Exists"}]},
        )  # fmt: skip
        await plain.create("RuntimeClass", metadata={"name": "bare"}, handler="runc")
        vm = {"containers": CONTAINERS, "runtimeClassName": "vm"}
        pod = await plain.create("Pod", metadata={"name": "p"}, spec=vm)
        assert pod["spec"]["overhead"] == {"memory": "64Mi"}
        assert pod["spec"]["nodeSelector"] == {"vm": "yes"}
        assert {"key": "vm", "operator": "Exists"} in pod["spec"]["tolerations"]
        for spec, why in (
            ({**vm, "nodeSelector": {"vm": "no"}}, "conflict: runtimeClass.scheduling.nodeSelector"),
            ({**vm, "overhead": {"memory": "1Mi"}}, "doesn't match RuntimeClass's defined Overhead"),
            ({**vm, "runtimeClassName": "bare", "overhead": {"memory": "1Mi"}}, "without corresponding RuntimeClass"),
            ({"containers": CONTAINERS, "overhead": {"memory": "1Mi"}}, "without corresponding RuntimeClass"),
            ({**vm, "runtimeClassName": "none"}, 'RuntimeClass "none" not found'),
        ):
            with pytest.raises(Forbidden, match=why):
                await plain.create("Pod", metadata={"name": "q"}, spec=spec)

    run(story)


LIMITS = [
    {"type": "Container", "default": {"cpu": "500m", "memory": "64Mi"}, "defaultRequest": {"cpu": "100m"},
     "min": {"cpu": "50m"}, "max": {"cpu": 2}, "maxLimitRequestRatio": {"cpu": 10}},
    {"type": "Pod", "max": {"cpu": 3}, "min": {"memory": "32Mi"}},
    {"type": "PersistentVolumeClaim", "min": {"storage": "2Gi"}, "max": {"storage": "8Gi"}},
]  # fmt: skip


def test_a_limit_range_completes_containers_and_says_so() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await plain.create("LimitRange", metadata={"name": "l"}, spec={"limits": LIMITS})
        spec = {"containers": CONTAINERS, "initContainers": [{"name": "i", "image": "x"}]}
        pod = await plain.create("Pod", metadata={"name": "p"}, spec=spec)
        assert pod["spec"]["containers"][0]["resources"] == {
            "limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"},
        }  # fmt: skip
        assert pod["status"]["qosClass"] == "Burstable"
        said = pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"]
        assert said == (
            "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c;"
            " cpu, memory request for init container i; cpu, memory limit for init container i"
        )

    run(story)


@pytest.mark.parametrize(("requests", "limits", "why"), [
    ({}, {"cpu": 4}, "[maximum cpu usage per Container is 2, but limit is 4,"
                     " maximum cpu usage per Pod is 3, but limit is 4]"),
    ({"cpu": "10m"}, {}, "[minimum cpu usage per Container is 50m, but request is 10m,"
                         " cpu max limit to request ratio per Container is 10, but provided ratio is 50.000000]"),
    ({"cpu": "60m"}, {"cpu": 2}, "cpu max limit to request ratio per Container is 10, but provided ratio is 33.333333"),
    ({"memory": "1Mi"}, {}, "minimum memory usage per Pod is 32Mi, but request is 1Mi"),
    ({"cpu": 0}, {"cpu": 1}, "[minimum cpu usage per Container is 50m, but request is 0, cpu max limit to request ratio"
                             " per Container is 10, but no request is specified or request is 0]"),
])  # fmt: skip
def test_a_limit_range_bounds_pods(requests: Any, limits: Any, why: str) -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await plain.create("LimitRange", metadata={"name": "l"}, spec={"limits": LIMITS})
        with pytest.raises(Forbidden) as refused:
            await plain.create("Pod", metadata={"name": "q"}, spec={"containers": containers(requests, limits)})
        assert refused.value.message == f'pods "q" is forbidden: {why}'

    run(story)


def test_a_limit_range_bounds_claims() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await plain.create("LimitRange", metadata={"name": "l"}, spec={"limits": LIMITS})
        for size, why in (
            ("1Gi", "minimum storage usage per PersistentVolumeClaim is 2Gi, but request is 1Gi"),
            ("9Gi", "maximum storage usage per PersistentVolumeClaim is 8Gi, but request is 9Gi"),
        ):
            spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
            with pytest.raises(Forbidden, match=why):
                await plain.create("PersistentVolumeClaim", metadata={"name": "v"}, spec=spec)

    run(story)


def test_without_a_limit_there_is_no_maximum_to_keep() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        only_max = [{"type": "Pod", "max": {"cpu": 1}, "min": {"cpu": "1m"}}]
        await plain.create("LimitRange", metadata={"name": "l"}, spec={"limits": only_max})
        with pytest.raises(Forbidden) as refused:
            await plain.create("Pod", metadata={"name": "q"}, spec={"containers": CONTAINERS})
        assert "minimum cpu usage per Pod is 1m.  No request is specified" in refused.value.message
        assert "maximum cpu usage per Pod is 1.  No limit is specified" in refused.value.message

    run(story)
