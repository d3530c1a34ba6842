"""The registry of kinds: everything the API serves, one entry each.

Routes, store keys, discovery, the command line's words and watches all come from here. A new kind is one entry plus
its columns (``api/columns``), defaults and checks (``objects``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from k3py.model import vpc_v1
from k3py.model.generated import apps_v1, authentication_v1, authorization_v1, coordination_v1, core_v1, discovery_v1
from k3py.model.struct import Wire

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Kind:
    """One type of resource.

    ``selectable`` are the field selectors beyond ``metadata.name`` and ``metadata.namespace``; a record keeps their
    values in this order. ``stored`` is false for kinds that are asked, not kept (reviews, Binding).
    """

    type: type[Wire]
    plural: str
    namespaced: bool = True
    short_names: Sequence[str] = ()
    categories: Sequence[str] = ()
    subresources: Sequence[str] = ()
    selectable: Sequence[str] = ()
    stored: bool = True
    verbs: Sequence[str] = ALL_VERBS
    keep_generation: bool = False

    @property
    def name(self) -> str:
        """``Deployment``."""
        return self.type.__name__

    @property
    def api_version(self) -> str:
        """``apps/v1``, or ``v1`` for the core group."""
        value: str = _api_versions[self.type]
        return value

    @property
    def group(self) -> str:
        """``apps``; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    @property
    def singular(self) -> str:
        return self.name.lower()

    @property
    def definition(self) -> str:
        """The kind's name in the OpenAPI document."""
        return (self.type.__doc__ or "").strip()

    @property
    def path(self) -> str:
        """Where the group version is served: ``/api/v1`` or ``/apis/apps/v1``."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"


class _ApiVersions(dict[type[Wire], str]):
    """apiVersion of each Struct class, read once from its field's default."""

    def __missing__(self, kind: type[Wire]) -> str:
        made: Any = kind()
        self[kind] = made.api_version
        return self[kind]


_api_versions = _ApiVersions()


class Registry:
    """All kinds, found by class, by group and plural, or by any word a user may type."""

    def __init__(self, *kinds: Kind) -> None:
        self._kinds = kinds
        self._by_type = {kind.type: kind for kind in kinds}
        self._by_resource = {(kind.group, kind.version, kind.plural): kind for kind in kinds}
        self._by_name = {(kind.api_version, kind.name): kind for kind in kinds}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds)

    def of(self, kind: type[Wire]) -> Kind:
        """The entry of a Struct class.

        Raises:
            KeyError: the class is not registered.
        """
        return self._by_type[kind]

    def resource(self, group: str, version: str, plural: str) -> Kind | None:
        return self._by_resource.get((group, version, plural))

    def named(self, api_version: str, name: str) -> Kind | None:
        """By what an object says of itself: its apiVersion and kind."""
        return self._by_name.get((api_version, name))

    def word(self, word: str) -> Kind | None:
        """By what people type: plural, singular, kind or short name, with or without ``.group``; stored kinds first."""
        word = word.lower()
        plain, _, group = word.partition(".")
        for kind in sorted(self._kinds, key=lambda each: not each.stored):
            if group and not f"{kind.version}.{kind.group}".endswith(group) and kind.group != group:
                continue
            if plain in (kind.plural, kind.singular, *kind.short_names):
                return kind
        return None


KINDS = Registry(
    Kind(core_v1.Namespace, "namespaces", namespaced=False, short_names=["ns"], subresources=["finalize", "status"],
         selectable=["status.phase"]),
    Kind(core_v1.Node, "nodes", namespaced=False, short_names=["no"], subresources=["status"],
         selectable=["spec.unschedulable"]),
    Kind(core_v1.Pod, "pods", short_names=["po"], categories=["all"], keep_generation=True,
         subresources=["attach", "binding", "exec", "log", "portforward", "status"],
         selectable=["spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
                     "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"]),
    Kind(core_v1.Service, "services", short_names=["svc"], categories=["all"], subresources=["status"],
         selectable=["spec.clusterIP", "spec.type"]),
    Kind(core_v1.ConfigMap, "configmaps", short_names=["cm"]),
    Kind(core_v1.Secret, "secrets", selectable=["type"]),
    Kind(core_v1.ServiceAccount, "serviceaccounts", short_names=["sa"], subresources=["token"]),
    Kind(core_v1.Event, "events", short_names=["ev"],
         selectable=["involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
                     "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
                     "reason", "reportingComponent", "source", "type"]),
    Kind(core_v1.Binding, "bindings", stored=False, verbs=["create"]),
    Kind(apps_v1.Deployment, "deployments", short_names=["deploy"], categories=["all"], keep_generation=True,
         subresources=["scale", "status"]),
    Kind(apps_v1.ReplicaSet, "replicasets", short_names=["rs"], categories=["all"], keep_generation=True,
         subresources=["scale", "status"]),
    Kind(discovery_v1.EndpointSlice, "endpointslices", keep_generation=True),
    Kind(coordination_v1.Lease, "leases"),
    Kind(vpc_v1.VPC, "vpcs", namespaced=False, keep_generation=True, subresources=["status"]),
    Kind(vpc_v1.VPCBlock, "vpcblocks", namespaced=False, keep_generation=True,
         selectable=["spec.nodeName", "spec.vpc"]),
    Kind(authentication_v1.TokenReview, "tokenreviews", namespaced=False, stored=False, verbs=["create"]),
    Kind(authentication_v1.SelfSubjectReview, "selfsubjectreviews", namespaced=False, stored=False, verbs=["create"]),
    Kind(authorization_v1.SelfSubjectAccessReview, "selfsubjectaccessreviews", namespaced=False, stored=False,
         verbs=["create"]),
    Kind(authorization_v1.SelfSubjectRulesReview, "selfsubjectrulesreviews", namespaced=False, stored=False,
         verbs=["create"]),
)  # fmt: skip
