"""What services, ingresses, policies and slices may say; everything wrong is said at once."""

import pytest

from k3py.model.generated import core_v1, discovery_v1, networking_v1
from k3py.objects.defaults import networking as defaults
from k3py.objects.defaults import services as service_defaults
from k3py.objects.validation import discovery, ingress, network_policy, services
from tests.objects.validation.said import made, said


def service(metadata=None, status=None, **spec):
    obj = made(core_v1.Service, metadata=metadata or {"name": "s"}, spec={"ports": [{"port": 80}], **spec},
               status=status or {})  # fmt: skip
    service_defaults.service(obj)
    service_defaults.new_service(obj)
    return obj


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"clusterIPs": ["10.0.0.1"]}, ['spec.clusterIPs: Invalid value: ["10.0.0.1"]: must be empty when']),
        ({"clusterIP": "None", "clusterIPs": ["None", "10.0.0.1"]}, ["'None' must be the first and only value"]),
        ({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "10.0.0.2"]}, ["no more than one IP for each IP family"]),
        (
            {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1", "10.0.0.3"]},
            ["may only hold up to 2 values"],
        ),
        ({"ipFamilies": ["IPv4", "IPv4"], "ipFamilyPolicy": "X"}, ["Duplicate value", "spec.ipFamilyPolicy: Unsupp"]),
        ({"ipFamilies": ["IPv6"]}, ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster']),
        ({"clusterIP": "fd00::1", "ipFamilies": ["IPv4"]}, ["expected an IPv4 value as indicated by `ipFamilies[0]`"]),
        ({"externalIPs": ["127.0.0.1", "x"]}, ["may not be in the loopback range", "must be a valid IP address"]),
        ({"type": "LoadBalancer", "ports": [{"port": 10250}]}, ["may not expose port 10250 externally"]),
        ({"loadBalancerClass": "a.b/c"}, ["spec.loadBalancerClass: Forbidden: may only be used when"]),
        ({"allocateLoadBalancerNodePorts": True}, ["spec.allocateLoadBalancerNodePorts: Forbidden"]),
        ({"loadBalancerSourceRanges": ["10.0.0.0/8"]}, ["spec.LoadBalancerSourceRanges: Forbidden"]),
        ({"type": "LoadBalancer", "loadBalancerSourceRanges": [" 10.0.0.0/8 ", "x"]}, ["Ranges[1]: Invalid value"]),
        ({"healthCheckNodePort": 30000}, ["spec.healthCheckNodePort: Invalid value: 30000: may only be set when"]),
        ({"trafficDistribution": "Near"}, ['"PreferClose", "PreferSameNode", "PreferSameZone"']),
        ({"internalTrafficPolicy": "X", "sessionAffinity": "Y"}, ["spec.sessionAffinity: Unsup", "spec.internalTraf"]),
        ({"type": "ExternalName", "externalName": "a.b.", "ipFamilies": ["IPv4"]}, ["spec.ipFamilies: Forbidden"]),
        ({"ports": [{"port": 1, "name": "a", "appProtocol": "a b"}]}, ["spec.ports[0].appProtocol: Invalid value"]),
    ],
)
def test_services_that_are_refused(spec, why):
    found = said(services.service, service(**spec))
    assert len(found) == len(why)
    assert all(part in each for part, each in zip(why, found, strict=True))


def test_addresses_are_looked_at_before_all_else():
    assert said(services.service, service(clusterIP="abc", type="Odd", selector={"a b": "c"})) == [
        'spec.clusterIPs[0]: Invalid value: "abc": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
    ]


def test_what_a_change_does_is_said_before_what_the_service_is():
    old = service(type="LoadBalancer", loadBalancerClass="a.b/c", clusterIP="10.0.0.1")
    new = service(type="LoadBalancer", loadBalancerClass="a.b/d", clusterIP="10.0.0.2", selector={"a b": "c"})

    def update(new, old, wrong):
        services.service(new, wrong)
        services.service_update(new, old, wrong)

    assert [each.partition(": ")[0] for each in said(update, new, old)] == [
        "spec.clusterIPs[0]", "spec.loadBalancerClass", "spec.selector",
    ]  # fmt: skip


def test_addresses_from_laxer_times_may_stay():
    old = service(externalIPs=["010.0.0.1"])
    assert said(services.service, old) != []

    def update(new, old, wrong):
        services.service(new, wrong)
        services.service_update(new, old, wrong)

    assert said(update, service(externalIPs=["010.0.0.1"]), old) == []


def test_the_status_of_a_load_balancer():
    status = {"loadBalancer": {"ingress": [{"ip": "x", "ipMode": "Odd"}, {"hostname": "1.2.3.4", "ipMode": "VIP"}]}}
    found = said(services.service_status, service(type="LoadBalancer", status=status), service(type="LoadBalancer"))
    assert [each.partition(": ")[0].rpartition("ingress")[2] for each in found] == [
        "[0].ip", "[0].ipMode", "[1].ipMode", "[1].hostname",
    ]  # fmt: skip
    assert "Forbidden" in said(services.service_status, service(status=status), service())[0]


def test_warnings_of_services():
    hints = {"name": "s", "annotations": {services.HINTS_ANNOTATION: "auto"}}
    found = services.service_warnings(
        service(metadata=hints, externalIPs=["1.2.3.4"], externalName="x.y", trafficDistribution="PreferClose")
    )
    assert [each.split()[0] for each in found] == [
        "annotation", "spec.externalIPs", "spec.externalName", "spec.trafficDistribution:",
    ]  # fmt: skip


def backend(name="s", number=80):
    return {"service": {"name": name, "port": {"number": number}}}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"defaultBackend": {}}, ['spec.defaultBackend: Invalid value: "": resource or service backend is required']),
        ({"defaultBackend": backend(name="A", number=0)}, ["service.name: Invalid", "port name or number is required"]),
        (
            {"defaultBackend": {"service": {"name": "s", "port": {"number": 1, "name": "x"}}}},
            ["port name & port number"],
        ),
        ({"defaultBackend": {"resource": {"kind": "", "name": "a/b"}}}, ["kind: Required", "may not contain '/'"]),
        ({"rules": [{"host": "1.2.3.4"}]}, ["must be a DNS name, not an IP address"]),
        ({"rules": [{"host": "a.*.b"}]}, ["a wildcard DNS-1123 subdomain must start with '*.'"]),
        ({"rules": [{"host": "*.b"}, {"http": {"paths": []}}]}, ["spec.rules[1].http.paths: Required value"]),
        ({"rules": [{"http": {"paths": [{"backend": backend()}]}}]}, ["pathType must be specified"]),
        (
            {"rules": [{"http": {"paths": [{"path": "a//b/..", "pathType": "Exact", "backend": backend()}]}}]},
            ["must be an absolute path", "must not contain '//'", "cannot end with '/..'"],
        ),
        (
            {"rules": [{"http": {"paths": [{"pathType": "Prefix", "backend": backend()}]}}]},
            ["must be an absolute path"],
        ),
        ({"defaultBackend": backend(), "tls": [{"hosts": ["*"], "secretName": "A"}]}, ["hosts[0]", "secretName"]),
    ],
)
def test_ingresses_that_are_refused(spec, why):
    found = said(ingress.ingress, made(networking_v1.Ingress, spec=spec))
    assert len(found) == len(why)
    assert all(part in each for part, each in zip(why, found, strict=True))


def test_an_ingress_names_its_class_in_one_way():
    annotated = {"name": "i", "annotations": {ingress.CLASS_ANNOTATION: "a"}}
    obj = made(networking_v1.Ingress, metadata=annotated, spec={"ingressClassName": "b"})
    assert said(ingress.new_ingress, obj) == [
        f'annotations.{ingress.CLASS_ANNOTATION}: Invalid value: "a": must match `ingressClassName` when both are'
        " specified"
    ]
    assert ingress.ingress_warnings(obj) == []
    assert len(ingress.ingress_warnings(made(networking_v1.Ingress, metadata=annotated))) == 1


def test_secret_names_that_were_let_in_may_stay():
    def obj():
        return made(networking_v1.Ingress, spec={"defaultBackend": backend(), "tls": [{"secretName": "A"}]})

    def update(new, old, wrong):
        ingress.ingress(new, wrong)
        ingress.ingress_update(new, old, wrong)

    assert said(update, obj(), obj()) == []


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({}, ["spec.controller: Required value"]),
        ({"controller": "x" * 260 + "/y"}, ["Too long", "must be no more than 253"]),
        ({"controller": "a.b/c d"}, ["Invalid path (regex used for validation is"]),
        ({"controller": "a.b/c", "parameters": {"kind": "K", "name": "n", "scope": "Namespace"}}, ["namespace: Requ"]),
        ({"controller": "a.b/c", "parameters": {"kind": "K", "name": "n", "namespace": "x"}}, ["namespace: Forbidden"]),
    ],
)
def test_classes_that_are_refused(spec, why):
    obj = made(networking_v1.IngressClass, spec=spec)
    defaults.ingress_class(obj)
    found = said(ingress.ingress_class, obj)
    assert len(found) == len(why)
    assert all(part in each for part, each in zip(why, found, strict=True))


@pytest.mark.parametrize(
    ("peer", "why"),
    [
        ({}, ["must specify a peer"]),
        ({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}, ["may not specify both ipBlock and another peer"]),
        ({"ipBlock": {"cidr": ""}}, ["ipBlock.cidr: Required value"]),
        ({"ipBlock": {"cidr": "x", "except": ["y"]}}, ["ipBlock.cidr: Invalid value"]),
        (
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8", "fd00::/16", "x", "10.1.0.0/16"]}},
            ["except[0]", "except[1]", "except[2]"],
        ),
        ({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, ["values: Required"]),
    ],
)
def test_peers_that_are_refused(peer, why):
    for word, side in (("ingress", "from"), ("egress", "to")):
        obj = made(networking_v1.NetworkPolicy, spec={"podSelector": {}, word: [{side: [peer]}]})
        found = said(network_policy.network_policy, obj)
        assert len(found) == len(why)
        assert all(part in each and f"spec.{word}[0].{side}[0]" in each for part, each in zip(why, found, strict=True))


def test_ranges_from_laxer_times_may_stay():
    def obj():
        peers = [{"ipBlock": {"cidr": "10.0.0.1/8"}}]
        return made(networking_v1.NetworkPolicy, spec={"podSelector": {}, "egress": [{"to": peers}]})

    def update(new, old, wrong):
        network_policy.network_policy(new, wrong)
        network_policy.network_policy_update(new, old, wrong)

    assert said(network_policy.network_policy, obj()) != []
    assert said(update, obj(), obj()) == []


def test_warnings_of_policies():
    block = {"cidr": "FD00::/8", "except": ["fd00:0::/16", "fd01::/16", "x"]}
    obj = made(networking_v1.NetworkPolicy, spec={"podSelector": {}, "ingress": [{"from": [{"ipBlock": block}]}]})
    assert [each.partition(": ")[0] for each in network_policy.network_policy_warnings(obj)] == [
        "spec.ingress[0].from[0].ipBlock.cidr", "spec.ingress[0].from[0].ipBlock.except[0]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"addressType": ""}, ["addressType: Required value"]),
        ({"endpoints": [{"addresses": ["10.0.0.1"] * 101}]}, ["Too many: 101: must have at most 100 items"]),
        ({"endpoints": [{"addresses": ["224.0.0.1"]}]}, ["may not be in the link-local multicast range"]),
        ({"endpoints": [{"addresses": ["0.0.0.0"]}]}, ["may not be unspecified (0.0.0.0)"]),
        ({"endpoints": [{"addresses": ["10.0.0.1"], "hints": {"forZones": [{"name": "z"}] * 2}}]}, ["Duplicate value"]),
        ({"endpoints": [{"addresses": ["10.0.0.1"], "hints": {"forNodes": [{"name": "n"}] * 9}}]}, ["Too many: 9"]),
        ({"ports": [{"protocol": "X", "appProtocol": "a b"}]}, ["ports[0].protocol", "ports[0].appProtocol"]),
        (
            {"addressType": "FQDN", "endpoints": [{"addresses": ["a.b.", "single", "", "A.b"]}]},
            ["at least two segments", "Required value", "RFC 1123 subdomain"],
        ),
    ],
)
def test_slices_that_are_refused(fields, why):
    obj = made(discovery_v1.EndpointSlice, **{"addressType": "IPv4", "endpoints": [], **fields})
    defaults.endpoint_slice(obj)
    found = said(discovery.endpoint_slice, obj)
    assert len(found) == len(why)
    assert all(part in each for part, each in zip(why, found, strict=True))
