"""What is known of every type beside its Struct class: OpenAPI schemas, and how merge patches treat its fields.

Kubernetes' types are in the generated files; our own kinds have a schema file each, from which their merge table is
made here.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

_GENERATED: Final = "k3py.model.generated"
_OWN_SCHEMAS: Final = ("schemas_metrics_v1beta1.json", "schemas_vpc_v1.json")
_REFERENCE: Final = re.compile(r"#/components/schemas/(.+)")

MergeTable = dict[str, dict[str, Any]]


def schemas() -> dict[str, msgspec.Raw]:
    """Definition -> OpenAPI v3 schema, as JSON. Hundreds of kilobytes, read anew each time: few ask."""
    generated = files(_GENERATED).joinpath("schemas.json").read_bytes()
    found = msgspec.json.decode(generated, type=dict[str, msgspec.Raw])
    for name in _OWN_SCHEMAS:
        found |= msgspec.json.decode(files("k3py.model").joinpath(name).read_bytes(), type=dict[str, msgspec.Raw])
    return found


def document_table() -> dict[str, Any]:
    """What OpenAPI documents say beyond the schemas, read anew each time: few ask.

    ``defaults``: definition -> field -> default; ``enums``: definition -> field -> named type; ``values``: named type
    -> value -> meaning; ``parameters``: query parameter -> type and description; ``options``: what a connecting
    subresource speaks -> the same of its parameters.
    """
    found: dict[str, Any] = msgspec.json.decode(files(_GENERATED).joinpath("openapi.json").read_bytes())
    return found


@cache
def merge_table() -> MergeTable:
    """Definition -> JSON field -> what is known of it.

    Keys of an entry: ``ref`` (definition of the value, or of a list's or map's elements), ``strategies`` and ``key``
    (strategic merge), ``list``, ``keys`` and ``map`` (server-side apply).
    """
    table: MergeTable = msgspec.json.decode(files(_GENERATED).joinpath("merge.json").read_bytes())
    for name in _OWN_SCHEMAS:
        own = msgspec.json.decode(files("k3py.model").joinpath(name).read_bytes())
        table |= {definition: _fields(schema) for definition, schema in own.items()}
    return table


def _fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    entries = {field: _entry(value) for field, value in schema["properties"].items()}
    return {field: entry for field, entry in entries.items() if entry}


def _entry(value: Mapping[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    reference = _REFERENCE.fullmatch(value.get("items", value).get("$ref", ""))
    if reference is not None:
        entry["ref"] = reference[1]
    for key, marker in (("key", "patch-merge-key"), ("list", "list-type"), ("keys", "list-map-keys")):
        if f"x-kubernetes-{marker}" in value:
            entry[key] = value[f"x-kubernetes-{marker}"]
    if "x-kubernetes-patch-strategy" in value:
        entry["strategies"] = value["x-kubernetes-patch-strategy"].split(",")
    return entry
