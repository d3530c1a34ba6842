"""Heavy writes beside others: the same answers, nothing lost, bounded waiting, and a helper that may fall."""

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from k3py.api.heavy import helper as module
from k3py.api.heavy.helper import WAITING_MAX, Helper
from k3py.api.heavy.writes import Outcome, Write, perform
from k3py.model.errors import Conflict, Problem, TooManyRequests, Unavailable
from k3py.model.generated import apps_v1, core_v1
from k3py.model.generated.meta_v1 import DeleteOptions
from k3py.model.kinds import KINDS
from k3py.model.struct import Wire
from k3py.model.user import User
from k3py.objects.options import APPLY_PATCH, Patch, PatchType, WriteOptions
from k3py.objects.service import Objects
from tests.objects.world import ADMIN, open_objects

MERGE, JSON_PATCH = PatchType.MERGE.value, PatchType.JSON.value
CONFIG_MAP = KINDS.of(core_v1.ConfigMap)
SECONDS = 60.0


def write(
    verb: str,
    name: str,
    body: Any,
    media_type: str = "application/json",
    kind: type[Wire] = core_v1.ConfigMap,
    subresource: str = "",
    user: User = ADMIN,
    **options: Any,
) -> Write:
    asked = WriteOptions(**{"field_manager": "me", **options})
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Write(verb, kind, "default", name, subresource, data, media_type, asked, user)


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(containers: int) -> dict[str, Any]:
    labels = {"app": "a"}
    made = [{"name": f"c{number}", "image": "a"} for number in range(containers)]
    template = {"metadata": {"labels": labels}, "spec": {"containers": made}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def run(story: Callable[[Objects, Helper], Awaitable[None]], may_use: Any = None) -> None:
    """Tell a story to fresh objects and a helper."""

    async def told() -> None:
        objects = await open_objects()
        helper = Helper(objects, may_use or (lambda user, vpc: True))
        try:
            async with asyncio.timeout(SECONDS):
                await story(objects, helper)
        finally:
            await helper.stop()
            await objects.store.close()

    asyncio.run(told())


def told(outcome: Outcome) -> Any:
    return json.loads(outcome.raw)


def hurry_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no pause after a write."""
    monkeypatch.setattr(module, "BYTES_PER_SECOND", 1 << 50)
    monkeypatch.setattr(module, "PAUSE_SECONDS_MIN", 0.0)


async def handed_over() -> None:
    """Let a write that was just begun get to the helper."""
    for _ in range(10):
        await asyncio.sleep(0)


STORY = [
    write("create", "", config_map("a", x="1")),
    write("create", "", config_map("a", x="1")),
    write("create", "", {"metadata": {"generateName": "drawn-"}}),
    write("create", "", config_map("dry"), dry_run=True),
    write("create", "", b'{"metadata":{"name":"b"},"dta":{}}'),
    write("create", "", b"metadata: {name: from-yaml}\ndata: {a: b}\n", "application/yaml"),
    write("create", "", b"{", "application/json"),
    write("update", "a", config_map("a", x="2")),
    write("update", "a", config_map("a", x="2")),
    write("update", "a", {**config_map("a"), "metadata": {"name": "a", "resourceVersion": "1"}}),
    write("update", "absent", config_map("absent")),
    write("patch", "a", {"data": {"y": "3"}}, MERGE),
    write("patch", "a", [{"op": "test", "path": "/data/y", "value": "4"}], JSON_PATCH),
    write("patch", "a", [{"op": "remove", "path": "/data/y"}], JSON_PATCH),
    write("patch", "a", {"metadata": {"name": "other"}}, MERGE),
    write("patch", "a", config_map("a", x="5"), APPLY_PATCH, field_manager="other"),
    write("patch", "a", config_map("a", x="5"), APPLY_PATCH, field_manager="other", force=True),
    write("patch", "fresh", config_map("fresh", x="5"), APPLY_PATCH),
    write("patch", "absent", {}, MERGE),
    write("create", "", deployment(3), kind=apps_v1.Deployment),
    write("patch", "d", {"spec": {"replicas": 7}}, MERGE, apps_v1.Deployment, "scale"),
    write("patch", "d", {"status": {"replicas": 3}}, MERGE, apps_v1.Deployment, "status"),
    write("create", "", deployment(0), kind=apps_v1.Deployment),
    write("create", "", {"metadata": {"name": "p"}, "spec": {"containers": [{}]}}, kind=core_v1.Pod),
    write("create", "", {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}, kind=core_v1.Service),
]


async def _tell(answers: list[Any], perform: Callable[[Write], Awaitable[Outcome]]) -> None:
    for each in STORY:
        try:
            outcome = await perform(each)
        except Problem as problem:
            answers.append(problem.status())
            continue
        body = told(outcome)
        # Drawn by chance.
        for key in ("uid", "name" if body["metadata"].get("generateName") else "uid"):
            body["metadata"].pop(key, None)
        if body["kind"] == "Service":
            del body["spec"]["clusterIP"], body["spec"]["clusterIPs"]
        answers.append((body, outcome.type, outcome.created, list(outcome.warnings)))


def test_the_helper_answers_as_the_server_itself() -> None:
    here: list[Any] = []
    there: list[Any] = []

    async def itself(objects: Objects, helper: Helper) -> None:
        await _tell(here, lambda each: perform(objects, each))

    async def helped(objects: Objects, helper: Helper) -> None:
        await _tell(there, helper.perform)
        assert objects.get(CONFIG_MAP, "default", "a").raw

    run(itself)
    run(helped)
    for asked, one, other in zip(STORY, here, there, strict=True):
        assert one == other, asked


def test_what_is_stored_is_what_is_answered() -> None:
    async def story(objects: Objects, helper: Helper) -> None:
        outcome = await helper.perform(write("create", "", config_map("a", **{f"k{n}": "" for n in range(3000)})))
        record = objects.get(CONFIG_MAP, "default", "a")
        assert outcome.raw is record.raw
        assert told(outcome)["metadata"]["resourceVersion"] == str(record.revision)
        outcome = await helper.perform(write("patch", "a", {"metadata": {"labels": {"l": "v"}}}, MERGE))
        record = objects.get(CONFIG_MAP, "default", "a")
        assert record.labels == (("l", "v"),)
        assert told(outcome)["metadata"]["uid"] == record.uid

    run(story)


def test_removing_the_last_finalizer_ends_an_object() -> None:
    async def story(objects: Objects, helper: Helper) -> None:
        kept = {**config_map("a"), "metadata": {"name": "a", "finalizers": ["example.com/f"]}}
        await helper.perform(write("create", "", kept))
        await objects.delete(CONFIG_MAP, "default", "a", DeleteOptions(), ADMIN)
        outcome = await helper.perform(write("patch", "a", {"metadata": {"finalizers": None}}, MERGE))
        assert told(outcome)["metadata"]["deletionTimestamp"]
        assert objects.store.get("configmaps", "default", "a") is None

    run(story)


def test_a_hundred_writers_heavy_and_light_lose_nothing() -> None:
    async def story(objects: Objects, helper: Helper) -> None:
        await helper.perform(write("create", "", config_map("a", **{f"k{n}": "" for n in range(2000)})))

        async def heavy(number: int) -> None:
            for _ in range(100):
                try:
                    await helper.perform(write("patch", "a", {"data": {f"heavy{number}": "x"}}, MERGE))
                    return
                except (TooManyRequests, Conflict):
                    await asyncio.sleep(0.02)
            raise AssertionError("never came through")

        async def light(number: int) -> None:
            await asyncio.sleep(0.05 * number)
            patch = Patch(PatchType.MERGE, {"data": {f"light{number}": "x"}})
            await objects.patch(CONFIG_MAP, "default", "a", patch, WriteOptions(), ADMIN)

        await asyncio.gather(*[heavy(number) for number in range(60)], *[light(number) for number in range(40)])
        data = json.loads(objects.get(CONFIG_MAP, "default", "a").raw)["data"]
        assert {key for key in data if key.startswith(("heavy", "light"))} == {
            *(f"heavy{number}" for number in range(60)),
            *(f"light{number}" for number in range(40)),
        }

    run(story)


def _when_told(helper: Helper, monkeypatch: pytest.MonkeyPatch, do: Callable[[], Awaitable[Any]]) -> list[int]:
    """Have something happen whenever the helper is about to commit; returns what counts how often it did."""
    commit, times = module._Conversation._commit, [0]

    async def meanwhile(self: Any, message: Any) -> Any:
        times[0] += 1
        await do()
        return await commit(self, message)

    monkeypatch.setattr(module._Conversation, "_commit", meanwhile)
    return times


def test_what_changes_while_it_is_decided_has_it_decided_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(objects: Objects, helper: Helper) -> None:
        await helper.perform(write("create", "", config_map("a")))
        count = 0

        async def once_more() -> None:
            nonlocal count
            count += 1
            if count < module.ATTEMPTS_MAX:
                patch = Patch(PatchType.MERGE, {"data": {f"other{count}": ""}})
                await objects.patch(CONFIG_MAP, "default", "a", patch, WriteOptions(), ADMIN)

        times = _when_told(helper, monkeypatch, once_more)
        outcome = await helper.perform(write("patch", "a", {"data": {"mine": ""}}, MERGE))
        assert times == [module.ATTEMPTS_MAX]
        assert set(told(outcome)["data"]) == {"mine", "other1", "other2", "other3", "other4"}

    run(story)


def test_what_changes_all_the_time_is_a_conflict_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(objects: Objects, helper: Helper) -> None:
        await helper.perform(write("create", "", config_map("a")))
        count = 0

        async def once_more() -> None:
            nonlocal count
            count += 1
            patch = Patch(PatchType.MERGE, {"data": {"other": str(count)}})
            await objects.patch(CONFIG_MAP, "default", "a", patch, WriteOptions(), ADMIN)

        times = _when_told(helper, monkeypatch, once_more)
        with pytest.raises(Conflict, match="the object has been modified"):
            await helper.perform(write("patch", "a", {"data": {"mine": ""}}, MERGE))
        assert times == [module.ATTEMPTS_MAX]

    run(story)


def test_a_namespace_that_ends_meanwhile_takes_nothing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(objects: Objects, helper: Helper) -> None:
        spaces = KINDS.of(core_v1.Namespace)
        space = core_v1.Namespace()
        space.metadata.name = "short"
        await objects.create(spaces, "", space, WriteOptions(), ADMIN)

        async def end() -> None:
            if objects.store.get("namespaces", "", "short") is not None:
                await objects.delete(spaces, "", "short", DeleteOptions(), ADMIN)

        times = _when_told(helper, monkeypatch, end)
        asked = write("create", "", config_map("a"))
        inside = Write(asked.verb, asked.type, "short", "", "", asked.body, asked.media_type, asked.options, asked.user)
        with pytest.raises(Problem, match="short") as refused:
            await helper.perform(inside)
        assert refused.value.code in (403, 404)
        assert times == [1]
        assert not list(objects.store.list("configmaps", "short"))

    run(story)


def test_there_is_a_pause_after_each_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES_PER_SECOND", 1_000_000)

    async def story(objects: Objects, helper: Helper) -> None:
        loop = asyncio.get_running_loop()
        outcome = await helper.perform(write("create", "", config_map("a", x="y" * 50_000)))
        ended = loop.time()
        await helper.perform(write("create", "", config_map("b")))
        assert loop.time() - ended >= module.PAUSE_SECONDS_MIN + (50_000 + len(outcome.raw)) / 1_000_000 - 0.01

    run(story)


def test_no_more_wait_than_may() -> None:
    async def story(objects: Objects, helper: Helper) -> None:
        tasks = [
            asyncio.create_task(helper.perform(write("create", "", config_map(f"m{number}"))))
            for number in range(WAITING_MAX + 1)
        ]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.ALL_COMPLETED)
        refused = [task.exception() for task in tasks if task.exception() is not None]
        assert len(done) == WAITING_MAX + 1
        (problem,) = refused
        assert isinstance(problem, TooManyRequests)
        assert problem.details is not None
        assert problem.details.retry_after_seconds

    run(story)


def test_a_helper_that_falls_fails_one_write_and_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry_on(monkeypatch)

    async def story(objects: Objects, helper: Helper) -> None:
        await helper.perform(write("create", "", config_map("a")))
        process = helper._process
        assert process is not None
        fallen = process._process
        os.kill(fallen.pid, signal.SIGSTOP)
        task = asyncio.create_task(helper.perform(write("create", "", config_map("b"))))
        await handed_over()
        os.kill(fallen.pid, signal.SIGKILL)
        with pytest.raises(Unavailable):
            await task
        await helper.perform(write("create", "", config_map("c")))
        assert fallen.returncode is not None

    run(story)


def test_a_helper_with_nothing_to_do_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)

    async def story(objects: Objects, helper: Helper) -> None:
        await helper.perform(write("create", "", config_map("a")))
        assert helper._process is not None
        process = helper._process._process
        assert await process.wait() == 0
        await helper.perform(write("create", "", config_map("b")))
        assert helper._process is None or helper._process._process is not process

    run(story)


def test_who_gives_up_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry_on(monkeypatch)

    async def story(objects: Objects, helper: Helper) -> None:
        await helper.perform(write("create", "", config_map("a")))
        assert helper._process is not None
        process = helper._process._process
        os.kill(process.pid, signal.SIGSTOP)
        task = asyncio.create_task(helper.perform(write("create", "", config_map("b"))))
        await handed_over()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert process.returncode is not None
        await helper.perform(write("create", "", config_map("c")))
        assert objects.store.get("configmaps", "default", "b") is None

    run(story)


def test_who_may_use_a_vpc_is_asked_for() -> None:
    asked: list[tuple[str, str]] = []

    def may_use(user: User, vpc: str) -> bool:
        asked.append((user.name, vpc))
        return False

    async def story(objects: Objects, helper: Helper) -> None:
        pod = {"metadata": {"name": "p", "labels": {"k3py.io/vpc": "default"}}, "spec": {"containers": []}}
        with pytest.raises(Problem):
            await helper.perform(write("create", "", pod, kind=core_v1.Pod, user=User("jane")))

    run(story, may_use)
    assert all(user == "jane" for user, _ in asked)


def test_a_refusal_lets_go_of_the_body() -> None:
    async def story(objects: Objects, helper: Helper) -> None:
        body = b'{"metadata":{"name":"a"},"oddity":"' + b"x" * 100_000 + b'"}'
        gc.disable()
        try:
            holders = sys.getrefcount(body)
            with contextlib.suppress(Problem):
                await helper.perform(write("create", "", body))
            assert sys.getrefcount(body) == holders
        finally:
            gc.enable()

    run(story)
