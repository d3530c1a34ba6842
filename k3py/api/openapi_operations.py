"""The parts of OpenAPI operations: names, parameters, bodies and answers, as Kubernetes writes them.

OpenAPI Specification 3.0, "Operation Object"; Kubernetes' extensions ``x-kubernetes-action`` and
``x-kubernetes-group-version-kind``, by which clients find out what an operation does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from k3py.api.openapi_schemas import Schema, reference
from k3py.model.registry import Kind

META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
DELETE_OPTIONS: Final = META + "DeleteOptions"
PATCH: Final = META + "Patch"
STATUS: Final = META + "Status"
WRITE: Final = ("dryRun", "fieldManager", "fieldValidation", "pretty")
PATCHING: Final = ("dryRun", "fieldManager (patch)", "fieldValidation", "force", "pretty")
DELETING: Final = (
    "dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents", "pretty",
    "propagationPolicy",
)  # fmt: skip
SELECTING: Final = (
    "continue", "fieldSelector", "labelSelector", "limit", "pretty", "resourceVersion", "resourceVersionMatch",
    "sendInitialEvents", "shardSelector", "timeoutSeconds",
)  # fmt: skip
LISTING: Final = (*SELECTING, "allowWatchBookmarks", "watch")
_PATCH_TYPES: Final = (
    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)  # fmt: skip
_ANSWER_TYPES: Final = ("application/json", "application/vnd.kubernetes.protobuf", "application/yaml")
_LIST_TYPES: Final = (
    "application/json", "application/json;stream=watch", "application/vnd.kubernetes.protobuf",
    "application/vnd.kubernetes.protobuf;stream=watch", "application/yaml",
)  # fmt: skip
_TEXT_TYPES: Final = ("application/json", "application/vnd.kubernetes.protobuf", "application/yaml", "text/plain")
_REASONS: Final = {200: "OK", 201: "Created", 202: "Accepted"}
_PATH_TEXTS: Final = {
    "namespace": "object name and auth scope, such as for teams and projects",
    "path": "path to the resource",
}
_ANY: Final = "*/*"
_TEXT: Final[Schema] = {"type": "string"}

Parameters = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    ``method`` is HTTP's, in lower case; ``action`` is Kubernetes' word for it; ``identifier`` begins with a verb, after
    which the group version is put; ``speaks`` is (group, version, kind) of what goes over the wire; ``query`` are names
    of query parameters; ``body`` and ``answer`` are definitions, empty for none and for text; ``own`` are parameters
    that only this resource has.
    """

    method: str
    action: str
    identifier: str
    description: str
    speaks: tuple[str, str, str]
    query: tuple[str, ...] = ("pretty",)
    body: str = ""
    answer: str = ""
    codes: tuple[int, ...] = (200,)
    own: Parameters | None = None


def group_word(group: str) -> str:
    """``rbacAuthorization`` of ``rbac.authorization.k8s.io``, ``vpcK3pyIo`` of ``vpc.k3py.io``, ``core`` of ""."""
    first, *rest = re.split(r"[^0-9A-Za-z]+", group.removesuffix(".k8s.io") or "core")
    return first + "".join(each[:1].upper() + each[1:] for each in rest)


def tag_of(kind: Kind) -> str:
    """``apps_v1``: all operations of a group version have it."""
    return f"{group_word(kind.group)}_{kind.version}"


def identifier_of(kind: Kind, verb: str, rest: str) -> str:
    """``readAppsV1NamespacedDeployment`` of ``read`` and ``NamespacedDeployment``."""
    word = group_word(kind.group)
    return f"{verb}{word[:1].upper()}{word[1:]}{kind.version[:1].upper()}{kind.version[1:]}{rest}"


def article(noun: str) -> str:
    """``an Ingress``, ``a Pod``."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def path_item(path: str, operations: Sequence[Operation], tag: str, named: str, known: Parameters) -> dict[str, Any]:
    """The path item of a path with its operations; parameters that all of them have stand in front.

    ``named`` is the kind whose name is in the path, ``known`` are the query parameters that every resource shares.
    """
    sets = [_query_parameters(each, known) for each in operations]
    common = [each for each in sets[0] if all(each["name"] in {other["name"] for other in rest} for rest in sets)]
    shared = {each["name"] for each in common if _same_everywhere(each, sets)}
    item: dict[str, Any] = {}
    for operation, parameters in zip(operations, sets, strict=True):
        own = [each for each in parameters if each["name"] not in shared]
        item[operation.method] = _operation(operation, tag, own)
    in_front = [each for each in common if each["name"] in shared] + _path_parameters(path, named)
    if in_front:
        item["parameters"] = sorted(in_front, key=lambda each: (each["name"], each["in"]))
    return item


def _same_everywhere(parameter: Mapping[str, Any], sets: Sequence[Sequence[Mapping[str, Any]]]) -> bool:
    return all(parameter in each for each in sets)


def _query_parameters(operation: Operation, known: Parameters) -> list[dict[str, Any]]:
    own = operation.own or {}
    found = [_parameter(name.partition(" ")[0], "query", own.get(name) or known[name]) for name in operation.query]
    return sorted(found, key=lambda each: str(each["name"]))


def _path_parameters(path: str, named: str) -> list[dict[str, Any]]:
    found = []
    for name in re.findall(r"\{(\w+)\}", path):
        text = _PATH_TEXTS.get(name, f"name of the {named}")
        found.append(_parameter(name, "path", {"type": "string", "description": text}))
    return found


def _parameter(name: str, place: str, said: Mapping[str, str]) -> dict[str, Any]:
    required = {"required": True} if place == "path" else {}
    schema = {"type": said["type"], "uniqueItems": True}
    return {"name": name, "in": place, "description": said["description"], **required, "schema": schema}


def _operation(operation: Operation, tag: str, parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    group, version, kind = operation.speaks
    result: dict[str, Any] = {
        "tags": [tag],
        "description": operation.description,
        "operationId": operation.identifier,
    }
    if parameters:
        result["parameters"] = list(parameters)
    if operation.body:
        result["requestBody"] = _body(operation)
    result["responses"] = _responses(operation)
    result["x-kubernetes-action"] = operation.action
    result["x-kubernetes-group-version-kind"] = {"group": group, "version": version, "kind": kind}
    return result


def _body(operation: Operation) -> dict[str, Any]:
    types = _PATCH_TYPES if operation.action == "patch" else (_ANY,)
    content = {each: {"schema": reference(operation.body)} for each in types}
    return {"content": content, **({} if operation.body == DELETE_OPTIONS else {"required": True})}


def _responses(operation: Operation) -> dict[str, Any]:
    schema = reference(operation.answer) if operation.answer else _TEXT
    types: Sequence[str] = _LIST_TYPES if operation.action == "list" else _ANSWER_TYPES
    if not operation.answer:
        types = (_ANY,) if operation.action == "connect" else _TEXT_TYPES
    content = {each: {"schema": schema} for each in types}
    answers: dict[str, Any] = {
        str(code): {"description": _REASONS[code], "content": content} for code in operation.codes
    }
    return {**answers, "401": {"description": "Unauthorized"}}
