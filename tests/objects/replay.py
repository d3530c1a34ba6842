"""Replays recorded requests and answers of a Kubernetes API server against objects, without HTTP.

A case has ``namespace`` and ``steps`` of ``request`` (method, path, headers, body) and ``answer`` (status, body). What
differs from run to run is masked on both sides; what objects do not offer yet (field ownership) is
taken out of the recorded answer, and the label of the VPC, which is ours alone, out of our own.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from k3py.model import selectors
from k3py.model.errors import AlreadyExists, NotFound, Problem
from k3py.model.generated import autoscaling_v1, core_v1, meta_v1
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.vpc_v1 import DEFAULT_VPC, VPC_LABEL
from k3py.objects.decode import decode_body, decode_options
from k3py.objects.options import FieldValidation, Patch, WriteOptions, patch_type
from k3py.objects.service import Objects
from k3py.objects.system import ensure_service_account
from tests.objects.world import ADMIN

TOKEN_VOLUME = re.compile(r"\bkube-api-access-[a-z0-9]{5}\b")
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
VARIABLE = re.compile(r"\$\{(\d+):([^}]+)\}")
PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?"
)
NAMESPACES = re.compile(r"/api/v1/namespaces(?:/(?P<name>[^/]+)(?:/(?P<subresource>finalize|status))?)?")


class Unsupported(Exception):
    """The request is for a kind or a subresource that is not there."""


async def replay(objects: Objects, case: dict[str, Any]) -> Iterator[str]:
    """What differs from the recorded answers, one line each.

    Raises:
        Unsupported: a step asks for something that objects do not offer.
    """
    await _ensure_namespace(objects, case.get("namespace"))
    received: list[Any] = []
    differences: list[str] = []
    for number, step in enumerate(case["steps"]):
        status, body = await _ask(objects, _filled(step["request"], received))
        received.append(body)
        wanted = step["answer"]
        if status != wanted["status"]:
            differences.append(f"step {number}: status {status} for {wanted['status']}: {_message(body)}")
        elif step.get("compare") != "status" and "select" not in step:
            differences += _compared(number, masked(body), masked(wanted.get("body")), step.get("unordered", False))
    return iter(differences)


def _compared(number: int, ours: Any, recorded: Any, unordered: bool) -> list[str]:
    if unordered and isinstance(ours, dict) and "details" in ours and isinstance(recorded, dict):
        for each in (ours, recorded):
            each.pop("message", None)
            each["details"]["causes"] = sorted(each["details"].get("causes", []), key=str)
    return [f"step {number}: {line}" for line in difference(ours, recorded)]


async def _ensure_namespace(objects: Objects, name: str | None) -> None:
    if name is None:
        return
    namespace = core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name))
    try:
        await objects.create(KINDS.of(core_v1.Namespace), "", namespace, WriteOptions(), ADMIN)
    except AlreadyExists:
        return
    await ensure_service_account(objects, name)


def _filled(request: dict[str, Any], received: list[Any]) -> dict[str, Any]:
    def value(found: re.Match[str]) -> str:
        result: Any = received[int(found[1])]
        for part in found[2].split("."):
            result = result[part]
        return str(result)

    return json.loads(VARIABLE.sub(value, json.dumps(request)))


def _expanded(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$repeat"}:
            return value["$repeat"][0] * value["$repeat"][1]
        return {key: _expanded(each) for key, each in value.items()}
    return [_expanded(each) for each in value] if isinstance(value, list) else value


def _located(path: str) -> tuple[Kind, str, str, str]:
    found = NAMESPACES.fullmatch(path)
    if found:
        return KINDS.of(core_v1.Namespace), "", found["name"] or "", found["subresource"] or ""
    found = PATH.fullmatch(path)
    kind = found and KINDS.resource(found["group"] or "", found["version"], found["plural"])
    if not found or kind is None:
        raise Unsupported(path)
    namespace = found["namespace"] or ""
    return kind, namespace, unquote(found["name"] or ""), found["subresource"] or ""


async def _ask(objects: Objects, request: dict[str, Any]) -> tuple[int, Any]:
    parts = urlsplit(request["path"])
    kind, namespace, name, subresource = _located(parts.path)
    query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    data = b""
    if "bodyText" in request:
        data = request["bodyText"].encode()
    elif request.get("body") is not None:
        data = orjson.dumps(_expanded(request["body"]))
    media_type = request.get("headers", {}).get("Content-Type", "application/json") or ""
    try:
        return await _done(objects, request["method"], kind, namespace, name, subresource, query, data, media_type)
    except Problem as problem:
        return problem.code, problem.status()


async def _done(
    objects: Objects,
    method: str,
    kind: Kind,
    namespace: str,
    name: str,
    subresource: str,
    query: dict[str, str],
    data: bytes,
    media_type: str,
) -> tuple[int, Any]:
    validation = FieldValidation(query.get("fieldValidation", "Warn"))
    options = WriteOptions("dryRun" in query, query.get("fieldManager", ""), validation)
    if subresource not in ("", "status", "scale", "finalize", "binding"):
        raise Unsupported(subresource)
    if method == "GET":
        if not name:
            raise Unsupported("list")
        if subresource == "scale":
            return 200, orjson.loads(orjson.dumps(_plain(objects.scales.get(kind, namespace, name))))
        return 200, orjson.loads(objects.get(kind, namespace, name).raw)
    if method == "POST":
        if subresource == "binding":
            binding = decode_body(KINDS.of(core_v1.Binding), data, media_type, validation)[0]
            await objects.bind(namespace, name, binding, options, ADMIN)
            return 201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        obj = decode_body(kind, data, media_type, validation)[0]
        return 201, orjson.loads((await objects.create(kind, namespace, obj, options, ADMIN)).raw)
    if method == "PUT":
        if subresource == "scale":
            scale = decode_options(autoscaling_v1.Scale, data, media_type)
            return 200, orjson.loads((await objects.scales.update(kind, namespace, name, scale, options, ADMIN)).raw)
        obj = decode_body(kind, data, media_type, validation)[0]
        written = await objects.update(kind, namespace, name, obj, options, ADMIN, subresource)
        return (201 if written.created else 200), orjson.loads(written.raw)
    if method == "PATCH":
        patch = Patch(patch_type(media_type.split(";")[0]), orjson.loads(data))
        if subresource == "scale":
            return 200, orjson.loads((await objects.scales.patch(kind, namespace, name, patch, options, ADMIN)).raw)
        return 200, orjson.loads((await objects.patch(kind, namespace, name, patch, options, ADMIN, subresource)).raw)
    return await _deleted(objects, kind, namespace, name, query, data, media_type)


async def _deleted(
    objects: Objects, kind: Kind, namespace: str, name: str, query: dict[str, str], data: bytes, media_type: str
) -> tuple[int, Any]:
    wanted = decode_options(meta_v1.DeleteOptions, data, media_type)
    if "gracePeriodSeconds" in query:
        wanted.grace_period_seconds = int(query["gracePeriodSeconds"])
    if "propagationPolicy" in query:
        wanted.propagation_policy = query["propagationPolicy"]
    if "orphanDependents" in query:
        wanted.orphan_dependents = query["orphanDependents"] == "true"
    if name:
        return 200, orjson.loads((await objects.delete(kind, namespace, name, wanted, ADMIN)).raw)
    labels = selectors.parse_labels(query.get("labelSelector", ""))
    fields = selectors.parse_fields(query.get("fieldSelector", ""), kind.selectable)
    await objects.delete_collection(kind, objects.list(kind, namespace, labels, fields), wanted, ADMIN)
    return 200, {}


def _plain(scale: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(scale)


def _message(body: Any) -> str:
    return str(body.get("message", ""))[:300] if isinstance(body, dict) else ""


def masked(value: Any) -> Any:
    """Without what differs from run to run, and without what is not offered."""
    if isinstance(value, list):
        return [masked(each) for each in value]
    if isinstance(value, dict):
        left_out = ("managedFields", "resourceVersion", VPC_LABEL)
        if value.get("labels") == {VPC_LABEL: DEFAULT_VPC}:
            left_out = (*left_out, "labels")
        return {key: masked(each) for key, each in value.items() if key not in left_out}
    if isinstance(value, str):
        return TOKEN_VOLUME.sub("kube-api-access-<suffix>", UUID.sub("<uid>", TIME.sub("<time>", value)))
    return value


def difference(ours: Any, recorded: Any, path: str = "") -> Iterator[str]:
    """Where two values differ."""
    if isinstance(recorded, str) and recorded.startswith("<") and recorded.endswith(">") and ours is not None:
        return
    if isinstance(ours, dict) and isinstance(recorded, dict):
        for key in sorted({*ours, *recorded}):
            if key not in ours:
                yield f"{path}.{key}: missing, recorded {json.dumps(recorded[key])[:200]}"
            elif key not in recorded:
                yield f"{path}.{key}: {json.dumps(ours[key])[:200]} is not recorded"
            else:
                yield from difference(ours[key], recorded[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(recorded, list) and len(ours) == len(recorded):
        for index, (left, right) in enumerate(zip(ours, recorded, strict=True)):
            yield from difference(left, right, f"{path}[{index}]")
    elif ours != recorded:
        yield f"{path}: {json.dumps(ours)[:300]} for {json.dumps(recorded)[:300]}"


__all__ = ["NotFound", "Unsupported", "difference", "masked", "replay"]
