"""Access reviews: what is refused, and that each is answered for whom it asks about."""

from typing import Any

import pytest

from tests.api.world import World, run

GROUP = "/apis/authorization.k8s.io/v1"
SUBJECT = f"{GROUP}/subjectaccessreviews"
LOCAL = f"{GROUP}/namespaces/default/localsubjectaccessreviews"
SELF = f"{GROUP}/selfsubjectaccessreviews"
PODS = {"verb": "get", "resource": "pods", "namespace": "default"}


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        (SELF, {"spec": {}}, ["spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes"]),
        (
            SELF,
            {"spec": {"resourceAttributes": PODS, "nonResourceAttributes": {"path": "/x", "verb": "get"}}},
            ['spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: cannot be specified'],
        ),
        (SUBJECT, {"spec": {"resourceAttributes": PODS}}, ['spec.user: Invalid value: "": at least one of user or']),
        (
            SUBJECT,
            {"metadata": {"name": "x"}, "spec": {"resourceAttributes": PODS, "user": "a"}},
            ['metadata: Invalid value: {"name":"x",'],
        ),
        (
            LOCAL,
            {"spec": {"resourceAttributes": {**PODS, "namespace": "other"}, "user": "a"}},
            ['spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace'],
        ),
        (
            LOCAL,
            {"spec": {"nonResourceAttributes": {"path": "/x"}, "user": "a"}},
            ["disallowed on this kind of request"],
        ),
        (
            SELF,
            {"spec": {"resourceAttributes": {**PODS, "fieldSelector": {}, "labelSelector": {}}}},
            ["fieldSelector.requirements: Required value", "labelSelector.requirements: Required value"],
        ),
        (
            SELF,
            {
                "spec": {
                    "resourceAttributes": {
                        **PODS,
                        "fieldSelector": {
                            "rawSelector": "a=b",
                            "requirements": [
                                {"key": "", "operator": "In"},
                                {"key": "a", "operator": "Exists", "values": ["b"]},
                                {"key": "a", "operator": "New"},
                            ],
                        },
                    }
                }
            },
            ["rawSelector", "[0].values: Required", "[0].key: Required", "[1].values: Forbidden"],
        ),
        (
            SELF,
            {
                "spec": {
                    "resourceAttributes": {
                        **PODS,
                        "labelSelector": {"requirements": [{"key": "a b", "operator": "Exists"}]},
                    }
                }
            },
            ["spec.resourceAttributes.labelSelector.requirements[0].key"],
        ),
    ],
)
def test_reviews_that_are_refused(path: str, body: Any, why: list[str]) -> None:
    async def story(world: World) -> None:
        status, answer = await world.json("POST", path, body)
        found = [f"{each['field']}: {each['message']}" for each in answer["details"]["causes"]]
        assert (status, len(found)) == (422, len(why)), found
        assert all(part in each for part, each in zip(why, found, strict=True)), found
        assert answer["message"].startswith('.authorization.k8s.io "" is invalid: ')

    run(story)


def test_a_review_is_about_whom_it_names() -> None:
    async def story(world: World) -> None:
        for groups, allowed in ((["system:masters"], True), (["others"], False)):
            for path in (SUBJECT, LOCAL):
                body = {"spec": {"user": "jane", "groups": groups, "resourceAttributes": PODS}}
                status, answer = await world.json("POST", path, body)
                assert (status, answer["status"]) == (201, {"allowed": allowed})
                [owned] = answer["metadata"].pop("managedFields")
                assert set(owned["fieldsV1"]) == {"f:spec"}
                assert answer["metadata"] == ({"namespace": "default"} if path == LOCAL else {})

    run(story)


def test_a_local_review_is_of_its_namespace() -> None:
    async def story(world: World) -> None:
        body = {"metadata": {"namespace": "other"}, "spec": {"user": "jane", "resourceAttributes": PODS}}
        status, answer = await world.json("POST", LOCAL, body)
        assert (status, answer["reason"]) == (400, "BadRequest")

    run(story)


def test_rules_are_of_a_namespace() -> None:
    async def story(world: World) -> None:
        status, answer = await world.json("POST", f"{GROUP}/selfsubjectrulesreviews", {"spec": {}})
        assert (status, answer["message"]) == (400, "no namespace on request")

    run(story)


def test_who_asks_is_told_when() -> None:
    async def story(world: World) -> None:
        body = {"metadata": {"name": "x"}}
        status, answer = await world.json("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body)
        assert (status, list(answer["metadata"])) == (201, ["creationTimestamp"])

    run(story)
