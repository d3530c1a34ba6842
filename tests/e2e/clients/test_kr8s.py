"""kr8s: objects that know how to change themselves; discovery that it does by itself."""

from pathlib import Path
from typing import Any

import kr8s
import pytest
from kr8s.objects import ConfigMap, Deployment, Pod, Service


@pytest.fixture
def api(kubeconfig: Path, api_namespace: str) -> Any:
    return kr8s.api(kubeconfig=str(kubeconfig), namespace=api_namespace)


def config_map(api: Any, name: str, **data: str) -> Any:
    return ConfigMap({"metadata": {"name": name, "labels": {"app": "kr8s"}}, "data": data}, api=api)


def deployment(api: Any) -> Any:
    spec = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "a:1"}]},
        },
    }
    return Deployment({"metadata": {"name": "web"}, "spec": spec}, api=api)


def test_objects_create_change_and_delete_themselves(api: Any, api_namespace: str) -> None:
    words = config_map(api, "words", a="1")
    assert not words.exists()
    words.create()
    assert words.exists()
    assert (words.namespace, words.raw["data"]) == (api_namespace, {"a": "1"})
    words.patch({"data": {"b": "2"}})
    words.label({"colour": "red"})
    words.annotate({"note": "kept"})
    assert words.labels == {"app": "kr8s", "colour": "red"}
    words.remove_label("colour")
    words.patch([{"op": "remove", "path": "/data/a"}], type="json")
    words.refresh()
    assert dict(words.raw["data"]) == {"b": "2"}
    assert dict(words.labels) == {"app": "kr8s"}
    with pytest.raises(kr8s.ServerError) as problem:
        config_map(api, "words").create()
    assert "already exists" in str(problem.value)
    words.delete()
    words.wait("delete", timeout=10)
    with pytest.raises(kr8s.NotFoundError):
        ConfigMap.get("words", namespace=api_namespace, api=api)


def test_workloads_scale_and_pods_become_ready(api: Any, api_namespace: str) -> None:
    web = deployment(api)
    web.create()
    assert web.replicas == 1
    assert not web.ready()
    web.scale(3)
    assert web.replicas == 3
    replicas = {"replicas": 3, "readyReplicas": 3, "availableReplicas": 3}
    web.patch({"status": {"observedGeneration": 2, **replicas}}, subresource="status")
    assert web.ready()
    pod = Pod({"metadata": {"name": "one"}, "spec": {"containers": [{"name": "main", "image": "a:1"}]}}, api=api)
    pod.create()
    assert not pod.ready()
    ready = {"status": {"phase": "Running", "conditions": [
        {"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")
    ]}}  # fmt: skip
    pod.patch(ready, subresource="status")
    pod.wait("condition=Ready", timeout=10)
    assert pod.ready()
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    service = Service({"metadata": {"name": "web"}, "spec": spec}, api=api)
    service.create()
    assert service.spec["clusterIP"]
    pod.delete(grace_period=0, force=True)
    web.delete(propagation_policy="Background")
    assert not web.exists()
    assert list(api.get("pods", namespace=api_namespace)) == []


def test_lists_watches_and_discovery(api: Any, api_namespace: str) -> None:
    for number in range(4):
        config_map(api, f"c{number}", number=str(number)).create()
    by_label = api.get("configmaps", namespace=api_namespace, label_selector={"app": "kr8s"})
    assert [each.name for each in by_label] == ["c0", "c1", "c2", "c3"]
    by_field = api.get("cm", namespace=api_namespace, field_selector="metadata.name=c2")
    assert [each.raw["data"]["number"] for each in by_field] == ["2"]
    assert [each.name for each in api.get("configmap", "c1", namespace=api_namespace)] == ["c1"]
    assert len(list(ConfigMap.list(namespace=api_namespace, api=api))) == 4
    watching = api.watch("configmaps", namespace=api_namespace)
    first = [next(watching) for _ in range(4)]
    assert {(event, each.name) for event, each in first} == {("ADDED", f"c{number}") for number in range(4)}
    config_map(api, "late").create()
    event, each = next(watching)
    assert (event, each.name) == ("ADDED", "late")
    watching.close()
    assert api.version()["minor"] == "36"
    assert api.whoami() == "system:admin"
    kinds = {(each["kind"], each["version"]) for each in api.api_resources()}
    assert {("Pod", "v1"), ("Deployment", "apps/v1"), ("CronJob", "batch/v1")} <= kinds
    assert "apps/v1" in set(api.api_versions())
    assert api.lookup_kind("deploy") == ("deployment.apps/v1", "deployments", True)
