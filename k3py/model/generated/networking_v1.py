"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import core_v1, meta_v1
from k3py.model.struct import Int32, IntOrString, Wire, empty_list, empty_string, null, zero_int


class ServiceBackendPort(Wire):
    """io.k8s.api.networking.v1.ServiceBackendPort"""

    name: str = ""
    number: Int32 = 0


class IngressServiceBackend(Wire):
    """io.k8s.api.networking.v1.IngressServiceBackend"""

    name: str = field(default_factory=empty_string)
    port: ServiceBackendPort = field(default_factory=ServiceBackendPort)


class IngressBackend(Wire):
    """io.k8s.api.networking.v1.IngressBackend"""

    service: IngressServiceBackend | None = None
    resource: core_v1.TypedLocalObjectReference | None = None


class IngressTLS(Wire):
    """io.k8s.api.networking.v1.IngressTLS"""

    hosts: list[str] = []
    secret_name: str = ""


class HTTPIngressPath(Wire):
    """io.k8s.api.networking.v1.HTTPIngressPath"""

    path: str = ""
    path_type: str | None = field(default_factory=null)
    backend: IngressBackend = field(default_factory=IngressBackend)


class HTTPIngressRuleValue(Wire):
    """io.k8s.api.networking.v1.HTTPIngressRuleValue"""

    paths: list[HTTPIngressPath] = field(default_factory=empty_list)


class IngressRuleValue(Wire):
    """io.k8s.api.networking.v1.IngressRuleValue"""

    http: HTTPIngressRuleValue | None = None


class IngressRule(Wire):
    """io.k8s.api.networking.v1.IngressRule"""

    host: str = ""
    http: HTTPIngressRuleValue | None = None


class IngressSpec(Wire):
    """io.k8s.api.networking.v1.IngressSpec"""

    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    tls: list[IngressTLS] = []
    rules: list[IngressRule] = []


class IngressPortStatus(Wire):
    """io.k8s.api.networking.v1.IngressPortStatus"""

    port: Int32 = field(default_factory=zero_int)
    protocol: str = field(default_factory=empty_string)
    error: str | None = None


class IngressLoadBalancerIngress(Wire):
    """io.k8s.api.networking.v1.IngressLoadBalancerIngress"""

    ip: str = ""
    hostname: str = ""
    ports: list[IngressPortStatus] = []


class IngressLoadBalancerStatus(Wire):
    """io.k8s.api.networking.v1.IngressLoadBalancerStatus"""

    ingress: list[IngressLoadBalancerIngress] = []


class IngressStatus(Wire):
    """io.k8s.api.networking.v1.IngressStatus"""

    load_balancer: IngressLoadBalancerStatus = field(default_factory=IngressLoadBalancerStatus)


class Ingress(Wire):
    """io.k8s.api.networking.v1.Ingress"""

    kind: str = field(default_factory=lambda: "Ingress")
    api_version: str = field(default_factory=lambda: "networking.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: IngressSpec = field(default_factory=IngressSpec)
    status: IngressStatus = field(default_factory=IngressStatus)


class IngressClassParametersReference(Wire):
    """io.k8s.api.networking.v1.IngressClassParametersReference"""

    api_group: str | None = None
    kind: str = field(default_factory=empty_string)
    name: str = field(default_factory=empty_string)
    scope: str | None = field(default_factory=null)
    namespace: str | None = None


class IngressClassSpec(Wire):
    """io.k8s.api.networking.v1.IngressClassSpec"""

    controller: str = ""
    parameters: IngressClassParametersReference | None = None


class IngressClass(Wire):
    """io.k8s.api.networking.v1.IngressClass"""

    kind: str = field(default_factory=lambda: "IngressClass")
    api_version: str = field(default_factory=lambda: "networking.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: IngressClassSpec = field(default_factory=IngressClassSpec)


class NetworkPolicyPort(Wire):
    """io.k8s.api.networking.v1.NetworkPolicyPort"""

    protocol: str | None = None
    port: IntOrString | None = None
    end_port: Int32 | None = None


class IPBlock(Wire):
    """io.k8s.api.networking.v1.IPBlock"""

    cidr: str = field(default_factory=empty_string)
    except_: list[str] = []


class NetworkPolicyPeer(Wire):
    """io.k8s.api.networking.v1.NetworkPolicyPeer"""

    pod_selector: meta_v1.LabelSelector | None = None
    namespace_selector: meta_v1.LabelSelector | None = None
    ip_block: IPBlock | None = None


class NetworkPolicyIngressRule(Wire):
    """io.k8s.api.networking.v1.NetworkPolicyIngressRule"""

    ports: list[NetworkPolicyPort] = []
    from_: list[NetworkPolicyPeer] = []


class NetworkPolicyEgressRule(Wire):
    """io.k8s.api.networking.v1.NetworkPolicyEgressRule"""

    ports: list[NetworkPolicyPort] = []
    to: list[NetworkPolicyPeer] = []


class NetworkPolicySpec(Wire):
    """io.k8s.api.networking.v1.NetworkPolicySpec"""

    pod_selector: meta_v1.LabelSelector = field(default_factory=meta_v1.LabelSelector)
    ingress: list[NetworkPolicyIngressRule] = []
    egress: list[NetworkPolicyEgressRule] = []
    policy_types: list[str] = []


class NetworkPolicy(Wire):
    """io.k8s.api.networking.v1.NetworkPolicy"""

    kind: str = field(default_factory=lambda: "NetworkPolicy")
    api_version: str = field(default_factory=lambda: "networking.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    spec: NetworkPolicySpec = field(default_factory=NetworkPolicySpec)
