"""Recorded answers of a real API server, held against server-side apply alone: no store, no admission, no validation.

Each step starts from the object that the recorded server had stored, so one difference does not bring others with it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from k3py.model import codec
from k3py.model.errors import Problem
from k3py.model.generated import (
    apps_v1,
    autoscaling_v2,
    core_v1,
    networking_v1,
    rbac_v1,
)
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.objects import scale
from k3py.objects.apply import (
    Target,
    applied,
    same_but_for_managed_times,
    scale_target,
    target_of,
    to_main,
    to_scale,
    updated,
)
from k3py.objects.kinds.table import rules_of
from k3py.objects.normalise import normalise
from k3py.objects.options import Patch, PatchType
from k3py.objects.patch import apply_patch
from k3py.objects.yaml_values import load_yaml
from tests.golden.recording import load_cases

APPLY = "application/apply-patch+yaml"
PATCHES = {
    "application/merge-patch+json": PatchType.MERGE,
    "application/json-patch+json": PatchType.JSON,
    "application/strategic-merge-patch+json": PatchType.STRATEGIC,
}
UID = "00000000-0000-4000-8000-000000000000"
# All steps of a case were recorded within one second.
THEN = "2026-11-22T10:00:00Z"
NOW = datetime.fromisoformat(THEN).timestamp()
_STAMP = re.compile(r'"(?:2026|2027)-\d\d-\d\dT\d\d:\d\d:\d\dZ"')
_RV = re.compile(r'"<rv:(\d+)>"')
_VARIABLE = re.compile(r"\$\{(\d+):metadata\.resourceVersion\}")

# Kinds that the recording has and the registry not yet: their schemas are known, defaults are not.
FURTHER: tuple[tuple[type[Wire], str, tuple[str, ...]], ...] = (
    (rbac_v1.Role, "roles", ()),
    (rbac_v1.ClusterRole, "clusterroles", ()),
    (networking_v1.Ingress, "ingresses", ("status",)),
    (autoscaling_v2.HorizontalPodAutoscaler, "horizontalpodautoscalers", ("status",)),
    (core_v1.PersistentVolumeClaim, "persistentvolumeclaims", ("status",)),
    (apps_v1.StatefulSet, "statefulsets", ("scale", "status")),
    (apps_v1.DaemonSet, "daemonsets", ("status",)),
)
WITHOUT_GENERATION = ("Role", "ClusterRole", "HorizontalPodAutoscaler", "PersistentVolumeClaim")


@dataclass
class Score:
    """Steps by outcome; ``differences`` says what was not the same."""

    same: int = 0
    compared: int = 0
    elsewhere: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def note(self, place: str, ours: Any, theirs: Any) -> None:
        self.compared += 1
        if ours == theirs:
            self.same += 1
        else:
            self.differences.append(f"{place}\n  ours:   {_line(ours)}\n  theirs: {_line(theirs)}")


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def alive(value: Any) -> Any:
    """A recorded object with values in place of the marks."""
    text = json.dumps(value).replace('"<time>"', f'"{THEN}"').replace('"<uid>"', f'"{UID}"')
    return json.loads(_RV.sub(r'"\1"', text))


def marked(value: Any) -> dict[str, Any]:
    """An object with marks in place of what differs from run to run; versions are left out."""
    result: dict[str, Any] = json.loads(_STAMP.sub('"<time>"', json.dumps(value)).replace(f'"{UID}"', '"<uid>"'))
    result.get("metadata", {}).pop("resourceVersion", None)
    return result


def kind_named(name: str) -> Kind:
    for kind in KINDS:
        if kind.name == name and kind.stored:
            return kind
    for type_, plural, subresources in FURTHER:
        if type_.__name__ == name:
            return Kind(type_, plural, subresources=subresources, keep_generation=name not in WITHOUT_GENERATION)
    raise KeyError(name)


def completed(kind: Kind, plain: Mapping[str, Any]) -> dict[str, Any]:
    """The object typed, in canonical form and with defaults."""
    strings = dict(plain)
    if isinstance(strings.get("data"), dict):
        # Go decodes null in a map of texts as the empty one.
        strings["data"] = {key: "" if value is None else value for key, value in strings["data"].items()}
    obj, _ = codec.convert(kind.type, strings, lenient=True)
    normalise(obj)
    rules_of(kind.type).default(obj)
    result: dict[str, Any] = codec.to_plain(obj)
    return result


class Replay:
    """One case: what the recorded server had stored, step by step."""

    def __init__(self, case: dict[str, Any], score: Score) -> None:
        self.case, self.score = case, score
        self.kind = kind_named(case["kind"])
        self.live: dict[str, Any] | None = None
        self.versions: list[str] = []

    def run(self) -> None:
        for number, step in enumerate(self.case["steps"]):
            place = f"{self.case['id']}[{number}]"
            request, answer = step["request"], step["answer"]
            self._step(place, request, answer)
            body = answer.get("body") or {}
            self.versions.append(alive(body).get("metadata", {}).get("resourceVersion", ""))
            if answer["status"] < 300 and request["method"] == "DELETE":
                self.live = None
            elif answer["status"] < 300 and body.get("kind") == self.kind.name:
                self.live = alive(body)

    def _step(self, place: str, request: dict[str, Any], answer: dict[str, Any]) -> None:
        query = parse_qs(urlsplit(request["path"]).query)
        headers = request.get("headers") or {}
        media = headers.get("Content-Type") or "application/json"
        tail = urlsplit(request["path"]).path.rpartition("/")[2]
        manager = query.get("fieldManager", [_agent(headers)])[0]
        try:
            body = self._body(request)
        except yaml.YAMLError:
            body = None
        if request["method"] == "GET":
            self.score.note(place, marked(self.live or {}), marked(alive(answer["body"])))
        elif request["method"] == "DELETE":
            self.score.elsewhere.append(f"{place}: a deletion")
        elif tail == "scale":
            self._scaled(place, media, body, manager, "force" in query, answer)
        elif media == APPLY:
            subresource = "status" if tail == "status" else ""
            kind = self.kind if f"/{self.kind.plural}/" in request["path"] else kind_named(body["kind"])
            self._applied(place, body, manager, "force" in query, answer, target_of(kind, subresource))
        else:
            self._updated(
                place, media, body, manager, answer, target_of(self.kind, "status" if tail == "status" else "")
            )

    def _body(self, request: dict[str, Any]) -> Any:
        if "bodyText" in request:
            return load_yaml(request["bodyText"].encode())[0]
        return json.loads(_VARIABLE.sub(lambda found: self.versions[int(found[1])], json.dumps(request.get("body"))))

    def _applied(
        self, place: str, body: Any, manager: str, force: bool, answer: dict[str, Any], target: Target
    ) -> None:
        theirs = answer["body"]
        if not isinstance(body, dict) or not _ours(answer):
            self.score.elsewhere.append(f"{place}: {theirs.get('message', 'YAML')}")
            return
        try:
            found = applied(target, self.live, body, manager=manager, force=force, now=NOW)
        except Problem as problem:
            self.score.note(place, _refusal(problem.code, problem.status()), _refusal(answer["status"], theirs))
            return
        if answer["status"] >= 300:
            self.score.note(place, "accepted", _refusal(answer["status"], theirs))
            return
        fields = list(found.managed_fields)
        self.score.note(f"{place} managedFields", marked_fields(fields), marked_fields(alive(theirs), inside=True))
        if self.live is not None:
            ours = self._stored(found.object, fields, target)
            theirs_plain = codec.to_plain(codec.convert(self.kind.type, marked_times(alive(theirs)), lenient=True)[0])
            self.score.note(f"{place} object", _bare(ours), _bare(theirs_plain))

    def _stored(self, obj: dict[str, Any], fields: list[Any], target: Target) -> dict[str, Any]:
        """What is stored of an applied object: with defaults, and without what the resource cannot write."""
        new = completed(self.kind, obj)
        live = self.live or {}
        if not target.subresource and "status" in self.kind.subresources:
            new["status"] = live.get("status", new.get("status"))
        if self.kind.keep_generation and new.get("spec") != live.get("spec"):
            new["metadata"]["generation"] = live["metadata"]["generation"] + 1
        return new

    def _updated(self, place: str, media: str, body: Any, manager: str, answer: dict[str, Any], target: Target) -> None:
        theirs = answer["body"]
        if answer["status"] >= 300:
            self.score.elsewhere.append(f"{place}: {theirs['message']}")
            return
        new = alive(theirs)
        given = body
        if media in PATCHES:
            given = apply_patch(self.live or {}, Patch(PATCHES[media], body), self.kind)
        new["metadata"].pop("managedFields", None)
        if "managedFields" in given.get("metadata", {}):
            new["metadata"]["managedFields"] = given["metadata"]["managedFields"]
        fields = updated(target, self.live, new, manager=manager, now=NOW)
        self.score.note(
            f"{place} managedFields", marked_fields(list(fields)), marked_fields(alive(theirs), inside=True)
        )
        if self.live is not None:
            after = {**new, "metadata": {**new["metadata"], "managedFields": list(fields)}}
            unmoved = alive(theirs)["metadata"]["resourceVersion"] == self.live["metadata"]["resourceVersion"]
            self.score.note(f"{place} written", same_but_for_managed_times(self.live, after), unmoved)

    def _scaled(self, place: str, media: str, body: Any, manager: str, force: bool, answer: dict[str, Any]) -> None:
        assert self.live is not None
        entries = self.live["metadata"].get("managedFields")
        before = _scale_of(self.kind, self.live, to_scale(entries))
        try:
            if media == APPLY:
                found = applied(scale_target(), before, body, manager=manager, force=force, now=NOW)
                after, fields = found.object, found.managed_fields
            else:
                after = apply_patch(before, Patch(PATCHES[media], body), scale.SCALE)
                fields = updated(scale_target(), before, after, manager=manager, now=NOW)
        except Problem as problem:
            self.score.note(place, _refusal(problem.code, problem.status()), _refusal(answer["status"], answer["body"]))
            return
        self.score.note(place, after["spec"], answer["body"]["spec"])
        metadata = {**self.live["metadata"], "generation": self.live["metadata"]["generation"] + 1}
        metadata["managedFields"] = list(to_main(entries, fields, self.kind.api_version))
        self.live = {
            **self.live,
            "metadata": metadata,
            "spec": {**self.live["spec"], "replicas": after["spec"]["replicas"]},
        }


def _scale_of(kind: Kind, live: dict[str, Any], entries: Any) -> dict[str, Any]:
    obj, _ = codec.convert(kind.type, marked_times(live), lenient=True)
    plain: dict[str, Any] = codec.to_plain(scale.of_object(kind, obj))
    plain["metadata"]["managedFields"] = list(entries)
    return plain


def _agent(headers: Mapping[str, str | None]) -> str:
    return (headers.get("User-Agent", "golden/1") or "").partition("/")[0]


def _ours(answer: dict[str, Any]) -> bool:
    """Whether server-side apply decides this, and not what is around it."""
    body, status = answer["body"], int(answer["status"])
    causes = (body.get("details") or {}).get("causes") or []
    if status == 409:
        return bool(causes) and causes[0]["reason"] == "FieldManagerConflict"
    if status == 400:
        return "managedFields" in body["message"]
    return status < 300 or status == 500


def _refusal(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    causes = (body.get("details") or {}).get("causes") or []
    return {
        "status": status,
        "reason": body.get("reason"),
        "message": body["message"],
        "causes": sorted((each["reason"], each["message"], each["field"]) for each in causes),
    }


def marked_fields(value: Any, *, inside: bool = False) -> Any:
    entries = value.get("metadata", {}).get("managedFields", []) if inside else value
    return [{**entry, **({"time": "<time>"} if "time" in entry else {})} for entry in entries]


def marked_times(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "metadata": {k: v for k, v in value["metadata"].items() if k != "managedFields"}}


def _bare(plain: dict[str, Any]) -> dict[str, Any]:
    result = marked(plain)
    result["metadata"].pop("managedFields", None)
    return result


def replayed() -> Iterator[Score]:
    for case in load_cases("apply"):
        score = Score()
        Replay(case, score).run()
        yield score
