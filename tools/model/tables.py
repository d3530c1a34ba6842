"""Writes the data files beside the Struct classes: OpenAPI schemas, merge keys, protobuf field numbers."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tools.model.go_types import GoField
from tools.model.kinds import definition_name

Definitions = Mapping[str, Any]
_MARKERS = {"key": "patch-merge-key", "list": "list-type", "keys": "list-map-keys", "map": "map-type"}
CHOICES = Path(__file__).with_name("choices.json")
"""Schemas of types that are a number or a text: the published definitions leave their descriptions out."""
_REFERENCE = re.compile(r'"#/\$defs/([^"]+)"')


def schemas(definitions: Definitions, roots: Iterable[str]) -> dict[str, Any]:
    """The OpenAPI v3 component schemas of the roots (definition names) and of all they refer to."""
    todo, found = list(roots), {}
    while todo:
        name = todo.pop()
        if name in found or name not in definitions:
            continue
        found[name] = _plain(definitions[name])
        todo += _REFERENCE.findall(json.dumps(definitions[name]))
    found |= {name: schema for name, schema in json.loads(CHOICES.read_text()).items() if name in found}
    text = json.dumps(found).replace('"#/$defs/', '"#/components/schemas/')
    return dict(sorted(json.loads(text).items()))


def _plain(node: Any) -> Any:
    """JSON Schema's ``null`` arms, which the published document does not have, taken out again."""
    if isinstance(node, list):
        return [_plain(each) for each in node if each is not None]
    if not isinstance(node, dict):
        return node
    node = {key: _plain(value) for key, value in node.items()}
    kinds = node.get("type")
    if isinstance(kinds, list):
        node["type"] = next(each for each in kinds if each != "null")
    arms = node.get("oneOf")
    if arms and any(isinstance(arm, dict) and arm.get("type") == "null" for arm in arms):
        rest = [arm for arm in arms if arm.get("type") != "null"]
        del node["oneOf"]
        node.update(rest[0] if len(rest) == 1 else {"oneOf": rest})
    return node


def merge_table(found: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Definition -> JSON field -> how strategic merge and server-side apply treat it.

    Keys of an entry: ``ref`` (definition of the value, or of a list's or map's elements), ``strategies`` and ``key``
    (strategic merge), ``list`` (atomic, set, map), ``keys`` (list-map keys), ``map`` (atomic).
    """
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for name, schema in found.items():
        fields = {}
        for field, value in schema.get("properties", {}).items():
            entry = _merge_entry(value)
            if entry:
                fields[field] = entry
        marked = [key for key in ("map", "list") if f"x-kubernetes-{key}-type" in schema]
        own = {key: schema[f"x-kubernetes-{key}-type"] for key in marked}
        if own:
            fields["."] = own
        if fields:
            table[name] = fields
    return table


def _merge_entry(value: Mapping[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    element = value.get("items") or value.get("additionalProperties") or value
    reference = re.search(r'"#/components/schemas/([^"]+)"', json.dumps(element)) if isinstance(element, dict) else None
    if reference:
        entry["ref"] = reference[1]
    for key, marker in _MARKERS.items():
        if f"x-kubernetes-{marker}" in value:
            entry[key] = value[f"x-kubernetes-{marker}"]
    if "x-kubernetes-patch-strategy" in value:
        entry["strategies"] = value["x-kubernetes-patch-strategy"].split(",")
    return entry


def protobuf_table(types: Mapping[str, list[GoField]], names: Iterable[str]) -> dict[str, list[list[Any]]]:
    """Definition -> fields ``[number, JSON name, type, repeated]``.

    A type is Go's, with definitions in OpenAPI names; an empty JSON name marks an inlined struct.
    """

    def renamed(text: str) -> str:
        return re.sub(r"k8s\.io/[\w./-]+", lambda match: definition_name(match[0]), text)

    return {
        definition_name(name): [
            [each.number, "" if "inline" in each.options else each.json_name, renamed(each.type), each.repeated]
            for each in types[name]
        ]
        for name in sorted(names)
    }
