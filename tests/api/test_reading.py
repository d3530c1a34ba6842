"""Get and list: forms, selectors, pages, versions."""

from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k3py.api import paging
from k3py.api.http.messages import Response
from k3py.model.errors import BadRequest
from k3py.store.records import Record
from tests.api.world import CONFIG_MAPS, PODS, TABLE, World, config_map, pod, run


async def _five(world: World) -> None:
    for index in range(5):
        await world.json("POST", CONFIG_MAPS, config_map(f"c{index}", app="web" if index % 2 else "db"))


def _names(body: dict[str, Any]) -> list[str]:
    return [each["metadata"]["name"] for each in body["items"]]


def test_a_list_is_the_stored_bytes_of_one_revision() -> None:
    async def story(world: World) -> None:
        await _five(world)
        status, body = await world.json("GET", CONFIG_MAPS)
        assert (status, body["kind"], body["apiVersion"]) == (200, "ConfigMapList", "v1")
        assert _names(body) == ["c0", "c1", "c2", "c3", "c4"]
        assert int(body["metadata"]["resourceVersion"]) >= int(body["items"][-1]["metadata"]["resourceVersion"])
        status, everywhere = await world.json("GET", "/api/v1/configmaps")
        assert _names(everywhere) == _names(body)

    run(story)


def test_selectors_choose() -> None:
    async def story(world: World) -> None:
        await _five(world)
        for query, names in [
            ("labelSelector=app%3Dweb", ["c1", "c3"]),
            ("labelSelector=app%20notin%20(web)", ["c0", "c2", "c4"]),
            ("fieldSelector=metadata.name%3Dc2", ["c2"]),
            ("labelSelector=app%3Dweb&fieldSelector=metadata.name%3Dc2", []),
        ]:
            _, body = await world.json("GET", f"{CONFIG_MAPS}?{query}")
            assert _names(body) == names, query
        status, problem = await world.json("GET", f"{CONFIG_MAPS}?fieldSelector=data.a%3Db")
        assert (status, problem["reason"]) == (400, "BadRequest")
        status, problem = await world.json("GET", f"{CONFIG_MAPS}?labelSelector=a%20in%20b")
        assert status == 400

    run(story)


def test_pages_are_all_from_one_moment() -> None:
    async def story(world: World) -> None:
        await _five(world)
        _, first = await world.json("GET", f"{CONFIG_MAPS}?limit=2")
        assert (_names(first), first["metadata"]["remainingItemCount"]) == (["c0", "c1"], 3)
        await world.json("DELETE", f"{CONFIG_MAPS}/c2")
        await world.json("POST", CONFIG_MAPS, config_map("c9"))
        token = first["metadata"]["continue"]
        _, second = await world.json("GET", f"{CONFIG_MAPS}?limit=2&continue={token}")
        assert _names(second) == ["c2", "c3"]
        token = second["metadata"]["continue"]
        _, third = await world.json("GET", f"{CONFIG_MAPS}?limit=2&continue={token}")
        assert _names(third) == ["c4"]
        assert "continue" not in third["metadata"]
        assert {each["metadata"]["resourceVersion"] for each in (first, second, third)} == {
            first["metadata"]["resourceVersion"]
        }

    run(story)


def test_with_a_selector_nobody_counts_what_remains() -> None:
    async def story(world: World) -> None:
        await _five(world)
        _, body = await world.json("GET", f"{CONFIG_MAPS}?limit=1&labelSelector=app%3Dweb")
        assert _names(body) == ["c1"]
        assert body["metadata"]["continue"]
        assert "remainingItemCount" not in body["metadata"]

    run(story)


def test_a_foreign_or_old_continue_token_is_refused() -> None:
    async def story(world: World) -> None:
        await _five(world)
        for token in ("x", "e30", "%00", "ey"):
            status, body = await world.json("GET", f"{CONFIG_MAPS}?limit=1&continue={token}")
            assert (status, body["reason"]) == (400, "BadRequest"), token
        gone = paging.Token(1, 1, "default", "c0").encode()
        status, body = await world.json("GET", f"{CONFIG_MAPS}?limit=1&continue={gone}")
        assert (status, body["reason"]) == (410, "Expired")

    run(story)


def _records(count: int) -> list[Record]:
    return [Record("pods", f"n{i % 3}", f"p{i}", i + 1, "", b"{}") for i in range(count)]


@given(st.integers(0, 12), st.integers(1, 5))
def test_pages_joined_are_the_whole(count: int, limit: int) -> None:
    records = sorted(_records(count), key=lambda each: (each.namespace, each.name))
    found: list[Record] = []
    after = None
    while True:
        piece = paging.page(records, limit, after, 7, exact=True)
        found += piece.records
        assert len(piece.records) <= limit
        if not piece.continue_token:
            break
        token = paging.parse_token(piece.continue_token)
        assert token.rv == 7
        after = (token.namespace, token.name)
    assert found == records


@given(st.text(max_size=40))
def test_no_token_fails_otherwise_than_clearly(text: str) -> None:
    try:
        paging.parse_token(text)
    except BadRequest:
        return


VERSION_CASES = [  # query -> status and reason
    ("resourceVersion=0", 200, None),
    ("resourceVersion=x", 422, "Invalid"),
    ("resourceVersion=999999999", 504, "Timeout"),
    ("resourceVersionMatch=Exact", 422, "Invalid"),
    ("resourceVersion=0&resourceVersionMatch=Exact", 422, "Invalid"),
    ("resourceVersion=1&resourceVersionMatch=Newest", 422, "Invalid"),
    ("resourceVersion=1&resourceVersionMatch=NotOlderThan", 200, None),
    ("limit=x", 400, "BadRequest"),
]


@pytest.mark.parametrize(("query", "status", "reason"), VERSION_CASES)
def test_versions_are_asked_for_by_the_rules(query: str, status: int, reason: str | None) -> None:
    async def story(world: World) -> None:
        found, body = await world.json("GET", f"{CONFIG_MAPS}?{query}")
        assert (found, body.get("reason")) == (status, reason)

    run(story)


def test_an_exact_version_is_that_one_or_none() -> None:
    async def story(world: World) -> None:
        status, first = await world.json("POST", CONFIG_MAPS, config_map("a"))
        exact = f"{CONFIG_MAPS}?resourceVersionMatch=Exact&resourceVersion={first['metadata']['resourceVersion']}"
        status, body = await world.json("GET", exact)
        assert (status, [each["metadata"]["name"] for each in body["items"]]) == (200, ["a"])
        assert body["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        await world.json("POST", CONFIG_MAPS, config_map("b"))
        status, body = await world.json("GET", exact)
        assert (status, body["reason"]) == (410, "Expired")

    run(story)


def test_a_table_has_the_kinds_columns() -> None:
    async def story(world: World) -> None:
        await world.json("POST", PODS, pod("p", "n1"))
        status, body = await world.json("GET", PODS, headers=TABLE)
        assert (status, body["kind"], body["apiVersion"]) == (200, "Table", "meta.k8s.io/v1")
        names = [each["name"] for each in body["columnDefinitions"] if each["priority"] == 0]
        assert names == ["Name", "Ready", "Status", "Restarts", "Age"]
        row = body["rows"][0]
        assert row["cells"][:4] == ["p", "0/1", "Pending", "0"]
        assert row["object"]["kind"] == "PartialObjectMetadata"
        assert row["object"]["metadata"]["name"] == "p"
        _, one = await world.json("GET", f"{PODS}/p?includeObject=Object", headers=TABLE)
        assert one["rows"][0]["object"]["spec"]["nodeName"] == "n1"
        _, none = await world.json("GET", f"{PODS}?includeObject=None", headers=TABLE)
        assert none["rows"][0]["object"] is None

    run(story)


def test_other_forms_metadata_only_and_yaml() -> None:
    async def story(world: World) -> None:
        await _five(world)
        partial = {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
        _, body = await world.json("GET", CONFIG_MAPS, headers=partial)
        assert body["kind"] == "PartialObjectMetadataList"
        assert set(body["items"][0]) == {"kind", "apiVersion", "metadata"}
        answer = await world.ask("GET", f"{CONFIG_MAPS}/c0", headers={"accept": "application/yaml"})
        assert isinstance(answer, Response)
        assert answer.content_type == "application/yaml"
        assert yaml.safe_load(answer.body)["data"] == {"a": "b"}
        status, problem = await world.json("GET", CONFIG_MAPS, headers={"accept": "text/html"})
        assert (status, problem["reason"]) == (406, "NotAcceptable")
        for fallback in ("application/vnd.kubernetes.protobuf,application/json", "*/*", "text/html, */*;q=0.1"):
            status, _ = await world.json("GET", CONFIG_MAPS, headers={"accept": fallback})
            assert status == 200, fallback

    run(story)


def test_what_is_not_there_is_not_found() -> None:
    async def story(world: World) -> None:
        status, body = await world.json("GET", f"{CONFIG_MAPS}/none")
        assert status == 404
        assert body["message"] == 'configmaps "none" not found'
        assert body["details"] == {"name": "none", "kind": "configmaps"}
        for path in ("/api/v1/nonsense", "/apis/x/v1/y", "/nonsense"):
            status, body = await world.json("GET", path)
            assert (status, body["message"]) == (404, "the server could not find the requested resource"), path
        status, body = await world.json("POST", "/api/v1/namespaces/default/pods/p/log")
        assert (status, body["reason"]) == (405, "MethodNotAllowed")

    run(story)


def test_a_list_follows_every_write() -> None:
    async def story(world: World) -> None:
        for index in range(3):
            await world.json("POST", CONFIG_MAPS, config_map(f"c{index}"))
            answer = await world.ask("GET", CONFIG_MAPS)
            assert isinstance(answer, Response)
            assert len(orjson.loads(answer.body)["items"]) == index + 1

    run(story)
