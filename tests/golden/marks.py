"""Marks in place of what differs from run to run, so that answers of two servers can be compared. See README.md."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TIME = re.compile(r"\b(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_SUFFIX = re.compile(r"[a-z0-9]{5}")
_AGE = re.compile(r"(\d+y)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?|<invalid>")
_AGE_COLUMNS = ("Age", "Last Schedule", "Duration", "Last Seen", "First Seen")
_GENERATED_MAX = 58
"""Characters of a ``generateName`` that Kubernetes keeps before the suffix."""
_CHOSEN_PORTS = range(30000, 32768)
_RECENT = timedelta(days=2)
# Versions and hashes inside of texts.
_IN_TEXT: Sequence[tuple["re.Pattern[str]", str]] = (
    (re.compile(r"\bkube-api-access-[a-z0-9]{5}\b"), "kube-api-access-<suffix>"),
    (re.compile(r"too old resource version: \d+ \(\d+\)"), "too old resource version: <rv> (<rv>)"),
    (re.compile(r"(Too large resource version: \d+, current: )\d+"), r"\1<rv>"),
    (re.compile(r"(ResourceVersion in (?:precondition|object meta): )\d+"), r"\1<rv>"),
    (re.compile(r'(resourceVersion[\\\\":]+)\d+'), r"\1<rv>"),
    (re.compile(r"(ResourceVersion in record \()\d+\)"), r"\1<rv>)"),
    (re.compile(r"hash=[0-9A-Fa-f]{16,}"), "hash=<hash>"),
)


class Marks:
    """The marks of one case: ``sent`` is everything that its requests said, which is never replaced."""

    def __init__(self, sent: str, now: datetime) -> None:
        self._sent = sent
        self._now = now
        self._versions: dict[str, dict[str, int]] = {}
        self._generated: dict[str, str] = {}
        prefixes = sorted({each[:_GENERATED_MAX] for each in re.findall(r'"generateName": "([^"]+)"', sent)})
        self._prefixes = [
            re.compile(rf"(?<![\w.-])({re.escape(each)})[a-z0-9]{{5}}(?![A-Za-z0-9])") for each in prefixes
        ]

    def body(self, value: Any) -> Any:
        """A decoded body or a list of watch events with marks. Versions are numbered in the order of the calls."""
        for prefix, name in _generated_names(value):
            self._generated[name] = f"{prefix}<suffix>"
        return self._marked(value)

    def text(self, value: str) -> str:
        """A text with marks."""
        for name, mark in self._generated.items():
            value = value.replace(name, mark)
        for prefix in self._prefixes:
            value = prefix.sub(r"\1<suffix>", value)
        value = _UUID.sub(self._unless_sent("<uid>"), value)
        value = _JWT.sub(self._unless_sent("<jwt>"), value)
        for pattern, mark in _IN_TEXT:
            value = pattern.sub(mark, value)
        return _TIME.sub(self._time, value)

    def _marked(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._field(key, each, value) for key, each in _without_ages(value).items()}
        if isinstance(value, list):
            return [self._marked(each) for each in value]
        return self.text(value) if isinstance(value, str) else value

    def _field(self, key: str, value: Any, owner: dict[str, Any]) -> Any:
        if key == "resourceVersion" and isinstance(value, str):
            return self._version(value, owner)
        if key == "continue" and value and isinstance(value, str):
            return "<continue>"
        if key == "storageVersionHash":
            return "<hash>"
        if key in ("nodePort", "healthCheckNodePort") and self._chosen_port(value):
            return "<nodePort>"
        if key == "clusterIP" and self._chosen_address(value):
            return "<clusterIP>"
        if key == "clusterIPs" and isinstance(value, list):
            return ["<clusterIP>" if self._chosen_address(each) else each for each in value]
        return self._marked(value)

    def _version(self, version: str, metadata: dict[str, Any]) -> str:
        if version == "0" or not version.isdigit():
            return version
        if "uid" not in metadata:
            return "<rv>"
        seen = self._versions.setdefault(str(metadata["uid"]), {})
        return f"<rv:{seen.setdefault(version, len(seen) + 1)}>"

    def _chosen_port(self, value: Any) -> bool:
        return isinstance(value, int) and value in _CHOSEN_PORTS and str(value) not in self._sent

    def _chosen_address(self, value: Any) -> bool:
        return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None and value not in self._sent

    def _unless_sent(self, mark: str) -> "Callable[[re.Match[str]], str]":
        return lambda match: match[0] if match[0] in self._sent else mark

    def _time(self, match: "re.Match[str]") -> str:
        if match[0] in self._sent:
            return match[0]
        try:
            moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
        except ValueError:
            return match[0]
        if abs(self._now - moment) > _RECENT:
            return match[0]
        return "<microtime>" if match[2] else "<time>"


def _generated_names(value: Any) -> Iterator[tuple[str, str]]:
    """(prefix, name) of objects whose name the server completed."""
    if isinstance(value, dict):
        prefix, name = value.get("generateName"), value.get("name")
        if isinstance(prefix, str) and isinstance(name, str):
            kept = prefix[:_GENERATED_MAX]
            if name.startswith(kept) and _SUFFIX.fullmatch(name[len(kept) :]):
                yield kept, name
        for each in value.values():
            yield from _generated_names(each)
    elif isinstance(value, list):
        for each in value:
            yield from _generated_names(each)


def _without_ages(value: dict[str, Any]) -> dict[str, Any]:
    """A Table with marks in its columns of durations; anything else as it is."""
    if value.get("kind") != "Table" or "columnDefinitions" not in value or "rows" not in value:
        return value
    columns = value["columnDefinitions"] or []
    ages = {number for number, column in enumerate(columns) if column.get("name") in _AGE_COLUMNS}
    rows = []
    for row in value["rows"] or []:
        cells = [
            "<age>" if number in ages and isinstance(cell, str) and cell and _AGE.fullmatch(cell) else cell
            for number, cell in enumerate(row.get("cells") or [])
        ]
        rows.append({**row, "cells": cells})
    return {**value, "rows": rows}


def said(request: dict[str, Any], step: dict[str, Any]) -> str:
    """What one request said, as ``Marks`` takes it: of the body as it stands in the recording."""
    recorded = step["request"]
    body, text = json.dumps(recorded.get("body", "")), str(recorded.get("bodyText", ""))
    return f"{request['path']}{body}{text}{json.dumps(request.get('headers', ''))}"
