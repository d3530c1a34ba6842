"""What namespaces, nodes, secrets, events, endpoints and replication controllers may say."""

import pytest

from k3py.model.generated import core_v1
from k3py.objects.defaults import core as defaults
from k3py.objects.defaults import replication as replication_defaults
from k3py.objects.defaults.core import node as node_defaults
from k3py.objects.validation import core, endpoints, events, nodes, replication
from tests.objects.validation.said import made, said


def check(found, why):
    assert len(found) == len(why), found
    assert all(part in each for part, each in zip(why, found, strict=True)), found


@pytest.mark.parametrize(
    ("data", "binary", "why"),
    [
        ({"a": "b"}, {"c": "YQ=="}, []),
        ({"a b": ""}, {"..": ""}, ["data[a b]: Invalid value", "binaryData[..]: Invalid value"]),
        ({"a": ""}, {"a": ""}, ["data[a]: Invalid value: \"a\": duplicate of key present in binaryData"]),
        ({"a": "x" * core.DATA_BYTES_MAX}, {}, []),
        ({"a": "x" * core.DATA_BYTES_MAX}, {"b": "YQ=="}, ["[]: Too long: may not be more than 1048576 bytes"]),
    ],
)  # fmt: skip
def test_config_maps(data, binary, why):
    check(said(core.config_map, made(core_v1.ConfigMap, data=data, binaryData=binary)), why)


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("dockercfg", {}, ["data[.dockercfg]: Required value"]),
        ("dockerconfigjson", {".dockerconfigjson": "eA=="}, ["redacted>\": invalid character 'x' looking for beg"]),
        ("dockerconfigjson", {".dockerconfigjson": "W10="}, ["cannot unmarshal array into Go value of type map"]),
        ("dockerconfigjson", {".dockerconfigjson": "e30="}, []),
        ("ssh-auth", {"ssh-privatekey": ""}, ["data[ssh-privatekey]: Required value"]),
        ("basic-auth", {}, ["data[username]: Required value", "data[password]: Required value"]),
        ("basic-auth", {"password": ""}, []),
        ("tls", {"tls.crt": ""}, ["data[tls.key]: Required value"]),
        ("service-account-token", {}, ["metadata.annotations[kubernetes.io/service-account.name]: Required value"]),
    ],
)  # fmt: skip
def test_secrets_have_what_their_type_needs(kind, data, why):
    check(said(core.secret, made(core_v1.Secret, type=f"kubernetes.io/{kind}", data=data)), why)


def test_what_is_immutable_stays_and_is_told_before_the_rest():
    old = made(core_v1.ConfigMap, immutable=True, data={"a": "b"})
    new = made(core_v1.ConfigMap, data={"a b": "c"}, binaryData={"d": "YQ=="})
    check(said(core.config_map_update, new, old),
          ["immutable: Forbidden", "data: Forbidden", "binaryData: Forbidden", "data[a b]: Invalid"])  # fmt: skip
    assert said(core.config_map_update, old, old) == []
    old = made(core_v1.Secret, immutable=True, type="a.b/c")
    new = made(core_v1.Secret, immutable=True, type="kubernetes.io/tls", data={"tls.crt": "YQ=="})
    check(said(core.secret_update, new, old), ["type: Invalid value", "data: Forbidden", "data[tls.key]: Required"])


def test_an_annotation_of_accounts_is_warned_of_when_it_comes():
    key = "kubernetes.io/enforce-mountable-secrets"
    bare, marked = (made(core_v1.ServiceAccount, metadata={"annotations": each}) for each in ({}, {key: "true"}))
    assert len(core.service_account_warnings(marked)) == 1
    assert core.service_account_warnings(bare) == []
    assert len(core.service_account_update_warnings(marked, bare)) == 1
    assert core.service_account_update_warnings(marked, marked) == []


def test_an_account_keeps_only_the_names_of_its_secrets():
    account = made(core_v1.ServiceAccount, secrets=[{"name": "a", "namespace": "other", "kind": "Secret"}])
    defaults.only_names(account)
    assert account.secrets == [core_v1.ObjectReference(name="a")]


def namespace(phase, deleted=None, finalizers=()):
    return made(core_v1.Namespace, metadata={"name": "n", "deletionTimestamp": deleted}, status={"phase": phase},
                spec={"finalizers": list(finalizers)})  # fmt: skip


def test_the_phase_of_a_namespace_says_whether_it_is_being_deleted():
    gone = "2024-01-01T00:00:00Z"
    assert said(core.namespace_status, namespace("Active"), namespace("Active")) == []
    assert said(core.namespace_status, namespace("Terminating", gone), namespace("Active")) == []
    check(said(core.namespace_status, namespace("Terminating"), namespace("Active")), ["status.Phase: Invalid value"])
    check(said(core.namespace_status, namespace("Active", gone), namespace("Active")), ["only be 'Terminating'"])


def test_finalizers_of_a_namespace_are_told_by_place_when_it_is_finalized():
    obj = namespace("Active", finalizers=["kubernetes", "odd"])
    check(said(core.namespace, obj), ["spec.finalizers: Invalid value"])
    check(said(core.namespace_finalize, obj, obj), ["spec.finalizers[1]: Invalid value"])


def node(status=None, **spec):
    obj = made(core_v1.Node, metadata={"name": "n"}, spec=spec, status=status or {})
    defaults.node(obj)
    return obj


@pytest.mark.parametrize(
    ("spec", "status", "why"),
    [
        ({"podCIDRs": ["10.0.0.0/24", "fd00::/64"]}, {"capacity": {"cpu": "100u", "a.b/c": "2"}}, []),
        ({"podCIDRs": ["10.0.0.0/24", "10.0.0.0/24"]}, {}, ["no more than one CIDR for each", "[1]: Duplicate value"]),
        ({"podCIDRs": ["x", "fd00::/64"]}, {}, ["spec.podCIDRs[0]: Invalid", "Internal error", "no more than one"]),
        ({"taints": [{"key": "a", "effect": "NoSchedule"}] * 2}, {}, [
            'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints'
            " must be unique by key and effect pair"]),
        ({"taints": [{"key": "a", "value": "-", "effect": ""}, {"key": "b", "effect": "Odd"}]}, {}, [
            "taints[0].value: Invalid", "taints[0].effect: Required", "taints[1].effect: Unsupported"]),
        ({}, {"capacity": {"pods": "1500m"}, "allocatable": {"cpu": "-1"}}, [
            "status.capacity.pods: Invalid value", "status.allocatable.cpu: Invalid value"]),
    ],
)  # fmt: skip
def test_nodes(spec, status, why):
    check(said(nodes.new_node, node(status, **spec)), why)


def test_what_a_node_is_given_once_stays():
    old = node(podCIDRs=["10.0.0.0/24"], providerID="a", externalID="e")
    single = node(podCIDR="10.0.1.0/24", podCIDRs=["10.0.0.0/24"])
    node_defaults(single)
    assert single.spec.pod_cidrs == ["10.0.1.0/24"]
    new = node(podCIDRs=["10.0.1.0/24"], providerID="b", externalID="f")
    found = said(nodes.node_update, new, old)
    assert [each.partition(":")[0] for each in found] == ["spec.podCIDRs", "spec.providerID", "spec.externalID"]
    assert said(nodes.node_update, old, node(externalID="e")) == []
    assert len(said(nodes.node_update, node(podCIDRs=[], providerID="a", externalID="e"), old)) == 1


def test_addresses_of_a_node_are_unique():
    twice = {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}] * 2}
    check(said(nodes.node_status, node(twice), node()), ['status.addresses[1]: Duplicate value: {"Type":'])


def test_configuration_that_nothing_uses_any_more():
    source = {"configMap": {"uid": "u", "namespace": "", "name": "A", "kubeletConfigKey": "a b"}}
    why = ["configMap.uid: Forbidden", "namespace must be set", "configMap.name: Inv", "kubeletConfigKey: Inv"]
    check(said(nodes.node_update, node(configSource=source), node()), why)
    check(said(nodes.node_update, node(configSource={}), node()), ["exactly one reference subfield must be non-nil"])
    obj = node(configSource=source, externalID="e", podCIDRs=["FD00::/64"])
    assert [each.partition(":")[0] for each in nodes.node_warnings(obj)] == [
        "spec.configSource", "spec.externalID", "spec.podCIDRs[0]",
    ]  # fmt: skip
    defaults.new_node(obj)
    assert obj.spec.config_source is None


def ends(*addresses, ports=(), **more):
    subset = {"addresses": [{"ip": each} for each in addresses], "ports": list(ports), **more}
    obj = made(core_v1.Endpoints, metadata={"name": "e"}, subsets=[subset])
    defaults.endpoints(obj)
    return obj


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        (ends("10.0.0.1", "fd00::1", ports=[{"port": 80}]), []),
        (ends(), ["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]),
        (ends("x"), ["must be a valid IP address, (e.g.", "must be a valid IP address"]),
        (ends("0.0.0.0", "127.0.0.1", "169.254.0.1", "224.0.0.1"), [
            "may not be unspecified (0.0.0.0)", "loopback range", "link-local range", "link-local multicast range"]),
        (ends("10.0.0.1", ports=[{"port": 0}, {"name": "A", "port": 1, "protocol": "X", "appProtocol": "-"}]), [
            "ports[0].name: Required value", "ports[0].port: Invalid", "ports[1].name: Invalid",
            "ports[1].protocol: Unsupported", "ports[1].appProtocol: Invalid"]),
        (ends(notReadyAddresses=[{"ip": "10.0.0.1", "hostname": "A", "nodeName": "_"}]), [
            "notReadyAddresses[0].hostname: Invalid", "notReadyAddresses[0].nodeName: Invalid"]),
    ],
)  # fmt: skip
def test_endpoints(obj, why):
    check(said(endpoints.new_endpoints, obj), why)


def test_addresses_that_are_there_already_stay_good():
    old, new = ends("010.0.0.1"), ends("010.0.0.1", "010.0.0.2")
    assert said(endpoints.endpoints_update, old, old) == []
    check(said(endpoints.endpoints_update, new, old), ["subsets[0].addresses[1].ip: Invalid value"])


def test_ipv6_addresses_that_are_not_in_their_one_form_are_warned_of():
    assert endpoints.endpoints_warnings(ends("10.0.0.1", "fd00::1", "FD00::1")) == [
        'subsets[0].addresses[2].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")'
    ]


def event(about="t", namespace="t", **fields):
    return made(core_v1.Event, metadata={"name": "e", "namespace": namespace}, involvedObject={"namespace": about},
                **fields)  # fmt: skip


NEW = {"eventTime": "2024-01-01T00:00:00.000000Z", "reportingComponent": "a.b/c", "reportingInstance": "i",
       "action": "A", "reason": "R"}  # fmt: skip


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        (event(), []),
        (event(about="", namespace="default"), []),
        (event(about="", namespace="kube-system"), ["does not match event.namespace"]),
        (event(about="other"), ["involvedObject.namespace: Invalid value"]),
        (event(**NEW), []),
        (event(about="", namespace="kube-system", **NEW), []),
        (event(**{**NEW, "reportingComponent": ""}), ["reportingComponent: Required"] + ["Component: Inv"] * 2),
        (event(**{**NEW, "reason": "", "action": "x" * 129}), ["action: Invalid value", "reason: Required value"]),
        (event(**{**NEW, "action": "x" * 128, "message": "x" * 1024}), []),
        (event(**{**NEW, "message": "x" * 1025}), ['message: Invalid value: "": can have at most 1024 characters']),
    ],
)  # fmt: skip
def test_events(obj, why):
    check(said(events.event, obj), why)


def controller(labels=None, selector=None, restart="", **spec):
    template = {"metadata": {"labels": labels or {}},
                "spec": {"containers": [{"name": "c", "image": "x"}], "restartPolicy": restart}}  # fmt: skip
    obj = made(core_v1.ReplicationController, metadata={"name": "r"},
               spec={"template": template, "selector": selector or {}, **spec})  # fmt: skip
    replication_defaults.replication_controller(obj)
    return obj


def test_a_replication_controller_takes_its_templates_labels():
    obj = controller({"a": "b"})
    assert obj.metadata.labels == obj.spec.selector == {"a": "b"}
    assert obj.spec.replicas == 1
    assert said(replication.replication_controller, obj) == []


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        (controller(), ["spec.selector: Required value"]),
        (controller({"c": "d"}, {"a": "b"}, "Never", replicas=-1, minReadySeconds=-1), [
            "spec.minReadySeconds", "spec.replicas", "template.metadata.labels", "template.spec.restartPolicy"]),
        (controller(template=None), ["spec.selector: Required value", "spec.template: Required value"]),
    ],
)  # fmt: skip
def test_replication_controllers(obj, why):
    check(said(replication.replication_controller, obj), why)


def test_pods_that_a_replication_controller_counts():
    obj = controller({"a": "b"})
    obj.status = core_v1.ReplicationControllerStatus(replicas=1, ready_replicas=2, available_replicas=3)
    check(said(replication.replication_controller_status, obj, obj),
          ["status.readyReplicas", "status.availableReplicas", "cannot be greater than readyReplicas"])  # fmt: skip


def test_warnings_of_a_replication_controller_come_with_a_new_generation():
    obj = controller({"a": "b"})
    obj.metadata.name = "a.b"
    assert len(replication.replication_controller_warnings(obj)) == 1
    assert replication.replication_controller_update_warnings(obj, obj) == []
