"""What is sent to an operation of an OpenAPI document, and what has to be true of the answer."""

import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import schemathesis
from hypothesis import strategies as st
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.core import NotSet
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from tests.fuzz.mutating import at, paths
from tests.fuzz.served import NAMESPACE, Served

Operation = APIOperation[Any, Any, Any, Any]
NAMES: Final = ("a", "b")
"""So few that what is written is met again."""
Object = dict[str, Any]
_JSON: Final = "application/json"
_PATCH: Final = "patch"
_JSON_PATCH: Final = "application/json-patch+json"
_PATCH_TYPES: Final = (
    "application/apply-patch+yaml", _JSON_PATCH, "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)  # fmt: skip
# Options that let a request through, most of the time.
_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "dryRun": ("All",),
    "fieldValidation": ("Ignore", "Warn", "Strict"),
    "fieldManager": ("m", "n"),
    "force": ("true", "false"),
    "pretty": ("true", ""),
    "limit": ("0", "1", "2"),
    "labelSelector": ("a=b", "a in (b,c),!d", ""),
    "fieldSelector": ("metadata.name=a", "metadata.namespace!=x", "status.phase=Running"),
    "resourceVersion": ("0", "1", "999999999"),
    "resourceVersionMatch": ("Exact", "NotOlderThan"),
    "continue": ("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0",),
    "timeoutSeconds": ("1",),
    "watch": ("true", "false"),
    "allowWatchBookmarks": ("true",),
    "sendInitialEvents": ("true",),
    "gracePeriodSeconds": ("0", "1", "-1"),
    "propagationPolicy": ("Orphan", "Foreground", "Background"),
    "orphanDependents": ("true", "false"),
}
_ACCEPT: Final = (
    _JSON,
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,"
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
)
# What Kubernetes answers 500 too, by its message.
EXPLAINED_500: Final = re.compile(
    r"failed to create typed patch object \(.*\): |failed to convert new object \(.*\) to proper version: "
    r"|resourceVersion should not be set on objects to be created$"
    # Strategic merge patches that make no sense.
    r"|expected a (\[\]interface \{\}|map\[string\]interface \{\}), but received a "
    r"|unable to find api field in struct \w+ for the json field |unknown patch type: .* in map: "
    r"|no elements in any of the given slices$|list element types are not identical: "
    r"|cannot merge lists without merge key for type struct$|merging lists cannot yet be specified in the patch$"
    r"|map: map\[.*\] does not contain declared merge key: |The order in patch list:"
    r"|This pod has more than one PodDisruptionBudget, which the eviction subresource does not support\.$"
    # Bindings whose target is none.
    r"|^\[?target\.(kind|name): "
    r"|failed to allocate requested HealthCheck NodePort "
    r'|strconv\.ParseUint: parsing ".*": (value out of range|invalid syntax)$',
    re.DOTALL,
)
# Pods and services lead nowhere here: there is no agent.
_NOWHERE: Final = re.compile(r"/(proxy|log|exec|attach|portforward)(/|$)")


@dataclass(frozen=True)
class Sent:
    """One request."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def is_stream(self) -> bool:
        """Whether the answer may go on for as long as it wants."""
        path, _, query = self.target.partition("?")
        return self.method == "GET" and ("/watch/" in path or "watch" in query or "follow" in query)


def operations_of(document: dict[str, Any]) -> list[Operation]:
    """All operations of a document that schemathesis sends requests of."""
    schema: BaseSchema = schemathesis.openapi.from_dict(document)
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    return [each for each in found if each.method != "head"]


def requests_of(operation: Operation, example: Object | None) -> st.SearchStrategy[Sent]:
    """Requests of one operation: what its document allows, and what it does not.

    ``example``: a good object of its kind, into which most bodies are put, so that they get far.
    """
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )
    bodies = _bodies_of_patches(operation) if operation.method == _PATCH else st.none()
    return st.builds(_sent, cases, bodies, st.just(example), st.randoms(use_true_random=False))


def _bodies_of_patches(operation: Operation) -> st.SearchStrategy[Any]:
    """The document says nothing of what a patch is: whatever a PUT to the same place may be."""
    put = operation.schema[operation.path].get("put")
    if put is None:
        return st.none()
    cases: st.SearchStrategy[Case[Operation]] = put.as_strategy(generation_mode=GenerationMode.POSITIVE)
    return cases.map(lambda case: case.body)


def _sent(case: Case[Operation], patch: Any, example: Object | None, source: random.Random) -> Sent:
    """Three in four requests are near to good ones: they go where something is, with options that exist."""
    near, name = source.random() < 0.75, source.choice(NAMES)
    path = case.path
    for parameter, value in case.path_parameters.items():
        known = {"namespace": NAMESPACE, "name": name}.get(parameter) if near else None
        path = path.replace("{" + parameter + "}", str(value) if known is None else known)
    query = "&".join(_query(_known_options(case, source) if near else case.query))
    headers = {"Accept": source.choice(_ACCEPT)} if near else {}
    body = case.body if patch is None else patch
    if isinstance(body, NotSet):
        return Sent(case.method, f"{path}?{query}", headers, None)
    media_type = case.media_type or _JSON
    if near:
        media_type = source.choice(_PATCH_TYPES) if case.method.lower() == _PATCH else _JSON
        if isinstance(body, dict) and case.method != "DELETE":
            body = _named(_put_into(example or {}, body, source), name, case.operation)
    if media_type == _JSON_PATCH:
        body = _as_json_patch(body, source)
    headers["Content-Type"] = media_type if media_type != "*/*" else _JSON
    return Sent(case.method, f"{path}?{query}", headers, json.dumps(body).encode())


def _known_options(case: Case[Operation], source: random.Random) -> Object:
    names = [each.name for each in case.operation.query if each.name in _OPTIONS]
    chosen = source.sample(names, min(len(names), source.choice((0, 1, 1, 2, 3))))
    found = {name: source.choice(_OPTIONS[name]) for name in chosen}
    return {**found, "fieldManager": "m"} if case.method.lower() == _PATCH else found


def _query(query: Mapping[str, Any]) -> Iterator[str]:
    for key, value in query.items():
        for each in value if isinstance(value, list) else [value]:
            text = json.dumps(each) if isinstance(each, bool | dict) else str(each)
            yield f"{quote(str(key), safe='')}={quote(text.encode('utf-8', 'surrogatepass'), safe='')}"


def _put_into(example: Any, made: Any, source: random.Random) -> Any:
    """An example with parts of what was made in it."""
    if not (isinstance(example, dict) and isinstance(made, dict)):
        return made if source.random() < 0.5 else example
    found = dict(example)
    for key, value in made.items():
        if key in found:
            found[key] = _put_into(found[key], value, source)
        elif source.random() < 0.4:
            found[key] = value
    return found


def _named(body: Object, name: str, operation: Operation) -> Object:
    """With the name and type that get it past the first checks."""
    metadata = body.get("metadata")
    kept = metadata if isinstance(metadata, dict) else {}
    kept = {key: kept[key] for key in kept if key not in ("namespace", "uid", "resourceVersion", "managedFields")}
    body = {**body, "metadata": {**kept, "name": name}}
    spoken = operation.definition.raw.get("x-kubernetes-group-version-kind")
    if spoken is None:
        return body
    version = f"{spoken['group']}/{spoken['version']}" if spoken["group"] else spoken["version"]
    return {**body, "apiVersion": version, "kind": spoken["kind"]}


def _as_json_patch(body: Any, source: random.Random) -> list[Any]:
    found = list(paths(body))
    return [
        {
            "op": source.choice(("add", "replace", "test", "remove", "move", "copy")),
            "path": "".join(f"/{part}" for part in path), "from": "/kind", "value": at(body, path),
        }
        for path in source.sample(found, min(len(found), source.randint(0, 3)))
    ]  # fmt: skip


def send(server: Served, sent: Sent) -> httpx.Response:
    """The answer; of a stream its head."""
    made = server.http.build_request(sent.method, sent.target, headers=sent.headers, content=sent.body)
    answer = server.http.send(made, stream=True)
    try:
        if not (sent.is_stream and answer.status_code == 200):
            answer.read()
    finally:
        answer.close()
    return answer


def check(operation: Operation, sent: Sent, answer: httpx.Response) -> None:
    """An answer is none that a client would trip over."""
    code = answer.status_code
    if sent.is_stream and code == 200:
        return
    if code >= 400:
        _check_refusal(sent, answer)
    elif sent.headers.get("Accept") == _JSON and not _is_deleted_object(sent, answer):
        assert answer.headers["content-type"].startswith(_JSON), (sent, answer.headers)
        # Times and lists that are not set are null, as Kubernetes writes them; its documents do not know.
        shown = httpx.Response(
            code, headers=answer.headers, json=_without_nulls(answer.json()), request=answer.request,
            extensions=answer.extensions,
        )  # fmt: skip
        shown.elapsed = answer.elapsed
        try:
            operation.validate_response(shown)
        except FailureGroup as failures:
            raise AssertionError(f"{sent}: {code} {answer.text}: {failures.exceptions}") from failures


def _is_deleted_object(sent: Sent, answer: httpx.Response) -> bool:
    """Kubernetes answers many deletions with the object; its documents say Status of all."""
    return sent.method == "DELETE" and answer.json().get("kind") != "Status"


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _check_refusal(sent: Sent, answer: httpx.Response) -> None:
    status = answer.json()
    assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure"), (sent, status)
    assert status["code"] == answer.status_code, (sent, status)
    assert isinstance(status["message"], str), (sent, status)
    if answer.status_code < 500 or _NOWHERE.search(sent.target.partition("?")[0]):
        return
    if status.get("reason") == "Timeout":
        assert status["message"].startswith("Timeout: Too large resource version: "), (sent, status)
        return
    assert answer.status_code == 500, (sent, status)
    assert EXPLAINED_500.search(status["message"]), (sent, status)
