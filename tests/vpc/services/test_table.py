"""Which backends a service has, by Kubernetes' rules."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from k3py.model.generated import core_v1, discovery_v1
from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.model.vpc_v1 import VPC_LABEL
from k3py.vpc.services.table import AFFINITY_SECONDS_DEFAULT, SERVICE_NAME, service_ports
from k3py.vpc.wanted import Backend, Protocol, ServicePort

CIDR = IPv4Network("10.43.0.0/16")
VPCS = {"default": 1, "blue": 7}
NODE = "n1"
Conditions = discovery_v1.EndpointConditions


def made_service(name: str = "web", vpc: str = "default", status: Any = None, **spec: Any) -> core_v1.Service:
    ports = [core_v1.ServicePort(name="http", port=80, protocol="TCP")]
    return core_v1.Service(
        metadata=ObjectMeta(name=name, namespace="shop", labels={VPC_LABEL: vpc}),
        spec=core_v1.ServiceSpec(**{"cluster_ip": "10.43.0.50", "type": "ClusterIP", "ports": ports, **spec}),
        status=status or core_v1.ServiceStatus(),
    )


def endpoint(
    address: str, ready: bool | None = True, ending: bool = False, node: str = NODE, serving: bool | None = None
) -> discovery_v1.Endpoint:
    if serving is None:
        serving = bool(ready) or ending
    conditions = Conditions(ready=ready, serving=serving, terminating=ending)
    return discovery_v1.Endpoint(addresses=[address], conditions=conditions, node_name=node)


def made_slice(*endpoints: discovery_v1.Endpoint, vpc: str = "default", **more: Any) -> discovery_v1.EndpointSlice:
    labels = {SERVICE_NAME: "web", VPC_LABEL: vpc}
    ports = [discovery_v1.EndpointPort(name="http", protocol="TCP", port=8080)]
    return discovery_v1.EndpointSlice(
        **{
            "metadata": ObjectMeta(name="web-1", namespace="shop", labels=labels),
            "address_type": "IPv4",
            "endpoints": list(endpoints),
            "ports": ports,
            **more,
        },
    )


def ports_of(service: core_v1.Service, *slices: discovery_v1.EndpointSlice) -> list[ServicePort]:
    return service_ports([service], slices, VPCS, NODE, CIDR)


def backends(*addresses: str, port: int = 8080) -> tuple[Backend, ...]:
    return tuple(Backend(IPv4Address(each), port) for each in addresses)


def test_a_service_as_most_are():
    (port,) = ports_of(made_service(), made_slice(endpoint("10.42.0.6"), endpoint("10.42.0.5")))
    assert port == ServicePort(
        vpc=1,
        name="shop/web:http",
        protocol=Protocol.TCP,
        port=80,
        addresses=(IPv4Address("10.43.0.50"),),
        backends=backends("10.42.0.5", "10.42.0.6"),
        local_backends=backends("10.42.0.5", "10.42.0.6"),
    )


HERE, AWAY, ENDING = endpoint("10.42.0.1"), endpoint("10.42.0.2", node="n2"), endpoint("10.42.0.3", False, True)
ENDING_AWAY, FAILING = endpoint("10.42.0.4", False, True, "n2"), endpoint("10.42.0.5", False)
UNSAID = discovery_v1.Endpoint(addresses=["10.42.0.6"], node_name=NODE)
DEAD = endpoint("10.42.0.7", False, True, serving=False)


@pytest.mark.parametrize(
    ("spec", "endpoints", "everywhere", "local"),
    [
        ({}, [HERE, AWAY, ENDING, FAILING], ["10.42.0.1", "10.42.0.2"], ["10.42.0.1"]),
        ({}, [ENDING, ENDING_AWAY, FAILING, DEAD], ["10.42.0.3", "10.42.0.4"], ["10.42.0.3"]),
        ({}, [AWAY, ENDING], ["10.42.0.2"], ["10.42.0.3"]),
        ({}, [FAILING, DEAD], [], []),
        ({}, [UNSAID], ["10.42.0.6"], ["10.42.0.6"]),
        ({}, [HERE, HERE], ["10.42.0.1"], ["10.42.0.1"]),
        ({"internal_traffic_policy": "Local"}, [HERE, AWAY], ["10.42.0.1"], ["10.42.0.1"]),
        ({"internal_traffic_policy": "Local"}, [AWAY], [], []),
        ({"internal_traffic_policy": "Cluster"}, [AWAY], ["10.42.0.2"], []),
    ],
)
def test_who_is_a_backend(spec, endpoints, everywhere, local):
    (port,) = ports_of(made_service(**spec), made_slice(*endpoints))
    assert (port.backends, port.local_backends) == (backends(*everywhere), backends(*local))


def test_endpoints_of_all_slices_count_but_not_another_vpcs_or_families_or_services():
    others = [
        made_slice(endpoint("10.42.0.6"), metadata=ObjectMeta(namespace="else", labels={SERVICE_NAME: "web"})),
        made_slice(endpoint("10.42.0.7"), metadata=ObjectMeta(namespace="shop", labels={SERVICE_NAME: "web2"})),
    ]
    slices = [
        made_slice(endpoint("10.42.0.1")),
        made_slice(endpoint("10.42.0.2")),
        made_slice(endpoint("10.42.0.3"), vpc="blue"),
        made_slice(endpoint("fd00::1"), address_type="IPv6"),
        made_slice(endpoint("example.org"), address_type="FQDN"),
    ]
    for each in others:
        each.metadata.labels[VPC_LABEL] = "default"
    (port,) = ports_of(made_service(), *slices, *others)
    assert port.backends == backends("10.42.0.1", "10.42.0.2")


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.1.1", "0.0.0.0", "224.0.0.1", "nonsense", "fd00::1"])
def test_addresses_that_are_no_machine_are_no_backends(address):
    (port,) = ports_of(made_service(external_ips=[address]), made_slice(endpoint(address)))
    assert (port.backends, len(port.addresses)) == ((), 1)


def test_ports_belong_together_by_name_and_protocol():
    spec_ports = [
        core_v1.ServicePort(name="dns", port=53, protocol="UDP"),
        core_v1.ServicePort(name="dns-tcp", port=53, protocol="TCP"),
        core_v1.ServicePort(name="bulk", port=54, protocol="SCTP"),
        core_v1.ServicePort(name="away", port=55, protocol="TCP"),
    ]
    slice_ports = [
        discovery_v1.EndpointPort(name="dns", protocol="UDP", port=5353),
        discovery_v1.EndpointPort(name="dns-tcp", protocol="TCP", port=5354),
        discovery_v1.EndpointPort(name="away", protocol="UDP", port=5355),
        discovery_v1.EndpointPort(name="away", protocol="TCP"),
    ]
    found = ports_of(made_service(ports=spec_ports), made_slice(endpoint("10.42.0.1"), ports=slice_ports))
    assert [(each.name, each.protocol, each.backends) for each in found] == [
        ("shop/web:dns", Protocol.UDP, backends("10.42.0.1", port=5353)),
        ("shop/web:dns-tcp", Protocol.TCP, backends("10.42.0.1", port=5354)),
        ("shop/web:away", Protocol.TCP, ()),
    ]


def test_a_named_target_port_may_differ_from_pod_to_pod():
    slices = [
        made_slice(
            endpoint(f"10.42.0.{number}"),
            ports=[discovery_v1.EndpointPort(name="http", protocol="TCP", port=number * 1000)],
        )
        for number in (1, 2)
    ]
    (port,) = ports_of(made_service(), *slices)
    assert port.backends == (*backends("10.42.0.1", port=1000), *backends("10.42.0.2", port=2000))


def test_a_port_without_name():
    service = made_service(ports=[core_v1.ServicePort(port=80)])
    (port,) = ports_of(service, made_slice(endpoint("10.42.0.1"), ports=[discovery_v1.EndpointPort(port=8080)]))
    assert (port.name, port.backends) == ("shop/web:80", backends("10.42.0.1"))


@pytest.mark.parametrize(
    "spec",
    [
        {"cluster_ip": "None"},
        {"cluster_ip": ""},
        {"cluster_ip": "fd00::1"},
        {"type": "ExternalName", "cluster_ip": "10.43.0.50", "external_name": "example.org"},
        {"cluster_ip": "10.43.0.1"},
        {"cluster_ip": "10.43.0.10"},
        {"vpc": "unknown"},
    ],
)
def test_what_is_not_resolved_at_the_socket(spec):
    assert ports_of(made_service(**spec), made_slice(endpoint("10.42.0.1"))) == []


def test_the_vpc_is_the_services_label():
    (port,) = ports_of(made_service(vpc="blue"), made_slice(endpoint("10.42.0.1"), vpc="blue"))
    assert (port.vpc, port.backends) == (7, backends("10.42.0.1"))
    service = made_service()
    service.metadata.labels = {}
    (port,) = ports_of(service, made_slice(endpoint("10.42.0.1")))
    assert (port.vpc, port.backends) == (1, backends("10.42.0.1"))


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        (None, AFFINITY_SECONDS_DEFAULT),
        (core_v1.SessionAffinityConfig(), AFFINITY_SECONDS_DEFAULT),
        (core_v1.SessionAffinityConfig(client_ip=core_v1.ClientIPConfig(timeout_seconds=7)), 7),
    ],
)
def test_session_affinity(config, seconds):
    (port,) = ports_of(made_service(session_affinity="ClientIP", session_affinity_config=config))
    assert port.affinity_seconds == seconds
    (port,) = ports_of(made_service(session_affinity="None", session_affinity_config=config))
    assert port.affinity_seconds == 0


def test_node_ports_and_addresses_from_outside():
    ingress = [
        core_v1.LoadBalancerIngress(ip="192.0.2.1"),
        core_v1.LoadBalancerIngress(ip="192.0.2.2", ip_mode="Proxy"),
        core_v1.LoadBalancerIngress(hostname="lb.example.org"),
    ]
    status = core_v1.ServiceStatus(load_balancer=core_v1.LoadBalancerStatus(ingress=ingress))
    common: dict[str, Any] = {
        "ports": [core_v1.ServicePort(name="http", port=80, node_port=30080)],
        "external_ips": ["198.51.100.1", "10.43.0.1", "10.43.0.50"],
        "status": status,
        "external_traffic_policy": "Local",
        "ip_families": ["IPv4", "IPv6"],
    }

    def shown(**more: Any) -> tuple[list[str], int]:
        (port,) = ports_of(made_service(**common, **more))
        assert port.external_local
        assert port.native
        return [str(each) for each in port.addresses], port.node_port

    assert shown(type="ClusterIP") == (["10.43.0.50", "198.51.100.1"], 0)
    assert shown(type="NodePort") == (["10.43.0.50", "198.51.100.1"], 30080)
    assert shown(type="LoadBalancer") == (["10.43.0.50", "198.51.100.1", "192.0.2.1"], 30080)
    ranges = {"load_balancer_source_ranges": ["203.0.113.0/24"]}
    assert shown(type="LoadBalancer", **ranges) == (["10.43.0.50", "198.51.100.1"], 30080)


def test_services_come_in_the_order_of_their_names():
    found = service_ports([made_service("b"), made_service("a")], [], VPCS, NODE, CIDR)
    assert [each.name for each in found] == ["shop/a:http", "shop/b:http"]
