"""Watches: initial events, changes, selectors, bookmarks, tables, what is too old."""

import asyncio
from typing import Any

import orjson
import pytest
import yaml

from k3py.api.http.messages import Response
from k3py.api.negotiation import Form, Wanted
from k3py.api.watching import Frames, bookmark_times
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from tests.api.world import CONFIG_MAPS, PODS, TABLE, World, config_map, pod, run


def _told(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["type"], each["object"]["metadata"].get("name", "")) for each in events]


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_without_a_version_a_watch_begins_with_what_is_there() -> None:
    async def story(world: World) -> None:
        await world.json("POST", CONFIG_MAPS, config_map("a"))
        writer, task = await world.watch(f"{CONFIG_MAPS}?watch=true")
        await writer.until(1)
        await world.json("POST", CONFIG_MAPS, config_map("b"))
        await world.json("PATCH", f"{CONFIG_MAPS}/b", {"data": {"x": "y"}},
                         headers={"content-type": "application/merge-patch+json"})  # fmt: skip
        await world.json("DELETE", f"{CONFIG_MAPS}/a")
        events = await writer.until(4)
        assert _told(events) == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")]
        versions = [int(each["object"]["metadata"]["resourceVersion"]) for each in events]
        assert versions == sorted(versions)
        await _end(task)

    run(story)


def test_a_watch_resumes_behind_a_version_and_misses_nothing() -> None:
    async def story(world: World) -> None:
        _, first = await world.json("POST", CONFIG_MAPS, config_map("a"))
        await world.json("POST", CONFIG_MAPS, config_map("b"))
        version = first["metadata"]["resourceVersion"]
        writer, task = await world.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={version}")
        await world.json("POST", CONFIG_MAPS, config_map("c"))
        assert _told(await writer.until(2)) == [("ADDED", "b"), ("ADDED", "c")]
        await _end(task)

    run(story)


def test_entering_a_selection_is_added_and_leaving_it_deleted() -> None:
    async def story(world: World) -> None:
        writer, task = await world.watch(f"{CONFIG_MAPS}?watch=true&labelSelector=app%3Dweb")
        merge = {"content-type": "application/merge-patch+json"}
        await world.json("POST", CONFIG_MAPS, config_map("a", app="db"))
        await world.json("POST", CONFIG_MAPS, config_map("b", app="web"))
        for label in ("web", "web2", "web"):
            patch = {"metadata": {"labels": {"app": label}}, "data": {label: "x"}}
            await world.json("PATCH", f"{CONFIG_MAPS}/a", patch, headers=merge)
        await world.json("DELETE", f"{CONFIG_MAPS}/b")
        events = await writer.until(5)
        assert _told(events) == [("ADDED", "b"), ("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a"), ("DELETED", "b")]
        left = events[2]["object"]
        assert (left["metadata"]["labels"], left["data"]) == ({"app": "web"}, {"a": "b", "web": "x"}), (
            "as it was inside"
        )
        versions = [int(each["object"]["metadata"]["resourceVersion"]) for each in events]
        assert versions == sorted(versions)
        await _end(task)

    run(story)


def test_a_node_watches_its_own_pods() -> None:
    async def story(world: World) -> None:
        writer, task = await world.watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn1")
        await world.json("POST", PODS, pod("mine", "n1"))
        await world.json("POST", PODS, pod("other", "n2"))
        await world.json("POST", PODS, pod("late"))
        binding = {"metadata": {"name": "late"}, "target": {"kind": "Node", "name": "n1"}}
        status, body = await world.json("POST", f"{PODS}/late/binding", binding)
        assert status == 201, body
        assert _told(await writer.until(2)) == [("ADDED", "mine"), ("ADDED", "late")]
        await _end(task)

    run(story)


def test_streaming_lists_end_with_a_marked_bookmark() -> None:
    async def story(world: World) -> None:
        await world.json("POST", CONFIG_MAPS, config_map("a"))
        query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        writer, task = await world.watch(f"{CONFIG_MAPS}?{query}")
        events = await writer.until(2)
        assert [each["type"] for each in events] == ["ADDED", "BOOKMARK"]
        metadata = events[1]["object"]["metadata"]
        assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert int(metadata["resourceVersion"]) >= int(events[0]["object"]["metadata"]["resourceVersion"])
        await world.json("POST", CONFIG_MAPS, config_map("b"))
        assert _told(await writer.until(3))[2] == ("ADDED", "b")
        await _end(task)

    run(story)


def test_tables_come_in_watches_with_columns_only_once() -> None:
    async def story(world: World) -> None:
        writer, task = await world.watch(f"{PODS}?watch=true", headers=TABLE)
        await world.json("POST", PODS, pod("a"))
        await world.json("POST", PODS, pod("b"))
        events = await writer.until(2)
        assert [each["object"]["kind"] for each in events] == ["Table", "Table"]
        assert events[0]["object"]["columnDefinitions"]
        assert events[1]["object"]["columnDefinitions"] is None
        assert [each["object"]["rows"][0]["cells"][0] for each in events] == ["a", "b"]
        await _end(task)

    run(story)


@pytest.mark.parametrize(
    "query",
    [
        "sendInitialEvents=true",
        "sendInitialEvents=true&resourceVersionMatch=Exact",
        "resourceVersionMatch=NotOlderThan",
        "continue=x",
    ],
)
def test_parameters_that_do_not_go_together_are_refused(query: str) -> None:
    async def story(world: World) -> None:
        status, body = await world.json("GET", f"{CONFIG_MAPS}?watch=true&{query}")
        assert (status, body["reason"]) == (422, "Invalid")

    run(story)


def test_a_version_that_is_no_longer_kept_is_told_as_an_error_event() -> None:
    async def story(world: World) -> None:
        for index in range(3):
            await world.json("POST", CONFIG_MAPS, config_map(f"c{index}"))
        world.forget("configmaps")
        writer, task = await world.watch(f"{CONFIG_MAPS}?watch=true&resourceVersion=1")
        events = await writer.until(1)
        assert (events[0]["type"], events[0]["object"]["code"]) == ("ERROR", 410)
        newest = world.objects.store.revision
        assert events[0]["object"]["message"] == f"too old resource version: 1 ({newest})"
        await task

    run(story)


def test_everything_wrong_with_the_options_is_said() -> None:
    async def story(world: World) -> None:
        query = "watch=true&resourceVersionMatch=Exact&resourceVersion=5&sendInitialEvents=true"
        _, body = await world.json("GET", f"{CONFIG_MAPS}?{query}")
        assert body["message"] == (
            'ListOptions.meta.k8s.io "" is invalid: ['
            "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, "
            'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]'
        )
        status, body = await world.json("GET", f"{CONFIG_MAPS}?watch=true&resourceVersion=x")
        assert (status, body["reason"]) == (400, "BadRequest")
        answer = await world.ask("GET", f"{CONFIG_MAPS}?watch", headers={"accept": "application/yaml"})
        assert isinstance(answer, Response)
        assert (answer.status, yaml.safe_load(answer.body)["reason"]) == (406, "NotAcceptable")

    run(story)


def test_who_asks_for_no_version_and_bookmarks_learns_when_all_that_is_there_was_told() -> None:
    async def story(world: World) -> None:
        await world.json("POST", CONFIG_MAPS, config_map("a"))
        for version in ("", "&resourceVersion=0"):
            writer, task = await world.watch(f"{CONFIG_MAPS}?watch=true&allowWatchBookmarks=true{version}")
            events = await writer.until(2)
            assert [each["type"] for each in events] == ["ADDED", "BOOKMARK"]
            assert "k8s.io/initial-events-end" in events[1]["object"]["metadata"]["annotations"]
            await _end(task)

    run(story)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "watch" in kind.verbs], ids=lambda kind: kind.name)
def test_bookmarks_come_in_the_form_that_is_asked_for(kind: Kind) -> None:
    def now() -> float:
        return 0.0

    table = orjson.loads(Frames(kind, Wanted(Form.TABLE), now).bookmark(7, initial=True))
    assert (table["type"], table["object"]["metadata"]) == ("BOOKMARK", {"resourceVersion": "7"})
    shown = table["object"]["rows"][0]["object"]
    plain = orjson.loads(Frames(kind, Wanted(), now).bookmark(7, initial=True))["object"]
    partial = orjson.loads(Frames(kind, Wanted(Form.PARTIAL), now).bookmark(7, initial=True))["object"]
    assert plain["kind"] == kind.name
    assert shown["kind"] == partial["kind"] == "PartialObjectMetadata"
    for each in (shown, plain, partial):
        annotations = {"k8s.io/initial-events-end": "true"}
        assert each["metadata"] == {"resourceVersion": "7", "annotations": annotations}


def test_a_version_that_has_not_come_is_waited_for_but_not_by_who_wants_what_is_there() -> None:
    async def story(world: World) -> None:
        query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        writer, task = await world.watch(f"{CONFIG_MAPS}?watch=true&resourceVersion=999999999&{query}")
        events = await writer.until(1)
        assert (events[0]["type"], events[0]["object"]["code"]) == ("ERROR", 504)
        assert events[0]["object"]["message"].startswith("Timeout: Too large resource version: 999999999, current: ")
        await task
        future = world.objects.store.revision + 1
        writer, task = await world.watch(f"{CONFIG_MAPS}?watch=true&resourceVersion={future}")
        await world.json("POST", CONFIG_MAPS, config_map("a"))
        await world.json("POST", CONFIG_MAPS, config_map("b"))
        assert _told(await writer.until(1)) == [("ADDED", "b")]
        await _end(task)

    run(story)


def test_one_object_is_watched_by_its_name() -> None:
    async def story(world: World) -> None:
        for name in ("a", "b"):
            await world.json("POST", CONFIG_MAPS, config_map(name))
        writer, task = await world.watch(f"{CONFIG_MAPS}?watch=true&fieldSelector=metadata.name%3Db")
        await world.json("DELETE", f"{CONFIG_MAPS}/a")
        await world.json("DELETE", f"{CONFIG_MAPS}/b")
        assert _told(await writer.until(2)) == [("ADDED", "b"), ("DELETED", "b")]
        await _end(task)

    run(story)


def test_bookmarks_are_due_every_minute_and_before_the_end() -> None:
    assert list(bookmark_times(10.0, 10.0 + 150)) == [70.0, 130.0, 158.0]
    assert list(bookmark_times(10.0, 10.0 + 30)) == [38.0]
    assert list(bookmark_times(10.0, 10.0 + 1)) == []


def test_a_watch_ends_after_its_timeout() -> None:
    async def story(world: World) -> None:
        _, task = await world.watch(f"{CONFIG_MAPS}?watch=true&timeoutSeconds=1")
        async with asyncio.timeout(10):
            await task

    run(story)


@pytest.mark.parametrize("seconds", [-1, -(10**6)])
def test_a_watch_whose_time_is_over_before_it_begins_tells_nothing(seconds: int) -> None:
    async def story(world: World) -> None:
        await world.json("POST", CONFIG_MAPS, config_map("a"))
        writer, task = await world.watch(f"{CONFIG_MAPS}?watch=true&timeoutSeconds={seconds}")
        async with asyncio.timeout(10):
            await task
        assert writer.data == b""

    run(story)


def test_a_server_that_stops_ends_its_watches() -> None:
    async def story(world: World) -> None:
        writer, task = await world.watch(f"{CONFIG_MAPS}?watch=true")
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while writer.on_stop is None:
                await asyncio.sleep(0)
            writer.on_stop()
            await task

    run(story)
