"""The component schemas of OpenAPI documents: the published definitions, in the form in which Kubernetes serves them.

Beside a reference nothing else may stand in OpenAPI 3.0, so it goes into ``allOf``; Go's zero values are defaults;
closed sets of values are listed, and explained in the description.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

_PREFIX: Final = "#/components/schemas/"
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
# What objects say of themselves: checked elsewhere, and written without its only value.
_TYPE_META: Final = ("apiVersion", "kind")

Schema = dict[str, Any]
Table = Mapping[str, Any]


def reference(definition: str) -> Schema:
    """A reference to a component schema."""
    return {"$ref": _PREFIX + definition}


def component_schemas(known: Mapping[str, msgspec.Raw], roots: Iterable[str], table: Table) -> dict[str, Schema]:
    """Definition -> schema, of the roots and of all that they refer to; roots that are not known are left out.

    ``known`` are the published definitions as JSON, ``table`` is ``definitions.document_table()``.
    """
    todo, found = list(roots), {}
    while todo:
        name = todo.pop()
        if name in found or name not in known:
            continue
        found[name] = _published(name, msgspec.json.decode(known[name]), table)
        _collect_references(found[name], todo)
    return dict(sorted(found.items()))


def list_schema(definition: str, group: str, version: str, kind: str) -> Schema:
    """The schema of a kind's list, for kinds whose published definitions have none."""
    return {
        "description": f"{kind}List is a list of {kind} objects.",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"description": "APIVersion is the version of the schema of this object.", "type": "string"},
            "items": {"description": "The objects.", "type": "array", "items": reference(definition)},
            "kind": {"description": "Kind is the type of this object.", "type": "string"},
            "metadata": {
                "description": "Standard list metadata.",
                "default": {},
                "allOf": [reference(_META + "ListMeta")],
            },
        },
        "x-kubernetes-group-version-kind": [{"group": group, "kind": f"{kind}List", "version": version}],
    }


def _published(name: str, schema: Schema, table: Table) -> Schema:
    defaults = table["defaults"].get(name, {})
    enums = table["enums"].get(name, {})
    for field, value in schema.get("properties", {}).items():
        if field in _TYPE_META:
            value.pop("enum", None)
        if field in defaults and "default" not in value:
            value["default"] = defaults[field]
        if field in enums:
            _enumerate(value, table["values"][enums[field]])
        if "$ref" in value and len(value) > 1:
            value["allOf"] = [{"$ref": value.pop("$ref")}]
    return schema


def _enumerate(value: Schema, meanings: Mapping[str, str]) -> None:
    """Say which values a field, or the elements of a list, may have."""
    if "items" in value:
        value["items"]["enum"] = list(meanings)
        return
    value["enum"] = list(meanings)
    lines = [f' - `"{each}"` {meaning}'.rstrip() for each, meaning in meanings.items()]
    value["description"] = "\n".join([f"{value.get('description', '')}\n\nPossible enum values:", *lines])


def _collect_references(node: Any, found: list[str]) -> None:
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str):
            found.append(target.removeprefix(_PREFIX))
        for each in node.values():
            _collect_references(each, found)
    elif isinstance(node, list):
        for each in node:
            _collect_references(each, found)
