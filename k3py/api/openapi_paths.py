"""The paths of OpenAPI documents: which operations every kind and subresource has.

Kubernetes API Concepts, "Resource URIs" and "API verbs". Pure: a kind's entry in, path items out.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from k3py.api.openapi_operations import (
    DELETE_OPTIONS,
    DELETING,
    LISTING,
    META,
    PATCH,
    PATCHING,
    SELECTING,
    STATUS,
    WRITE,
    Operation,
    article,
    identifier_of,
    path_item,
    tag_of,
)
from k3py.model.registry import Kind
from k3py.model.subresources import Subresource, subresources_of

# Deleting one of these answers with the object, not with a Status.
_DELETED_IN_FULL: Final = (
    "Pod", "Service", "ServiceAccount", "PersistentVolume", "PersistentVolumeClaim", "PodTemplate", "ResourceQuota",
    "StorageClass",
)  # fmt: skip
_METHODS: Final = {
    "create": ("post",), "get": ("get",), "update": ("put",), "patch": ("patch",), "delete": ("delete",),
}  # fmt: skip
_PROXY_METHODS: Final = ("delete", "get", "head", "options", "patch", "post", "put")
_LOG_OPTIONS: Final = "PodLogOptions"

Routes = Iterator[tuple[str, str, list[Operation]]]


def group_paths(kinds: list[Kind], table: Mapping[str, Any]) -> dict[str, Any]:
    """All path items of one group version; ``table`` is ``definitions.document_table()``."""
    first = kinds[0]
    tag, known = tag_of(first), table["parameters"]
    available = Operation(
        "get", "", identifier_of(first, "get", "APIResources"), "get available resources", ("", "", ""), query=(),
        answer=META + "APIResourceList",
    )  # fmt: skip
    root = path_item(f"{first.path}/", [available], tag, "", known)
    for word in ("x-kubernetes-action", "x-kubernetes-group-version-kind"):
        del root["get"][word]
    found = {f"{first.path}/": root}
    for kind in kinds:
        for path, named, operations in _routes(kind, table):
            found[path] = path_item(path, operations, tag, named, known)
    return found


def collection_path(kind: Kind) -> str:
    """``/api/v1/namespaces/{namespace}/pods``."""
    place = "/namespaces/{namespace}" if kind.namespaced else ""
    return f"{kind.path}{place}/{kind.plural}"


def _routes(kind: Kind, table: Mapping[str, Any]) -> Routes:
    """(path, kind whose name the path has, operations)."""
    path = collection_path(kind)
    word = f"Namespaced{kind.name}" if kind.namespaced else kind.name
    operations = list(_collection(kind, word))
    if operations:
        yield path, kind.name, operations
    if kind.namespaced and "list" in kind.verbs:
        yield f"{kind.path}/{kind.plural}", kind.name, [_list(kind, f"{kind.name}ForAllNamespaces")]
    operations = list(_object(kind, word))
    if operations:
        yield f"{path}/{{name}}", kind.name, operations
    for sub in subresources_of(kind):
        yield from _below(kind, sub, f"{path}/{{name}}/{sub.name}", word, table)


def _speaks(kind: Kind) -> tuple[str, str, str]:
    return kind.group, kind.version, kind.name


def _list(kind: Kind, word: str) -> Operation:
    return Operation(
        "get", "list", identifier_of(kind, "list", word), f"list or watch objects of kind {kind.name}", _speaks(kind),
        query=LISTING, answer=f"{kind.definition}List",
    )  # fmt: skip


def _collection(kind: Kind, word: str) -> Iterator[Operation]:
    speaks, definition = _speaks(kind), kind.definition
    if "list" in kind.verbs:
        yield _list(kind, word)
    if "create" in kind.verbs:
        yield Operation(
            "post", "post", identifier_of(kind, "create", word), f"create {article(kind.name)}", speaks,
            query=WRITE, body=definition, answer=definition, codes=(200, 201, 202),
        )  # fmt: skip
    if "deletecollection" in kind.verbs:
        yield Operation(
            "delete", "deletecollection", identifier_of(kind, "delete", f"Collection{word}"),
            f"delete collection of {kind.name}", speaks, query=tuple(dict.fromkeys((*DELETING, *SELECTING))),
            body=DELETE_OPTIONS, answer=STATUS,
        )  # fmt: skip


def _object(kind: Kind, word: str) -> Iterator[Operation]:
    speaks, definition = _speaks(kind), kind.definition
    if "get" in kind.verbs:
        yield Operation(
            "get",
            "get",
            identifier_of(kind, "read", word),
            f"read the specified {kind.name}",
            speaks,
            answer=definition,
        )
    if "update" in kind.verbs:
        yield _replace(kind, speaks, definition, word, f"replace the specified {kind.name}")
    if "patch" in kind.verbs:
        yield _patch(kind, speaks, definition, word, f"partially update the specified {kind.name}")
    if "delete" in kind.verbs:
        yield Operation(
            "delete", "delete", identifier_of(kind, "delete", word), f"delete {article(kind.name)}", speaks,
            query=DELETING, body=DELETE_OPTIONS, codes=(200, 202),
            answer=definition if kind.name in _DELETED_IN_FULL else STATUS,
        )  # fmt: skip


def _replace(kind: Kind, speaks: tuple[str, str, str], definition: str, word: str, text: str) -> Operation:
    return Operation(
        "put", "put", identifier_of(kind, "replace", word), text, speaks,
        query=WRITE, body=definition, answer=definition, codes=(200, 201),
    )  # fmt: skip


def _patch(kind: Kind, speaks: tuple[str, str, str], definition: str, word: str, text: str) -> Operation:
    return Operation(
        "patch", "patch", identifier_of(kind, "patch", word), text, speaks,
        query=PATCHING, body=PATCH, answer=definition, codes=(200, 201),
    )  # fmt: skip


def _below(kind: Kind, sub: Subresource, path: str, word: str, table: Mapping[str, Any]) -> Routes:
    below = f"{word}{sub.name[:1].upper()}{sub.name[1:]}"
    if sub.connects:
        yield path, sub.kind, list(_connecting(kind, sub, below, table))
        if sub.name == "proxy":
            yield f"{path}/{{path}}", sub.kind, list(_connecting(kind, sub, f"{below}WithPath", table))
        return
    speaks = (sub.group or kind.group, sub.version or kind.version, sub.kind)
    operations = []
    for verb in sub.verbs:
        operations.append(_subresource(kind, sub, verb, below, speaks, table))
    yield path, sub.kind, operations


def _subresource(
    kind: Kind, sub: Subresource, verb: str, below: str, speaks: tuple[str, str, str], table: Mapping[str, Any]
) -> Operation:
    definition = sub.definition
    if verb == "create":
        return Operation(
            "post", "post", identifier_of(kind, "create", below), f"create {sub.name} of {article(kind.name)}", speaks,
            query=WRITE, body=definition, answer=definition, codes=(200, 201, 202),
        )  # fmt: skip
    if verb == "update":
        return _replace(kind, speaks, definition, below, f"replace {sub.name} of the specified {kind.name}")
    if verb == "patch":
        return _patch(kind, speaks, definition, below, f"partially update {sub.name} of the specified {kind.name}")
    own = table["options"][_LOG_OPTIONS] if sub.name == "log" else {}
    return Operation(
        "get", "get", identifier_of(kind, "read", below), f"read {sub.name} of the specified {kind.name}", speaks,
        query=("pretty", *(each for each in own if each != "pretty")), answer=definition, own=own,
    )  # fmt: skip


def _connecting(kind: Kind, sub: Subresource, below: str, table: Mapping[str, Any]) -> Iterator[Operation]:
    own = table["options"][sub.kind]
    methods = _PROXY_METHODS if sub.name == "proxy" else tuple(each for verb in sub.verbs for each in _METHODS[verb])
    for method in methods:
        yield Operation(
            method, "connect", identifier_of(kind, "connect", f"{method.capitalize()}{below}"),
            f"connect {method.upper()} requests to {sub.name} of {kind.name}",
            (sub.group or kind.group, sub.version or kind.version, sub.kind), query=tuple(own), own=own,
        )  # fmt: skip
