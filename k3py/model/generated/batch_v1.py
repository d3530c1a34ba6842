"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import core_v1, meta_v1
from k3py.model.struct import Int32, Int64, Wire, empty_list, empty_string, null


class PodFailurePolicyOnExitCodesRequirement(Wire):
    """io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement"""

    container_name: str | None = None
    operator: str = field(default_factory=empty_string)
    values: list[Int32] = field(default_factory=empty_list)


class PodFailurePolicyOnPodConditionsPattern(Wire):
    """io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)


class PodFailurePolicyRule(Wire):
    """io.k8s.api.batch.v1.PodFailurePolicyRule"""

    action: str = field(default_factory=empty_string)
    on_exit_codes: PodFailurePolicyOnExitCodesRequirement | None = None
    on_pod_conditions: list[PodFailurePolicyOnPodConditionsPattern] = []


class PodFailurePolicy(Wire):
    """io.k8s.api.batch.v1.PodFailurePolicy"""

    rules: list[PodFailurePolicyRule] = field(default_factory=empty_list)


class SuccessPolicyRule(Wire):
    """io.k8s.api.batch.v1.SuccessPolicyRule"""

    succeeded_indexes: str | None = None
    succeeded_count: Int32 | None = None


class SuccessPolicy(Wire):
    """io.k8s.api.batch.v1.SuccessPolicy"""

    rules: list[SuccessPolicyRule] = field(default_factory=empty_list)


class JobSpec(Wire):
    """io.k8s.api.batch.v1.JobSpec"""

    parallelism: Int32 | None = None
    completions: Int32 | None = None
    active_deadline_seconds: Int64 | None = None
    pod_failure_policy: PodFailurePolicy | None = None
    success_policy: SuccessPolicy | None = None
    backoff_limit: Int32 | None = None
    backoff_limit_per_index: Int32 | None = None
    max_failed_indexes: Int32 | None = None
    selector: meta_v1.LabelSelector | None = None
    manual_selector: bool | None = None
    template: core_v1.PodTemplateSpec = field(default_factory=core_v1.PodTemplateSpec)
    ttl_seconds_after_finished: Int32 | None = None
    completion_mode: str | None = None
    suspend: bool | None = None
    pod_replacement_policy: str | None = None
    managed_by: str | None = None


class JobCondition(Wire):
    """io.k8s.api.batch.v1.JobCondition"""

    type: str = field(default_factory=empty_string)
    status: str = field(default_factory=empty_string)
    last_probe_time: str | None = field(default_factory=null)
    last_transition_time: str | None = field(default_factory=null)
    reason: str = ""
    message: str = ""


class UncountedTerminatedPods(Wire):
    """io.k8s.api.batch.v1.UncountedTerminatedPods"""

    succeeded: list[str] = []
    failed: list[str] = []


class JobStatus(Wire):
    """io.k8s.api.batch.v1.JobStatus"""

    conditions: list[JobCondition] = []
    start_time: str | None = None
    completion_time: str | None = None
    active: Int32 = 0
    succeeded: Int32 = 0
    failed: Int32 = 0
    terminating: Int32 | None = None
    completed_indexes: str = ""
    failed_indexes: str | None = None
    uncounted_terminated_pods: UncountedTerminatedPods | None = None
    ready: Int32 | None = None


class Job(Wire):
    """io.k8s.api.batch.v1.Job"""

    kind: str = field(default_factory=lambda: "Job")
    api_version: str = field(default_factory=lambda: "batch/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: JobSpec = field(default_factory=JobSpec)
    status: JobStatus = field(default_factory=JobStatus)


class JobTemplateSpec(Wire):
    """io.k8s.api.batch.v1.JobTemplateSpec"""

    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: JobSpec = field(default_factory=JobSpec)


class CronJobSpec(Wire):
    """io.k8s.api.batch.v1.CronJobSpec"""

    schedule: str = field(default_factory=empty_string)
    time_zone: str | None = None
    starting_deadline_seconds: Int64 | None = None
    concurrency_policy: str = ""
    suspend: bool | None = None
    job_template: JobTemplateSpec = field(default_factory=JobTemplateSpec)
    successful_jobs_history_limit: Int32 | None = None
    failed_jobs_history_limit: Int32 | None = None


class CronJobStatus(Wire):
    """io.k8s.api.batch.v1.CronJobStatus"""

    active: list[core_v1.ObjectReference] = []
    last_schedule_time: str | None = None
    last_successful_time: str | None = None


class CronJob(Wire):
    """io.k8s.api.batch.v1.CronJob"""

    kind: str = field(default_factory=lambda: "CronJob")
    api_version: str = field(default_factory=lambda: "batch/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: CronJobSpec = field(default_factory=CronJobSpec)
    status: CronJobStatus = field(default_factory=CronJobStatus)
