"""What the server serves: discovery documents, plain and aggregated, made from the registry of kinds.

Kubernetes API Concepts, "API Discovery". Plain: ``/api``, ``/apis``, ``/apis/<group>``, one list per group version.
Aggregated (``APIGroupDiscoveryList`` v2): the same in two requests. Its beta form is no longer served since Kubernetes
1.35; clients that know only that one ask for the plain form beside it.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from k3py.api.http.messages import Request, Response
from k3py.api.negotiation import accepted_media
from k3py.api.yaml_text import dumped
from k3py.model.errors import Details, MethodNotAllowed, NotAcceptable, NotFound
from k3py.model.registry import Kind, Registry
from k3py.model.subresources import Subresource, subresources_of

AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
NOT_OFFERED: Final = (
    "only the following media types are accepted: application/json, application/yaml, "
    "application/vnd.kubernetes.protobuf"
)
NO_SUCH_RESOURCE: Final = "the server could not find the requested resource"
NO_SUCH_PAGE: Final = b"404 page not found\n"
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
YAML: Final = "application/yaml"
# Kubernetes' own order (the priorities of its local APIServices); other groups follow by name.
_GROUP_ORDER: Final = (
    "", "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
    "autoscaling", "batch", "certificates.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io",
    "storage.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io",
    "coordination.k8s.io", "node.k8s.io", "discovery.k8s.io", "resource.k8s.io", "flowcontrol.apiserver.k8s.io",
)  # fmt: skip
_LAST_GROUPS: Final = ("metrics.k8s.io",)

GroupVersions = Mapping[str, Mapping[str, list[Kind]]]


def group_versions(kinds: Registry) -> GroupVersions:
    """Group -> version -> kinds: groups by priority, the newest stable version first, kinds by their plural."""
    groups: dict[str, dict[str, list[Kind]]] = {}
    for kind in sorted(kinds, key=lambda each: each.plural):
        groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
    return {
        group: dict(sorted(groups[group].items(), key=lambda each: version_priority(each[0]), reverse=True))
        for group in sorted(groups, key=_group_priority)
    }


def _group_priority(group: str) -> tuple[int, str]:
    if group in _GROUP_ORDER:
        return _GROUP_ORDER.index(group), ""
    return len(_GROUP_ORDER) + (group in _LAST_GROUPS), group


def version_priority(version: str) -> tuple[int, int, int]:
    """A key by which ``v2`` > ``v1`` > ``v1beta2`` > ``v1beta1`` > ``v1alpha1`` (CustomResourceDefinitions,
    "Version priority"); names that are none of these come last."""
    for stability, word in ((1, "alpha"), (2, "beta")):
        major, found, minor = version.removeprefix("v").partition(word)
        if found and major.isdecimal() and minor.isdecimal():
            return stability, int(major), int(minor)
    number = version.removeprefix("v")
    return (3, int(number), 0) if number.isdecimal() else (0, 0, 0)


def _named(kind: Kind) -> dict[str, Any]:
    names: dict[str, Any] = {}
    if kind.short_names:
        names["shortNames"] = list(kind.short_names)
    if kind.categories:
        names["categories"] = list(kind.categories)
    return names


def _storage_version_hash(kind: Kind, kinds: Registry) -> str:
    """Of the version that is kept: clients see by it whether two lists speak of the same objects."""
    kept = kind if kind.view_of is None else kinds.of(kind.view_of)
    digest = hashlib.sha256(f"{kept.group}/{kept.version}/{kept.name}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _resource(kind: Kind, kinds: Registry) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": list(kind.verbs),
        **_named(kind),
    }
    if kind.stored or kind.view_of is not None:
        entry["storageVersionHash"] = _storage_version_hash(kind, kinds)
    return entry


def _below(kind: Kind, sub: Subresource) -> dict[str, Any]:
    speaks = {"group": sub.group, "version": sub.version} if sub.version else {}
    return {
        "name": f"{kind.plural}/{sub.name}",
        "singularName": "",
        "namespaced": kind.namespaced,
        **speaks,
        "kind": sub.kind,
        "verbs": list(sub.verbs),
    }


def resource_list(group: str, version: str, served: list[Kind], kinds: Registry) -> dict[str, Any]:
    """``APIResourceList`` of one group version."""
    resources = []
    for kind in served:
        resources.append(_resource(kind, kinds))
        resources += [_below(kind, sub) for sub in subresources_of(kind)]
    return {
        "kind": "APIResourceList",
        **({"apiVersion": "v1"} if group else {}),
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def _aggregated_resource(kind: Kind) -> dict[str, Any]:
    subresources = [
        {
            "subresource": sub.name,
            "responseKind": {"group": sub.group, "version": sub.version, "kind": sub.kind},
            "verbs": list(sub.verbs),
        }
        for sub in subresources_of(kind)
    ]
    return {
        "resource": kind.plural,
        "responseKind": {"group": "", "version": "", "kind": kind.name},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
        **_named(kind),
        **({"subresources": subresources} if subresources else {}),
    }


def aggregated(groups: GroupVersions, *, core: bool) -> dict[str, Any]:
    """``APIGroupDiscoveryList`` of the core group or of all others."""
    items = []
    for group, versions in groups.items():
        if (group == "") != core:
            continue
        listed = [
            {"version": each, "resources": [_aggregated_resource(kind) for kind in served], "freshness": "Current"}
            for each, served in versions.items()
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": listed})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _api_group(group: str, versions: Mapping[str, Any]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _plain_documents(groups: GroupVersions, kinds: Registry) -> dict[str, dict[str, Any]]:
    """Path -> document."""
    named = {group: _api_group(group, versions) for group, versions in groups.items() if group}
    plain: dict[str, dict[str, Any]] = {
        "/api": {"kind": "APIVersions", "versions": list(groups.get("", {})), "serverAddressByClientCIDRs": []},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": list(named.values())},
    }
    for group, versions in groups.items():
        if group:
            plain[f"/apis/{group}"] = {"kind": "APIGroup", "apiVersion": "v1", **named[group]}
        for version, served in versions.items():
            plain[served[0].path] = resource_list(group, version, served, kinds)
    return plain


class Discovery:
    """All discovery documents, encoded once."""

    def __init__(self, kinds: Registry) -> None:
        groups = group_versions(kinds)
        self._plain = {path: msgspec.json.encode(each) for path, each in _plain_documents(groups, kinds).items()}
        self._aggregated = {
            path: msgspec.json.encode(aggregated(groups, core=path == "/api")) for path in ("/api", "/apis")
        }
        self._read_only = {"/api", *(served[0].path for each in groups.values() for served in each.values())}

    @property
    def paths(self) -> list[str]:
        """Where there is a document."""
        return sorted(self._plain)

    def missing(self, path: str) -> Response:
        """The answer where nothing is served: a plain text outside of the API's groups.

        Raises:
            NotFound: the path is in the core group's or in a served group's part.
        """
        first, *rest = path.removeprefix("/").split("/")
        if first == "api" or (first == "apis" and rest and f"/apis/{rest[0]}" in self._plain):
            raise NotFound(NO_SUCH_RESOURCE, Details())
        return Response(404, NO_SUCH_PAGE, TEXT)

    def answer(self, request: Request, path: str) -> Response | None:
        """The document at a path, in the form that the client prefers; None when the path is none of discovery's.

        Raises:
            MethodNotAllowed: it is only to be had with GET.
            NotAcceptable: the client takes none of the forms.
        """
        body = self._plain.get(path)
        if body is None:
            return None
        if path in self._read_only and request.method != "GET":
            raise MethodNotAllowed
        form = accepted_form(request.header(b"accept"), aggregated=path in self._aggregated)
        if form == AGGREGATED:
            return _unless_known(request, self._aggregated[path])
        if form == YAML:
            return Response(200, dumped(msgspec.json.decode(body)), YAML)
        return Response(200, body)


def _unless_known(request: Request, body: bytes) -> Response:
    """An aggregated document, or that the client has it already (RFC 9110, section 13.1.2)."""
    tag = f'"{hashlib.sha512(body).hexdigest().upper()}"'
    headers = (("ETag", tag), ("Vary", "Accept"), ("Cache-Control", "public"))
    if request.header(b"if-none-match") == tag:
        return Response(304, headers=headers)
    return Response(200, body, AGGREGATED, headers)


_MEDIA: Final = {JSON: JSON, "application/*": JSON, "*/*": JSON, "": JSON, YAML: YAML}


@lru_cache(maxsize=256)
def accepted_form(accept: str, *, aggregated: bool) -> str:
    """The first form in an Accept header that is served, those of a lower ``q`` later: ``AGGREGATED`` (where there is
    such a document), ``JSON`` or ``YAML``.

    Raises:
        NotAcceptable: it names none that is.
    """
    for media, parameters in sorted(accepted_media(accept), key=lambda each: -_quality(each[1].get("q", "1"))):
        if media not in _MEDIA:
            continue
        if "as" not in parameters:
            return _MEDIA[media]
        wanted = (parameters.get("g"), parameters.get("v"), parameters["as"])
        if aggregated and _MEDIA[media] == JSON and wanted == ("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList"):
            return AGGREGATED
    raise NotAcceptable(NOT_OFFERED)


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
