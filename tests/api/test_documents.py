"""Discovery, OpenAPI, health, version."""

import gzip
from typing import Any

import orjson
import pytest

from k3py.api.discovery import accepted_version
from k3py.api.health import GIT_VERSION
from k3py.api.http.messages import Response
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


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
def test_aggregated_discovery_says_it_in_two_answers(version: str) -> None:
    async def story(world: World) -> None:
        accept = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList,application/json"
        found = set()
        for path in ("/api", "/apis"):
            answer = await _get(world, path, accept=accept)
            assert f"v={version};as=APIGroupDiscoveryList" in answer.content_type
            body = orjson.loads(answer.body)
            assert body["apiVersion"] == f"apidiscovery.k8s.io/{version}"
            for group in body["items"]:
                for each in group["versions"]:
                    found |= {(group["metadata"].get("name", ""), item["resource"]) for item in each["resources"]}
        assert found == {(kind.group, kind.plural) for kind in KINDS}

    run(story)


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        ("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", "v2"),
        ("application/json;v=v2beta1;as=APIGroupDiscoveryList;g=apidiscovery.k8s.io", "v2beta1"),
        ("application/json, application/json;v=v2;as=APIGroupDiscoveryList", ""),
        ("application/json;v=v9;as=APIGroupDiscoveryList,application/json", ""),
        ("", ""),
    ],
)
def test_the_first_acceptable_form_wins(accept: str, version: str) -> None:
    assert accepted_version(accept) == version


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

    run(story)


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"].rsplit("/", 1)[-1]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(each) for each in node.values()))
    return set().union(*(_references(each) for each in node)) if isinstance(node, list) else set()


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
        assert (await _get(world, "/readyz/store")).status == 500
        assert (await _get(world, "/readyz/ping")).status == 200
        assert (await _get(world, "/readyz/none")).status == 404

    run(story)
