"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from typing import Any
from msgspec import field
from k3py.model.generated import core_v1, meta_v1
from k3py.model.struct import Int32, Int64, IntOrString, Wire, empty_string, null, zero_int


class RollingUpdateDeployment(Wire):
    """io.k8s.api.apps.v1.RollingUpdateDeployment"""

    max_unavailable: IntOrString | None = None
    max_surge: IntOrString | None = None


class DeploymentStrategy(Wire):
    """io.k8s.api.apps.v1.DeploymentStrategy"""

    type: str = ""
    rolling_update: RollingUpdateDeployment | None = None


class DeploymentSpec(Wire):
    """io.k8s.api.apps.v1.DeploymentSpec"""

    replicas: Int32 | None = None
    selector: meta_v1.LabelSelector | None = field(default_factory=null)
    template: core_v1.PodTemplateSpec = field(default_factory=core_v1.PodTemplateSpec)
    strategy: DeploymentStrategy = field(default_factory=DeploymentStrategy)
    min_ready_seconds: Int32 = 0
    revision_history_limit: Int32 | None = None
    paused: bool = False
    progress_deadline_seconds: Int32 | None = None


class DeploymentCondition(Wire):
    """io.k8s.api.apps.v1.DeploymentCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    last_update_time: str | None = field(default_factory=null)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class DeploymentStatus(Wire):
    """io.k8s.api.apps.v1.DeploymentStatus"""

    observed_generation: Int64 = 0
    replicas: Int32 = 0
    updated_replicas: Int32 = 0
    ready_replicas: Int32 = 0
    available_replicas: Int32 = 0
    unavailable_replicas: Int32 = 0
    terminating_replicas: Int32 | None = None
    conditions: list[DeploymentCondition] = []
    collision_count: Int32 | None = None


class Deployment(Wire):
    """io.k8s.api.apps.v1.Deployment"""

    kind: str = field(default_factory=lambda: "Deployment")
    api_version: str = field(default_factory=lambda: "apps/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: DeploymentSpec = field(default_factory=DeploymentSpec)
    status: DeploymentStatus = field(default_factory=DeploymentStatus)


class ReplicaSetSpec(Wire):
    """io.k8s.api.apps.v1.ReplicaSetSpec"""

    replicas: Int32 | None = None
    min_ready_seconds: Int32 = 0
    selector: meta_v1.LabelSelector | None = field(default_factory=null)
    template: core_v1.PodTemplateSpec = field(default_factory=core_v1.PodTemplateSpec)


class ReplicaSetCondition(Wire):
    """io.k8s.api.apps.v1.ReplicaSetCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class ReplicaSetStatus(Wire):
    """io.k8s.api.apps.v1.ReplicaSetStatus"""

    replicas: Int32 = field(default_factory=zero_int)
    fully_labeled_replicas: Int32 = 0
    ready_replicas: Int32 = 0
    available_replicas: Int32 = 0
    terminating_replicas: Int32 | None = None
    observed_generation: Int64 = 0
    conditions: list[ReplicaSetCondition] = []


class ReplicaSet(Wire):
    """io.k8s.api.apps.v1.ReplicaSet"""

    kind: str = field(default_factory=lambda: "ReplicaSet")
    api_version: str = field(default_factory=lambda: "apps/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: ReplicaSetSpec = field(default_factory=ReplicaSetSpec)
    status: ReplicaSetStatus = field(default_factory=ReplicaSetStatus)


class RollingUpdateStatefulSetStrategy(Wire):
    """io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy"""

    partition: Int32 | None = None
    max_unavailable: IntOrString | None = None


class StatefulSetUpdateStrategy(Wire):
    """io.k8s.api.apps.v1.StatefulSetUpdateStrategy"""

    type: str = ""
    rolling_update: RollingUpdateStatefulSetStrategy | None = None


class StatefulSetPersistentVolumeClaimRetentionPolicy(Wire):
    """io.k8s.api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy"""

    when_deleted: str = ""
    when_scaled: str = ""


class StatefulSetOrdinals(Wire):
    """io.k8s.api.apps.v1.StatefulSetOrdinals"""

    start: Int32 = field(default_factory=zero_int)


class StatefulSetSpec(Wire):
    """io.k8s.api.apps.v1.StatefulSetSpec"""

    replicas: Int32 | None = None
    selector: meta_v1.LabelSelector | None = field(default_factory=null)
    template: core_v1.PodTemplateSpec = field(default_factory=core_v1.PodTemplateSpec)
    volume_claim_templates: list[core_v1.PersistentVolumeClaim] = []
    service_name: str = field(default_factory=empty_string)
    pod_management_policy: str = ""
    update_strategy: StatefulSetUpdateStrategy = field(default_factory=StatefulSetUpdateStrategy)
    revision_history_limit: Int32 | None = None
    min_ready_seconds: Int32 = 0
    persistent_volume_claim_retention_policy: StatefulSetPersistentVolumeClaimRetentionPolicy | None = None
    ordinals: StatefulSetOrdinals | None = None


class StatefulSetCondition(Wire):
    """io.k8s.api.apps.v1.StatefulSetCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class StatefulSetStatus(Wire):
    """io.k8s.api.apps.v1.StatefulSetStatus"""

    observed_generation: Int64 = 0
    replicas: Int32 = field(default_factory=zero_int)
    ready_replicas: Int32 = 0
    current_replicas: Int32 = 0
    updated_replicas: Int32 = 0
    current_revision: str = ""
    update_revision: str = ""
    collision_count: Int32 | None = None
    conditions: list[StatefulSetCondition] = []
    available_replicas: Int32 = field(default_factory=zero_int)


class StatefulSet(Wire):
    """io.k8s.api.apps.v1.StatefulSet"""

    kind: str = field(default_factory=lambda: "StatefulSet")
    api_version: str = field(default_factory=lambda: "apps/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: StatefulSetSpec = field(default_factory=StatefulSetSpec)
    status: StatefulSetStatus = field(default_factory=StatefulSetStatus)


class RollingUpdateDaemonSet(Wire):
    """io.k8s.api.apps.v1.RollingUpdateDaemonSet"""

    max_unavailable: IntOrString | None = None
    max_surge: IntOrString | None = None


class DaemonSetUpdateStrategy(Wire):
    """io.k8s.api.apps.v1.DaemonSetUpdateStrategy"""

    type: str = ""
    rolling_update: RollingUpdateDaemonSet | None = None


class DaemonSetSpec(Wire):
    """io.k8s.api.apps.v1.DaemonSetSpec"""

    selector: meta_v1.LabelSelector | None = field(default_factory=null)
    template: core_v1.PodTemplateSpec = field(default_factory=core_v1.PodTemplateSpec)
    update_strategy: DaemonSetUpdateStrategy = field(default_factory=DaemonSetUpdateStrategy)
    min_ready_seconds: Int32 = 0
    revision_history_limit: Int32 | None = None


class DaemonSetCondition(Wire):
    """io.k8s.api.apps.v1.DaemonSetCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class DaemonSetStatus(Wire):
    """io.k8s.api.apps.v1.DaemonSetStatus"""

    current_number_scheduled: Int32 = field(default_factory=zero_int)
    number_misscheduled: Int32 = field(default_factory=zero_int)
    desired_number_scheduled: Int32 = field(default_factory=zero_int)
    number_ready: Int32 = field(default_factory=zero_int)
    observed_generation: Int64 = 0
    updated_number_scheduled: Int32 = 0
    number_available: Int32 = 0
    number_unavailable: Int32 = 0
    collision_count: Int32 | None = None
    conditions: list[DaemonSetCondition] = []


class DaemonSet(Wire):
    """io.k8s.api.apps.v1.DaemonSet"""

    kind: str = field(default_factory=lambda: "DaemonSet")
    api_version: str = field(default_factory=lambda: "apps/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: DaemonSetSpec = field(default_factory=DaemonSetSpec)
    status: DaemonSetStatus = field(default_factory=DaemonSetStatus)


class ControllerRevision(Wire):
    """io.k8s.api.apps.v1.ControllerRevision"""

    kind: str = field(default_factory=lambda: "ControllerRevision")
    api_version: str = field(default_factory=lambda: "apps/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    data: Any = None
    revision: Int64 = field(default_factory=zero_int)
