"""What server-side apply knows of every type: which fields there are, which lists and maps are one value, which keys.

Made from the OpenAPI schemas with their markers ``x-kubernetes-list-type``, ``-list-map-keys`` and ``-map-type``: lists
without a type are atomic, maps and structs without one granular. Source: Kubernetes' "Server-Side Apply", section
"Merge strategy".
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import cache
from typing import Any, Final

import msgspec

from k3py.model.definitions import schemas
from k3py.objects.apply.elements import of_field

_REFERENCE: Final = "#/components/schemas/"
_RAW: Final = "io.k8s.apimachinery.pkg.runtime.RawExtension"
_FIELDS: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1"
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_SCALARS: Final = ("string", "integer", "number", "boolean")

# A key that an entry leaves out has its Go type's zero value when it is required, or else one of these.
_KEY_DEFAULTS: Final[Mapping[tuple[str, str], Any]] = {
    ("io.k8s.api.core.v1.ContainerPort", "protocol"): "TCP",
    ("io.k8s.api.core.v1.ServicePort", "protocol"): "TCP",
    ("io.k8s.api.core.v1.LocalObjectReference", "name"): "",
}
_ZERO: Final[Mapping[str, Any]] = {"string": "", "integer": 0, "number": 0, "boolean": False}


class Shape(IntEnum):
    """What kind of value a node describes."""

    SCALAR = 0
    MAP = 1
    LIST = 2
    # No schema: maps are granular, lists atomic, down to the bottom.
    ANY = 3


class Node:
    """The type of a value.

    ``atomic``: owned as a whole (scalars, and lists and maps so marked). ``scalar``: the JSON type, empty for any.
    ``fields``: of a struct, name -> (path element, type). ``element``: of a list's or free map's values; None in a
    struct, which has no other fields than the declared ones. ``keys``: of a granular list of maps; a granular list
    without keys is a set. ``defaults``: what a key that is left out counts as.
    """

    __slots__ = ("atomic", "defaults", "element", "fields", "keys", "scalar", "shape")

    def __init__(self, shape: Shape, *, atomic: bool = False, scalar: str = "", element: "Node | None" = None) -> None:
        self.shape = shape
        self.atomic = atomic
        self.scalar = scalar
        self.element = element
        self.fields: dict[str, tuple[str, Node]] = {}
        self.keys: tuple[str, ...] = ()
        self.defaults: dict[str, Any] = {}


UNTYPED: Final = Node(Shape.SCALAR, atomic=True)
ANY: Final = Node(Shape.ANY)
ANY.element = ANY


_Nodes = dict[tuple[str, str], Node]
# Kinds share their parts: many have a pod template.
_nodes: Final[_Nodes] = {}


class _Compiler:
    """Definitions to nodes; a definition within itself is met again as the same node."""

    def __init__(self, nodes: _Nodes) -> None:
        self._raw = schemas()
        self._decoded: dict[str, dict[str, Any]] = {}
        self._nodes = nodes

    def definition(self, name: str, map_type: str = "") -> Node:
        """The node of a definition; ``map_type`` is what the referring field says instead of the definition."""
        known = self._nodes.get((name, map_type))
        if known is None:
            schema = self._schema(name)
            known = self._nodes[name, map_type] = _blank(name, schema, map_type)
            self._fill(known, schema)
        return known

    def _schema(self, name: str) -> dict[str, Any]:
        if name not in self._decoded:
            self._decoded[name] = msgspec.json.decode(self._raw[name])
        return self._decoded[name]

    def _node(self, schema: Mapping[str, Any]) -> Node:
        map_type = schema.get("x-kubernetes-map-type", "")
        reference = schema.get("$ref", "")
        if reference:
            return self.definition(reference.removeprefix(_REFERENCE), map_type)
        node = _blank("", schema, map_type)
        self._fill(node, schema)
        return node

    def _fill(self, node: Node, schema: Mapping[str, Any]) -> None:
        if node.shape is Shape.MAP and node.element is None:
            for name, field in schema.get("properties", {}).items():
                node.fields[name] = (of_field(name), self._node(field))
            if "additionalProperties" in schema:
                node.element = self._node(schema["additionalProperties"])
        elif node.shape is Shape.LIST:
            node.element = self._node(schema["items"])
            if not node.atomic:
                node.keys = tuple(sorted(schema.get("x-kubernetes-list-map-keys", ())))
                node.defaults = self._key_defaults(schema["items"], node.keys)

    def _key_defaults(self, items: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
        name = items.get("$ref", "").removeprefix(_REFERENCE)
        if not name:
            return {}
        element = self._schema(name)
        result = {}
        for key in keys:
            if (name, key) in _KEY_DEFAULTS:
                result[key] = _KEY_DEFAULTS[name, key]
            elif key in element.get("required", ()):
                result[key] = _ZERO[element["properties"][key]["type"]]
        return result


def _blank(name: str, schema: Mapping[str, Any], map_type: str) -> Node:
    """The node of a schema, before what is in it is known."""
    kind = schema.get("type", "")
    if kind in _SCALARS:
        # Times and bytes are texts of several forms to Go; nothing is said of them here.
        return Node(Shape.SCALAR, atomic=True, scalar="" if schema.get("format") == "date-time" else kind)
    if kind == "array":
        return Node(Shape.LIST, atomic=schema.get("x-kubernetes-list-type", "atomic") == "atomic")
    if kind == "object":
        atomic = (map_type or schema.get("x-kubernetes-map-type", "")) == "atomic"
        if name in (_RAW, _FIELDS):
            return UNTYPED
        if "properties" in schema or "additionalProperties" in schema:
            return Node(Shape.MAP, atomic=atomic)
        # An object that says nothing of its fields is a struct without any (VolumeAttributes of vendors aside).
        return Node(Shape.MAP, atomic=atomic) if name else ANY
    return UNTYPED


@cache
def schema_of(definition: str) -> Node:
    """The type that a definition of the OpenAPI document describes.

    Raises:
        KeyError: there is no such definition.
    """
    return _Compiler(_nodes).definition(definition)


@cache
def schemaless() -> Node:
    """The type of an object of which only ``metadata`` is known."""
    node = Node(Shape.MAP, element=ANY)
    for name in ("apiVersion", "kind"):
        node.fields[name] = (of_field(name), Node(Shape.SCALAR, atomic=True, scalar="string"))
    node.fields["metadata"] = (of_field("metadata"), schema_of(_META))
    return node
