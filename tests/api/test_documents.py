"""Discovery, OpenAPI, health, version."""

import contextlib
import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.discovery import AGGREGATED, JSON, YAML, accepted_form, group_versions, resource_list, version_priority
from k3py.api.health import GIT_VERSION
from k3py.api.http.messages import Response
from k3py.model.errors import NotAcceptable
from k3py.model.kinds import KINDS
from tests.api.world import World, run


async def _get(world: World, path: str, **headers: str) -> Response:
    answer = await world.ask("GET", path, headers=headers)
    assert isinstance(answer, Response)
    return answer


def test_plain_discovery_names_every_kind() -> None:
    async def story(world: World) -> None:
        assert orjson.loads((await _get(world, "/api")).body)["versions"] == ["v1"]
        groups = {each["name"] for each in orjson.loads((await _get(world, "/apis")).body)["groups"]}
        assert groups == {kind.group for kind in KINDS} - {""}
        for kind in KINDS:
            body = orjson.loads((await _get(world, kind.path)).body)
            entries = {each["name"]: each for each in body["resources"]}
            entry = entries[kind.plural]
            assert (entry["kind"], entry["namespaced"]) == (kind.name, kind.namespaced)
            assert entry["verbs"] == list(kind.verbs)
            for each in kind.subresources:
                assert f"{kind.plural}/{each}" in entries
        group = orjson.loads((await _get(world, "/apis/apps")).body)
        assert group["preferredVersion"]["groupVersion"] == "apps/v1"

    run(story)


V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2_BETA = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"


def test_aggregated_discovery_says_it_in_two_answers() -> None:
    async def story(world: World) -> None:
        found = set()
        for path in ("/api", "/apis"):
            answer = await _get(world, path, accept=f"{V2},{V2_BETA},application/json")
            assert answer.content_type == V2
            body = orjson.loads(answer.body)
            assert body["apiVersion"] == "apidiscovery.k8s.io/v2"
            for group in body["items"]:
                for each in group["versions"]:
                    assert each["freshness"] == "Current"
                    found |= {(group["metadata"].get("name", ""), item["resource"]) for item in each["resources"]}
        assert found == {(kind.group, kind.plural) for kind in KINDS}

    run(story)


def test_who_has_an_aggregated_document_is_told_so() -> None:
    async def story(world: World) -> None:
        first = await _get(world, "/apis", accept=V2)
        tag = dict(first.headers)["ETag"]
        for known, status in ((tag, 304), ('"other"', 200)):
            answer = await world.ask("GET", "/apis", headers={"accept": V2, "if-none-match": known})
            assert isinstance(answer, Response)
            assert (answer.status, dict(answer.headers)["ETag"]) == (status, tag)
            assert answer.body == (b"" if status == 304 else first.body)

    run(story)


def test_clients_that_know_only_the_beta_form_get_the_plain_one_beside_it() -> None:
    async def story(world: World) -> None:
        answer = await _get(world, "/apis", accept=f"{V2_BETA},application/json")
        assert orjson.loads(answer.body)["kind"] == "APIGroupList"
        assert (await _get(world, "/apis", accept=V2_BETA)).status == 406

    run(story)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (V2, AGGREGATED),
        ("application/json;v=v2;as=APIGroupDiscoveryList;g=apidiscovery.k8s.io", AGGREGATED),
        (f"application/json, {V2}", JSON),
        (f"application/json;q=0.5, {V2};q=0.9", AGGREGATED),
        ("application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,application/json", JSON),
        ("application/vnd.kubernetes.protobuf,application/yaml", YAML),
        ("application/json;q=high, */*", JSON),
        ("", JSON),
    ],
)
def test_the_first_acceptable_form_wins(accept: str, form: str) -> None:
    assert accepted_form(accept, aggregated=True) == form


@given(st.text(max_size=80))
def test_any_accept_header_is_understood_or_refused(accept: str) -> None:
    with contextlib.suppress(NotAcceptable):
        assert accepted_form(accept, aggregated=False) in (JSON, YAML)


@pytest.mark.parametrize("accept", [V2_BETA, "text/html", "application/vnd.kubernetes.protobuf"])
def test_what_is_not_offered_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        accepted_form(accept, aggregated=True)
    with pytest.raises(NotAcceptable):
        accepted_form(V2, aggregated=False)


def test_versions_are_ordered_as_kubernetes_orders_them() -> None:
    words = ["foo1", "v1alpha2", "v2beta1", "v10", "v1", "v11beta2", "v2", "vbeta"]
    assert sorted(words, key=version_priority, reverse=True)[:6] == [
        "v10",
        "v2",
        "v1",
        "v11beta2",
        "v2beta1",
        "v1alpha2",
    ]


def test_groups_come_in_kubernetes_order_ours_behind() -> None:
    async def story(world: World) -> None:
        groups = [each["name"] for each in orjson.loads((await _get(world, "/apis")).body)["groups"]]
        assert groups[0] == "apps"
        assert groups.index("batch") < groups.index("policy") < groups.index("discovery.k8s.io")
        assert groups.index("discovery.k8s.io") < groups.index("vpc.k3py.io")

    run(story)


def test_a_view_has_the_hash_of_what_is_kept() -> None:
    versions = group_versions(KINDS)["autoscaling"]
    assert list(versions) == ["v2", "v1"]
    hashes = {
        resource_list("autoscaling", version, served, KINDS)["resources"][0]["storageVersionHash"]
        for version, served in versions.items()
    }
    assert len(hashes) == 1


def test_a_subresource_names_what_it_speaks() -> None:
    async def story(world: World) -> None:
        pods = {each["name"]: each for each in orjson.loads((await _get(world, "/api/v1")).body)["resources"]}
        assert (pods["pods/eviction"]["group"], pods["pods/eviction"]["kind"]) == ("policy", "Eviction")
        assert "group" not in pods["pods/exec"]
        assert pods["services/proxy"]["kind"] == "ServiceProxyOptions"
        assert pods["pods"]["storageVersionHash"] == "xPOwRZ+Yhw8="
        assert "storageVersionHash" not in pods["bindings"]

    run(story)


def test_what_is_served_nowhere() -> None:
    async def story(world: World) -> None:
        for path in ("/nope", "/apis/nope.example.com", "/apis/nope.example.com/v1/things"):
            assert (await _get(world, path)).body == b"404 page not found\n"
        for path in ("/apis/apps/v9", "/api/v9", "/api/v1/nope"):
            body = orjson.loads((await _get(world, path)).body)
            assert (body["reason"], body["details"]) == ("NotFound", {})
        assert "/apis/apps/v1" in orjson.loads((await _get(world, "/")).body)["paths"]

    run(story)


def test_the_older_openapi_says_nothing_of_any_kind() -> None:
    async def story(world: World) -> None:
        document = orjson.loads((await _get(world, "/openapi/v2")).body)
        assert (document["swagger"], document["definitions"]) == ("2.0", {})
        accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
        answer = await world.ask("GET", "/openapi/v2", headers={"Accept": accept})
        assert isinstance(answer, Response)
        version = GIT_VERSION.encode()
        info = b"\x0a\nKubernetes\x12" + bytes([len(version)]) + version
        assert answer.body == b"\x0a\x032.0\x12" + bytes([len(info)]) + info

    run(story)


def test_openapi_documents_are_whole_and_cacheable() -> None:
    async def story(world: World) -> None:
        index = orjson.loads((await _get(world, "/openapi/v3")).body)["paths"]
        assert set(index) == {kind.path.removeprefix("/") for kind in KINDS}
        url = index["apis/apps/v1"]["serverRelativeURL"]
        answer = await _get(world, url)
        headers = dict(answer.headers)
        assert "immutable" in headers["Cache-Control"]
        document = orjson.loads(answer.body)
        schemas = document["components"]["schemas"]
        text = answer.body.decode()
        for name in _references(document):
            assert name in schemas, name
        assert "fieldValidation" in text
        compressed = await _get(world, url, **{"accept-encoding": "gzip"})
        assert orjson.loads(gzip.decompress(compressed.body)) == document
        assert (await _get(world, url, **{"if-none-match": headers["ETag"]})).status == 304
        assert (await _get(world, "/openapi/v3/apis/none/v1")).status == 404
        assert dict((await _get(world, "/openapi/v3/apis/apps/v1?hash=OLD")).headers)["Location"] == url

    run(story)


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"].rsplit("/", 1)[-1]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(each) for each in node.values()))
    return set().union(*(_references(each) for each in node)) if isinstance(node, list) else set()


NOT_ALLOWED = {
    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 405, "details": {},
    "reason": "MethodNotAllowed", "message": "the server does not allow this method on the requested resource",
}  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/api", "/api/v1", "/apis/apps/v1", "/version", "/openid/v1/jwks", "/.well-known/openid-configuration"]
)
def test_some_documents_are_only_had_with_get(path: str) -> None:
    async def story(world: World) -> None:
        assert (await _get(world, path)).status == 200
        for method in ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            assert await world.json(method, path) == (405, NOT_ALLOWED)

    run(story)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/api/v1/pods", 405),
        ("HEAD", "/api/v1/namespaces/default", 405),
        ("OPTIONS", "/api/v1/namespaces", 405),
        ("POST", "/api/v1/watch/pods", 405),
        ("GET", "/apis/authentication.k8s.io/v1/tokenreviews", 405),
        ("GET", "/apis/authentication.k8s.io/v1/tokenreviews/x", 404),
        ("POST", "/apis/authorization.k8s.io/v1/localsubjectaccessreviews", 404),
        ("POST", "/api/v1/nothing", 404),
    ],
)
def test_resources_know_their_methods(method: str, path: str, status: int) -> None:
    async def story(world: World) -> None:
        found, said = await world.json(method, path)
        assert found == status
        assert said == NOT_ALLOWED or said["message"] == "the server could not find the requested resource"

    run(story)


@pytest.mark.parametrize("path", ["/", "/apis", "/apis/apps", "/healthz", "/readyz/ping", "/openapi/v3"])
def test_others_do_not_look_at_the_method(path: str) -> None:
    async def story(world: World) -> None:
        expected = await _get(world, path)
        for method in ("HEAD", "POST", "DELETE"):
            answer = await world.ask(method, path)
            assert isinstance(answer, Response)
            assert (answer.status, answer.body) == (200, expected.body)

    run(story)


def test_what_is_public_is_so_for_get_alone_and_nothing_is_written_without_being_asked_who() -> None:
    async def story(world: World) -> None:
        health = await world.ask("GET", "/healthz", token="")
        assert isinstance(health, Response)
        assert health.status == 200
        for method, path in (("HEAD", "/healthz"), ("POST", "/version"), ("PUT", "/nothing"), ("DELETE", "/api/v1/no")):
            status, said = await world.json(method, path, token="")
            verb = method.lower()
            assert (status, said["message"]) == (
                403,
                f'forbidden: User "system:anonymous" cannot {verb} path "{path}"',
            )

    run(story)


def test_health_says_what_is_wrong() -> None:
    async def story(world: World) -> None:
        assert (await _get(world, "/readyz")).body == b"ok"
        verbose = (await _get(world, "/livez?verbose")).body.decode()
        assert "[+]store ok" in verbose
        assert verbose.endswith("livez check passed\n")
        world.problem = "the disk is full"
        bad = await _get(world, "/readyz")
        assert bad.status == 500
        assert b"[-]store failed: the disk is full" in bad.body
        assert (await _get(world, "/readyz?exclude=store")).status == 200
        excluding = (await _get(world, "/readyz?verbose&exclude=store&exclude=none")).body.decode()
        assert "[+]store excluded: ok\n" in excluding
        assert 'cannot be excluded: no matches for "none"' in excluding
        assert (await _get(world, "/readyz/store")).status == 500
        assert (await _get(world, "/readyz/ping")).status == 200
        assert (await _get(world, "/readyz/none")).status == 404

    run(story)
