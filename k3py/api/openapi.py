"""OpenAPI v3: an index, and one document per group version, made from the published schemas and the registry.

Kubernetes API Concepts, "OpenAPI V3". Documents are up to two megabytes and seldom asked for, so each is made when it
is asked for and kept compressed; clients keep theirs by the hash in its URL, which is that of what it is made from.
"""

import gzip
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from k3py.api.http.messages import Request, Response
from k3py.api.openapi_paths import group_paths
from k3py.api.openapi_schemas import component_schemas, list_schema
from k3py.model.definitions import document_table, schemas
from k3py.model.registry import Kind, Registry

CONTENT_TYPE: Final = "text/plain; charset=utf-8"  # what kube-apiserver says of the index
OLDER_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
# To be raised when documents are written in another way from the same kinds and schemas.
_SHAPE: Final = "2"
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_ALWAYS: Final = tuple(_META + each for each in ("APIResourceList", "DeleteOptions", "Patch", "Status", "WatchEvent"))


def document(kinds: list[Kind], known: Mapping[str, msgspec.Raw], table: Mapping[str, Any], version: str) -> bytes:
    """The OpenAPI v3 document of one group version's kinds, as JSON.

    ``known`` are the published definitions, ``table`` is ``definitions.document_table()``.
    """
    paths = group_paths(kinds, table)
    roots = {*_ALWAYS, *(kind.definition for kind in kinds), *_spoken(paths)}
    components = component_schemas(known, roots, table)
    for kind in kinds:
        name = f"{kind.definition}List"
        if "list" in kind.verbs and name not in components:
            components |= component_schemas(known, [f"{_META}ListMeta"], table)
            components[name] = list_schema(kind.definition, kind.group, kind.version, kind.name)
    return msgspec.json.encode(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": version},
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {
                    "BearerToken": {
                        "type": "apiKey",
                        "description": "Bearer Token authentication",
                        "name": "authorization",
                        "in": "header",
                    }
                },
            },
        }
    )


def _spoken(paths: Mapping[str, Any]) -> set[str]:
    """The definitions that operations refer to."""
    found: set[str] = set()
    todo: list[Any] = [paths]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            target = node.get("$ref")
            if isinstance(target, str):
                found.add(target.rpartition("/")[2])
            todo += node.values()
        elif isinstance(node, list):
            todo += node
    return found


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
        for kind in sorted(kinds, key=lambda each: each.plural):
            self._kinds.setdefault(kind.path.removeprefix("/"), []).append(kind)
        self._documents: dict[str, bytes] = {}
        self._digests: dict[str, str] = {}

    def answer(self, request: Request, path: str) -> Response:
        """The index or a document; an empty 404 where there is none."""
        if path == "/openapi/v2":
            return older_document(self._version, protobuf="proto-openapi" in request.header(b"accept"))
        if not self._digests:
            self._digests = self._of_sources()
        if path == "/openapi/v3":
            listed = {
                each: {"serverRelativeURL": f"/openapi/v3/{each}?hash={digest}"}
                for each, digest in sorted(self._digests.items())
            }
            return Response(200, msgspec.json.encode({"paths": listed}), CONTENT_TYPE)
        name = path.removeprefix("/openapi/v3/")
        digest = self._digests.get(name)
        return Response(404, b"", "") if digest is None else self._document(request, name, digest)

    def _document(self, request: Request, name: str, digest: str) -> Response:
        headers = [("ETag", f'"{digest}"'), ("Vary", "Accept-Encoding, Accept")]
        if request.query.get("hash") == [digest]:
            headers.append(("Cache-Control", "public, immutable"))
        elif request.query.get("hash"):
            target = f"{request.path}?hash={digest}"
            return Response(301, b"", "", [("Location", target), ("Vary", "Accept-Encoding, Accept")])
        if f'"{digest}"' in request.header(b"if-none-match"):
            return Response(304, headers=headers)
        compressed = self._documents.get(name) or self._made(name)
        if "gzip" in request.header(b"accept-encoding"):
            return Response(200, compressed, "application/json", [*headers, ("Content-Encoding", "gzip")])
        return Response(200, gzip.decompress(compressed), "application/json", headers)

    def _made(self, name: str) -> bytes:
        body = document(self._kinds[name], schemas(), document_table(), self._version)
        self._documents[name] = gzip.compress(body, 6, mtime=0)
        return self._documents[name]

    def _of_sources(self) -> dict[str, str]:
        """Path -> hash of everything that its document is made from; a thousandth of the work of making them all."""
        common = hashlib.sha512(f"{_SHAPE} {self._version}".encode())
        common.update(msgspec.json.encode(document_table()))
        for name, schema in schemas().items():
            common.update(name.encode())
            common.update(schema)
        found = {}
        for path, kinds in self._kinds.items():
            digest = common.copy()
            digest.update(repr(kinds).encode())
            found[path] = digest.hexdigest().upper()
        return found
