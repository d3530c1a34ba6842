"""Query parameters and their numbers."""

import pytest

from k3py.api.parameters import INTEGER_MAX, first, flag, integer
from k3py.model.errors import BadRequest
from tests.api.world import CONFIG_MAPS, PODS, World, pod, run

HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("-7", -7), ("+1", 1), ("007", 7), (str(INTEGER_MAX), INTEGER_MAX), ("0" * 99, 0)]
)
def test_a_number_is_read(text: str, number: int | None) -> None:
    assert integer({"limit": [text, "9"]}, "limit") == number
    assert integer({}, "limit") is None


@pytest.mark.parametrize("text", ["", "x", "1.5", "--1", " 1", "\u0663", "1_0", "-"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="invalid syntax"):
        integer({"limit": [text]}, "limit")


@pytest.mark.parametrize("text", [str(INTEGER_MAX + 1), str(-INTEGER_MAX - 2), HUGE, f"-{HUGE}"])
def test_what_has_more_than_64_bits_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="value out of range"):
        integer({"limit": [text]}, "limit")


def test_the_first_one_counts() -> None:
    assert first({"container": ["a", "b"]}, "container") == "a"
    assert first({}, "container") == ""


def test_booleans_are_true_unless_they_say_no() -> None:
    assert all(flag({"watch": [each]}, "watch") for each in ("1", "t", "true", "yes", "no", ""))
    assert not any(flag({"watch": [each, "1"]}, "watch") for each in ("0", "false", "FALSE"))
    assert flag({}, "watch") is None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{PODS}?limit={HUGE}", 400),
        ("GET", f"{PODS}?resourceVersion={HUGE}", 400),
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
