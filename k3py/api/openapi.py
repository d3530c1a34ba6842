"""OpenAPI v3: an index, and one document per group version, made from the published schemas and the registry.

Kubernetes API Concepts, "OpenAPI V3". Documents are hundreds of kilobytes and seldom asked for, so they are made when
they are asked for, kept compressed, and clients keep them by the hash in their URL.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from k3py.api.http.messages import Request, Response
from k3py.model.definitions import schemas
from k3py.model.errors import NotFound
from k3py.model.registry import Kind, Registry

_REFERENCE = re.compile(rb'"#/components/schemas/([^"]+)"')
_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_LIST_PARAMETERS = ("allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
                    "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch")  # fmt: skip
_PATCH_TYPES = ("application/json-patch+json", "application/merge-patch+json",
                "application/strategic-merge-patch+json")  # fmt: skip
CONTENT_TYPE = "text/plain; charset=utf-8"  # what kube-apiserver says of the index
OLDER_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


def _parameters(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in names]


def _operation(kind: Kind, action: str, parameters: Iterable[str], body_types: Iterable[str] = ()) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{kind.definition}"}
    scope = "Namespaced" if kind.namespaced else ""
    operation: dict[str, Any] = {
        "operationId": f"{action}{kind.group or 'core'}{kind.version}{scope}{kind.name}",
        "parameters": _parameters(parameters),
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.name},
    }
    types = list(body_types)
    if types:
        body = schema if action != "patch" else {"type": "object"}
        operation["requestBody"] = {"content": {each: {"schema": body} for each in types}}
    return operation


def paths_of(kind: Kind) -> dict[str, Any]:
    """The path items of one kind."""
    place = "/namespaces/{namespace}" if kind.namespaced else ""
    base = f"{kind.path}{place}/{kind.plural}"
    json_type = ("application/json",)
    collection: dict[str, Any] = {}
    if "list" in kind.verbs:
        collection["get"] = _operation(kind, "list", _LIST_PARAMETERS)
    if "create" in kind.verbs:
        collection["post"] = _operation(kind, "post", _WRITE_PARAMETERS, json_type)
    if "deletecollection" in kind.verbs:
        collection["delete"] = _operation(kind, "deletecollection", _LIST_PARAMETERS)
    result = {base: collection}
    if "get" in kind.verbs:
        result[base + "/{name}"] = {
            "get": _operation(kind, "get", ()),
            "put": _operation(kind, "put", _WRITE_PARAMETERS, json_type),
            "patch": _operation(kind, "patch", (*_WRITE_PARAMETERS, "force"), _PATCH_TYPES),
            "delete": _operation(kind, "delete", ("dryRun", "gracePeriodSeconds", "propagationPolicy")),
        }
    return result


def _closure(known: dict[str, msgspec.Raw], roots: Iterable[str]) -> dict[str, msgspec.Raw]:
    todo, found = list(roots), {}
    while todo:
        name = todo.pop()
        if name in found or name not in known:
            continue
        found[name] = known[name]
        todo += [each.decode() for each in _REFERENCE.findall(bytes(known[name]))]
    return dict(sorted(found.items()))


def document(kinds: list[Kind], known: dict[str, msgspec.Raw], version: str) -> bytes:
    """The OpenAPI v3 document of one group version's kinds, as JSON."""
    paths: dict[str, Any] = {}
    for kind in kinds:
        paths |= paths_of(kind)
    return msgspec.json.encode(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": version},
            "paths": paths,
            "components": {"schemas": _closure(known, [kind.definition for kind in kinds])},
        }
    )


def older_document(version: str, *, protobuf: bool) -> Response:
    """OpenAPI v2 without definitions: kubectl asks for it before it applies a ``List``, and takes none for "unchecked".

    The server checks the fields itself. The binary form is ``Document`` of github.com/google/gnostic's OpenAPIv2.proto:
    swagger = 1, info (title = 1, version = 2) = 2.
    """
    if protobuf:
        info = _text_field(1, "Kubernetes") + _text_field(2, version)
        body = _text_field(1, "2.0") + bytes((2 << 3 | 2, len(info))) + info
        return Response(200, body, OLDER_PROTOBUF)
    document = {"swagger": "2.0", "info": {"title": "Kubernetes", "version": version}, "paths": {}, "definitions": {}}
    return Response(200, msgspec.json.encode(document), "application/json")


def _text_field(number: int, text: str) -> bytes:
    """A short text as a protobuf field."""
    data = text.encode()
    return bytes((number << 3 | 2, len(data))) + data


class OpenApi:
    """Serves ``/openapi/v3`` and what is below it, and an empty ``/openapi/v2``."""

    def __init__(self, kinds: Registry, version: str) -> None:
        self._version = version
        self._kinds: dict[str, list[Kind]] = {}
        for kind in kinds:
            self._kinds.setdefault(kind.path.removeprefix("/"), []).append(kind)
        self._documents: dict[str, tuple[bytes, str]] = {}
        self._index: bytes | None = None

    def _made(self) -> dict[str, tuple[bytes, str]]:
        """Path -> compressed document and hash; all are made at the first question, since the index has the hashes."""
        if not self._documents:
            known = schemas()
            for path, kinds in self._kinds.items():
                body = document(kinds, known, self._version)
                self._documents[path] = (gzip.compress(body, 6, mtime=0), hashlib.sha512(body).hexdigest().upper())
        return self._documents

    def answer(self, request: Request, path: str) -> Response:
        """The index or a document.

        Raises:
            NotFound: nothing is served there.
        """
        if path == "/openapi/v2":
            return older_document(self._version, protobuf="proto-openapi" in request.header(b"accept"))
        if path == "/openapi/v3":
            if self._index is None:
                listed = {
                    each: {"serverRelativeURL": f"/openapi/v3/{each}?hash={digest}"}
                    for each, (_, digest) in self._made().items()
                }
                self._index = msgspec.json.encode({"paths": listed})
            return Response(200, self._index, CONTENT_TYPE)
        found = self._made().get(path.removeprefix("/openapi/v3/"))
        if found is None:
            raise NotFound("the server could not find the requested resource")
        compressed, digest = found
        headers = [("ETag", f'"{digest}"'), ("Vary", "Accept-Encoding, Accept")]
        if request.query.get("hash") == [digest]:
            headers.append(("Cache-Control", "public, immutable"))
        if request.header(b"if-none-match").strip('"') == digest:
            return Response(304, headers=headers)
        if "gzip" in request.header(b"accept-encoding"):
            return Response(200, compressed, "application/json", [*headers, ("Content-Encoding", "gzip")])
        return Response(200, gzip.decompress(compressed), "application/json", headers)
