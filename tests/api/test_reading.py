"""Get and list: forms, selectors, pages, versions."""

from typing import Any

import orjson
import pytest
import yaml

from k3py.api.http.messages import Response
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


def test_a_foreign_continue_token_is_refused() -> None:
    async def story(world: World) -> None:
        await _five(world)
        for token in ("x", "e30", "%00", "ey"):
            status, body = await world.json("GET", f"{CONFIG_MAPS}?limit=1&continue={token}")
            assert (status, body["reason"]) == (400, "BadRequest"), token
            assert body["message"].startswith("invalid continue token: continue key is not valid"), token
        _, first = await world.json("GET", f"{CONFIG_MAPS}?limit=1")
        token = first["metadata"]["continue"]
        status, body = await world.json("GET", f"{CONFIG_MAPS}?limit=1&continue={token}&resourceVersion=1")
        assert (status, body["message"]) == (400, "specifying resource version is not allowed when using continue")

    run(story)


def test_who_comes_back_too_late_is_told_how_to_go_on_all_the_same() -> None:
    async def story(world: World) -> None:
        await _five(world)
        _, first = await world.json("GET", f"{CONFIG_MAPS}?limit=2")
        await world.json("DELETE", f"{CONFIG_MAPS}/c3")
        world.forget("configmaps")
        status, body = await world.json("GET", f"{CONFIG_MAPS}?limit=2&continue={first['metadata']['continue']}")
        assert (status, body["reason"]) == (410, "Expired")
        assert "use the continue token in this response" in body["message"]
        status, rest = await world.json("GET", f"{CONFIG_MAPS}?limit=1&continue={body['metadata']['continue']}")
        assert (status, _names(rest), rest["metadata"]["remainingItemCount"]) == (200, ["c2"], 1)
        status, last = await world.json("GET", f"{CONFIG_MAPS}?limit=9&continue={rest['metadata']['continue']}")
        assert (status, _names(last)) == (200, ["c4"])

    run(story)


def test_pages_of_all_namespaces_and_of_other_forms_go_on_likewise() -> None:
    async def story(world: World) -> None:
        await _five(world)
        await world.json("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
        await world.json("POST", "/api/v1/namespaces/other/configmaps", config_map("a"))
        for form, names_of in ((TABLE, _rows), (PARTIAL, _names), ({}, _names)):
            _, first = await world.json("GET", "/api/v1/configmaps?limit=4", headers=form)
            token = first["metadata"]["continue"]
            await world.json("DELETE", f"{CONFIG_MAPS}/c4")
            _, rest = await world.json("GET", f"/api/v1/configmaps?limit=4&continue={token}", headers=form)
            assert [*names_of(first), *names_of(rest)] == ["c0", "c1", "c2", "c3", "c4", "a"]
            await world.json("POST", CONFIG_MAPS, config_map("c4"))

    run(story)


VERSION_CASES = [  # query -> status and reason
    ("resourceVersion=0", 200, None),
    ("resourceVersion=x", 400, "BadRequest"),
    ("resourceVersion=999999999", 504, "Timeout"),
    ("resourceVersion=999999999&limit=1", 504, "Timeout"),
    ("resourceVersion=999999999&resourceVersionMatch=Exact", 504, "Timeout"),
    ("resourceVersionMatch=Exact", 422, "Invalid"),
    ("resourceVersion=0&resourceVersionMatch=Exact", 422, "Invalid"),
    ("resourceVersion=1&resourceVersionMatch=Newest", 422, "Invalid"),
    ("resourceVersion=1&resourceVersionMatch=NotOlderThan", 200, None),
    ("sendInitialEvents=true", 422, "Invalid"),
    ("limit=x", 400, "BadRequest"),
    ("limit=-1", 200, None),
]


@pytest.mark.parametrize(("query", "status", "reason"), VERSION_CASES)
def test_versions_are_asked_for_by_the_rules(query: str, status: int, reason: str | None) -> None:
    async def story(world: World) -> None:
        found, body = await world.json("GET", f"{CONFIG_MAPS}?{query}")
        assert (found, body.get("reason")) == (status, reason)

    run(story)


def test_an_exact_version_is_that_one_while_it_is_kept() -> None:
    async def story(world: World) -> None:
        status, first = await world.json("POST", CONFIG_MAPS, config_map("a"))
        version = first["metadata"]["resourceVersion"]
        await world.json("POST", CONFIG_MAPS, config_map("b"))
        await world.json("DELETE", f"{CONFIG_MAPS}/a")
        by_match, by_limit = (
            f"resourceVersionMatch=Exact&resourceVersion={version}",
            f"limit=5&resourceVersion={version}",
        )
        for exact in (by_match, by_limit):
            status, body = await world.json("GET", f"{CONFIG_MAPS}?{exact}")
            assert (status, _names(body), body["metadata"]["resourceVersion"]) == (200, ["a"], version)
        status, body = await world.json("GET", f"{CONFIG_MAPS}?resourceVersion={version}")
        assert (status, _names(body)) == (200, ["b"]), "not older than it"
        world.forget("configmaps")
        status, body = await world.json("GET", f"{CONFIG_MAPS}?{by_match}")
        assert (status, body["reason"]) == (410, "Expired")
        assert body["message"] == "The resourceVersion for the provided list is too old."

    run(story)


def test_version_0_takes_everything_at_once() -> None:
    async def story(world: World) -> None:
        await _five(world)
        _, body = await world.json("GET", f"{CONFIG_MAPS}?limit=2&resourceVersion=0")
        assert len(_names(body)) == 5
        assert "continue" not in body["metadata"]

    run(story)


def test_one_object_is_had_at_a_version_or_later() -> None:
    async def story(world: World) -> None:
        _, made = await world.json("POST", CONFIG_MAPS, config_map("a"))
        for version in ("", "0", "1", made["metadata"]["resourceVersion"]):
            assert (await world.json("GET", f"{CONFIG_MAPS}/a?resourceVersion={version}"))[0] == 200
        status, body = await world.json("GET", f"{CONFIG_MAPS}/a?resourceVersion=999999999")
        assert (status, body["reason"], body["details"]["retryAfterSeconds"]) == (504, "Timeout", 1)
        assert body["message"].startswith("Timeout: Too large resource version: 999999999, current: ")
        assert (await world.json("GET", f"{CONFIG_MAPS}/a?resourceVersion=x"))[0] == 400
        _, watched = await world.json("GET", f"{CONFIG_MAPS}/a?watch=true")
        assert watched["metadata"]["name"] == "a", "one object is read, not watched"

    run(story)


def test_items_of_a_list_do_not_repeat_kind_and_version() -> None:
    async def story(world: World) -> None:
        await _five(world)
        for query in ("", "?limit=9", "?labelSelector=app"):
            _, body = await world.json("GET", f"{CONFIG_MAPS}{query}")
            assert all(set(each) == {"metadata", "data"} for each in body["items"]), query

    run(story)


def _rows(body: dict[str, Any]) -> list[str]:
    return [each["cells"][0] for each in body["rows"]]


PARTIAL = {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}


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
        status, problem = await world.json("GET", f"{PODS}?includeObject=Odd", headers=TABLE)
        said = "includeObject: Invalid value: \"Odd\": must be 'Metadata', 'Object', 'None', or empty"
        assert (status, problem["message"]) == (400, f"Unable to convert to Table as requested: {said}")

    run(story)


def test_other_forms_metadata_only_and_yaml() -> None:
    async def story(world: World) -> None:
        await _five(world)
        _, body = await world.json("GET", CONFIG_MAPS, headers=PARTIAL)
        assert (body["kind"], body["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
        assert set(body["items"][0]) == {"kind", "apiVersion", "metadata"}
        answer = await world.ask("GET", f"{CONFIG_MAPS}/c0", headers={"accept": "application/yaml"})
        assert isinstance(answer, Response)
        assert answer.content_type == "application/yaml"
        assert yaml.safe_load(answer.body)["data"] == {"a": "b"}
        _, body = await world.json("GET", f"{CONFIG_MAPS}?labelSelector=none", headers=PARTIAL)
        assert body["items"] is None, "as kube-apiserver says it"
        status, problem = await world.json("GET", f"{CONFIG_MAPS}/c0", headers=PARTIAL)
        said = "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)"
        assert (status, problem["message"]) == (406, said)
        old = {"accept": "application/json;as=Table;v=v1beta1;g=meta.k8s.io"}
        _, body = await world.json("GET", CONFIG_MAPS, headers=old)
        assert {body["apiVersion"], body["rows"][0]["object"]["apiVersion"]} == {"meta.k8s.io/v1beta1"}
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
        for path in ("/api/v1/nonsense", "/api/v1/namespaces/default/nonsense"):
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
            assert len(orjson.loads(bytes(answer.content))["items"]) == index + 1

    run(story)
