"""Requests that the recorded suites send, as a stock of good ones."""

import json
import random
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from tests.fuzz.mutating import mutated
from tests.golden.recording import SUITES, expanded, load_cases

Object = dict[str, Any]
BODY_CHARACTERS_MAX = 100_000
"""Recorded bodies that are to be too large are left out."""
Request = Mapping[str, Any]
_NAMESPACE = re.compile(r"/namespaces/[^/?]+/")

_STREAM = re.compile(r"[?&](watch|follow)=|/(proxy|log|exec|attach|portforward)\b|/watch/")
_PATCH_TYPES = (
    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)  # fmt: skip
_ACCEPT = (
    "application/json", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "*/*",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json",
)  # fmt: skip
_OPTIONS = (
    "dryRun=All", "fieldValidation=Strict", "fieldValidation=Warn", "force=true&fieldManager=x", "limit=2",
    "gracePeriodSeconds=0", "propagationPolicy=Orphan", "resourceVersion=0",
)  # fmt: skip


def steps() -> Iterator[list[Request]]:
    """The requests of each case."""
    for suite in SUITES:
        for case in load_cases(suite):
            yield [each["request"] for each in case["steps"] if "request" in each]


@lru_cache(1)
def examples() -> dict[str, Object]:
    """A body by the path of its collection (``{namespace}`` for the namespace): the longest that was stored."""
    found: dict[str, Object] = {}
    for suite in SUITES:
        for case in load_cases(suite):
            for step in case["steps"]:
                request, answer = step.get("request", {}), step.get("answer", {})
                body = expanded(request.get("body"))
                if request.get("method") != "POST" or answer.get("status") != 201 or not isinstance(body, dict):
                    continue
                path = _NAMESPACE.sub("/namespaces/{namespace}/", request["path"].partition("?")[0])
                if len(str(found.get(path, ""))) < len(str(body)) < BODY_CHARACTERS_MAX:
                    found[path] = body
    return found


def example_for(path: str) -> Object | None:
    """A good body for a path of an OpenAPI document: that of its collection."""
    return examples().get(path.partition("/{name}")[0])


def stock() -> list[list[Request]]:
    """The requests of each case that are no streams and speak of no answer."""
    return [kept for each in steps() if (kept := [request for request in each if _is_plain(request)])]


def _is_plain(request: Request) -> bool:
    path = request["path"]
    return "${" not in path and not _STREAM.search(path) and len(json.dumps(request)) < BODY_CHARACTERS_MAX


def changed(source: random.Random, request: Request) -> tuple[str, str, dict[str, str], bytes | None]:
    """(method, path, headers, body) of a request that is almost the recorded one."""
    method, path = request["method"], request["path"].replace(" ", "%20")
    headers = {key: value for key, value in request.get("headers", {}).items() if value is not None}
    headers["Accept"] = source.choice(_ACCEPT)
    if method == "PATCH" and source.random() < 0.1:
        headers["Content-Type"] = source.choice(_PATCH_TYPES)
    if source.random() < 0.2:
        path += ("&" if "?" in path else "?") + source.choice(_OPTIONS)
    if "body" not in request:
        return method, path, headers, None
    body = expanded(request["body"])
    if source.random() < 0.8:
        body = mutated(source, body)
    return method, path, headers, json.dumps(body).encode()
