"""What a request asks for, read from its method, path and query.

Kubernetes' URL scheme (Kubernetes API Concepts, "Resource URIs"): ``/api/v1`` or ``/apis/<group>/<version>``, then
``namespaces/<namespace>``, resource, name, subresource. The verb is what authorization and metrics speak of.
"""

import re
from dataclasses import dataclass

from k3py.model.registry import Kind, Registry

# Once the way to watch, before the parameter; some programs still do (Kubernetes API Concepts, deprecated).
WATCH = "watch"
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

# The verbs that each form of path can have, as far as the kind has them.
_OF_A_COLLECTION = frozenset({"list", "watch", "create", "deletecollection"})
_OF_ALL_NAMESPACES = frozenset({"list", "watch"})
_OF_AN_OBJECT = frozenset({"get", "update", "patch", "delete"})
_READING = frozenset({"get", "list", "watch"})

# Resources behind which there is a server of its own.
_PROXIED = ("nodes", "pods", "services")
_PROXY_TARGET = re.compile(rb"/api/v1/(?:nodes|namespaces/[^/?]+/(?:pods|services))/[^/?]+/proxy(?:[/?]|$)")


@dataclass(frozen=True, slots=True)
class Target:
    """A resource request. ``namespace`` is empty for cluster-wide resources and for all namespaces.

    ``path`` is what follows the subresource ``proxy``, with its leading slash: it belongs to somebody else's server.
    """

    kind: Kind
    verb: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    path: str = ""

    @property
    def is_served(self) -> bool:
        """Whether the verb goes with this path: objects are created in a collection, changed under their names, and
        written in their namespace."""
        if self.kind.namespaced and not self.namespace:
            return self.verb in ("list", "watch")
        if self.verb == "create":
            return bool(self.name) is bool(self.subresource)
        return bool(self.name) or self.verb in ("list", "watch", "deletecollection")

    @property
    def resource(self) -> str:
        """``pods/log``: as authorization names it."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural

    def is_served_to(self, method: str) -> bool:
        """Whether ``is_served``, and by this method: HEAD asks for the verbs of GET, but only servers behind the
        subresource ``proxy`` answer it."""
        return self.is_served and (method == "GET" or self.verb not in _READING or self.subresource == "proxy")


class Router:
    """Finds the resource that a path names."""

    def __init__(self, kinds: Registry) -> None:
        self._kinds = kinds

    def match(self, method: str, path: str, *, watch: bool) -> Target | None:
        """The resource a request asks for; None when the path names no resource that is served.

        ``watch`` says that the query asks for a watch.
        """
        path, proxied = _cut_at_proxy(path)
        parts = path.removeprefix("/").removesuffix("/").split("/")
        if not all(parts):
            return None  # a client that left out a namespace or a name must not reach what stands behind it
        if len(parts) > 2 and parts[0] == "api":
            group, version, rest = "", parts[1], parts[2:]
        elif len(parts) > 3 and parts[0] == "apis":
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            return None
        namespace = ""
        is_old_watch = rest[0] == WATCH and len(rest) > 1
        if is_old_watch:
            rest = rest[1:]
        # /namespaces/x/status is a subresource of the namespace, /namespaces/x/pods a resource in it.
        if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
            namespace, rest = rest[1], rest[2:]
        kind = self._kinds.resource(group, version, rest[0])
        if kind is None or (namespace and not kind.namespaced):
            return None
        name = rest[1] if len(rest) > 1 else ""
        if name and kind.namespaced and not namespace:
            return None  # such a path is none of the resource's
        subresource = rest[2] if len(rest) > 2 else ""
        if len(rest) > 3 or (subresource and subresource not in kind.subresources):
            return None
        if not subresource and not _has_path(kind, namespace, name):
            return None
        if is_old_watch and (subresource or WATCH not in kind.verbs):
            return None
        verb = WATCH if is_old_watch else _verb(method, bool(name), watch)
        return Target(kind, verb, namespace, name, subresource, proxied)


def _has_path(kind: Kind, namespace: str, name: str) -> bool:
    """Whether any verb of a kind goes with such a path; reviews, for instance, have no names."""
    if name:
        return not _OF_AN_OBJECT.isdisjoint(kind.verbs)
    if kind.namespaced and not namespace:
        return not _OF_ALL_NAMESPACES.isdisjoint(kind.verbs)
    return not _OF_A_COLLECTION.isdisjoint(kind.verbs)


def _cut_at_proxy(path: str) -> tuple[str, str]:
    """A path up to and with the subresource ``proxy`` of a node, pod or service, and what follows it."""
    parts = path.split("/")
    named = 5 if parts[3:4] == ["namespaces"] else 3
    at = named + 2
    if parts[:3] == ["", "api", "v1"] and len(parts) > at and parts[at] == "proxy" and parts[named] in _PROXIED:
        rest = parts[at + 1 :]
        return "/".join(parts[: at + 1]), "/" + "/".join(rest) if rest else ""
    return path, ""


def is_proxied(method: str, target: bytes) -> bool:
    """Whether a request goes to somebody else's server (subresource ``proxy``), so that its body is only passed on."""
    return _PROXY_TARGET.match(target) is not None


def _verb(method: str, named: bool, watch: bool) -> str:
    verb = _VERBS.get(method, method.lower())
    if named:
        return verb
    if verb == "get":
        return "watch" if watch else "list"
    return "deletecollection" if verb == "delete" else verb
