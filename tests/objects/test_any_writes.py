"""What every way of writing promises, whatever was written before and by whom: versions, generations, ownership."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from k3py.model.errors import Problem
from k3py.model.generated.autoscaling_v1 import Scale, ScaleSpec
from k3py.model.generated.meta_v1 import DeleteOptions, ObjectMeta
from k3py.model.registry import Kind
from k3py.objects.options import Patch, PatchType, WriteOptions
from k3py.objects.service import Objects
from tests.objects.world import ADMIN, FixedClock, Plain, kind_of, open_objects

Object = dict[str, Any]
KINDS = ("ConfigMap", "Deployment", "Service")
NAMESPACE, NAME = "default", "x"
MANAGERS = ("one", "two", "three")
# Kubernetes leaves a map or list to who owns it as a whole, also when the last element goes and it is not stored.
COLLECTIONS = tuple(
    f"f:{name}" for name in (
        "annotations", "args", "binaryData", "data", "env", "externalIPs", "finalizers", "labels", "nodeSelector",
        "ports", "selector",
    )
)  # fmt: skip
CHANGING = ("resourceVersion", "uid", "creationTimestamp", "deletionTimestamp")
# A service gets them by chance.
DRAWN = ("clusterIP", "clusterIPs")

_few = st.sampled_from(["a", "b", "c"])
_texts = st.dictionaries(_few, _few, min_size=1, max_size=3)


def some(**members: "st.SearchStrategy[Any]") -> "st.SearchStrategy[Object]":
    """Some of these members."""
    return st.fixed_dictionaries({}, optional=members)


def _with_keys(elements: "st.SearchStrategy[Object]", *keys: str) -> "st.SearchStrategy[list[Object]]":
    def key(element: Object) -> Any:
        return tuple(element[each] for each in keys)

    return st.lists(elements, min_size=1, max_size=3, unique_by=key)


_metadata = some(
    labels=_texts, annotations=_texts, finalizers=st.just(["example.com/a"]),
).map(lambda made: {**made, "name": NAME})  # fmt: skip
_environment = _with_keys(st.fixed_dictionaries({"name": _few, "value": _few}), "name")
_container_ports = _with_keys(
    st.fixed_dictionaries({"containerPort": st.sampled_from([80, 81]), "protocol": st.sampled_from(["TCP", "UDP"])}),
    "containerPort", "protocol",
)  # fmt: skip
_container = st.tuples(
    _few, some(env=_environment, ports=_container_ports, args=st.lists(_few, min_size=1, max_size=2))
).map(lambda made: {"name": made[0], "image": "busybox:1", **made[1]})
_pod = st.tuples(_with_keys(_container, "name"), some(nodeSelector=_texts, hostname=_few)).map(
    lambda made: {"containers": made[0], **made[1]}
)
_deployment = st.tuples(
    _pod, some(replicas=st.integers(0, 3), paused=st.just(True), minReadySeconds=st.integers(1, 3))
).map(
    lambda made: {
        "selector": {"matchLabels": {"app": "x"}},
        "template": {"metadata": {"labels": {"app": "x"}}, "spec": made[0]},
        **made[1],
    }
)
_service_ports = _with_keys(
    st.fixed_dictionaries({"port": st.sampled_from([80, 81, 82])}, optional={"protocol": st.just("TCP")}), "port"
).map(lambda ports: [{**each, "name": f"p{each['port']}"} for each in ports])
_service = st.tuples(
    _service_ports, some(selector=_texts, internalTrafficPolicy=st.sampled_from(["Cluster", "Local"]),
                         externalIPs=st.just(["192.0.2.1"]), publishNotReadyAddresses=st.just(True))
).map(lambda made: {"ports": made[0], **made[1]})  # fmt: skip


def _bodies(name: str) -> "st.SearchStrategy[Object]":
    if name == "ConfigMap":
        return st.tuples(_metadata, some(data=_texts, binaryData=st.just({"z": "AA=="}))).map(
            lambda made: {"apiVersion": "v1", "kind": "ConfigMap", "metadata": made[0], **made[1]}
        )
    version, spec = ("apps/v1", _deployment) if name == "Deployment" else ("v1", _service)
    return st.tuples(_metadata, spec).map(
        lambda made: {"apiVersion": version, "kind": name, "metadata": made[0], "spec": made[1]}
    )


@dataclass(frozen=True)
class Step:
    """One write: ``way`` is how, ``body`` what."""

    way: str
    manager: str
    body: Object
    force: bool
    number: int


WAYS = ("create", "update", "merge", "strategic", "json", "apply", "apply", "apply", "delete", "status", "scale")


def _steps(name: str) -> "st.SearchStrategy[tuple[str, list[Step]]]":
    step = st.builds(
        Step, st.sampled_from(WAYS), st.sampled_from(MANAGERS), _bodies(name), st.booleans(), st.integers(0, 3)
    )
    return st.tuples(st.just(name), st.lists(step, min_size=2, max_size=8))


class Teller:
    """Carries out steps on one object and sees that what is promised holds."""

    def __init__(self, objects: Objects, clock: FixedClock, kind: Kind) -> None:
        self.objects, self.clock, self.kind = objects, clock, kind
        self.plain = Plain(objects)

    def stored(self) -> Object | None:
        try:
            found: Object = self.plain.get(self.kind.name, NAME)
        except Problem:
            return None
        return found

    async def tell(self, step: Step) -> None:
        """One step: as a dry run, in earnest, and what is idle after it."""
        self.clock.time += 5
        before, revision = self.stored(), self.objects.store.revision
        options = WriteOptions(field_manager=step.manager, force=step.force)
        dry = await self._outcome(step, replace(options, dry_run=True))
        assert (self.stored(), self.objects.store.revision) == (before, revision), "a dry run stored something"
        said = await self._outcome(step, options)
        assert _comparable(dry) == _comparable(said)
        after = self.stored()
        if isinstance(said, str):
            assert (after, self.objects.store.revision) == (before, revision), "a refusal stored something"
            return
        self._check_versions(before, after, revision)
        if after is None:
            return
        assert missing(after) == []
        if step.way == "apply":
            await self._check_apply(step, options, before, after)
        await self._check_idle(after)

    async def _outcome(self, step: Step, options: WriteOptions) -> Object | str:
        """The answer, or what was said against it."""
        try:
            raw = await self._write(step, options)
        except Problem as problem:
            return f"{problem.code} {problem}"
        answer: Object = orjson.loads(raw)
        return answer

    async def _write(self, step: Step, options: WriteOptions) -> bytes:
        objects, kind = self.objects, self.kind
        place = (kind, NAMESPACE, NAME)
        match step.way:
            case "create":
                return (await objects.create(kind, NAMESPACE, self._typed(step.body), options, ADMIN)).raw
            case "update":
                return (await objects.update(*place, self._typed(step.body), options, ADMIN)).raw
            case "merge" | "strategic":
                type_ = PatchType.MERGE if step.way == "merge" else PatchType.STRATEGIC
                return (await objects.patch(*place, Patch(type_, step.body), options, ADMIN)).raw
            case "json":
                return (await objects.patch(*place, Patch(PatchType.JSON, _json_patch(step)), options, ADMIN)).raw
            case "apply":
                return (await objects.apply(*place, step.body, options, ADMIN)).raw
            case "delete":
                wanted = DeleteOptions(dry_run=["All"] if options.dry_run else [])
                return (await objects.delete(*place, wanted, ADMIN)).raw
            case "status":
                body = {"status": {"replicas": step.number, "observedGeneration": 1}}
                return (await objects.patch(*place, Patch(PatchType.MERGE, body), options, ADMIN, "status")).raw
            case _:
                scale = Scale(metadata=ObjectMeta(name=NAME), spec=ScaleSpec(replicas=step.number))
                return (await objects.scales.update(*place, scale, options, ADMIN)).raw

    def _typed(self, body: Object) -> Any:
        return self.plain._decoded(self.kind, body)

    def _check_versions(self, before: Object | None, after: Object | None, revision: int) -> None:
        if before is None or after is None or before["metadata"]["uid"] != after["metadata"]["uid"]:
            return
        old, new = before["metadata"], after["metadata"]
        moved = old["resourceVersion"] != new["resourceVersion"]
        assert moved == (_without_version(before) != _without_version(after)), "a version moves iff something changed"
        assert moved == (self.objects.store.revision != revision)
        if not self.kind.keep_generation:
            return
        # Deleting counts as a change of what is wanted; a Deployment's annotations are part of its revisions.
        changed = any(_wanted(self.kind, before)[each] != _wanted(self.kind, after)[each] for each in range(3))
        assert (new["generation"] != old["generation"]) == changed, "a generation moves iff the spec changed"
        assert new["generation"] - old["generation"] in (0, 1)

    async def _check_apply(self, step: Step, options: WriteOptions, before: Object | None, after: Object) -> None:
        if before is not None and not step.force:
            for entry in before["metadata"].get("managedFields", ()):
                # What an update put into an element of a list goes with the element, as in Kubernetes.
                if entry["operation"] == "Apply" and entry["manager"] != step.manager:
                    assert entry in after["metadata"]["managedFields"], "an apply took from another manager"
        self.clock.time += 5
        again = await self.objects.apply(self.kind, NAMESPACE, NAME, step.body, replace(options, force=False), ADMIN)
        assert orjson.loads(again.raw) == after, "applying again changed something"
        assert self.stored() == after

    async def _check_idle(self, after: Object) -> None:
        """What is stored, written once more by somebody else, is what it was."""
        self.clock.time += 5
        somebody = WriteOptions(field_manager="somebody")
        await self.objects.update(self.kind, NAMESPACE, NAME, self._typed(after), somebody, ADMIN)
        assert self.stored() == after
        for type_ in (PatchType.MERGE, PatchType.STRATEGIC):
            await self.objects.patch(self.kind, NAMESPACE, NAME, Patch(type_, {}), somebody, ADMIN)
            assert self.stored() == after


def _json_patch(step: Step) -> list[Object]:
    return [
        {"op": "add", "path": f"/{part}/{key}", "value": value}
        for part in ("metadata", "data", "spec")
        for key, value in step.body.get(part, {}).items()
    ]


def _without_version(obj: Object) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": ""}}


def _wanted(kind: Kind, obj: Object) -> tuple[Any, Any, Any]:
    meta = obj["metadata"]
    annotations = meta.get("annotations", {}) if kind.name == "Deployment" else None
    return obj.get("spec"), meta.get("deletionTimestamp"), annotations


def _comparable(outcome: Object | str) -> Any:
    """An answer without what differs each time."""
    if isinstance(outcome, str):
        return outcome
    meta = {key: value for key, value in outcome.get("metadata", {}).items() if key not in CHANGING}
    spec = {key: value for key, value in outcome.get("spec", {}).items() if key not in DRAWN}
    return {**outcome, "metadata": meta, "spec": spec}


def missing(obj: Object) -> list[str]:
    """The fields that somebody owns and that are not there."""
    return [
        f"{entry['manager']} {'/'.join(path)}"
        for entry in obj["metadata"].get("managedFields", ())
        for path in _owned(entry["fieldsV1"])
        if path[-1] not in COLLECTIONS and not _is_there(obj, path)
    ]


def _owned(tree: Object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for element, below in tree.items():
        if element == ".":
            yield path
            continue
        if not below:
            yield (*path, element)
        yield from _owned(below, (*path, element))


def _is_there(value: Any, path: tuple[str, ...]) -> bool:
    for element in path:
        sort, _, rest = element.partition(":")
        if sort == "f":
            if not isinstance(value, dict) or rest not in value:
                return False
            value = value[rest]
        else:
            wanted = json.loads(rest)
            value = next((each for each in value if _is_element(sort, each, wanted)), None)
            if value is None:
                return False
    return True


def _is_element(sort: str, element: Any, wanted: Any) -> bool:
    if sort == "v":
        return bool(element == wanted)
    return all(element.get(key) == value for key, value in wanted.items())


def told(name: str, steps: list[Step]) -> None:
    """Tell the steps to a fresh object."""

    async def story() -> None:
        clock = FixedClock()
        objects = await open_objects(clock)
        try:
            teller = Teller(objects, clock, kind_of(name))
            for step in steps:
                note(f"{step} of {teller.stored()}")
                await teller.tell(step)
        finally:
            await objects.store.close()

    asyncio.run(story())


_stories = st.sampled_from(KINDS).flatmap(_steps)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(_stories)
def test_every_write_keeps_what_is_promised(story: tuple[str, list[Step]]) -> None:
    told(*story)


@pytest.mark.long
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(_stories)
def test_very_many_writes_keep_what_is_promised(story: tuple[str, list[Step]]) -> None:
    told(*story)
