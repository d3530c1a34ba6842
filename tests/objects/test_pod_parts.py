"""The subresources that write part of a pod: ephemeral containers, and resources of containers that run."""

from typing import Any

import pytest

from k3py.model.errors import Forbidden, Invalid
from k3py.objects.service import Objects
from tests.objects.world import Plain, run

RESOURCES = {"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"cpu": "2"}}


async def made(plain: Plain, **spec: Any) -> Any:
    containers = [{"name": "c", "image": "x", "resources": RESOURCES}]
    return await plain.create("Pod", metadata={"name": "p"}, spec={"containers": containers, **spec})


def said(refused: Any) -> list[str]:
    return [f"{each.field}: {each.message.partition(chr(10))[0]}" for each in refused.value.details.causes]


def test_ephemeral_containers_come_and_stay() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await made(plain)
        path = "ephemeralcontainers"
        wanted = [{"name": "e", "image": "x", "targetContainerName": "c"}]
        body = {"metadata": {"labels": {"a": "b"}}, "spec": {"ephemeralContainers": wanted, "nodeName": "other"}}
        pod = await plain.patch("Pod", "p", body, subresource=path)
        assert pod["spec"]["ephemeralContainers"][0]["terminationMessagePolicy"] == "File"
        assert "nodeName" not in pod["spec"]
        assert "labels" not in pod["metadata"]
        assert pod["metadata"]["generation"] == 2
        for containers, why in (
            ([], 'spec.ephemeralContainers: Forbidden: existing ephemeral containers "e" may not be removed'),
            ([{"name": "e", "image": "y"}],
             'spec.ephemeralContainers: Forbidden: existing ephemeral containers "e" may not be changed'),
            ([*wanted, {"name": "c", "image": "x"}], 'spec.ephemeralContainers[1].name: Duplicate value: "c"'),
            ([*wanted, {"name": "f", "image": "x", "targetContainerName": "e"}],
             'spec.ephemeralContainers[1].targetContainerName: Not found: "e"'),
        ):  # fmt: skip
            with pytest.raises(Invalid) as refused:
                await plain.patch("Pod", "p", {"spec": {"ephemeralContainers": containers}}, subresource=path)
            assert said(refused) == [why]

    run(story)


def test_an_ephemeral_container_is_for_debugging_only() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await made(plain)
        container = {
            "name": "e", "image": " x", "ports": [{"containerPort": 1}], "lifecycle": {},
            "resources": {"limits": {"cpu": 1}}, "startupProbe": {"tcpSocket": {"port": 1}},
        }  # fmt: skip
        body = {"spec": {"ephemeralContainers": [container]}}
        with pytest.raises(Invalid) as refused:
            await plain.patch("Pod", "p", body, subresource="ephemeralcontainers")
        never = "Forbidden: cannot be set for an Ephemeral Container"
        assert said(refused) == [
            'spec.ephemeralContainers[0].image: Invalid value: " x": must not have leading or trailing whitespace',
            *(
                f"spec.ephemeralContainers[0].{each}: {never}"
                for each in ("ports", "resources", "startupProbe", "lifecycle")
            ),
        ]

    run(story)


def resized(**resources: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", "image": "other", "resources": resources}]}}


def test_cpu_and_memory_of_a_container_can_change_and_nothing_else_does() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await made(plain)
        wanted = {"requests": {"cpu": "500m", "memory": "32Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
        pod = await plain.patch("Pod", "p", resized(**wanted), subresource="resize")
        assert pod["spec"]["containers"][0]["resources"] == wanted
        assert pod["spec"]["containers"][0]["image"] == "x"
        assert pod["metadata"]["generation"] == 2

    run(story)


@pytest.mark.parametrize(("resources", "why"), [
    ({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}},
     "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"),
    ({"requests": RESOURCES["requests"], "limits": {}},
     "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"),
    ({**RESOURCES, "limits": {"cpu": "2", "ephemeral-storage": "1Gi"}},
     "spec: Forbidden: only cpu and memory resources are mutable"),
    ({"requests": {"cpu": "2", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "64Mi"}},
     'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing'),
])  # fmt: skip
def test_what_a_resize_may_not_do(resources: Any, why: str) -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        pod = await made(plain)
        pod["spec"]["containers"][0]["resources"] = resources
        with pytest.raises(Invalid) as refused:
            await plain.update("Pod", pod, "resize")
        assert said(refused) == [why]

    run(story)


def test_containers_are_not_added_by_a_resize_and_windows_is_not_resized() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        pod = await made(plain)
        pod["spec"]["containers"].append({"name": "d", "image": "x"})
        with pytest.raises(Invalid, match="only cpu and memory resources are mutable"):
            await plain.update("Pod", pod, "resize")
        await plain.delete("Pod", "p")
        await made(plain, os={"name": "windows"})
        with pytest.raises(Invalid, match="windows pods cannot be resized"):
            await plain.patch("Pod", "p", resized(requests={"cpu": "1", "memory": "1Gi"}), subresource="resize")

    run(story)


def test_a_resize_keeps_to_the_limits_of_the_namespace() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await made(plain)
        limits = {"limits": [{"type": "Container", "max": {"cpu": 2}}]}
        await plain.create("LimitRange", metadata={"name": "l"}, spec=limits)
        body = resized(requests=RESOURCES["requests"], limits={"cpu": "3"})
        with pytest.raises(Forbidden, match="maximum cpu usage per Container is 2, but limit is 3"):
            await plain.patch("Pod", "p", body, subresource="resize")
        await plain.patch("Pod", "p", {"metadata": {"labels": {"a": "b"}}})

    run(story)
