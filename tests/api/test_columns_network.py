"""The cells of services, ingresses, policies, slices, bindings, classes and signing requests."""

from typing import Any

import msgspec
import pytest

from k3py.api.columns.table import COLUMNS
from k3py.model.generated import certificates_v1, core_v1, discovery_v1, networking_v1, node_v1, rbac_v1, scheduling_v1

NOW = 1_700_000_000.0


def cells(kind: Any, **fields: Any) -> list[Any]:
    """The cells between the name and what nobody sets here."""
    obj = msgspec.convert({"metadata": {"name": "a"}, **fields}, kind)
    columns = COLUMNS[kind]
    found = columns.cells(obj, NOW)
    assert len(found) == len(columns.definitions)
    assert found[0] == "a"
    return [each for each in found[1:] if each != "<unknown>"]


@pytest.mark.parametrize(
    ("spec", "external", "ports"),
    [
        (
            {"type": "ClusterIP", "externalIPs": ["1.2.3.4"], "ports": [{"port": 1, "protocol": "UDP"}]},
            "1.2.3.4",
            "1/UDP",
        ),
        ({"type": "LoadBalancer", "ports": [{"port": 1, "nodePort": 2, "protocol": "TCP"}]}, "5.6.7.8,h.x", "1:2/TCP"),
        ({"type": "ExternalName", "externalName": "x.y"}, "x.y", "<none>"),
        ({"type": "NodePort"}, "<none>", "<none>"),
    ],
)
def test_services(spec: Any, external: str, ports: str) -> None:
    status = {"loadBalancer": {"ingress": [{"hostname": "h.x"}, {"ip": "5.6.7.8"}]}}
    found = cells(core_v1.Service, spec={**spec, "clusterIPs": ["10.0.0.1"]}, status=status)
    assert found == [spec["type"], "10.0.0.1", external, ports, "<none>"]


def test_a_load_balancer_waits_for_its_address() -> None:
    assert "<pending>" in cells(core_v1.Service, spec={"type": "LoadBalancer"})


def test_ingresses() -> None:
    rules = [{"host": each} for each in ("a.b", "c.d", "e.f", "g.h", "i.j")]
    found = cells(networking_v1.Ingress, spec={"rules": rules, "tls": [{}]})
    assert found == ["<none>", "a.b,c.d,e.f + 2 more...", "", "80, 443"]
    assert cells(networking_v1.Ingress, spec={"ingressClassName": "c"}) == ["c", "*", "", "80"]


def test_ingress_classes() -> None:
    parameters = {"apiGroup": "x.y", "kind": "K", "name": "n"}
    spec = {"controller": "a.b/c", "parameters": parameters}
    assert cells(networking_v1.IngressClass, spec=spec) == ["a.b/c", "K.x.y/n"]
    assert cells(networking_v1.IngressClass, spec={"controller": "a.b/c"}) == ["a.b/c", "<none>"]


def test_network_policies() -> None:
    assert cells(networking_v1.NetworkPolicy, spec={"podSelector": {}}) == ["<none>"]
    selector = {"matchLabels": {"a": "b"}}
    assert cells(networking_v1.NetworkPolicy, spec={"podSelector": selector}) == ["a=b"]


def test_endpoint_slices() -> None:
    endpoints = [{"addresses": ["10.0.0.1", "10.0.0.2"]}, {"addresses": ["10.0.0.3", "10.0.0.4"]}]
    ports = [{"name": "a", "port": 1}, {"name": "any"}, {}]
    found = cells(discovery_v1.EndpointSlice, addressType="IPv4", endpoints=endpoints, ports=ports)
    assert found == ["IPv4", "1,any,*", "10.0.0.1,10.0.0.2,10.0.0.3 + 1 more..."]
    assert cells(discovery_v1.EndpointSlice, addressType="IPv4") == ["IPv4", "<unset>", "<unset>"]


def test_bindings() -> None:
    subjects = [{"kind": "User", "name": "u"}, {"kind": "User", "name": "v"}, {"kind": "Group", "name": "g"},
                {"kind": "ServiceAccount", "namespace": "n", "name": "s"}]  # fmt: skip
    role = {"kind": "Role", "name": "r", "apiGroup": "x"}
    for kind in (rbac_v1.RoleBinding, rbac_v1.ClusterRoleBinding):
        assert cells(kind, roleRef=role, subjects=subjects) == ["Role/r", "u, v", "g", "n/s"]


def test_roles_say_when_they_were_made() -> None:
    made = {"name": "a", "creationTimestamp": "2023-11-14T22:13:20Z"}
    assert cells(rbac_v1.Role, metadata=made) == ["2023-11-14T22:13:20Z"]


def test_classes() -> None:
    assert cells(scheduling_v1.PriorityClass, value=7, preemptionPolicy="Never") == [7, False, "Never"]
    assert cells(node_v1.RuntimeClass, handler="h") == ["h"]


@pytest.mark.parametrize(
    ("conditions", "certificate", "state"),
    [
        ([], "", "Pending"),
        (["Approved"], "YQ==", "Approved,Issued"),
        (["Approved", "Denied", "Failed"], "", "Denied,Failed"),
    ],
)
def test_signing_requests(conditions: list[str], certificate: str, state: str) -> None:
    status = {"conditions": [{"type": each, "status": "True"} for each in conditions], "certificate": certificate}
    spec = {"signerName": "a.b/c", "username": "jane", "expirationSeconds": 3600, "usages": [], "request": ""}
    found = cells(certificates_v1.CertificateSigningRequest, spec=spec, status=status)
    assert found == ["a.b/c", "jane", "60m", state]
