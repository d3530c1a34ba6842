"""Who may put what into which VPC, and what the cluster's state says of VPCs and their blocks.

A pod or Service is in the VPC that its label ``k3py.io/vpc`` names; one without it gets its namespace's; without both
it is in ``default``, and stays as the user wrote it. The label stays for good: an address hangs on it. An EndpointSlice
gets its Service's. Whoever names a VPC
needs the verb ``use`` on it; the one that the namespace's label names was admitted when the namespace got it.
"""

from collections.abc import Callable
from typing import Any, Final

from k3py.model import codec
from k3py.model.errors import Cause, Forbidden, forbidden, invalid
from k3py.model.generated import apps_v1, batch_v1, core_v1, discovery_v1
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.selectors import from_struct
from k3py.model.user import MASTERS, User
from k3py.model.vpc_ranges import network
from k3py.model.vpc_v1 import DEFAULT_VPC, DEFAULT_VPC_ID, USE_VERB, VPC, VPC_LABEL, VPCBlock, block_prefix_length
from k3py.objects.fields import IMMUTABLE, Errors, shown
from k3py.objects.service_addresses import ServiceRanges
from k3py.store.records import Record
from k3py.store.store import Store

MayUse = Callable[[User, str], bool]
"""Whether a user has the verb ``use`` on the VPC of a name."""

VPC_LABEL_PATH: Final = f"metadata.labels[{VPC_LABEL}]"
SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"
_Workload = core_v1.Pod | core_v1.Service
_Templated = (
    apps_v1.Deployment
    | apps_v1.ReplicaSet
    | apps_v1.StatefulSet
    | apps_v1.DaemonSet
    | batch_v1.Job
    | batch_v1.CronJob
    | core_v1.ReplicationController
)


def masters_may_use(user: User, vpc: str) -> bool:
    """The answer while nobody else is asked: administrators and controllers."""
    del vpc
    return MASTERS in user.groups


class VpcAdmission:
    """Asks the store; changes only the label of the object that is being written."""

    def __init__(self, store: Store, ranges: ServiceRanges, may_use: MayUse) -> None:
        self._store = store
        self._ranges = ranges
        self._may_use = may_use

    def create(self, kind: Kind, namespace: str, new: Any, user: User) -> None:
        """Complete and admit a new object.

        Raises:
            Forbidden: the VPC is not there, is going, does not admit the namespace, or the user may not use it.
        """
        if isinstance(new, _Workload):
            self._place(kind, namespace, new, user)
        elif isinstance(new, discovery_v1.EndpointSlice):
            self._place_slice(kind, namespace, new, user)
        elif isinstance(new, core_v1.Namespace):
            if named := new.metadata.labels.get(VPC_LABEL, ""):
                self._admit_namespace(kind, new, named, user)
        elif isinstance(new, _Templated):
            self._check_use(kind, new, _of_template(new), user, self._label_of(namespace))

    def update(self, kind: Kind, new: Any, old: Any, user: User) -> None:
        """Admit a change; a client that leaves a workload's label out keeps it.

        Raises:
            Forbidden: as ``create``; a namespace that is in use moves; a VPC would get another's number.
            Invalid: a workload would move.
        """
        if isinstance(new, _Workload):
            keep_label(kind, new, old)
        elif isinstance(new, discovery_v1.EndpointSlice):
            self._move_slice(kind, new, old, user)
        elif isinstance(new, core_v1.Namespace):
            self._move_namespace(kind, new, old, user)
        elif isinstance(new, _Templated) and _of_template(new) != _of_template(old):
            self._check_use(kind, new, _of_template(new), user, self._label_of(old.metadata.namespace))
        elif isinstance(new, VPC) and new.status.vpc_id != old.status.vpc_id:
            self._check_number(kind, new)

    def delete(self, kind: Kind, obj: Any) -> None:
        """Admit a deletion.

        Raises:
            Forbidden: it is the VPC ``default``.
        """
        if isinstance(obj, VPC) and obj.metadata.name == DEFAULT_VPC:
            why = "it may not be deleted: whatever names no VPC is in it"
            raise forbidden(kind.plural, kind.group, DEFAULT_VPC, why)

    def check(self, new: Any, wrong: Errors) -> None:
        """What is wrong with a new VPC or block in view of the cluster."""
        if isinstance(new, VPC):
            self._check_range(new, wrong)
        elif isinstance(new, VPCBlock):
            self._check_block(new, wrong)

    # --- workloads ---

    def _place(self, kind: Kind, namespace: str, new: _Workload, user: User) -> None:
        labels = new.metadata.labels
        own = self._label_of(namespace)
        named = labels.get(VPC_LABEL, "")
        if not named:
            if isinstance(new, core_v1.Pod) and new.spec.host_network:
                return  # it has its node's addresses
            if own:
                labels[VPC_LABEL] = own
            named = own or DEFAULT_VPC
        else:
            self._check_use(kind, new, named, user, own)
        vpc = self._living(kind, new.metadata.name, named)
        if vpc is not None:
            self._check_admits(kind, new.metadata.name, vpc, namespace, own)

    def _place_slice(self, kind: Kind, namespace: str, new: discovery_v1.EndpointSlice, user: User) -> None:
        labels = new.metadata.labels
        if labels.get(VPC_LABEL):
            self._check_use(kind, new, labels[VPC_LABEL], user, self._label_of(namespace))
            return
        service = self._store.latest("services", namespace, labels.get(SERVICE_NAME_LABEL, ""))
        if named := _label(service) if service else self._label_of(namespace):
            labels[VPC_LABEL] = named

    def _move_slice(
        self, kind: Kind, new: discovery_v1.EndpointSlice, old: discovery_v1.EndpointSlice, user: User
    ) -> None:
        before, labels = old.metadata.labels.get(VPC_LABEL), new.metadata.labels
        if before and not labels.get(VPC_LABEL):
            labels[VPC_LABEL] = before
        elif (labels.get(VPC_LABEL) or DEFAULT_VPC) != (before or DEFAULT_VPC):
            self._check_use(kind, new, labels.get(VPC_LABEL, ""), user, self._label_of(old.metadata.namespace))

    def _label_of(self, namespace: str) -> str:
        record = self._store.latest("namespaces", "", namespace)
        return _label(record) if record is not None else ""

    def _check_use(self, kind: Kind, obj: Any, vpc: str, user: User, of_namespace: str = "") -> None:
        if vpc in ("", DEFAULT_VPC, of_namespace) or self._may_use(user, vpc):
            return
        why = f'user "{user.name}" cannot {USE_VERB} VPC "{vpc}": that needs the verb "{USE_VERB}" on {_resource(vpc)}'
        raise forbidden(kind.plural, kind.group, obj.metadata.name, why)

    def _living(self, kind: Kind, name: str, named: str) -> VPC | None:
        """The VPC; None for a ``default`` that is still on its way.

        Raises:
            Forbidden: it is not there, or is being deleted.
        """
        record = self._store.latest("vpcs", "", named)
        if record is None:
            if named == DEFAULT_VPC:
                return None
            raise forbidden(kind.plural, kind.group, name, f'VPC "{named}" not found')
        vpc = codec.decode(VPC, record.raw)
        if vpc.metadata.deletion_timestamp is not None:
            raise forbidden(kind.plural, kind.group, name, f'VPC "{named}" is being deleted')
        return vpc

    def _check_admits(self, kind: Kind, name: str, vpc: VPC, namespace: str, own: str) -> None:
        named, selector = vpc.metadata.name, vpc.spec.allowed_namespaces
        if selector is None:
            if own != named:
                why = (
                    f'VPC "{named}" does not admit namespace "{namespace}": without spec.allowedNamespaces only'
                    f" namespaces labelled {VPC_LABEL}={named} are"
                )
                raise forbidden(kind.plural, kind.group, name, why)
            return
        record = self._store.latest("namespaces", "", namespace)
        if record is None or not from_struct(selector).matches(record.labels):
            raise _not_selected(kind, name, named, namespace)

    # --- namespaces ---

    def _admit_namespace(self, kind: Kind, new: core_v1.Namespace, named: str, user: User) -> None:
        name = new.metadata.name
        self._check_use(kind, new, named, user)
        vpc = self._living(kind, name, named)
        selector = vpc.spec.allowed_namespaces if vpc is not None else None
        if selector is not None and not from_struct(selector).matches(new.metadata.labels):
            raise _not_selected(kind, name, named, name)

    def _move_namespace(self, kind: Kind, new: core_v1.Namespace, old: core_v1.Namespace, user: User) -> None:
        after, before = new.metadata.labels.get(VPC_LABEL, ""), old.metadata.labels.get(VPC_LABEL, "")
        if after == before:
            return
        name = old.metadata.name
        if (after or DEFAULT_VPC) != (before or DEFAULT_VPC):
            for plural in ("pods", "services"):
                if found := sum(1 for _ in self._store.list_latest(plural, name)):
                    why = f"label {VPC_LABEL} cannot change while the namespace has {plural} ({found})"
                    raise forbidden(kind.plural, kind.group, name, why)
        if after:
            self._admit_namespace(kind, new, after, user)

    # --- VPCs and blocks ---

    def _check_range(self, new: VPC, wrong: Errors) -> None:
        parsed = network(new.spec.cidr)
        if parsed is not None and parsed.overlaps(self._ranges.cluster_ips):
            detail = f"may not overlap {self._ranges.cluster_ips} (addresses of services)"
            wrong.invalid("spec.cidr", new.spec.cidr, detail)

    def _check_number(self, kind: Kind, new: VPC) -> None:
        """Two VPCs of one number would be one network."""
        name, number = new.metadata.name, new.status.vpc_id
        others = (codec.decode(VPC, each.raw) for each in self._store.list_latest("vpcs", "") if each.name != name)
        taken = {each.status.vpc_id: each.metadata.name for each in others} | {DEFAULT_VPC_ID: DEFAULT_VPC}
        if number and taken.get(number, name) != name:
            why = f'status.vpcID {number} is that of VPC "{taken[number]}"'
            raise forbidden(kind.plural, kind.group, name, why)

    def _check_block(self, new: VPCBlock, wrong: Errors) -> None:
        spec = new.spec
        record = self._store.latest("vpcs", "", spec.vpc)
        if record is None:
            if spec.vpc:
                wrong.not_found("spec.vpc", spec.vpc)
            return
        vpc = codec.decode(VPC, record.raw)
        whole, part = network(vpc.spec.cidr), network(spec.cidr)
        if vpc.metadata.deletion_timestamp is not None:
            wrong.forbidden("spec.vpc", "the VPC is being deleted")
        if not vpc.status.vpc_id:
            wrong.invalid("spec.vpcID", spec.vpc_id, "the VPC has no number yet: try again")
        elif spec.vpc_id != vpc.status.vpc_id:
            wrong.invalid("spec.vpcID", spec.vpc_id, f"must be {vpc.status.vpc_id}, as the VPC's status says")
        if whole is None or part is None:
            return
        if not part.subnet_of(whole):
            wrong.invalid("spec.cidr", spec.cidr, f"must lie in the VPC's range {whole}")
        if part.prefixlen != block_prefix_length(whole):
            wrong.invalid("spec.cidr", spec.cidr, f"must be a /{block_prefix_length(whole)}, as all blocks of the VPC")


def keep_label(kind: Kind, new: _Workload, old: _Workload) -> None:
    """The label stays as it was stored; one who leaves it out does not mean to take it away.

    Raises:
        Invalid: it would be another one.
    """
    before = old.metadata.labels.get(VPC_LABEL)
    after = new.metadata.labels.get(VPC_LABEL)
    if after is None and before is not None:
        new.metadata.labels[VPC_LABEL] = before
    elif (after or DEFAULT_VPC) != (before or DEFAULT_VPC):
        cause = Cause("FieldValueInvalid", f"Invalid value: {shown(after)}: {IMMUTABLE}", VPC_LABEL_PATH)
        raise invalid(kind.name, kind.group, old.metadata.name, [cause])


def _of_template(obj: _Templated) -> str:
    spec = obj.spec.job_template.spec if isinstance(obj, batch_v1.CronJob) else obj.spec
    template = spec.template
    return template.metadata.labels.get(VPC_LABEL, "") if template is not None else ""


def _label(record: Record) -> str:
    return dict(record.labels).get(VPC_LABEL, "")


def _resource(vpc: str) -> str:
    kind = KINDS.of(VPC)
    return f'{kind.plural}.{kind.group} "{vpc}"'


def _not_selected(kind: Kind, name: str, vpc: str, namespace: str) -> Forbidden:
    why = f'VPC "{vpc}" does not admit namespace "{namespace}": its spec.allowedNamespaces does not select it'
    return forbidden(kind.plural, kind.group, name, why)
