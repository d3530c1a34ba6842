"""Admission: what the cluster's state and the user decide about a write, beside the object's own rules.

Built in: namespace lifecycle, default tolerations, priority, the default service account, taints of new nodes, node
restriction, and the use of VPCs. A refusal is in Kubernetes' words.
"""

import random
from typing import Any, Final

from k3py.model import codec
from k3py.model.errors import Cause, Details, Forbidden, forbidden, not_found
from k3py.model.generated import certificates_v1, core_v1, networking_v1, scheduling_v1
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.user import User
from k3py.objects import (
    certificate_requests,
    class_admission,
    node_restriction,
    service_account_admission,
    storage_admission,
)
from k3py.objects.admit import steps
from k3py.objects.admit.asked import Asked
from k3py.objects.admit.tolerations import NOT_READY, add_tolerations
from k3py.objects.fields import Errors
from k3py.objects.service_addresses import ServiceAddresses
from k3py.objects.vpc_admission import MayUse, VpcAdmission, masters_may_use
from k3py.store.store import Store

IMMORTAL_NAMESPACES: Final = ("default", "kube-system", "kube-public")
DEFAULT_SERVICE_ACCOUNT: Final = "default"
MIRROR_ANNOTATION: Final = "kubernetes.io/config.mirror"


class Admission:
    """Asks the store what the decisions need; changes only the object that is being written."""

    def __init__(self, store: Store, addresses: ServiceAddresses, may_use_vpc: MayUse = masters_may_use) -> None:
        self._store = store
        self._addresses = addresses
        self._vpcs = VpcAdmission(store, addresses.ranges, may_use_vpc)

    def create(self, kind: Kind, namespace: str, new: Any, user: User, source: random.Random) -> None:
        """Complete and admit a new object; ``source`` draws names for what it is given.

        Raises:
            NotFound: its namespace is not there. Forbidden.
        """
        if kind.namespaced:
            self._check_namespace(kind, namespace, new.metadata.name)
        if user.node is not None:
            node_restriction.check_create(kind, new, user)
        if isinstance(new, core_v1.Pod):
            name_service_account(new)
            steps.complete_new_pod(Asked(self._store, kind, new))
            self._add_service_account(kind, new, source)
        elif isinstance(new, core_v1.Node):
            taint_new_node(new)
        elif isinstance(new, core_v1.PersistentVolume | core_v1.PersistentVolumeClaim):
            storage_admission.complete(new, self._store)
        elif isinstance(new, networking_v1.Ingress):
            class_admission.complete_ingress(self._store, new)
        elif isinstance(new, certificates_v1.CertificateSigningRequest):
            certificate_requests.name_requester(new, user)
        self._vpcs.create(kind, namespace, new, user)

    def update(self, kind: Kind, new: Any, old: Any, subresource: str, user: User) -> None:
        """Admit a change.

        Raises:
            Forbidden: the user may not.
        """
        if user.node is not None:
            node_restriction.check_update(kind, new, old, subresource, user)
        if isinstance(new, core_v1.Pod) and subresource == "":
            keep_admitted(new, old)
        self._vpcs.update(kind, new, old, user)

    def delete(self, kind: Kind, obj: Any, user: User) -> None:
        """Admit a deletion.

        Raises:
            Forbidden: the object must stay, or the user may not.
        """
        name = obj.metadata.name
        if isinstance(obj, core_v1.Namespace) and name in IMMORTAL_NAMESPACES:
            raise forbidden(kind.plural, kind.group, name, "this namespace may not be deleted")
        if user.node is not None:
            node_restriction.check_delete(kind, obj, user)
        self._vpcs.delete(kind, obj)

    def check(self, new: Any, wrong: Errors) -> None:
        """What is wrong with a new object in view of the cluster, beside what its own rules say."""
        self._vpcs.check(new, wrong)

    def allocate(self, new: Any, old: Any, wrong: Errors) -> None:
        """Give an object that is otherwise right what only the cluster has: addresses and ports of services. What may
        not be although nothing is wrong with it is refused here.

        ``old`` is the stored object, None for a new one.

        Raises:
            InternalError: nothing is left to give.
            Forbidden: the cluster has what there may be only one of, or nobody may ask for this.
        """
        if isinstance(new, core_v1.Service):
            self._addresses.assign(new, old, wrong)
        elif isinstance(new, core_v1.Pod):
            steps.check(Asked(self._store, KINDS.of(core_v1.Pod), new, old))
        elif isinstance(new, core_v1.PersistentVolumeClaim):
            steps.check(Asked(self._store, KINDS.of(type(new)), new, old))
            if old is not None:
                storage_admission.check_growth(KINDS.of(type(new)), new, old, self._store)
        elif isinstance(new, scheduling_v1.PriorityClass):
            class_admission.check_priority_class(self._store, KINDS.of(type(new)), new)
        elif isinstance(new, certificates_v1.CertificateSigningRequest) and old is None:
            certificate_requests.check_subject(KINDS.of(type(new)), new)

    def check_binding(self, user: User) -> None:
        """Admit a binding.

        Raises:
            Forbidden: nodes do not bind pods.
        """
        if user.node is not None:
            raise forbidden("pods", "", "", f"node {user.node!r} cannot bind pods")

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        record = self._store.latest("namespaces", "", namespace)
        if record is None:
            raise not_found("namespaces", "", namespace)
        if record.fields and record.fields[0] == "Terminating":
            said = f"unable to create new content in namespace {namespace} because it is being terminated"
            problem = forbidden(kind.plural, kind.group, name, said)
            terminating = f"namespace {namespace} is being terminated"
            cause = Cause("NamespaceTerminating", terminating, "metadata.namespace")
            raise Forbidden(problem.message, Details(name, kind.group, kind.plural, causes=[cause]))

    def _add_service_account(self, kind: Kind, pod: core_v1.Pod, source: random.Random) -> None:
        """A service account that is named has to be there; ``default`` is on its way with its namespace."""
        if MIRROR_ANNOTATION in pod.metadata.annotations:
            service_account_admission.check_mirror(pod)
            return
        name, namespace = pod.spec.service_account_name, pod.metadata.namespace
        record = self._store.latest("serviceaccounts", namespace, name)
        if record is None and name != DEFAULT_SERVICE_ACCOUNT:
            why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            raise forbidden(kind.plural, kind.group, pod.metadata.name, why)
        account = None if record is None else codec.decode(core_v1.ServiceAccount, record.raw)
        service_account_admission.complete(pod, account, source)


def name_service_account(pod: core_v1.Pod) -> None:
    """Every pod has a service account, except one that a node runs by itself."""
    spec = pod.spec
    if MIRROR_ANNOTATION not in pod.metadata.annotations:
        spec.service_account_name = spec.service_account_name or DEFAULT_SERVICE_ACCOUNT
        spec.service_account = spec.service_account_name


def keep_admitted(new: core_v1.Pod, old: core_v1.Pod) -> None:
    """A client that does not know what admission added leaves it out of an update; it stays."""
    for attribute in ("priority", "preemption_policy"):
        if getattr(new.spec, attribute) is None:
            setattr(new.spec, attribute, getattr(old.spec, attribute))
    add_tolerations(new.spec)
    if not new.spec.service_account_name:
        new.spec.service_account_name = old.spec.service_account_name
        new.spec.service_account = old.spec.service_account


def taint_new_node(node: core_v1.Node) -> None:
    """A new node gets no pods before it has said that it is ready."""
    if not any(taint.key == NOT_READY for taint in node.spec.taints):
        node.spec.taints.append(core_v1.Taint(key=NOT_READY, effect="NoSchedule"))
