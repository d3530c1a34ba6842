"""Generated from Kubernetes 1.36 by tools/generate_model.py; do not edit."""

from msgspec import field
from k3py.model.generated import core_v1, meta_v1
from k3py.model.struct import Int32, Wire, empty_list, empty_string


class EndpointConditions(Wire):
    """io.k8s.api.discovery.v1.EndpointConditions"""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ForZone(Wire):
    """io.k8s.api.discovery.v1.ForZone"""

    name: str = field(default_factory=empty_string)


class ForNode(Wire):
    """io.k8s.api.discovery.v1.ForNode"""

    name: str = field(default_factory=empty_string)


class EndpointHints(Wire):
    """io.k8s.api.discovery.v1.EndpointHints"""

    for_zones: list[ForZone] = []
    for_nodes: list[ForNode] = []


class Endpoint(Wire):
    """io.k8s.api.discovery.v1.Endpoint"""

    addresses: list[str] = field(default_factory=empty_list)
    conditions: EndpointConditions = field(default_factory=EndpointConditions)
    hostname: str | None = None
    target_ref: core_v1.ObjectReference | None = None
    deprecated_topology: dict[str, str] = {}
    node_name: str | None = None
    zone: str | None = None
    hints: EndpointHints | None = None


class EndpointPort(Wire):
    """io.k8s.api.discovery.v1.EndpointPort"""

    name: str | None = None
    protocol: str | None = None
    port: Int32 | None = None
    app_protocol: str | None = None


class EndpointSlice(Wire):
    """io.k8s.api.discovery.v1.EndpointSlice"""

    kind: str = field(default_factory=lambda: "EndpointSlice")
    api_version: str = field(default_factory=lambda: "discovery.k8s.io/v1")
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    address_type: str = field(default_factory=empty_string)
    endpoints: list[Endpoint] = field(default_factory=empty_list)
    ports: list[EndpointPort] = field(default_factory=empty_list)
