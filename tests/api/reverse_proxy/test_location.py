"""What ``scheme:name:port`` means for pods, services and nodes."""

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.reverse_proxy.location import (
    Asked,
    Endpoint,
    asked_of,
    in_turn,
    node_backend,
    pod_backend,
    port_number,
    service_endpoints,
    service_port_name,
)
from k3py.model.errors import BadRequest, Problem, Unavailable
from k3py.model.generated import core_v1, discovery_v1
from k3py.model.generated.meta_v1 import ObjectMeta


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("web", Asked("", "web", "")),
        ("web:80", Asked("", "web", "80")),
        ("web:http", Asked("", "web", "http")),
        ("https:web:443", Asked("https", "web", "443")),
        ("https:web:", Asked("https", "web", "")),
        ("http:web:", Asked("http", "web", "")),
    ],
)
def test_a_name_may_have_scheme_and_port(text: str, asked: Asked) -> None:
    assert asked_of(text, "pod") == asked


@pytest.mark.parametrize("text", ["", ":80", "ftp:web:80", "a:b:c:d", "::"])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=f'invalid pod request "{text}"'):
        asked_of(text, "pod")


def a_pod(*ports: int, ip: str = "10.42.0.5", node: str = "n1") -> core_v1.Pod:
    containers = [
        core_v1.Container(name="a", image="i"),
        core_v1.Container(name="b", image="i", ports=[core_v1.ContainerPort(container_port=each) for each in ports]),
    ]
    return core_v1.Pod(
        metadata=ObjectMeta(name="web", namespace="ns", uid="u"),
        spec=core_v1.PodSpec(containers=containers, node_name=node),
        status=core_v1.PodStatus(pod_ip=ip),
    )


@pytest.mark.parametrize(
    ("asked", "ports", "port", "tls"),
    [("web", (8080, 9090), 8080, False), ("web", (), 80, False), ("web:81", (8080,), 81, False),
     ("https:web:", (), 443, True), ("https:web:8443", (), 8443, True), ("http:web:", (3000,), 3000, False)],
)  # fmt: skip
def test_a_pods_first_declared_port_is_meant_when_none_is_named(
    asked: str, ports: tuple[int, ...], port: int, tls: bool
) -> None:
    backend = pod_backend(asked_of(asked, "pod"), a_pod(*ports))
    assert (backend.port, backend.tls, backend.pod, backend.node, backend.uid) == (port, tls, "web", "n1", "u")


@pytest.mark.parametrize("made", [a_pod(ip=""), a_pod(node="")])
def test_a_pod_without_an_address_cannot_be_reached(made: core_v1.Pod) -> None:
    with pytest.raises(BadRequest, match="address not allowed"):
        pod_backend(Asked("", "web", ""), made)


@given(st.text(max_size=30))
def test_a_port_is_a_number_or_refused(text: str) -> None:
    with contextlib.suppress(Unavailable):
        assert 0 < port_number(text, tls=False) < 65536


@given(st.text(max_size=40))
def test_any_name_is_read_or_refused(text: str) -> None:
    try:
        asked = asked_of(text, "node")
        node_backend(asked)
    except Problem:
        return
    assert asked.name


def test_a_node_without_a_port_is_its_kubelet() -> None:
    assert node_backend(Asked("https", "n1", "10250")) is None
    assert node_backend(Asked("", "n1", "")) is None
    other = node_backend(Asked("", "n1", "9100"))
    assert other is not None
    assert (other.node, other.pod, other.port) == ("n1", "", 9100)


SERVICE = core_v1.Service(
    spec=core_v1.ServiceSpec(ports=[core_v1.ServicePort(name="web", port=80), core_v1.ServicePort(name="m", port=90)])
)


def test_a_services_port_by_number_or_name() -> None:
    assert service_port_name(Asked("", "s", "90"), SERVICE) == "m"
    assert service_port_name(Asked("", "s", "web"), SERVICE) == "web"
    assert service_port_name(Asked("", "s", ""), SERVICE) == ""
    for number in ("8080", "-1", "9" * 40):
        with pytest.raises(Unavailable, match="no service port"):
            service_port_name(Asked("", "s", number), SERVICE)


def endpoint(name: str, ready: bool | None = True, kind: str = "Pod") -> discovery_v1.Endpoint:
    target = core_v1.ObjectReference(kind=kind, name=name) if kind else None
    conditions = discovery_v1.EndpointConditions(ready=ready)
    return discovery_v1.Endpoint(addresses=["10.0.0.1"], conditions=conditions, target_ref=target)


def test_ready_pods_are_a_services_endpoints() -> None:
    ports = [
        discovery_v1.EndpointPort(name="web", port=8080),
        discovery_v1.EndpointPort(name="u", port=1, protocol="UDP"),
    ]
    one = discovery_v1.EndpointSlice(
        ports=ports,
        endpoints=[endpoint("a"), endpoint("b", ready=False), endpoint("c", ready=None), endpoint("", kind="")],
    )
    again = discovery_v1.EndpointSlice(ports=ports, endpoints=[endpoint("a"), endpoint("d", kind="Node")])
    assert service_endpoints([one, again], "web") == [Endpoint("a", 8080), Endpoint("c", 8080)]
    assert service_endpoints([one], "u") == []
    assert service_endpoints([one], "") == []


@given(st.integers(0, 20), st.integers())
def test_every_endpoint_has_its_turn(count: int, seed: int) -> None:
    endpoints = [Endpoint(str(number), 80) for number in range(count)]
    assert sorted(in_turn(endpoints, random.Random(seed)), key=lambda each: int(each.pod)) == endpoints
