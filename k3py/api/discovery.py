"""What the server serves: discovery documents, plain and aggregated, made from the registry of kinds.

Kubernetes API Concepts, "API Discovery". Plain: ``/api``, ``/apis``, ``/apis/<group>``, one list per group version.
Aggregated (``APIGroupDiscoveryList``, v2 and v2beta1): the same in two requests.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from k3py.api.http.messages import Request, Response
from k3py.model.registry import Kind, Registry

_VERBS = {
    "attach": ["create", "get"],
    "exec": ["create", "get"],
    "portforward": ["create", "get"],
    "proxy": ["create", "delete", "get", "patch", "update"],
    "binding": ["create"],
    "eviction": ["create"],
    "token": ["create"],
    "log": ["get"],
    "finalize": ["update"],
}
# What a subresource speaks, where it is not the kind itself: group, version, kind.
_SPEAKS = {
    "attach": ("", "", "PodAttachOptions"),
    "exec": ("", "", "PodExecOptions"),
    "portforward": ("", "", "PodPortForwardOptions"),
    "proxy": ("", "", "PodProxyOptions"),
    "binding": ("", "", "Binding"),
    "eviction": ("policy", "v1", "Eviction"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
    "scale": ("autoscaling", "v1", "Scale"),
}
_READ_WRITE = ["get", "patch", "update"]
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"


def _group_versions(kinds: Registry) -> dict[str, dict[str, list[Kind]]]:
    """Group -> version -> kinds, in the order of the registry."""
    groups: dict[str, dict[str, list[Kind]]] = {}
    for kind in kinds:
        groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
    return groups


def _named(kind: Kind) -> dict[str, Any]:
    names: dict[str, Any] = {}
    if kind.short_names:
        names["shortNames"] = list(kind.short_names)
    if kind.categories:
        names["categories"] = list(kind.categories)
    return names


def _storage_version_hash(kind: Kind) -> str:
    digest = hashlib.sha256(f"{kind.group}/{kind.version}/{kind.name}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def resource_list(group: str, version: str, kinds: list[Kind]) -> dict[str, Any]:
    """``APIResourceList`` of one group version."""
    resources = []
    for kind in sorted(kinds, key=lambda each: each.plural):
        entry: dict[str, Any] = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": list(kind.verbs),
            **_named(kind),
        }
        if kind.stored:
            entry["storageVersionHash"] = _storage_version_hash(kind)
        resources.append(entry)
        for name in sorted(kind.subresources):
            speaks_group, speaks_version, speaks = _SPEAKS.get(name, ("", "", kind.name))
            sub: dict[str, Any] = {
                "name": f"{kind.plural}/{name}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": speaks,
                "verbs": _VERBS.get(name, _READ_WRITE),
            }
            if speaks_version:
                sub |= {"group": speaks_group, "version": speaks_version}
            resources.append(sub)
    return {
        "kind": "APIResourceList",
        **({"apiVersion": "v1"} if group else {}),
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def _aggregated_resource(kind: Kind) -> dict[str, Any]:
    subresources = []
    for name in sorted(kind.subresources):
        group, version, speaks = _SPEAKS.get(name, ("", "", kind.name))
        subresources.append(
            {
                "subresource": name,
                "responseKind": {"group": group, "version": version, "kind": speaks},
                "verbs": _VERBS.get(name, _READ_WRITE),
            }
        )
    return {
        "resource": kind.plural,
        "responseKind": {"group": "", "version": "", "kind": kind.name},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
        **_named(kind),
        **({"subresources": subresources} if subresources else {}),
    }


def aggregated(kinds: Registry, *, core: bool, version: str) -> dict[str, Any]:
    """``APIGroupDiscoveryList`` of the core group or of all others."""
    items = []
    for group, versions in _group_versions(kinds).items():
        if (group == "") != core:
            continue
        listed = [
            {
                "version": each,
                "resources": [_aggregated_resource(kind) for kind in sorted(served, key=lambda kind: kind.plural)],
                "freshness": "Current",
            }
            for each, served in versions.items()
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _api_group(group: str, versions: Mapping[str, Any]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


class Discovery:
    """All discovery documents, encoded once."""

    def __init__(self, kinds: Registry) -> None:
        groups = _group_versions(kinds)
        plain: dict[str, Any] = {
            "/api": {
                "kind": "APIVersions",
                "versions": list(groups.get("", {})),
                "serverAddressByClientCIDRs": [],
            },
            "/apis": {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_api_group(group, versions) for group, versions in groups.items() if group],
            },
        }
        for group, versions in groups.items():
            if group:
                plain[f"/apis/{group}"] = {"kind": "APIGroup", "apiVersion": "v1", **_api_group(group, versions)}
            for version, served in versions.items():
                plain[served[0].path] = resource_list(group, version, served)
        self._plain = {path: msgspec.json.encode(document) for path, document in plain.items()}
        self._aggregated = {
            (path, version): msgspec.json.encode(aggregated(kinds, core=path == "/api", version=version))
            for path in ("/api", "/apis")
            for version in ("v2", "v2beta1")
        }

    def answer(self, request: Request, path: str) -> Response | None:
        """The document at a path, in the form that the client prefers; None when the path is none of discovery's."""
        body = self._plain.get(path)
        if body is None:
            return None
        if path in ("/api", "/apis"):
            version = accepted_version(request.header(b"accept"))
            if version:
                document = self._aggregated[path, version]
                return Response(200, document, AGGREGATED.format(version=version), (("Vary", "Accept"),))
        return Response(200, body)


def accepted_version(accept: str) -> str:
    """The first version of aggregated discovery in an Accept header; empty when it names none that is served."""
    for item in accept.split(","):
        parameters = [each.strip() for each in item.split(";")]
        if parameters[0] == "application/json" and "as=APIGroupDiscoveryList" in parameters:
            for version in ("v2", "v2beta1"):
                if f"v={version}" in parameters:
                    return version
        elif parameters[0] in ("application/json", "*/*") and len(parameters) == 1:
            return ""
    return ""
