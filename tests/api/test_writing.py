"""Create, update, patch, delete over HTTP's vocabulary: options, media types, warnings, subresources."""

from typing import Any

import pytest

from k3py.api.heavy.writes import Outcome, Write, perform
from k3py.api.http.messages import Response
from k3py.objects.patch.json_patch import OPERATIONS_MAX
from k3py.objects.service import Objects
from tests.api.world import CONFIG_MAPS, PODS, World, config_map, pod, run

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MERGE = {"content-type": "application/merge-patch+json"}
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}
JSON_PATCH = {"content-type": "application/json-patch+json"}


def deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": name}, "spec": spec}


def test_create_then_create_again() -> None:
    async def story(world: World) -> None:
        status, body = await world.json("POST", CONFIG_MAPS, config_map("a"))
        assert status == 201
        assert body["metadata"]["uid"]
        status, body = await world.json("POST", CONFIG_MAPS, config_map("a"))
        assert (status, body["reason"]) == (409, "AlreadyExists")
        assert body["message"] == 'configmaps "a" already exists'

    run(story)


def test_a_dry_run_answers_and_stores_nothing() -> None:
    async def story(world: World) -> None:
        status, body = await world.json("POST", f"{CONFIG_MAPS}?dryRun=All", config_map("a"))
        assert (status, body["metadata"]["name"]) == (201, "a")
        assert (await world.json("GET", f"{CONFIG_MAPS}/a"))[0] == 404
        status, body = await world.json("POST", f"{CONFIG_MAPS}?dryRun=Some", config_map("a"))
        assert (status, body["reason"]) == (422, "Invalid")

    run(story)


def test_unknown_fields_by_validation() -> None:
    async def story(world: World) -> None:
        for validation, status in [("Strict", 400), ("Warn", 201), ("Ignore", 201), ("", 201), ("Maybe", 422)]:
            body = config_map(f"a{validation.lower()}") | {"dataa": {}}
            answer = await world.ask("POST", f"{CONFIG_MAPS}?fieldValidation={validation}", body)
            assert isinstance(answer, Response)
            assert answer.status == status, validation
            warned = [value for name, value in answer.headers if name == "Warning"]
            assert bool(warned) is (validation in ("Warn", "")), validation
        assert warned == []

    run(story)


def test_yaml_bodies_and_bodies_of_no_known_type() -> None:
    async def story(world: World) -> None:
        text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {a: b}\n"
        status, body = await world.json("POST", CONFIG_MAPS, text, headers={"content-type": "application/yaml"})
        assert (status, body["data"]) == (201, {"a": "b"})
        status, body = await world.json("POST", CONFIG_MAPS, b"<x/>", headers={"content-type": "text/xml"})
        assert (status, body["reason"]) == (415, "UnsupportedMediaType")
        for broken in (b"", b"{", b"[]", b"\xff", b'{"kind":"Pod","apiVersion":"v1"}'):
            status, body = await world.json("POST", CONFIG_MAPS, broken)
            assert (status, body["reason"]) == (400, "BadRequest"), broken

    run(story)


def test_update_needs_the_version_that_was_read() -> None:
    async def story(world: World) -> None:
        _, first = await world.json("POST", CONFIG_MAPS, config_map("a"))
        first["data"] = {"a": "1"}
        status, second = await world.json("PUT", f"{CONFIG_MAPS}/a", first)
        assert (status, second["data"]) == (200, {"a": "1"})
        status, problem = await world.json("PUT", f"{CONFIG_MAPS}/a", first)
        assert (status, problem["reason"]) == (409, "Conflict")

    run(story)


@pytest.mark.parametrize(
    ("headers", "patch", "data"),
    [
        (MERGE, {"data": {"a": None, "x": "y"}}, {"x": "y"}),
        (STRATEGIC, {"data": {"x": "y"}}, {"a": "b", "x": "y"}),
        (JSON_PATCH, [{"op": "replace", "path": "/data/a", "value": "c"}], {"a": "c"}),
    ],
)
def test_patches(headers: dict[str, str], patch: Any, data: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await world.json("POST", CONFIG_MAPS, config_map("a"))
        status, body = await world.json("PATCH", f"{CONFIG_MAPS}/a", patch, headers=headers)
        assert (status, body["data"]) == (200, data)

    run(story)


def test_patches_that_cannot_be() -> None:
    async def story(world: World) -> None:
        await world.json("POST", CONFIG_MAPS, config_map("a"))
        status, body = await world.json("PATCH", f"{CONFIG_MAPS}/a", {}, headers={"content-type": "application/json"})
        assert (status, body["reason"]) == (415, "UnsupportedMediaType")
        status, _ = await world.json("PATCH", f"{CONFIG_MAPS}/a", b"{", headers=MERGE)
        assert status == 400
        operation = {"op": "add", "path": "/data/a", "value": "c"}
        for count, wanted in [(OPERATIONS_MAX, 200), (OPERATIONS_MAX + 1, 413)]:
            status, _ = await world.json("PATCH", f"{CONFIG_MAPS}/a", [operation] * count, headers=JSON_PATCH)
            assert status == wanted, count

    run(story)


def test_scale_is_read_and_written() -> None:
    async def story(world: World) -> None:
        status, body = await world.json("POST", DEPLOYMENTS, deployment("d"))
        assert status == 201, body
        _, scale = await world.json("GET", f"{DEPLOYMENTS}/d/scale")
        assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 2})
        _, scale = await world.json("PATCH", f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 5}}, headers=MERGE)
        assert scale["spec"] == {"replicas": 5}
        scale["spec"]["replicas"] = 1
        status, scale = await world.json("PUT", f"{DEPLOYMENTS}/d/scale", scale)
        assert status == 200, scale
        _, body = await world.json("GET", f"{DEPLOYMENTS}/d")
        assert (body["spec"]["replicas"], body["metadata"]["generation"]) == (1, 3)

    run(story)


def test_status_and_spec_are_written_apart() -> None:
    async def story(world: World) -> None:
        await world.json("POST", DEPLOYMENTS, deployment("d"))
        both = {"spec": {"replicas": 9}, "status": {"replicas": 7}}
        _, body = await world.json("PATCH", f"{DEPLOYMENTS}/d/status", both, headers=MERGE)
        assert (body["spec"]["replicas"], body["status"]["replicas"]) == (2, 7)
        _, body = await world.json("PATCH", f"{DEPLOYMENTS}/d", both | {"status": {"replicas": 1}}, headers=MERGE)
        assert (body["spec"]["replicas"], body["status"]["replicas"]) == (9, 7)

    run(story)


def test_deleting_one_and_all_that_are_selected() -> None:
    async def story(world: World) -> None:
        for name, app in [("a", "x"), ("b", "y"), ("c", "y")]:
            await world.json("POST", CONFIG_MAPS, config_map(name, app=app))
        status, body = await world.json("DELETE", f"{CONFIG_MAPS}/a")
        assert (status, body["kind"], body["status"]) == (200, "Status", "Success")
        assert body["details"]["name"] == "a"
        status, body = await world.json("DELETE", f"{CONFIG_MAPS}?labelSelector=app%3Dy")
        assert (status, [each["metadata"]["name"] for each in body["items"]]) == (200, ["b", "c"])
        _, left = await world.json("GET", CONFIG_MAPS)
        assert left["items"] == []
        assert (await world.json("DELETE", f"{CONFIG_MAPS}/a"))[0] == 404
        assert (await world.json("DELETE", "/api/v1/configmaps"))[0] == 405

    run(story)


def test_a_bound_pod_gets_its_grace_period() -> None:
    async def story(world: World) -> None:
        await world.json("POST", PODS, pod("p", "n1"))
        _, body = await world.json("DELETE", f"{PODS}/p?gracePeriodSeconds=7")
        assert body["kind"] == "Pod"
        assert body["metadata"]["deletionGracePeriodSeconds"] == 7
        status, body = await world.json("DELETE", f"{PODS}/p?gracePeriodSeconds=x")
        assert status == 400
        _, body = await world.json("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0})
        assert (await world.json("GET", f"{PODS}/p"))[0] == 404

    run(story)


def test_binding_a_pod_twice_is_a_conflict() -> None:
    async def story(world: World) -> None:
        await world.json("POST", PODS, pod("p"))
        binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
        assert (await world.json("POST", "/api/v1/namespaces/default/bindings", binding))[0] == 201
        status, body = await world.json("POST", f"{PODS}/p/binding", binding)
        assert (status, body["reason"]) == (409, "Conflict")
        _, found = await world.json("GET", f"{PODS}/p")
        assert found["spec"]["nodeName"] == "n1"
        for wrong in ({"name": "q"}, {}):
            status, body = await world.json("POST", f"{PODS}/p/binding", {**binding, "metadata": wrong})
            assert (status, body["message"]) == (400, "name in URL does not match name in Binding object")

    run(story)


def test_reviews_are_answered_and_not_kept() -> None:
    async def story(world: World) -> None:
        _, who = await world.json("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
        assert who["status"]["userInfo"]["username"] == "admin"
        asked = {"spec": {"resourceAttributes": {"verb": "delete", "resource": "nodes"}}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        for token, allowed in [("admin-token", True), ("nobody-special", False)]:
            status, body = await world.json("POST", path, asked, token=token)
            assert (status, body["status"]["allowed"]) == (201, allowed)
        asked_rules = {"spec": {"namespace": "default"}}
        _, rules = await world.json("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", asked_rules)
        assert rules["status"]["resourceRules"][0]["verbs"] == ["*"]

    run(story)


def test_who_manages_a_review_is_not_for_the_asker_to_say() -> None:
    async def story(world: World) -> None:
        entry = {"manager": "me", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}
        asked = {"metadata": {"managedFields": [entry]}, "spec": {"resourceAttributes": {"verb": "get"}}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews?fieldManager=kubectl"
        status, body = await world.json("POST", path, asked)
        assert status == 201
        assert [each["manager"] for each in body["metadata"]["managedFields"]] == ["kubectl"]

    run(story)


def test_what_is_only_asked_may_not_be_large() -> None:
    async def story(world: World) -> None:
        many = {"items": [{"a": 1}] * 200}
        reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        await world.json("POST", CONFIG_MAPS, config_map("a"))
        await world.json("POST", PODS, pod("p"))
        for method, path in [
            ("POST", reviews),
            ("POST", f"{PODS}/p/binding"),
            ("POST", f"{PODS}/p/eviction"),
            ("POST", "/api/v1/namespaces/default/serviceaccounts/default/token"),
            ("DELETE", f"{CONFIG_MAPS}/a"),
            ("DELETE", CONFIG_MAPS),
        ]:
            status, body = await world.json(method, path, many)
            assert (status, body["reason"]) == (413, "RequestEntityTooLarge"), path
        assert (await world.json("GET", f"{CONFIG_MAPS}/a"))[0] == 200

    run(story)


def test_heavy_writes_go_to_the_helper_and_others_do_not() -> None:
    class Noting:
        """Takes note of what it is given, and does it."""

        def __init__(self, objects: Objects) -> None:
            self._objects = objects
            self.names: list[str] = []

        async def perform(self, write: Write) -> Outcome:
            self.names.append(f"{write.verb} {write.name}")
            return await perform(self._objects, write)

    async def story(world: World) -> None:
        noting = Noting(world.objects)
        writer: Any = world.api._resources._verbs["create"]
        writer.__self__._helper = noting
        large = config_map("large") | {"data": {f"k{number}": "v" * 10 for number in range(1_100)}}
        for name in ("small", "large"):
            assert (await world.json("POST", CONFIG_MAPS, large if name == "large" else config_map(name)))[0] == 201
        for name in ("small", "large"):
            patch = {"metadata": {"labels": {"a": "b"}}}
            status, body = await world.json("PATCH", f"{CONFIG_MAPS}/{name}", patch, headers=MERGE)
            assert (status, body["metadata"]["labels"]) == (200, {"a": "b"})
            assert (await world.json("PUT", f"{CONFIG_MAPS}/{name}", config_map(name)))[0] == 200
        assert noting.names == ["create ", "patch large", "update large"]

    run(story)
