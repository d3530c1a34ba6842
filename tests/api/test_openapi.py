"""OpenAPI documents: every kind and subresource, in Kubernetes' shape."""

import json
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from k3py.api.openapi import document
from k3py.api.openapi_operations import article, group_word
from k3py.model.definitions import document_table, schemas
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind

PATHS = sorted({kind.path for kind in KINDS})


@cache
def made(path: str) -> dict[str, Any]:
    kinds = [kind for kind in KINDS if kind.path == path]
    body: dict[str, Any] = json.loads(document(kinds, schemas(), document_table(), "v1.36.0"))
    return body


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(each) for each in node.values()))
    return set().union(*(references(each) for each in node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("path", PATHS)
def test_a_document_refers_to_nothing_that_it_does_not_have(path: str) -> None:
    assert references(made(path)) <= set(made(path)["components"]["schemas"])


@pytest.mark.parametrize("path", PATHS)
def test_every_operation_is_named_once_and_says_what_it_does(path: str) -> None:
    names = []
    for place, item in made(path)["paths"].items():
        declared = {each["name"] for each in item.get("parameters", []) if each["in"] == "path"}
        assert declared == {each.partition("}")[0] for each in place.split("{")[1:]}
        for method, operation in item.items():
            if method == "parameters":
                continue
            names.append(operation["operationId"])
            assert operation["responses"]["401"]
            known = [
                (each["name"], each["in"]) for each in [*item.get("parameters", []), *operation.get("parameters", [])]
            ]
            assert len(known) == len(set(known))
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", PATHS)
def test_schemas_are_schemas(path: str) -> None:
    for name, schema in made(path)["components"]["schemas"].items():
        jsonschema.Draft4Validator.check_schema(schema)
        assert _without_siblings(schema), name


def _without_siblings(node: Any) -> bool:
    """OpenAPI 3.0, "Reference Object": what stands beside a reference is ignored, so nothing may."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str) and len(node) > 1:
            return False
        return all(_without_siblings(each) for each in node.values())
    return all(_without_siblings(each) for each in node) if isinstance(node, list) else True


@pytest.mark.parametrize("kind", list(KINDS), ids=lambda kind: f"{kind.api_version}-{kind.name}")
def test_every_kind_has_its_operations(kind: Kind) -> None:
    spoken: dict[tuple[str, str, str], set[str]] = {}
    for item in made(kind.path)["paths"].values():
        for method, operation in item.items():
            if method != "parameters" and "x-kubernetes-action" in operation:
                about = operation["x-kubernetes-group-version-kind"]
                spoken.setdefault((about["group"], about["version"], about["kind"]), set()).add(
                    operation["x-kubernetes-action"]
                )
    words = {"create": "post", "update": "put"}
    wanted = {words.get(verb, verb) for verb in kind.verbs} - {"watch"}
    assert wanted <= spoken[kind.group, kind.version, kind.name]


def test_a_patch_names_the_parameters_that_clients_look_for() -> None:
    patch = made("/apis/apps/v1")["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert {each["name"] for each in patch["parameters"]} == {"dryRun", "fieldManager", "fieldValidation", "force"}
    assert "application/apply-patch+yaml" in patch["requestBody"]["content"]
    assert patch["operationId"] == "patchAppsV1NamespacedDeployment"


def test_what_all_operations_take_stands_in_front() -> None:
    item = made("/api/v1")["paths"]["/api/v1/configmaps"]
    assert "parameters" not in item["get"]
    assert {"watch", "limit", "pretty"} <= {each["name"] for each in item["parameters"]}


def test_subresources_speak_what_they_speak() -> None:
    paths = made("/api/v1")["paths"]
    eviction = paths["/api/v1/namespaces/{namespace}/pods/{name}/eviction"]
    assert eviction["post"]["x-kubernetes-group-version-kind"]["kind"] == "Eviction"
    assert eviction["post"]["description"] == "create eviction of a Pod"
    command = paths["/api/v1/namespaces/{namespace}/pods/{name}/exec"]
    assert {"command", "stdin", "tty"} <= {each["name"] for each in command["parameters"]}
    assert command["get"]["operationId"] == "connectCoreV1GetNamespacedPodExec"
    log = paths["/api/v1/namespaces/{namespace}/pods/{name}/log"]
    assert "text/plain" in log["get"]["responses"]["200"]["content"]
    finalize = paths["/api/v1/namespaces/{name}/finalize"]
    assert set(finalize) == {"put", "parameters"}


def test_schemas_have_defaults_and_closed_sets() -> None:
    found = made("/api/v1")["components"]["schemas"]
    port = found["io.k8s.api.core.v1.ServicePort"]["properties"]
    assert (port["port"]["default"], port["protocol"]["default"]) == (0, "TCP")
    assert port["protocol"]["enum"] == ["SCTP", "TCP", "UDP"]
    assert 'Possible enum values:\n - `"SCTP"`' in port["protocol"]["description"]
    assert found["io.k8s.api.core.v1.Pod"]["properties"]["spec"]["default"] == {}
    assert "enum" not in found["io.k8s.api.core.v1.Pod"]["properties"]["kind"]


def test_our_own_kinds_have_lists_too() -> None:
    found = made("/apis/vpc.k3py.io/v1")["components"]["schemas"]
    assert found["io.k3py.vpc.v1.VPCList"]["x-kubernetes-group-version-kind"][0]["kind"] == "VPCList"


def test_views_have_documents_of_their_own() -> None:
    kinds = [kind for kind in KINDS if kind.group == "events.k8s.io"]
    body = json.loads(document(kinds, schemas(), document_table(), "v1.36.0"))
    assert "/apis/events.k8s.io/v1/namespaces/{namespace}/events/{name}" in body["paths"]
    assert "io.k8s.api.events.v1.EventList" in body["components"]["schemas"]


@pytest.mark.parametrize(
    ("group", "word"), [("", "core"), ("rbac.authorization.k8s.io", "rbacAuthorization"), ("vpc.k3py.io", "vpcK3pyIo")]
)
def test_words_of_groups(group: str, word: str) -> None:
    assert group_word(group) == word
    assert (article("Ingress"), article("Pod")) == ("an Ingress", "a Pod")
