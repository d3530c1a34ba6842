"""Node restriction: a node writes its own Node, Lease and address blocks, and the status and the end of its own pods;
nothing else.

Source: Kubernetes' NodeRestriction admission plugin and node authorizer.
"""

from collections.abc import Iterable
from typing import Any, Final

from k3py.model.errors import Forbidden, forbidden, not_found
from k3py.model.generated import coordination_v1, core_v1
from k3py.model.generated.authentication_v1 import TokenRequest
from k3py.model.registry import Kind
from k3py.model.user import User
from k3py.model.vpc_v1 import VPCBlock
from k3py.objects.collections import NODE_LEASE_NAMESPACE

# Kubernetes' own domains: what stands there steers schedulers and controllers, so a node sets only what describes it.
_KUBERNETES_DOMAINS: Final = ("kubernetes.io", "k8s.io")
_DOMAINS_OF_NODES: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")
_LABELS_OF_NODES: Final = frozenset(
    (
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "kubernetes.io/arch",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
    )
)


def check_create(kind: Kind, new: Any, user: User) -> None:
    """What a node may create: its Node, its Lease, its address blocks, and events.

    Raises:
        Forbidden: anything else.
    """
    node, name = user.node, new.metadata.name
    if isinstance(new, core_v1.Node):
        _own_node(kind, name, user)
        _check_labels(kind, name, set(new.metadata.labels))
    elif isinstance(new, coordination_v1.Lease):
        _own_lease(kind, new, user)
    elif isinstance(new, VPCBlock):
        _own_block(kind, new, user)
    elif not isinstance(new, core_v1.Event):
        raise _cannot(kind, name, f"node {_quoted(node)} cannot create {kind.plural}")


def check_update(kind: Kind, new: Any, old: Any, subresource: str, user: User) -> None:
    """What a node may change: its Node but for taints and restricted labels, its Lease, its pods' status, events.

    Raises:
        Forbidden: anything else.
    """
    name = old.metadata.name
    if isinstance(old, core_v1.Node):
        _own_node(kind, name, user)
        labels, before = new.metadata.labels, old.metadata.labels
        _check_labels(kind, name, {key for key in {*labels, *before} if labels.get(key) != before.get(key)})
        if new.spec.taints != old.spec.taints:
            raise _cannot(kind, name, f"node {_quoted(user.node)} is not allowed to modify taints")
    elif isinstance(old, coordination_v1.Lease):
        _own_lease(kind, old, user)
    elif isinstance(old, core_v1.Pod):
        if subresource != "status":
            raise _cannot(kind, name, f"node {_quoted(user.node)} can only update pod status")
        if old.spec.node_name != user.node:
            why = f"node {_quoted(user.node)} can only update pod status for pods with spec.nodeName set to itself"
            raise _cannot(kind, name, why)
        if new.metadata.labels != old.metadata.labels:
            raise _cannot(kind, name, f"node {_quoted(user.node)} cannot update labels through pod status")
    elif not isinstance(old, core_v1.Event):
        raise _cannot(kind, name, f"node {_quoted(user.node)} cannot update {kind.plural}")


def check_delete(kind: Kind, obj: Any, user: User) -> None:
    """What a node may delete: its Lease, its address blocks and pods bound to it.

    Raises:
        Forbidden: anything else.
    """
    name = obj.metadata.name
    if isinstance(obj, core_v1.Pod):
        if obj.spec.node_name != user.node:
            why = f"node {_quoted(user.node)} can only delete pods with spec.nodeName set to itself"
            raise _cannot(kind, name, why)
    elif isinstance(obj, coordination_v1.Lease):
        _own_lease(kind, obj, user)
    elif isinstance(obj, VPCBlock):
        _own_block(kind, obj, user)
    else:
        raise _cannot(kind, name, f"node {_quoted(user.node)} cannot delete {kind.plural}")


def check_token_request(account: str, request: TokenRequest, pod: core_v1.Pod | None, user: User) -> None:
    """Which tokens a node may have: those of pods bound to it, for what the pods' volumes say.

    ``pod`` is the one that the request names, None when there is none.

    Raises:
        Forbidden: anything else. NotFound: there is no such pod.
    """
    reference, why = request.spec.bound_object_ref, ""
    if reference is None or (reference.api_version, reference.kind) != ("v1", "Pod") or not reference.name:
        why = "node requested token not bound to a pod"
    elif not reference.uid:
        why = "node requested token with a pod binding without a uid"
    elif pod is None:
        raise not_found("pods", "", reference.name)
    elif pod.metadata.uid != reference.uid:
        why = (
            f"the UID in the bound object reference ({reference.uid}) does not match the UID in record. "
            "The object might have been deleted and then recreated"
        )
    elif pod.spec.node_name != user.node:
        why = "node requested token bound to a pod scheduled on a different node"
    elif len(request.spec.audiences) > 1:
        why = "node may only request 0 or 1 audiences"
    elif (audience := next(iter(request.spec.audiences), "")) not in _audiences(pod):
        why = (
            f'audience "{audience}" not found in pod spec volume, {user.name} is not authorized to request tokens'
            " for this audience"
        )
    if why:
        raise forbidden("serviceaccounts", "", account, why)


def _audiences(pod: core_v1.Pod) -> set[str]:
    """Whom the tokens in the pod's volumes are for; empty stands for the API server."""
    sources = [source for volume in pod.spec.volumes if volume.projected for source in volume.projected.sources]
    return {each.service_account_token.audience for each in sources if each.service_account_token is not None}


def _own_node(kind: Kind, name: str, user: User) -> None:
    if name != user.node:
        why = f"node {_quoted(user.node)} is not allowed to modify node {_quoted(name)}"
        raise _cannot(kind, name, why)


def _own_lease(kind: Kind, lease: coordination_v1.Lease, user: User) -> None:
    meta = lease.metadata
    if meta.namespace != NODE_LEASE_NAMESPACE or meta.name != user.node:
        raise _cannot(kind, meta.name, "can only access node lease with the same name as the requesting node")


def _own_block(kind: Kind, block: VPCBlock, user: User) -> None:
    name = block.metadata.name
    if block.spec.node_name != user.node:
        why = f"node {_quoted(user.node)} can only have blocks with spec.nodeName set to itself"
        raise _cannot(kind, name, why)
    own = ("v1", "Node", user.node)
    if any((each.api_version, each.kind, each.name) != own for each in block.metadata.owner_references):
        why = f"node {_quoted(user.node)} can only have blocks that are owned by itself or by nobody"
        raise _cannot(kind, name, why)


def _check_labels(kind: Kind, name: str, changed: set[str]) -> None:
    restricted = sorted(each for each in changed if not _is_free(each))
    if restricted:
        raise _cannot(kind, name, f"is not allowed to modify labels: {', '.join(restricted)}")


def _is_free(label: str) -> bool:
    """Whether a node may give itself a label, ``node-role.kubernetes.io/control-plane`` say: not that one."""
    domain, slash, _ = label.rpartition("/")
    if not slash or label in _LABELS_OF_NODES or _is_within(domain, _DOMAINS_OF_NODES):
        return True
    return not _is_within(domain, _KUBERNETES_DOMAINS)


def _is_within(domain: str, parents: Iterable[str]) -> bool:
    return any(domain == parent or domain.endswith(f".{parent}") for parent in parents)


def _quoted(name: str | None) -> str:
    return f'"{name}"'


def _cannot(kind: Kind, name: str, why: str) -> Forbidden:
    return forbidden(kind.plural, kind.group, name, why)
