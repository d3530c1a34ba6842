"""Query parameters and their numbers."""

import pytest

from k3py.api.parameters import INTEGER_MAX, integer, is_true, last
from k3py.model.errors import BadRequest
from tests.api.world import CONFIG_MAPS, PODS, World, pod, run

HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("-7", -7), ("007", 7), (str(INTEGER_MAX), INTEGER_MAX), ("", None)]
)
def test_a_number_is_read(text: str, number: int | None) -> None:
    assert integer({"limit": ["1", text]}, "limit") == number


@pytest.mark.parametrize("text", ["x", "1.5", "--1", "+1", " 1", "\u0663", "1_0", "-", str(INTEGER_MAX + 1), HUGE])
def test_what_is_no_number_of_64_bits_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="cannot read limit"):
        integer({"limit": [text]}, "limit")


def test_the_last_one_counts() -> None:
    assert last({"container": ["a", "b"]}, "container") == "b"
    assert last({}, "container") == ""


def test_booleans_are_gos() -> None:
    assert [is_true(each) for each in ("1", "t", "true", "True", "TRUE")] == [True] * 5
    assert [is_true(each) for each in ("", "0", "yes", "tRUE")] == [False] * 4


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{PODS}?limit={HUGE}", 400),
        ("GET", f"{PODS}?resourceVersion={HUGE}", 422),
        ("GET", f"{PODS}?watch=1&timeoutSeconds={HUGE}", 400),
        ("GET", f"{PODS}?watch=1&timeoutSeconds=soon", 400),
        ("GET", f"{PODS}/p/log?tailLines={HUGE}", 400),
        ("DELETE", f"{PODS}/p?gracePeriodSeconds={HUGE}", 400),
        ("DELETE", f"{PODS}/p?gracePeriodSeconds={INTEGER_MAX}", 200),
    ],
)
def test_no_number_makes_the_server_fail(method: str, path: str, status: int) -> None:
    async def story(world: World) -> None:
        await world.json("POST", PODS, pod("p", "n1"))
        assert (await world.json(method, path))[0] == status

    run(story)


def test_a_delete_may_say_in_its_query_what_others_say_in_the_body() -> None:
    async def story(world: World) -> None:
        await world.json("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
        status, body = await world.json("DELETE", f"{CONFIG_MAPS}/a?orphanDependents=true")
        assert (status, body["metadata"]["finalizers"]) == (200, ["orphan"])
        status, body = await world.json("DELETE", f"{CONFIG_MAPS}/a?orphanDependents=true&propagationPolicy=Orphan")
        assert status == 422

    run(story)
