"""Refusals come in the form that the client reads."""

import pytest
import yaml

from k3py.api.http.messages import Response
from tests.api.world import CONFIG_MAPS, World, config_map, run

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
IN_YAML = {"accept": "application/yaml"}


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"{CONFIG_MAPS}/nope", 404),
        ("DELETE", f"{CONFIG_MAPS}/nope", 404),
        ("GET", f"{CONFIG_MAPS}?limit=x", 400),
        ("PUT", CONFIG_MAPS, 405),
        ("GET", "/api/v1/nope", 404),
    ],
)
def test_who_reads_yaml_is_refused_in_yaml(method: str, path: str, code: int) -> None:
    async def story(world: World) -> None:
        answer = await world.ask(method, path, headers=IN_YAML)
        assert isinstance(answer, Response)
        assert (answer.status, answer.content_type) == (code, "application/yaml")
        said = yaml.safe_load(answer.body)
        assert (said["kind"], said["code"]) == ("Status", code)

    run(story)


def test_a_deletion_is_confirmed_in_yaml_too() -> None:
    async def story(world: World) -> None:
        await world.ask("POST", CONFIG_MAPS, config_map("a"))
        answer = await world.ask("DELETE", f"{CONFIG_MAPS}/a", headers=IN_YAML)
        assert isinstance(answer, Response)
        assert (answer.status, yaml.safe_load(answer.body)["status"]) == (200, "Success")

    run(story)


def test_what_is_only_asked_is_answered_in_yaml_too() -> None:
    async def story(world: World) -> None:
        await world.ask("POST", ACCOUNTS, {"metadata": {"name": "a"}})
        for path, question in (
            (
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                {"spec": {"resourceAttributes": {"verb": "get"}}},
            ),
            (f"{ACCOUNTS}/a/token", {"spec": {}}),
        ):
            answer = await world.ask("POST", path, question, headers=IN_YAML)
            assert isinstance(answer, Response)
            assert (answer.status, answer.content_type) == (201, "application/yaml"), path
            assert "status" in yaml.safe_load(answer.body)

    run(story)


def test_who_takes_nothing_that_there_is_is_refused_in_json() -> None:
    async def story(world: World) -> None:
        for accepted in ("text/yaml", "application/yaml;as=Odd;g=meta.k8s.io;v=v1"):
            status, said = await world.json("GET", CONFIG_MAPS, headers={"accept": accepted})
            assert (status, said["reason"]) == (406, "NotAcceptable"), accepted

    run(story)
