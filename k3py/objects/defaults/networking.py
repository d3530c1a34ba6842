"""Defaults of ingress classes, network policies and endpoint slices.

Source: Kubernetes ``pkg/apis/networking/v1/defaults.go``, ``pkg/apis/discovery/v1/defaults.go`` and the strategies.
"""

from k3py.model.generated import discovery_v1, networking_v1


def ingress_class(obj: networking_v1.IngressClass) -> None:
    """Parameters are the cluster's."""
    if obj.spec.parameters is not None and obj.spec.parameters.scope is None:
        obj.spec.parameters.scope = "Cluster"


def network_policy(obj: networking_v1.NetworkPolicy) -> None:
    """Ports are TCP; a policy is about what comes in, and about what goes out when it says something of that."""
    spec = obj.spec
    ports = [port for rule in spec.ingress for port in rule.ports]
    ports += [port for rule in spec.egress for port in rule.ports]
    for port in ports:
        if port.protocol is None:
            port.protocol = "TCP"
    if not spec.policy_types:
        spec.policy_types = ["Ingress", "Egress"] if spec.egress else ["Ingress"]


def endpoint_slice(obj: discovery_v1.EndpointSlice) -> None:
    """Ports are TCP and have a name, if only an empty one."""
    for port in obj.ports:
        if port.name is None:
            port.name = ""
        if port.protocol is None:
            port.protocol = "TCP"


def new_endpoint_slice(obj: discovery_v1.EndpointSlice) -> None:
    """What an older version of the API knew of an endpoint's place is not taken any more."""
    for endpoint in obj.endpoints:
        endpoint.deprecated_topology = {}


def changed_endpoint_slice(new: discovery_v1.EndpointSlice, old: discovery_v1.EndpointSlice) -> None:
    """As of a new one, when the endpoints change at all."""
    if new.endpoints != old.endpoints:
        new_endpoint_slice(new)


def endpoint_slice_moves(new: discovery_v1.EndpointSlice, old: discovery_v1.EndpointSlice) -> bool:
    """An EndpointSlice has no spec: its labels, endpoints and ports count."""
    return (new.metadata.labels, new.address_type, new.endpoints, new.ports) != (
        old.metadata.labels, old.address_type, old.endpoints, old.ports,
    )  # fmt: skip
