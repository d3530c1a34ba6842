"""lightkube: typed objects, applies, every patch, lists, waits."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightkube
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ApiError, ConditionError
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod
from lightkube.types import CascadeType, PatchType


@pytest.fixture
def client(kubeconfig: Path, api_namespace: str) -> Iterator[Any]:
    made = lightkube.Client(
        KubeConfig.from_file(kubeconfig), namespace=api_namespace, field_manager="lightkube", trust_env=False
    )
    yield made
    made.close()


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, labels={"app": "light"}), data=data)


def deployment(replicas: int, image: str = "a:1") -> Deployment:
    labels = {"app": "web"}
    spec = PodSpec(containers=[Container(name="main", image=image)])
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=spec)
    return Deployment(
        metadata=ObjectMeta(name="web"),
        spec=DeploymentSpec(replicas=replicas, selector=LabelSelector(matchLabels=labels), template=template),
    )


def test_objects_are_created_read_changed_and_deleted(client: Any, api_namespace: str) -> None:
    made = client.create(config_map("a", one="1"))
    assert made.metadata.namespace == api_namespace
    with pytest.raises(ApiError) as problem:
        client.create(config_map("a"))
    assert problem.value.status.reason == "AlreadyExists"
    read = client.get(ConfigMap, "a")
    assert read == made
    read.data = {"two": "2"}
    assert client.replace(read).data == {"two": "2"}
    with pytest.raises(ApiError) as problem:
        client.replace(made)
    assert problem.value.status.code == 409
    assert client.create(config_map("dry"), dry_run=True).metadata.uid
    with pytest.raises(ApiError) as problem:
        client.get(ConfigMap, "dry")
    assert problem.value.status.reason == "NotFound"
    labelled = client.set(ConfigMap, "a", labels={"colour": "red", "app": None})
    assert labelled.metadata.labels == {"colour": "red"}
    client.delete(ConfigMap, "a")
    assert [each.metadata.name for each in client.list(ConfigMap)] == []
    assert client.get(Namespace, api_namespace).status.phase == "Active"


def test_applies_and_patches(client: Any) -> None:
    made = client.apply(deployment(2))
    assert made.spec.replicas == 2
    assert [(each.manager, each.operation) for each in made.metadata.managedFields] == [("lightkube", "Apply")]
    again = client.apply(deployment(2))
    assert again.metadata.resourceVersion == made.metadata.resourceVersion
    with pytest.raises(ApiError) as conflict:
        client.apply(deployment(3), field_manager="another")
    assert conflict.value.status.code == 409
    assert "conflict with" in str(conflict.value.status.message)
    assert client.apply(deployment(3), field_manager="another", force=True).spec.replicas == 3
    scale = client.get(Deployment.Scale, "web")
    scale.spec = ScaleSpec(replicas=6)
    assert client.replace(scale, "web").spec.replicas == 6
    second = {"spec": {"template": {"spec": {"containers": [{"name": "second", "image": "b:1"}]}}}}
    assert len(client.patch(Deployment, "web", second).spec.template.spec.containers) == 2
    merged = client.patch(Deployment, "web", {"spec": {"paused": True}}, patch_type=PatchType.MERGE)
    assert merged.spec.paused
    operations = [{"op": "remove", "path": "/spec/paused"}]
    assert not client.patch(Deployment, "web", operations, patch_type=PatchType.JSON).spec.paused
    ready = {"status": {"conditions": [{"type": "Available", "status": "True"}]}}
    patched = client.patch(Deployment.Status, "web", ready, patch_type=PatchType.MERGE)
    assert patched.status.conditions[0].status == "True"
    client.delete(Deployment, "web", cascade=CascadeType.BACKGROUND)


def test_lists_select_and_come_in_pieces(client: Any) -> None:
    for number in range(5):
        client.create(config_map(f"c{number}", number=str(number)))
    client.create(ConfigMap(metadata=ObjectMeta(name="other")))
    listed = client.list(ConfigMap, labels={"app": "light"}, chunk_size=2)
    assert [each.metadata.name for each in listed] == [f"c{number}" for number in range(5)]
    assert listed.resourceVersion
    named = client.list(ConfigMap, fields={"metadata.name": "c3"})
    assert [each.data for each in named] == [{"number": "3"}]
    everywhere = client.list(ConfigMap, namespace="*", fields={"metadata.name": "c3"})
    assert len(list(everywhere)) >= 1
    with pytest.raises(ApiError) as problem:
        list(client.list(ConfigMap, fields={"data.number": "3"}))
    assert problem.value.status.code == 400
    client.deletecollection(ConfigMap)
    assert list(client.list(ConfigMap)) == []


def test_watches_and_waits(client: Any) -> None:
    begin = client.list(ConfigMap)
    list(begin)
    client.create(config_map("a"))
    client.delete(ConfigMap, "a")
    seen = []
    for event, each in client.watch(ConfigMap, resource_version=begin.resourceVersion, server_timeout=20):
        seen.append((event, each.metadata.name))
        if event == "DELETED":
            break
    assert seen == [("ADDED", "a"), ("DELETED", "a")]
    client.create(Pod(metadata=ObjectMeta(name="one"), spec=PodSpec(containers=[Container(name="main", image="a:1")])))
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    arguments = (Pod.Status, "one", ready)
    threading.Timer(0.2, client.patch, arguments, {"patch_type": PatchType.MERGE}).start()
    assert client.wait(Pod, "one", for_conditions=["Ready"]).metadata.name == "one"
    with pytest.raises(ConditionError):
        client.wait(Pod, "one", for_conditions=["Never"], raise_for_conditions=["Ready"])
