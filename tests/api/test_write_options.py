"""The options of writes and deletions, as clients give them."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.api.http.messages import Request, Response
from k3py.api.write_options import delete_options, write_options
from k3py.model.errors import Invalid, Problem
from k3py.objects.options import FIELD_MANAGER_LENGTH_MAX, FieldValidation
from tests.api.world import CONFIG_MAPS, World, config_map, run

MERGE = {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}


def request(method: str = "POST", query: str = "", body: bytes = b"", **headers: str) -> Request:
    named = {key.replace("_", "-").encode(): value.encode() for key, value in headers.items()}
    return Request(method, f"/x?{query}".encode(), named, body)


def test_what_is_meant_when_nothing_is_said() -> None:
    options = write_options(request(user_agent="kubectl/v1.36 (linux)"))
    assert (options.dry_run, options.field_manager, options.force) == (False, "kubectl", False)
    assert options.field_validation is FieldValidation.WARN


@pytest.mark.parametrize(
    ("agent", "manager"),
    [
        ("a" * FIELD_MANAGER_LENGTH_MAX, "a" * FIELD_MANAGER_LENGTH_MAX),
        ("a" * 300, "a" * FIELD_MANAGER_LENGTH_MAX),
        ("a\tb/1", "ab"),
    ],
)
def test_the_manager_of_a_client_that_names_none(agent: str, manager: str) -> None:
    assert write_options(request(user_agent=agent)).field_manager == manager
    assert write_options(request(user_agent=agent, query="fieldManager=me")).field_manager == "me"


def test_the_first_value_of_a_parameter_counts() -> None:
    options = write_options(request(query="fieldValidation=Strict&fieldValidation=Odd&fieldManager=a&fieldManager=b"))
    assert (options.field_validation, options.field_manager) == (FieldValidation.STRICT, "a")


@pytest.mark.parametrize(
    ("method", "kind"), [("POST", "CreateOptions"), ("PUT", "UpdateOptions"), ("PATCH", "PatchOptions")]
)
def test_everything_wrong_is_said_of_the_right_options(method: str, kind: str) -> None:
    with pytest.raises(Invalid) as caught:
        write_options(request(method, "fieldManager=a%07&dryRun=All&dryRun=Some&fieldValidation=Odd"))
    assert caught.value.message == (
        f'{kind}.meta.k8s.io "" is invalid: ['
        'fieldManager: Invalid value: "a\\a": invalid character U+0007 (at position 1),'
        ' dryRun: Unsupported value: ["All","Some"]: supported values: "All",'
        ' fieldValidation: Unsupported value: "Odd": supported values: "", "Ignore", "Strict", "Warn"]'
    )
    assert caught.value.details is not None
    assert [cause.field for cause in caught.value.details.causes] == ["fieldManager", "dryRun", "fieldValidation"]


def test_only_an_apply_may_force_and_it_names_its_manager() -> None:
    with pytest.raises(Invalid, match="force: Forbidden: may not be specified for non-apply patch"):
        write_options(request("PATCH", "force=false", content_type=MERGE["content-type"]))
    with pytest.raises(Invalid, match="fieldManager: Required value: is required for apply patch"):
        write_options(request("PATCH", content_type=APPLY["content-type"]))
    assert write_options(request("PATCH", "force=1&fieldManager=me", content_type=APPLY["content-type"])).force


def test_a_manager_of_many_odd_characters_is_not_repeated_without_end() -> None:
    with pytest.raises(Invalid) as caught:
        write_options(request(query="fieldManager=" + "%01" * 5_000))
    assert caught.value.details is not None
    assert len(caught.value.details.causes) <= 129


def test_a_deletion_is_told_how_by_its_body_or_else_by_its_query() -> None:
    query = "gracePeriodSeconds=5&propagationPolicy=Foreground&dryRun=All"
    options = delete_options(request("DELETE", query))
    assert (options.grace_period_seconds, options.propagation_policy, options.dry_run) == (5, "Foreground", ["All"])
    body = b'{"kind":"DeleteOptions","apiVersion":"apps/v1","orphanDependents":true,"nonsense":1}'
    options = delete_options(request("DELETE", query, body))
    assert (options.grace_period_seconds, options.orphan_dependents, options.dry_run) == (None, True, [])
    text = b"preconditions:\n  uid: u\n"
    options = delete_options(request("DELETE", query, text, content_type="application/yaml"))
    assert options.preconditions is not None
    assert options.preconditions.uid == "u"
    unsafe = b'{"ignoreStoreReadErrorWithClusterBreakingPotential":true}'
    assert delete_options(request("DELETE", "", unsafe)) == delete_options(request("DELETE"))


@pytest.mark.parametrize(
    ("query", "body", "media", "code", "said"),
    [
        ("gracePeriodSeconds=x", b"", "", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("propagationPolicy=", b"", "", 422, 'propagationPolicy: Unsupported value: "": supported values'),
        ("", b"{", "", 400, "unexpected end of JSON input"),
        ("", b"[]", "", 400, "json: cannot unmarshal array into Go value of type struct"),
        ("", b'{"gracePeriodSeconds":"x"}', "", 400,
         "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64"),
        ("", b'{"kind":"Status"}', "", 400, "decoded object cannot be converted to DeleteOptions"),
        ("", b'{"kind":"Pod"}', "", 400, 'no kind "Pod" is registered for version "meta.k8s.io/v1" in scheme'),
        ("", b"a: b: c", "application/yaml", 400, "yaml: mapping values are not allowed in this context"),
        ("", b"x", "application/vnd.kubernetes.protobuf", 400, "does not appear to be a protobuf message"),
        ("", b"x", "text/plain", 415, "the body of the request was in an unknown format"),
    ],
)  # fmt: skip
def test_options_of_deletions_that_cannot_be_read(query: str, body: bytes, media: str, code: int, said: str) -> None:
    with pytest.raises(Problem) as caught:
        delete_options(request("DELETE", query, body, content_type=media))
    assert caught.value.code == code
    assert said in caught.value.message


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]),
    st.dictionaries(
        st.sampled_from(
            ["dryRun", "fieldManager", "fieldValidation", "force", "gracePeriodSeconds", "orphanDependents"]
        ),
        st.text(max_size=5),
    ),
    st.binary(max_size=20),
    st.sampled_from(["", "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]),
)
def test_any_options_are_understood_or_refused(method: str, query: dict[str, str], body: bytes, media: str) -> None:
    text = "&".join(f"{key}={quote(value)}" for key, value in query.items())
    asked = request(method, text, body, content_type=media)
    try:
        _ = delete_options(asked) if method == "DELETE" else write_options(asked)
    except Problem:
        return


def headers_of(answer: Any, name: str) -> list[str]:
    assert isinstance(answer, Response)
    return [value for key, value in answer.headers if key == name]


def test_nothing_is_written_that_could_not_be_answered() -> None:
    async def story(world: World) -> None:
        csv = {"accept": "text/csv"}
        assert (await world.json("POST", CONFIG_MAPS, config_map("a"), headers=csv))[0] == 406
        assert (await world.json("GET", f"{CONFIG_MAPS}/a"))[0] == 404
        await world.json("POST", CONFIG_MAPS, config_map("a"))
        assert (await world.json("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "y"}}, headers=csv | MERGE))[0] == 406
        assert (await world.json("DELETE", f"{CONFIG_MAPS}/a", headers=csv))[0] == 406
        assert (await world.json("DELETE", CONFIG_MAPS, headers=csv))[0] == 406
        status, body = await world.json("GET", f"{CONFIG_MAPS}/a")
        assert (status, body["data"]) == (200, config_map("a")["data"])

    run(story)


def test_warnings_of_every_kind_of_body_and_patch() -> None:
    async def story(world: World) -> None:
        yaml = b"kind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: '1'\n  a: '2'\nfoo: bar\n"
        answer = await world.ask("POST", CONFIG_MAPS, yaml, headers={"content-type": "application/yaml"})
        assert headers_of(answer, "Warning") == [
            '299 - "line 5: key \\"a\\" already set in map"', '299 - "unknown field \\"foo\\""',
        ]  # fmt: skip
        answer = await world.ask("PATCH", f"{CONFIG_MAPS}/a", b'{"data":{"b":"1","b":"2"},"y":2}', headers=MERGE)
        assert headers_of(answer, "Warning") == [
            '299 - "duplicate field \\"data.b\\""', '299 - "unknown field \\"y\\""',
        ]  # fmt: skip

    run(story)


def test_a_name_that_was_drawn_and_is_taken() -> None:
    async def story(world: World) -> None:
        body = {"metadata": {"name": "a", "generateName": "a-"}}
        assert (await world.json("POST", CONFIG_MAPS, body))[0] == 201
        status, problem = await world.json("POST", CONFIG_MAPS, body)
        assert (status, problem["reason"]) == (409, "AlreadyExists")
        assert problem["message"] == (
            'configmaps "a" already exists, the server was not able to generate a unique name for the object'
        )
        assert problem["details"] == {"name": "a", "kind": "configmaps", "retryAfterSeconds": 1}

    run(story)


def test_who_asks_in_the_old_way_hears_that_the_deletion_goes_on() -> None:
    async def story(world: World) -> None:
        kept = config_map("a") | {"metadata": {"name": "a", "finalizers": ["a.b/c"]}}
        await world.json("POST", CONFIG_MAPS, kept)
        assert (await world.json("DELETE", f"{CONFIG_MAPS}/a"))[0] == 200
        assert (await world.json("DELETE", f"{CONFIG_MAPS}/a", {"orphanDependents": False}))[0] == 202
        await world.json("POST", CONFIG_MAPS, config_map("b"))
        assert (await world.json("DELETE", f"{CONFIG_MAPS}/b?orphanDependents=false"))[0] == 200

    run(story)


def test_a_page_of_a_collection_is_deleted() -> None:
    async def story(world: World) -> None:
        for name in "abc":
            await world.json("POST", CONFIG_MAPS, config_map(name))
        status, first = await world.json("DELETE", f"{CONFIG_MAPS}?limit=2")
        assert status == 200
        assert [item["metadata"]["name"] for item in first["items"]] == ["a", "b"]
        assert first["metadata"]["remainingItemCount"] == 1
        _, rest = await world.json("GET", CONFIG_MAPS)
        assert [item["metadata"]["name"] for item in rest["items"]] == ["c"]
        status, problem = await world.json("DELETE", f"{CONFIG_MAPS}?fieldSelector=spec.x%3Db")
        assert (status, problem["reason"]) == (400, "BadRequest")
        status, problem = await world.json("DELETE", f"{CONFIG_MAPS}?propagationPolicy=x")
        assert (status, problem["details"]["kind"]) == (422, "DeleteOptions")

    run(story)


def test_jobs_warn_of_the_pods_that_stay() -> None:
    async def story(world: World) -> None:
        jobs = "/apis/batch/v1/namespaces/default/jobs"
        for path, warned in ((jobs, True), (f"{jobs}?propagationPolicy=Background", False)):
            answer = await world.ask("DELETE", path)
            assert bool(headers_of(answer, "Warning")) is warned

    run(story)
