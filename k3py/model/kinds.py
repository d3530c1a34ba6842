"""The registry of kinds: everything the API serves, one entry each.

Routes, store keys, discovery, the command line's words and watches all come from here. A new kind is one entry plus
its columns (``api/columns``), defaults and checks (``objects/kinds``).
"""

from typing import Final

from k3py.model import metrics, vpc_v1
from k3py.model.generated import (
    apps_v1,
    authentication_v1,
    authorization_v1,
    autoscaling_v1,
    autoscaling_v2,
    batch_v1,
    certificates_v1,
    coordination_v1,
    core_v1,
    discovery_v1,
    events_v1,
    networking_v1,
    node_v1,
    policy_v1,
    rbac_v1,
    scheduling_v1,
    storage_v1,
)
from k3py.model.registry import ALL_VERBS, NOT_SELECTABLE, Kind, Registry

_CREATE: Final = ("create",)
_ONE_BY_ONE: Final = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")
_ALL: Final = ("all",)
_POD_FIELDS: Final = (
    "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
    "status.phase", "status.podIP", "status.nominatedNodeName",
)  # fmt: skip
_EVENT_FIELDS: Final = (
    "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
    "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
    "reportingComponent", "source", "type",
)  # fmt: skip

_CORE: Final = (
    Kind(core_v1.Namespace, "namespaces", namespaced=False, short_names=["ns"], subresources=["finalize", "status"],
         selectable=["status.phase"], verbs=_ONE_BY_ONE),
    Kind(core_v1.Node, "nodes", namespaced=False, short_names=["no"], subresources=["proxy", "status"],
         selectable=["spec.unschedulable"]),
    Kind(core_v1.Pod, "pods", short_names=["po"], categories=_ALL, keep_generation=True,
         subresources=["attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "proxy",
                       "resize", "status"],
         selectable=_POD_FIELDS),
    Kind(core_v1.Service, "services", short_names=["svc"], categories=_ALL, subresources=["proxy", "status"],
         selectable=["spec.clusterIP", "spec.type"]),
    Kind(core_v1.Endpoints, "endpoints", short_names=["ep"]),
    Kind(core_v1.ConfigMap, "configmaps", short_names=["cm"]),
    Kind(core_v1.Secret, "secrets", selectable=["type"]),
    Kind(core_v1.ServiceAccount, "serviceaccounts", short_names=["sa"], subresources=["token"]),
    Kind(core_v1.Event, "events", short_names=["ev"], selectable=_EVENT_FIELDS),
    Kind(core_v1.PersistentVolume, "persistentvolumes", namespaced=False, short_names=["pv"],
         subresources=["status"]),
    Kind(core_v1.PersistentVolumeClaim, "persistentvolumeclaims", short_names=["pvc"], subresources=["status"]),
    Kind(core_v1.ResourceQuota, "resourcequotas", short_names=["quota"], subresources=["status"]),
    Kind(core_v1.LimitRange, "limitranges", short_names=["limits"]),
    Kind(core_v1.ReplicationController, "replicationcontrollers", short_names=["rc"], categories=_ALL,
         keep_generation=True, subresources=["scale", "status"], selectable=["status.replicas"]),
    Kind(core_v1.PodTemplate, "podtemplates", keep_generation=True),
    Kind(core_v1.Binding, "bindings", stored=False, verbs=_CREATE),
)  # fmt: skip

_WORKLOADS: Final = (
    Kind(apps_v1.Deployment, "deployments", short_names=["deploy"], categories=_ALL, keep_generation=True,
         subresources=["scale", "status"]),
    Kind(apps_v1.ReplicaSet, "replicasets", short_names=["rs"], categories=_ALL, keep_generation=True,
         subresources=["scale", "status"]),
    Kind(apps_v1.StatefulSet, "statefulsets", short_names=["sts"], categories=_ALL, keep_generation=True,
         subresources=["scale", "status"]),
    Kind(apps_v1.DaemonSet, "daemonsets", short_names=["ds"], categories=_ALL, keep_generation=True,
         subresources=["status"]),
    Kind(apps_v1.ControllerRevision, "controllerrevisions"),
    Kind(batch_v1.Job, "jobs", categories=_ALL, keep_generation=True, subresources=["status"],
         selectable=["status.successful"]),
    Kind(batch_v1.CronJob, "cronjobs", short_names=["cj"], categories=_ALL, keep_generation=True,
         subresources=["status"]),
    Kind(autoscaling_v2.HorizontalPodAutoscaler, "horizontalpodautoscalers", short_names=["hpa"], categories=_ALL,
         subresources=["status"]),
    Kind(policy_v1.PodDisruptionBudget, "poddisruptionbudgets", short_names=["pdb"], keep_generation=True,
         subresources=["status"]),
)  # fmt: skip

_NETWORK: Final = (
    Kind(networking_v1.Ingress, "ingresses", short_names=["ing"], keep_generation=True, subresources=["status"]),
    Kind(networking_v1.IngressClass, "ingressclasses", namespaced=False, keep_generation=True),
    Kind(networking_v1.NetworkPolicy, "networkpolicies", short_names=["netpol"], keep_generation=True),
    Kind(discovery_v1.EndpointSlice, "endpointslices", keep_generation=True),
    Kind(vpc_v1.VPC, "vpcs", namespaced=False, keep_generation=True, subresources=["status"]),
    Kind(vpc_v1.VPCBlock, "vpcblocks", namespaced=False, keep_generation=True,
         selectable=["spec.nodeName", "spec.vpc"]),
)  # fmt: skip

_CLUSTER: Final = (
    Kind(rbac_v1.Role, "roles"),
    Kind(rbac_v1.RoleBinding, "rolebindings"),
    Kind(rbac_v1.ClusterRole, "clusterroles", namespaced=False),
    Kind(rbac_v1.ClusterRoleBinding, "clusterrolebindings", namespaced=False),
    Kind(coordination_v1.Lease, "leases"),
    Kind(scheduling_v1.PriorityClass, "priorityclasses", namespaced=False, short_names=["pc"]),
    Kind(storage_v1.StorageClass, "storageclasses", namespaced=False, short_names=["sc"]),
    Kind(node_v1.RuntimeClass, "runtimeclasses", namespaced=False),
    Kind(certificates_v1.CertificateSigningRequest, "certificatesigningrequests", namespaced=False,
         short_names=["csr"], subresources=["approval", "status"], selectable=["spec.signerName"]),
)  # fmt: skip

_REVIEWS: Final = (
    Kind(authentication_v1.TokenReview, "tokenreviews", namespaced=False, stored=False, verbs=_CREATE),
    Kind(authentication_v1.SelfSubjectReview, "selfsubjectreviews", namespaced=False, stored=False, verbs=_CREATE),
    Kind(authorization_v1.SubjectAccessReview, "subjectaccessreviews", namespaced=False, stored=False, verbs=_CREATE),
    Kind(authorization_v1.LocalSubjectAccessReview, "localsubjectaccessreviews", stored=False, verbs=_CREATE),
    Kind(authorization_v1.SelfSubjectAccessReview, "selfsubjectaccessreviews", namespaced=False, stored=False,
         verbs=_CREATE),
    Kind(authorization_v1.SelfSubjectRulesReview, "selfsubjectrulesreviews", namespaced=False, stored=False,
         verbs=_CREATE),
)  # fmt: skip

_METRICS: Final = (
    Kind(metrics.NodeMetrics, "nodes", namespaced=False, stored=False, verbs=("get", "list"), nameless=True),
    Kind(metrics.PodMetrics, "pods", stored=False, verbs=("get", "list"), nameless=True),
)

_VIEWS: Final = (
    Kind(autoscaling_v1.HorizontalPodAutoscaler, "horizontalpodautoscalers", short_names=["hpa"], categories=_ALL,
         subresources=["status"], stored=False, view_of=autoscaling_v2.HorizontalPodAutoscaler),
    Kind(events_v1.Event, "events", short_names=["ev"], stored=False, view_of=core_v1.Event,
         selectable=["regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid",
                     "regarding.apiVersion", "regarding.resourceVersion", "regarding.fieldPath", "reason",
                     "reportingController", NOT_SELECTABLE, "type"]),
)  # fmt: skip

KINDS: Final = Registry(*_CORE, *_WORKLOADS, *_NETWORK, *_CLUSTER, *_REVIEWS, *_METRICS, *_VIEWS)
