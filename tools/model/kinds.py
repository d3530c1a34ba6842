"""Which Kubernetes definitions get Struct classes: kinds that are or will be served; what they refer to follows."""

API = "k8s.io/api/"
META = "k8s.io/apimachinery/pkg/apis/meta/v1."

ROOTS: dict[str, list[str]] = {
    "core/v1": [
        "Namespace", "Node", "Pod", "Service", "Endpoints", "ConfigMap", "Secret", "ServiceAccount", "Event",
        "PersistentVolume", "PersistentVolumeClaim", "ResourceQuota", "LimitRange", "ReplicationController",
        "PodTemplate", "Binding", "PodLogOptions", "PodExecOptions", "PodAttachOptions", "PodPortForwardOptions",
        "PodProxyOptions", "ServiceProxyOptions", "NodeProxyOptions",
    ],
    "apps/v1": ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ControllerRevision"],
    "batch/v1": ["Job", "CronJob"],
    "autoscaling/v1": ["Scale", "HorizontalPodAutoscaler"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "policy/v1": ["PodDisruptionBudget", "Eviction"],
    "networking/v1": ["Ingress", "IngressClass", "NetworkPolicy"],
    "discovery/v1": ["EndpointSlice"],
    "rbac/v1": ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"],
    "authentication/v1": ["TokenReview", "TokenRequest", "SelfSubjectReview"],
    "authorization/v1": [
        "SelfSubjectAccessReview", "LocalSubjectAccessReview", "SubjectAccessReview", "SelfSubjectRulesReview",
    ],
    "coordination/v1": ["Lease"],
    "events/v1": ["Event"],
    "scheduling/v1": ["PriorityClass"],
    "storage/v1": ["StorageClass"],
    "node/v1": ["RuntimeClass"],
    "certificates/v1": ["CertificateSigningRequest"],
}  # fmt: skip

META_ROOTS = ["ObjectMeta", "ListMeta", "Status", "DeleteOptions", "LabelSelector", "CreateOptions", "UpdateOptions",
              "PatchOptions", "PartialObjectMetadata"]  # fmt: skip


def go_roots() -> list[str]:
    """Full Go names of all roots."""
    kinds = [f"{API}{group}.{kind}" for group, names in ROOTS.items() for kind in names]
    return kinds + [META + name for name in META_ROOTS]


def schema_roots() -> list[str]:
    """Definitions that OpenAPI documents need: the roots, lists of them, and what the API itself speaks. Those that the
    published document does not have (lists of kinds that nobody lists) are passed over by who reads this."""
    kinds = [definition_name(name) for name in go_roots()]
    lists = [f"{name}List" for name in kinds if name.startswith("io.k8s.api.")]
    meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
    return [*kinds, *lists, *(meta + name for name in ("APIResourceList", "Patch", "WatchEvent"))]


def definition_name(go_name: str) -> str:
    """``k8s.io/api/core/v1.Pod`` -> ``io.k8s.api.core.v1.Pod``, as the OpenAPI documents call it."""
    package, _, name = go_name.rpartition(".")
    host, _, rest = package.partition("/")
    return ".".join([*reversed(host.split(".")), *rest.split("/"), name])
