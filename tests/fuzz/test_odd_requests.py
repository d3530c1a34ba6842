"""Requests made to cost much or to be read in two ways: deep, wide, endless numbers, references in circles. Each is
answered at once, and never by a failure of the server."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.api.http.messages import Response
from tests.api.world import World, run
from tests.fuzz.operations import EXPLAINED_500

SECONDS_MAX = 1.0
"""Of processor time, for one request."""
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
CRON_JOBS = "/apis/batch/v1/namespaces/default/cronjobs"
EVENTS = "/api/v1/namespaces/default/events"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
PODS = "/api/v1/namespaces/default/pods"
REVISIONS = "/apis/apps/v1/namespaces/default/controllerrevisions"
ONE = f"{CONFIG_MAPS}/x"
APPLIED = f"{ONE}?fieldManager=m"
JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
APPLY, JSON_PATCH, MERGE, STRATEGIC = (
    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)  # fmt: skip
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
DEEP = 100_000
DEPTHS = (40, 99, 110, 240, 260, 500, 990, 1_100, 5_000)
DIGITS = "9" * 5_000
CIRCLES = (
    b"&a [*a]",
    b"&a {metadata: *a}",
    b"a: &a\n  <<: *a\n",
    b"&a {apiVersion: v1, kind: ConfigMap, metadata: *a}",
)

Asked = tuple[str, str, str, bytes | None]


def ask_each(requests: Sequence[Asked], accept: str = JSON) -> None:
    """Each is answered in time, by no 500 but those that Kubernetes answers too."""

    async def story(world: World) -> None:
        await world.ask("POST", CONFIG_MAPS, {"metadata": {"name": "x"}, "data": {"a": "b"}})
        for method, path, media_type, body in requests:
            begun = time.thread_time()
            answer = await world.ask(method, path, body, headers={"content-type": media_type, "accept": accept})
            took, place = time.thread_time() - begun, (method, path[:200], media_type, (body or b"")[:200])
            assert isinstance(answer, Response), place
            told = orjson.loads(bytes(answer.content))
            assert took < SECONDS_MAX, (took, place)
            assert answer.status < 500 or EXPLAINED_500.search(told["message"]), (told, place)
            await asyncio.sleep(0)

    run(story)


def laughs() -> bytes:
    """A text of a few hundred bytes that means a thousand million values."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]" for number in range(1, 9)]
    return "\n".join(lines).encode()


def nested(depth: int, before: bytes, after: bytes) -> bytes:
    return before * depth + b"1" + after * depth


def test_bodies_without_end_or_bottom_are_refused() -> None:
    deep = [b"[" * DEEP, b'{"a":' * DEEP, nested(DEEP, b'{"a":', b"}"), nested(DEEP, b"[", b"]")]
    patches = [("PATCH", APPLIED, each, body) for each in (APPLY, JSON_PATCH, MERGE, STRATEGIC) for body in deep]
    ask_each(
        [
            *patches,
            *(("POST", CONFIG_MAPS, JSON, body) for body in deep),
            *(("DELETE", ONE, JSON, body) for body in deep),
        ]
    )


def test_yaml_that_grows_or_goes_in_circles_is_refused() -> None:
    odd = [
        laughs(), *CIRCLES, b"[" * 20_000, b"- " * 20_000, b"{a: " * 5_000, b"#" * 1_000_000, b"<<: [1]", b"<<: 1",
        b"a: &x 1\n" + b"".join(b"k%d: *x\n" % number for number in range(20_000)),
        b"a: 2001-99-99", b"a: 0x" + b"f" * 50_000, b"a: 1" + b":59" * 20_000, b"a: .nan\nb: .inf", b"--- a\n--- b",
        b"? [a, b]\n: c", b"? {a: b}\n: c", b"a: !!int z", b"a: !!float z", b"a: !!bool z", b"a: !!binary '@'",
        b"a: !!timestamp z", b"a: !!omap [x]", b"a: !!set {x, y}", b"a: !!python/object/apply:os.getpid []",
        b'a: "\\ud800"', b'a: "\\U00110000"', b"%YAML 9.9\n--- a", b"\xff\xfea: b",
    ]  # fmt: skip
    places = (("POST", CONFIG_MAPS, YAML), ("DELETE", f"{CONFIG_MAPS}/none", YAML), ("PATCH", APPLIED, APPLY))
    ask_each([(*place, body) for place in places for body in odd])


def test_what_is_as_deep_as_it_may_be_is_read_everywhere() -> None:
    requests: list[Asked] = []
    for depth in DEPTHS:
        for left, right in ((b'{"a":', b"}"), (b"[", b"]"), (b'{"a":[', b"]}")):
            inner = nested(depth, left, right)
            body = b'{"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "r"}, "revision": 1'
            whole = body + b', "data": ' + inner + b"}"
            one = f"{REVISIONS}/r"
            patch = (
                b'[{"op": "add", "path": "/data", "value": '
                + inner
                + b'}, {"op": "test", "path": "/data", "value": 1}]'
            )
            owned = b'{"metadata": {"name": "f", "managedFields": [{"manager": "m", "operation": "Apply", '
            owned += (
                b'"apiVersion": "v1", "time": "2020-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": '
                + inner
                + b"}]}}"
            )
            requests += [
                ("POST", REVISIONS, JSON, whole), ("PUT", one, JSON, whole), ("PATCH", one, MERGE, b'{"revision": 3}'),
                ("PATCH", one, MERGE, whole), ("PATCH", one, STRATEGIC, whole), ("PATCH", one, JSON_PATCH, patch),
                ("PATCH", f"{one}?fieldManager=m&force=true", APPLY, body + b"}"),
                ("PATCH", f"{one}?fieldManager=m&force=true", APPLY, whole),
                ("POST", f"{CONFIG_MAPS}?fieldValidation=Strict", JSON, b'{"metadata": {}, "u": ' + inner + b"}"),
                ("POST", CONFIG_MAPS, JSON, owned),
                ("PATCH", f"{CONFIG_MAPS}/f?fieldManager=m", APPLY,
                 b'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "f", "labels": {"a": "b"}}}'),
                ("GET", one, "", None), ("DELETE", one, "", None), ("DELETE", f"{CONFIG_MAPS}/f", "", None),
            ]  # fmt: skip
    ask_each(requests)


def test_numbers_of_any_length_are_no_work() -> None:
    pods = [
        json.dumps({"metadata": {"name": "q"}, "spec": {"containers": [
            {"name": "c", "image": "i", "resources": {"limits": {"cpu": each, "memory": each}}}]}}).encode()
        for each in ("1e999999999", "1e-999999999", DIGITS, "1E" + "9" * 30, "0." + "0" * 5_000 + "1", "1e400Ki", "²")
    ]  # fmt: skip
    numbers = (DIGITS, "²", "%D9%A1", "1e5", "-1", "+1", "0x1", "1_0")
    options = ("limit", "resourceVersion", "timeoutSeconds", "resourceVersionMatch", "continue", "allowWatchBookmarks")
    ask_each([
        *(("POST", PODS, JSON, each) for each in pods),
        *(("GET", f"{CONFIG_MAPS}?{option}={each}", "", None) for option in options for each in numbers),
        *(("DELETE", f"{ONE}?gracePeriodSeconds={each}&dryRun=All", "", None) for each in numbers),
        *(("PUT", ONE, JSON, json.dumps({"metadata": {"name": "x", "resourceVersion": each}}).encode())
          for each in numbers),
        ("POST", CONFIG_MAPS, JSON, b'{"data": ' + DIGITS.encode() * 20 + b"}"),
        ("POST", CONFIG_MAPS, JSON, b'{"data": 1e' + DIGITS.encode() + b"}"),
        ("PATCH", ONE, JSON_PATCH, json.dumps([
            {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/a"]},
            {"op": "add", "path": f"/metadata/finalizers/{DIGITS}", "value": "b"}]).encode()),
    ])  # fmt: skip


def test_long_selectors_and_patches_are_no_work() -> None:
    many = range(5_000)
    doubling = [{"op": "copy", "from": "/data", "path": f"/data/k{number}"} for number in range(30)]
    ask_each([
        ("GET", f"{CONFIG_MAPS}?labelSelector={'%28' * 20_000}", "", None),
        ("GET", f"{CONFIG_MAPS}?labelSelector={','.join(f'a{number}%20in%20(b)' for number in many)}", "", None),
        ("GET", f"{CONFIG_MAPS}?fieldSelector={','.join(f'metadata.name!=b{number}' for number in many)}", "", None),
        ("GET", f"{CONFIG_MAPS}?fieldSelector={'%5C' * 20_000}", "", None),
        ("PATCH", ONE, JSON_PATCH, json.dumps([{"op": "test", "path": "/data", "value": {}}] * 10_001).encode()),
        ("PATCH", ONE, JSON_PATCH, json.dumps([{"op": "add", "path": "/a" * 50_000, "value": 1}]).encode()),
        ("PATCH", ONE, JSON_PATCH, json.dumps(doubling).encode()),
        ("POST", CONFIG_MAPS, PROTOBUF, b"k8s\0\x0a\xff\xff\xff\xff\x0f"),
        ("POST", CONFIG_MAPS, PROTOBUF, b"k8s\0" + b"\x0a" * DEEP),
        ("DELETE", ONE, PROTOBUF, b"k8s\0\x12\x05hello"),
    ])  # fmt: skip


def test_times_and_schedules_at_their_edges_are_shown_or_refused() -> None:
    times = (
        "0000-00-00T00:00:00Z", "9999-12-31T23:59:60Z", "2020-01-01T00:00:00." + "9" * 500 + "Z",
        "2020-02-30T00:00:00Z",
        "2020-01-01T00:00:00+99:99", "2020-01-01t00:00:00z", "²020-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    )  # fmt: skip
    schedules = (
        "* * * * *" * 100, f"*/{DIGITS} * * * *", "² * * * *", f"@every {DIGITS}h", "@every -1h", "TZ=" + "../" * 50,
        "TZ=\0 * * * * *", ",".join(["1"] * 20_000) + " * * * *",
    )  # fmt: skip
    requests: list[Asked] = []
    for each in times:
        event = {"metadata": {"generateName": "e"}, "involvedObject": {"namespace": "default"}}
        lease = {"metadata": {"generateName": "l"}, "spec": {"renewTime": each, "acquireTime": each}}
        old = {**event, "firstTimestamp": each, "lastTimestamp": each}
        new = {**event, "series": {"count": 2, "lastObservedTime": each}, "eventTime": each, "type": "Normal"}
        new |= {"reportingComponent": "a/b", "reportingInstance": "c", "action": "d", "reason": "e"}
        requests += [(*place, json.dumps(body).encode()) for place, body in (
            (("POST", LEASES, JSON), lease), (("POST", EVENTS, JSON), old), (("POST", EVENTS, JSON), new),
        )]  # fmt: skip
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    for each in schedules:
        for spec in ({"schedule": each}, {"schedule": "* * * * *", "timeZone": each[:200]}):
            body: Any = {
                "metadata": {"generateName": "q"},
                "spec": {**spec, "jobTemplate": {"spec": {"template": pod}}},
            }
            requests.append(("POST", CRON_JOBS, JSON, json.dumps(body).encode()))
    requests += [("GET", place, "", None) for place in (LEASES, EVENTS, CRON_JOBS)]
    ask_each(requests, accept=TABLE)


_yaml = st.text(alphabet="ab:-[]{},&*!?|>'\"#%@ \n\t<=~.01_x", max_size=60)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(_yaml.map(str.encode), st.binary(max_size=40)), min_size=1, max_size=20))
def test_any_text_is_yaml_or_refused(bodies: list[bytes]) -> None:
    places = (("POST", CONFIG_MAPS, YAML), ("DELETE", f"{CONFIG_MAPS}/none", YAML), ("PATCH", APPLIED, APPLY))
    ask_each([(*place, body) for place in places for body in bodies])
