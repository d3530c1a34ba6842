"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import Raw, field

from k3py.model.struct import Int32, Int64, Wire, empty_string, null


class OwnerReference(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference"""

    api_version: str = field(default_factory=empty_string)
    kind: str = field(default_factory=empty_string)
    name: str = field(default_factory=empty_string)
    uid: str = field(default_factory=empty_string)
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ManagedFieldsEntry(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry"""

    manager: str = ""
    operation: str = ""
    api_version: str = ""
    time: str | None = None
    fields_type: str = ""
    fields_v1: Raw = Raw()
    subresource: str = ""


class ObjectMeta(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    self_link: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: Int64 = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: Int64 | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
    finalizers: list[str] = []
    managed_fields: list[ManagedFieldsEntry] = []


class LabelSelectorRequirement(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement"""

    key: str = field(default_factory=empty_string)
    operator: str = field(default_factory=empty_string)
    values: list[str] = []


class LabelSelector(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"""

    match_labels: dict[str, str] = {}
    match_expressions: list[LabelSelectorRequirement] = []


class Condition(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.Condition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    observed_generation: Int64 = 0
    last_transition_time: str | None = field(default_factory=null)
    reason: str = field(default_factory=empty_string)
    message: str = field(default_factory=empty_string)


class Preconditions(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions"""

    uid: str | None = None
    resource_version: str | None = None


class DeleteOptions(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"""

    grace_period_seconds: Int64 | None = None
    preconditions: Preconditions | None = None
    orphan_dependents: bool | None = None
    propagation_policy: str | None = None
    dry_run: list[str] = []
    ignore_store_read_error_with_cluster_breaking_potential: bool | None = None


class FieldSelectorRequirement(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement"""

    key: str = field(default_factory=empty_string)
    operator: str = field(default_factory=empty_string)
    values: list[str] = []


class ShardInfo(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo"""

    selector: str = field(default_factory=empty_string)


class ListMeta(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"""

    self_link: str = ""
    resource_version: str = ""
    continue_: str = ""
    remaining_item_count: Int64 | None = None
    shard_info: ShardInfo | None = None


class StatusCause(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause"""

    reason: str = ""
    message: str = ""
    field: str = ""


class StatusDetails(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails"""

    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: list[StatusCause] = []
    retry_after_seconds: Int32 = 0


class Status(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.Status"""

    metadata: ListMeta = field(default_factory=ListMeta)
    status: str = ""
    message: str = ""
    reason: str = ""
    details: StatusDetails | None = None
    code: Int32 = 0


class CreateOptions(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.CreateOptions"""

    dry_run: list[str] = []
    field_manager: str = ""
    field_validation: str = ""


class UpdateOptions(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.UpdateOptions"""

    dry_run: list[str] = []
    field_manager: str = ""
    field_validation: str = ""


class PatchOptions(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.PatchOptions"""

    dry_run: list[str] = []
    force: bool | None = None
    field_manager: str = ""
    field_validation: str = ""


class PartialObjectMetadata(Wire):
    """io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata"""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
