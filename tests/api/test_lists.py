"""Lists of any length in every form: the same answer whether it is made at once or in pieces."""

from typing import Any

import orjson
import pytest
import yaml

from k3py.api import lists, paging, watching
from k3py.api.http.messages import Response, StreamResponse
from k3py.api.http.parts import Steps
from tests.api.world import CONFIG_MAPS, Recorder, World, config_map, run

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
FORMS = ("application/json", TABLE, METADATA, "application/yaml", f"{TABLE},application/yaml")
COUNT = 23


async def answered(world: World, query: str, accept: str) -> tuple[Response, Any]:
    found = await world.ask("GET", f"{CONFIG_MAPS}{query}", headers={"accept": accept})
    assert isinstance(found, Response)
    assert found.status == 200
    text = bytes(found.content)
    return found, yaml.safe_load(text) if found.content_type == "application/yaml" else orjson.loads(text)


def in_small_pieces(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(paging, "SCAN_PIECE", 3)
    patch.setattr(lists, "PLAIN_AT_ONCE", 4)
    patch.setattr(lists, "SLICE_BYTES", 1000)
    patch.setattr(lists, "RENDERED_PIECE", 2)


@pytest.mark.parametrize("query", ["", "?labelSelector=odd", "?labelSelector=odd&limit=5", "?labelSelector=none"])
@pytest.mark.parametrize("accept", FORMS)
def test_a_list_in_pieces_is_the_same_list(query: str, accept: str) -> None:
    async def story(world: World) -> None:
        for number in range(COUNT):
            made = config_map(f"m{number:02d}")
            made["metadata"]["labels"] = {"odd": "yes"} if number % 2 else {}
            assert (await world.json("POST", CONFIG_MAPS, made))[0] == 201
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lists, "RENDERED_PIECE", 1000)
            patch.setattr(paging, "SCAN_PIECE", 1000)
            whole, expected = await answered(world, query, accept)
            assert not isinstance(whole.content, Steps)
        with pytest.MonkeyPatch.context() as patch:
            in_small_pieces(patch)
            pieces, found = await answered(world, query, accept)
            assert found == expected
            if "none" not in query:
                assert isinstance(pieces.content, Steps)
                assert len(list(pieces.content)) > 3
            if token := found["metadata"].get("continue"):
                rest = (await answered(world, f"?labelSelector=odd&continue={token}", accept))[1]
                counted = [each.get("rows") or each.get("items") or [] for each in (found, rest)]
                assert sum(map(len, counted)) == COUNT // 2

    run(story)


def test_an_empty_collection_has_the_same_forms_in_pieces() -> None:
    async def story(world: World) -> None:
        for accept in FORMS:
            expected = (await answered(world, "?labelSelector=a", accept))[1]
            with pytest.MonkeyPatch.context() as patch:
                in_small_pieces(patch)
                assert (await answered(world, "?labelSelector=a", accept))[1] == expected

    run(story)


def test_a_watch_that_begins_long_ago_is_told_everything_in_pieces_and_in_order() -> None:
    async def story(world: World) -> None:
        since = (await world.json("POST", CONFIG_MAPS, config_map("first")))[1]["metadata"]["resourceVersion"]
        for number in range(COUNT):
            await world.json("POST", CONFIG_MAPS, config_map(f"m{number:02d}"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(watching, "PIECE", 2)
            stream = await world.ask("GET", f"{CONFIG_MAPS}?watch=1&resourceVersion={since}&timeoutSeconds=1")
            assert isinstance(stream, StreamResponse)
            recorder = Recorder()
            await stream.run(recorder)
        names = [event["object"]["metadata"]["name"] for event in recorder.events()]
        assert names == [f"m{number:02d}" for number in range(COUNT)]

    run(story)


def test_a_watch_with_too_much_before_it_ends_so_that_the_client_begins_again() -> None:
    async def story(world: World) -> None:
        since = (await world.json("POST", CONFIG_MAPS, config_map("first")))[1]["metadata"]["resourceVersion"]
        for number in range(5):
            await world.json("POST", CONFIG_MAPS, config_map(f"m{number}"))
        for bound, told in [(5, 5), (4, 0)]:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(watching, "PENDING_MAX", bound)
                stream = await world.ask("GET", f"{CONFIG_MAPS}?watch=1&resourceVersion={since}&timeoutSeconds=1")
                assert isinstance(stream, StreamResponse)
                recorder = Recorder()
                await stream.run(recorder)
                assert len(recorder.events()) == told

    run(story)
