"""What a node may do: its own Node, its own Lease, its own pods and what these pods mount, its own address blocks.

Kubernetes' "Using Node Authorization". Which objects a node's pods name is kept as an index, fed by the store's watch
of pods, so that the question costs a look-up.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from k3py.api.authorization import Attributes
from k3py.model import codec
from k3py.model.generated import core_v1
from k3py.model.kinds import KINDS
from k3py.model.user import User
from k3py.model.vpc_v1 import GROUP
from k3py.store.records import Change, ChangeType, Record

_READ = ("get", "list", "watch")
# Where a pod's record says on which node it is: no other pod has to be decoded.
_NODE_NAME: Final = tuple(KINDS.of(core_v1.Pod).selectable).index("spec.nodeName")
Reference = tuple[str, str, str]
"""Resource, namespace and name."""


class NodeReferences:
    """Which pods run where, and which secrets and configmaps they name."""

    def __init__(self) -> None:
        self._pods: dict[tuple[str, str], tuple[str, tuple[Reference, ...]]] = {}
        self._named: dict[str, Counter[Reference]] = defaultdict(Counter)

    def begin(self, pods: Iterable[Record]) -> None:
        """Take in the pods there are."""
        for record in pods:
            self._look_at(record)

    def deliver(self, changes: Sequence[Change]) -> None:
        """Take in a batch of pod changes (a store watch's ``deliver``)."""
        for change in changes:
            if change.type is ChangeType.DELETED:
                self._forget((change.record.namespace, change.record.name))
            else:
                self._look_at(change.record)

    def _look_at(self, record: Record) -> None:
        key = (record.namespace, record.name)
        self._forget(key)
        node = record.fields[_NODE_NAME]
        if node:
            self._remember(key, node, tuple(references(codec.decode(core_v1.Pod, record.raw))))

    def _forget(self, key: tuple[str, str]) -> None:
        node, named = self._pods.pop(key, ("", ()))
        for reference in named:
            self._named[node][reference] -= 1
            if not self._named[node][reference]:
                del self._named[node][reference]
        if node and not self._named[node]:
            del self._named[node]

    def _remember(self, key: tuple[str, str], node: str, named: tuple[Reference, ...]) -> None:
        self._pods[key] = (node, named)
        self._named[node].update(named)

    def names(self, node: str, reference: Reference) -> bool:
        """Whether a pod on the node names the object."""
        return node in self._named and reference in self._named[node]

    def runs(self, node: str, namespace: str, name: str) -> bool:
        """Whether the pod is bound to the node."""
        return self._pods.get((namespace, name), ("", ()))[0] == node


def references(pod: core_v1.Pod) -> Iterator[Reference]:
    """Every object that a pod's node has to read so that the pod can run."""
    namespace = pod.metadata.namespace
    yield "pods", namespace, pod.metadata.name
    yield "configmaps", namespace, "kube-root-ca.crt"
    if pod.spec.service_account_name:
        yield "serviceaccounts", namespace, pod.spec.service_account_name
    for secret in pod.spec.image_pull_secrets:
        yield "secrets", namespace, secret.name
    for volume in pod.spec.volumes:
        yield from _of_volume(volume, namespace)
    containers: list[core_v1.Container | core_v1.EphemeralContainer] = [
        *pod.spec.init_containers,
        *pod.spec.containers,
        *pod.spec.ephemeral_containers,
    ]
    for container in containers:
        yield from _of_environment(container.env, container.env_from, namespace)


def _of_volume(volume: core_v1.Volume, namespace: str) -> Iterator[Reference]:
    if volume.config_map is not None:
        yield "configmaps", namespace, volume.config_map.name
    if volume.secret is not None:
        yield "secrets", namespace, volume.secret.secret_name
    if volume.persistent_volume_claim is not None:
        yield "persistentvolumeclaims", namespace, volume.persistent_volume_claim.claim_name
    if volume.projected is not None:
        for source in volume.projected.sources:
            if source.config_map is not None:
                yield "configmaps", namespace, source.config_map.name
            if source.secret is not None:
                yield "secrets", namespace, source.secret.name


def _of_environment(
    env: Sequence[core_v1.EnvVar], sources: Sequence[core_v1.EnvFromSource], namespace: str
) -> Iterator[Reference]:
    for variable in env:
        if variable.value_from is None:
            continue
        if variable.value_from.config_map_key_ref is not None:
            yield "configmaps", namespace, variable.value_from.config_map_key_ref.name
        if variable.value_from.secret_key_ref is not None:
            yield "secrets", namespace, variable.value_from.secret_key_ref.name
    for source in sources:
        if source.config_map_ref is not None:
            yield "configmaps", namespace, source.config_map_ref.name
        if source.secret_ref is not None:
            yield "secrets", namespace, source.secret_ref.name


class NodeAuthorizer:
    """Answers for nodes only. What a node may write in an object is admission's question, not this one's."""

    def __init__(self, index: NodeReferences) -> None:
        self._index = index
        self._rules: Mapping[tuple[str, str], Callable[[str, Attributes], bool]] = {
            ("", "nodes"): self._nodes,
            ("", "pods"): self._pods,
            ("", "secrets"): self._mounted,
            ("", "configmaps"): self._mounted,
            ("", "serviceaccounts"): self._accounts,
            ("", "events"): _may_tell,
            ("", "services"): _may_read,
            ("", "namespaces"): _may_read,
            ("coordination.k8s.io", "leases"): self._leases,
            ("discovery.k8s.io", "endpointslices"): _may_read,
            (GROUP, "vpcs"): _may_read,
            (GROUP, "vpcblocks"): _may_have_blocks,
        }

    def allows(self, user: User, attributes: Attributes) -> bool:
        node = user.node
        if node is None or attributes.path:
            return False
        rule = self._rules.get((attributes.group, attributes.resource))
        return rule is not None and rule(node, attributes)

    def _nodes(self, node: str, asked: Attributes) -> bool:
        if asked.verb == "create":
            return not asked.subresource
        if asked.verb in ("list", "watch"):
            return asked.field_selector == f"metadata.name={node}"
        return asked.name == node and asked.verb in ("get", "update", "patch")

    def _leases(self, node: str, asked: Attributes) -> bool:
        mine = asked.name == node or (asked.verb == "create" and not asked.name)
        return asked.namespace == "kube-node-lease" and mine and asked.verb not in ("list", "watch", "deletecollection")

    def _pods(self, node: str, asked: Attributes) -> bool:
        if asked.verb in ("list", "watch"):
            return f"spec.nodeName={node}" in asked.field_selector.split(",")
        mine = self._index.runs(node, asked.namespace, asked.name)
        if asked.subresource == "status":
            return mine and asked.verb in ("get", "update", "patch")
        return mine and not asked.subresource and asked.verb in ("get", "delete")

    def _accounts(self, node: str, asked: Attributes) -> bool:
        if asked.subresource == "token":
            named = ("serviceaccounts", asked.namespace, asked.name)
            return asked.verb == "create" and self._index.names(node, named)
        return self._mounted(node, asked)

    def _mounted(self, node: str, asked: Attributes) -> bool:
        if asked.verb not in _READ or not asked.namespace or asked.subresource:
            return False
        name = asked.name
        if asked.verb != "get":
            name = asked.field_selector.removeprefix("metadata.name=")
            if "," in name or name == asked.field_selector:
                return False
        return self._index.names(node, (asked.resource, asked.namespace, name))


def _may_tell(node: str, asked: Attributes) -> bool:
    return asked.verb in ("create", "patch", "update")


def _may_read(node: str, asked: Attributes) -> bool:
    return asked.verb in _READ


def _may_have_blocks(node: str, asked: Attributes) -> bool:
    """Which ones it may make and give back is admission's question."""
    return asked.verb in (*_READ, "create", "delete") and not asked.subresource
