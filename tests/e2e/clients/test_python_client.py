"""The official Python client: typed and dynamic, patches, applies, pages, watches."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.config
import kubernetes.dynamic
import kubernetes.watch
import pytest
from kubernetes.client.exceptions import ApiException

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json-patch+json"
# The client has no types of its own for these.
configuring: Any = kubernetes.config
watching: Any = kubernetes.watch
dynamic: Any = kubernetes.dynamic
models: Any = kubernetes.client


@pytest.fixture
def client(kubeconfig: Path) -> Iterator[Any]:
    configuration = kubernetes.client.Configuration()
    configuring.load_kube_config(str(kubeconfig), client_configuration=configuration)
    with kubernetes.client.ApiClient(configuration) as made:
        yield made


def refused(call: Any, *arguments: Any, **more: Any) -> tuple[int, str]:
    """Status and body of a call that has to fail."""
    with pytest.raises(ApiException) as problem:
        call(*arguments, **more)
    return int(problem.value.status), str(problem.value.body)


def deployment(name: str, image: str = "nginx:1", replicas: int = 1) -> Any:
    labels = {"app": name}
    container = models.V1Container(name="main", image=image, ports=[models.V1ContainerPort(container_port=80)])
    template = models.V1PodTemplateSpec(
        metadata=models.V1ObjectMeta(labels=labels), spec=models.V1PodSpec(containers=[container])
    )
    return models.V1Deployment(
        metadata=models.V1ObjectMeta(name=name, labels=labels),
        spec=models.V1DeploymentSpec(
            replicas=replicas, selector=models.V1LabelSelector(match_labels=labels), template=template
        ),
    )


def test_typed_objects_go_there_and_back(client: Any, api_namespace: str) -> None:
    apps, core = models.AppsV1Api(client), models.CoreV1Api(client)
    made = apps.create_namespaced_deployment(api_namespace, deployment("web", replicas=2))
    assert (made.spec.replicas, made.spec.strategy.type, made.metadata.generation) == (2, "RollingUpdate", 1)
    assert made.metadata.creation_timestamp.tzinfo is not None
    status, body = refused(apps.create_namespaced_deployment, api_namespace, deployment("web"))
    assert status == 409
    assert "AlreadyExists" in body
    status, body = refused(apps.create_namespaced_deployment, api_namespace, deployment("bad", image=""))
    assert status == 422
    assert "spec.template.spec.containers[0].image: Required value" in body
    read = apps.read_namespaced_deployment("web", api_namespace)
    assert read == made
    read.spec.replicas = 3
    replaced = apps.replace_namespaced_deployment("web", api_namespace, read)
    assert (replaced.spec.replicas, replaced.metadata.generation) == (3, 2)
    assert refused(apps.replace_namespaced_deployment, "web", api_namespace, made)[0] == 409
    scale = apps.read_namespaced_deployment_scale("web", api_namespace)
    scale.spec.replicas = 5
    assert apps.replace_namespaced_deployment_scale("web", api_namespace, scale).spec.replicas == 5
    status_patch = {"status": {"replicas": 5, "readyReplicas": 4}}
    assert apps.patch_namespaced_deployment_status("web", api_namespace, status_patch).status.ready_replicas == 4
    assert [each.metadata.name for each in apps.list_deployment_for_all_namespaces(label_selector="app=web").items]
    service = models.V1Service(
        metadata=models.V1ObjectMeta(name="web"),
        spec=models.V1ServiceSpec(selector={"app": "web"}, ports=[models.V1ServicePort(port=80, target_port="http")]),
    )
    assert core.create_namespaced_service(api_namespace, service).spec.cluster_ip.count(".") == 3
    secret = models.V1Secret(metadata=models.V1ObjectMeta(name="key"), string_data={"a": "b"})
    assert core.create_namespaced_secret(api_namespace, secret).data == {"a": "Yg=="}
    review = models.V1SelfSubjectAccessReview(
        spec=models.V1SelfSubjectAccessReviewSpec(
            resource_attributes=models.V1ResourceAttributes(namespace=api_namespace, verb="get", resource="pods")
        )
    )
    assert models.AuthorizationV1Api(client).create_self_subject_access_review(review).status.allowed
    token = models.AuthenticationV1TokenRequest(spec=models.V1TokenRequestSpec(audiences=["own"]))
    core.create_namespaced_service_account(api_namespace, {"metadata": {"name": "robot"}})
    assert core.create_namespaced_service_account_token("robot", api_namespace, token).status.token
    gone = apps.delete_namespaced_deployment("web", api_namespace, propagation_policy="Background")
    assert gone["status"] == "Success"
    assert refused(apps.read_namespaced_deployment, "web", api_namespace)[0] == 404


def test_pods_are_bound_and_evicted(client: Any, api_namespace: str) -> None:
    core = models.CoreV1Api(client)
    spec = models.V1PodSpec(
        containers=[models.V1Container(name="main", image="a:1")], termination_grace_period_seconds=0
    )
    core.create_namespaced_pod(api_namespace, models.V1Pod(metadata=models.V1ObjectMeta(name="one"), spec=spec))
    target = models.V1ObjectReference(kind="Node", name="somewhere")
    binding = models.V1Binding(metadata=models.V1ObjectMeta(name="one"), target=target)
    core.create_namespaced_pod_binding("one", api_namespace, binding, _preload_content=False)
    assert core.read_namespaced_pod("one", api_namespace).spec.node_name == "somewhere"
    by_node = core.list_namespaced_pod(api_namespace, field_selector="spec.nodeName=somewhere")
    assert [each.metadata.name for each in by_node.items] == ["one"]
    assert "somewhere" in refused(core.read_namespaced_pod_log, "one", api_namespace)[1]
    core.create_namespaced_pod_eviction(
        "one", api_namespace, models.V1Eviction(metadata=models.V1ObjectMeta(name="one"))
    )
    assert core.list_namespaced_pod(api_namespace).items == []


def test_every_kind_of_patch(client: Any, api_namespace: str) -> None:
    apps = models.AppsV1Api(client)
    apps.create_namespaced_deployment(api_namespace, deployment("web"))

    def patch(body: Any, kind: str, **more: Any) -> Any:
        return apps.patch_namespaced_deployment("web", api_namespace, body, _content_type=kind, **more)

    second = {"spec": {"template": {"spec": {"containers": [{"name": "second", "image": "two:2"}]}}}}
    assert len(patch(second, STRATEGIC).spec.template.spec.containers) == 2
    assert len(patch({**second}, MERGE).spec.template.spec.containers) == 1
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 4}]
    assert patch(operations, JSON).spec.replicas == 4
    assert patch({"spec": {"replicas": 9}}, MERGE, dry_run="All").spec.replicas == 9
    assert apps.read_namespaced_deployment("web", api_namespace).spec.replicas == 4
    strict = {"spec": {"nothing": 1}}
    assert "unknown field" in refused(
        apps.patch_namespaced_deployment, "web", api_namespace, strict, field_validation="Strict"
    )[1]  # fmt: skip


def test_server_side_apply_keeps_what_others_own(client: Any, api_namespace: str) -> None:
    core = models.CoreV1Api(client)

    def apply(data: dict[str, str], manager: str, **more: Any) -> Any:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared"}, "data": data}
        return core.patch_namespaced_config_map(
            "shared", api_namespace, body, field_manager=manager, _content_type=APPLY, **more
        )

    assert apply({"a": "1"}, "one").data == {"a": "1"}
    assert apply({"b": "2"}, "two").data == {"a": "1", "b": "2"}
    with pytest.raises(ApiException) as conflict:
        apply({"a": "3"}, "two")
    assert conflict.value.status == 409
    assert 'conflict with \\"one\\": .data.a' in str(conflict.value.body)
    forced = apply({"a": "3"}, "two", force=True)
    assert forced.data == {"a": "3"}
    assert [(each.manager, each.operation) for each in forced.metadata.managed_fields] == [("two", "Apply")]
    assert apply({}, "two").data is None


def test_lists_come_in_pieces_that_fit_together(client: Any, api_namespace: str) -> None:
    core = models.CoreV1Api(client)
    for number in range(7):
        core.create_namespaced_config_map(api_namespace, {"metadata": {"name": f"c{number}", "labels": {"in": "list"}}})
    first = core.list_namespaced_config_map(api_namespace, limit=3)
    assert first.metadata.remaining_item_count == 4
    core.create_namespaced_config_map(api_namespace, {"metadata": {"name": "c9-late"}})
    names = [each.metadata.name for each in first.items]
    piece = first
    while piece.metadata._continue:
        piece = core.list_namespaced_config_map(api_namespace, limit=3, _continue=piece.metadata._continue)
        names += [each.metadata.name for each in piece.items]
    assert names == [f"c{number}" for number in range(7)]
    at_least = core.list_namespaced_config_map(
        api_namespace, resource_version=first.metadata.resource_version, resource_version_match="NotOlderThan"
    )
    assert len(at_least.items) == 8
    exact = core.list_namespaced_config_map(
        api_namespace, resource_version=first.metadata.resource_version, resource_version_match="Exact", limit=10
    )
    assert len(exact.items) == 7
    assert refused(core.list_namespaced_config_map, api_namespace, _continue="nonsense")[0] == 400
    core.delete_collection_namespaced_config_map(api_namespace, label_selector="in=list")
    assert [each.metadata.name for each in core.list_namespaced_config_map(api_namespace).items] == ["c9-late"]


def test_watches_begin_anywhere_and_end_in_time(client: Any, api_namespace: str) -> None:
    core = models.CoreV1Api(client)
    begin = core.list_namespaced_config_map(api_namespace).metadata.resource_version
    core.create_namespaced_config_map(api_namespace, {"metadata": {"name": "a"}})
    core.patch_namespaced_config_map("a", api_namespace, {"data": {"x": "y"}})
    core.delete_namespaced_config_map("a", api_namespace)
    late = {"metadata": {"name": "late"}}
    threading.Timer(0.2, core.create_namespaced_config_map, (api_namespace, late)).start()
    seen = []
    watch = watching.Watch()
    for event in watch.stream(
        core.list_namespaced_config_map, api_namespace, resource_version=begin, timeout_seconds=20,
        allow_watch_bookmarks=True,
    ):  # fmt: skip
        seen.append((event["type"], event["object"].metadata.name))
        if seen[-1][1] == "late":
            watch.stop()
    assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a"), ("ADDED", "late")]
    ended = watching.Watch().stream(core.list_namespaced_config_map, api_namespace, timeout_seconds=1)
    assert [event["type"] for event in ended] == ["ADDED"]
    with pytest.raises(ApiException) as problem:
        list(watching.Watch().stream(core.list_namespaced_config_map, api_namespace, resource_version="x"))
    assert problem.value.status == 400


def test_the_dynamic_client_finds_kinds_by_itself(client: Any, api_namespace: str, tmp_path: Path) -> None:
    every = dynamic.DynamicClient(client, cache_file=str(tmp_path / "discovery"))
    jobs = every.resources.get(api_version="batch/v1", kind="CronJob")
    assert jobs.namespaced
    container = {"name": "main", "image": "a:1"}
    spec = {
        "schedule": "@hourly",
        "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}},
    }
    body = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"}, "spec": spec}
    made = jobs.create(body=body, namespace=api_namespace)
    assert made.spec.concurrencyPolicy == "Allow"
    patched = jobs.patch(name="tick", namespace=api_namespace, body={"spec": {"suspend": True}}, content_type=MERGE)
    assert patched.spec.suspend is True
    applied = jobs.server_side_apply(
        name="tick", namespace=api_namespace, body={**body, "spec": {**spec, "schedule": "@daily"}},
        field_manager="dynamic", force_conflicts=True,
    )  # fmt: skip
    assert applied.spec.schedule == "@daily"
    assert [each.metadata.name for each in jobs.get(namespace=api_namespace, label_selector="").items] == ["tick"]
    seen = list(jobs.watch(namespace=api_namespace, timeout=1))
    assert [(event["type"], event["object"].metadata.name) for event in seen] == [("ADDED", "tick")]
    fresh = jobs.get(name="tick", namespace=api_namespace).to_dict()
    fresh["spec"]["suspend"] = False
    assert jobs.replace(body=fresh, namespace=api_namespace).spec.suspend is False
    jobs.delete(name="tick", namespace=api_namespace, body={})
    with pytest.raises(dynamic.exceptions.NotFoundError):
        jobs.get(name="tick", namespace=api_namespace)
    assert every.resources.get(api_version="v1", kind="Pod").subresources["log"]
    with pytest.raises(dynamic.exceptions.ResourceNotFoundError):
        every.resources.get(api_version="example.com/v1", kind="Unicorn")


def test_what_is_served_is_told(client: Any) -> None:
    assert "v1" in models.CoreApi(client).get_api_versions().versions
    groups = {each.name for each in models.ApisApi(client).get_api_versions().groups}
    assert {"apps", "batch", "networking.k8s.io", "rbac.authorization.k8s.io"} <= groups
    assert "pods" in {each.name for each in models.CoreV1Api(client).get_api_resources().resources}
    assert models.VersionApi(client).get_code().minor == "36"
    me = models.AuthenticationV1Api(client).create_self_subject_review({}).status.user_info
    assert "system:masters" in me.groups
