"""What roles, leases, classes and signing requests may say; everything wrong is said at once."""

import base64
import contextlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model.generated import certificates_v1, coordination_v1, node_v1, rbac_v1, scheduling_v1
from k3py.objects.defaults import cluster as defaults
from k3py.objects.validation import certificates, leases, rbac, scheduling_classes
from k3py.pki.csr import make_signing_request, new_key
from tests.objects.validation.said import made, said

REQUEST = make_signing_request(new_key(), "somebody")


def check(found, why):
    assert len(found) == len(why), found
    assert all(part in each for part, each in zip(why, found, strict=True)), found


def test_rules_of_roles():
    rules = [{"verbs": [], "resources": ["pods"]}, {"verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["y"]}]
    role = made(rbac_v1.Role, rules=rules)
    check(said(rbac.role, role), [
        "rules[0].verbs: Required value: verbs must contain at least one value", "rules[0].apiGroups: Required",
        "rules[1].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
        "rules cannot apply to both regular resources and non-resource URLs",
    ])  # fmt: skip
    selectors = [{}, {"matchLabels": {"a b": "c"}}]
    cluster_role = made(rbac_v1.ClusterRole, rules=rules[1:], aggregationRule={"clusterRoleSelectors": selectors})
    check(said(rbac.cluster_role, cluster_role), [
        "rules[0].nonResourceURLs", "clusterRoleSelectors[1].matchLabels", "clusterRoleSelectors[1]: Invalid value",
    ])  # fmt: skip


def test_bindings():
    subjects = [{"kind": "ServiceAccount", "name": "a"}, {"kind": "User", "name": ""}, {"kind": "Group", "name": "g"}]
    body = {"roleRef": {"kind": "Role", "name": "r"}, "subjects": subjects}
    namespaced, wide = made(rbac_v1.RoleBinding, **body), made(rbac_v1.ClusterRoleBinding, **body)
    for each in (namespaced, wide):
        defaults.binding(each)
        assert [subject.api_group for subject in each.subjects] == ["", rbac.GROUP, rbac.GROUP]
    check(said(rbac.role_binding, namespaced), ["subjects[1].name: Required value"])
    check(said(rbac.cluster_role_binding, wide), [
        'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"', "subjects[0].namespace: Required",
        "subjects[1].name: Required value",
    ])  # fmt: skip
    other = made(rbac_v1.RoleBinding, roleRef={"apiGroup": rbac.GROUP, "kind": "Role", "name": "s"})
    check(said(rbac.role_binding_update, other, namespaced), ["cannot change roleRef"])
    check(said(rbac.cluster_role_binding_update, wide, wide), [
        "roleRef.kind: Unsupported", "subjects[0].namespace: Required", "subjects[1].name: Required",
    ])  # fmt: skip
    role = made(rbac_v1.Role, rules=[{"verbs": []}])
    assert said(rbac.role_update, role, role) == said(rbac.role, role)


def test_leases_keep_nothing_of_coordinated_elections():
    lease = made(coordination_v1.Lease, spec={"leaseDurationSeconds": -1, "strategy": "X", "preferredHolder": "h"})
    defaults.lease(lease)
    assert (lease.spec.strategy, lease.spec.preferred_holder) == (None, None)
    check(said(leases.lease, lease), ["spec.leaseDurationSeconds: Invalid value: -1: must be greater than 0"])


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("a", scheduling_classes.PRIORITY_MAX, []),
        ("a", scheduling_classes.PRIORITY_MAX + 1, ["value: Forbidden: maximum allowed value of a user defined"]),
        ("system-a", 1, ["metadata.name: Forbidden: priority class names with 'system-' prefix are reserved"]),
        ("system-node-critical", 2_000_001_000, []),
        ("system-node-critical", 1, ["error: value of system-node-critical PriorityClass must be 2000001000"]),
    ],
)
def test_priorities(name, value, why):
    obj = made(scheduling_v1.PriorityClass, metadata={"name": name}, value=value)
    defaults.priority_class(obj)
    assert obj.preemption_policy == "PreemptLowerPriority"
    check(said(scheduling_classes.new_priority_class, obj), why)


def test_a_priority_class_stays_as_it_is():
    old, new = (made(scheduling_v1.PriorityClass, value=value, preemptionPolicy=policy) for value, policy in (
        (1, "Never"), (2, "Odd")))  # fmt: skip
    check(said(scheduling_classes.priority_class_update, new, old), [
        "value: Forbidden: may not be changed in an update.", "preemptionPolicy: Invalid value: \"Odd\": field is",
    ])  # fmt: skip


def test_runtime_classes():
    twice = [{"key": "k", "operator": "Exists"}] * 2
    obj = made(node_v1.RuntimeClass, handler="A b", scheduling={"nodeSelector": {"a b": "c"}, "tolerations": twice})
    check(said(scheduling_classes.runtime_class, obj), [
        "handler: Invalid value: \"A b\"", "scheduling.nodeSelector",
        "scheduling.tolerations[1]: Duplicate value: {\"Key\":\"k\"",
    ])  # fmt: skip
    check(said(scheduling_classes.runtime_class, made(node_v1.RuntimeClass)), ["handler: Required value"])
    check(said(scheduling_classes.runtime_class_update, obj, made(node_v1.RuntimeClass, handler="b")), ["immutable"])


def request(raw=REQUEST, usages=("client auth",), signer="a.b/c", status=None, **spec):
    body = {"request": raw, "usages": list(usages), "signerName": signer, **spec}
    return made(certificates_v1.CertificateSigningRequest, spec=body, status=status or {})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, []),
        ({"raw": b"x"}, ["PEM block type must be CERTIFICATE REQUEST"]),
        ({"raw": REQUEST.replace(b"CERTIFICATE REQUEST", b"CERTIFICATE")}, ["PEM block type must be"]),
        ({"usages": ()}, ["spec.usages: Required value: usages is required"]),
        ({"usages": ("odd", "any", "any")}, ["spec.usages[0]: Unsupported value", "spec.usages[2]: Duplicate value"]),
        ({"signer": certificates.LEGACY_SIGNER}, ["the legacy signerName is not allowed via this API version"]),
        ({"signer": ""}, ["spec.signerName: Required value"]),
        ({"signer": "a.b"}, ["must be a fully qualified domain and path of the form 'example.com/signer-name'"]),
        ({"signer": "single/c"}, ["should be a domain with at least two segments separated by dots"]),
        ({"signer": "A.b/C"}, ['validating label "A": ', 'validating label "C": ']),
        ({"expirationSeconds": 599}, ["may not specify a duration less than 600 seconds (10 minutes)"]),
    ],
)
def test_requests_that_are_refused(fields, why):
    check(said(certificates.request, request(**fields)), why)


def test_a_request_is_signed_by_the_key_that_it_is_for():
    der = x509.load_pem_x509_csr(REQUEST).public_bytes(serialization.Encoding.DER)
    forged = base64.encodebytes(der[:-1] + bytes([der[-1] ^ 1])).decode()
    text = f"-----BEGIN CERTIFICATE REQUEST-----\n{forged}-----END CERTIFICATE REQUEST-----\n"
    check(said(certificates.request, request(raw=text.encode())), ["spec.request: Invalid value"])


def pem(label, der):
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n".encode()


@settings(max_examples=150)
@given(st.integers(0, 10_000), st.binary(max_size=3), st.sampled_from(["CERTIFICATE REQUEST", "CERTIFICATE"]))
def test_whatever_bytes_are_sent_they_are_only_refused(at, put, label):
    der = x509.load_pem_x509_csr(REQUEST).public_bytes(serialization.Encoding.DER)
    at %= len(der)
    raw = pem(label, der[:at] + put + der[at + len(put) :])
    said(certificates.request, request(raw=raw))
    said(certificates.request_status, state(certificate=raw), state())
    with contextlib.suppress(ValueError):
        certificates.organizations(raw)


def test_groups_of_a_request():
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in ("a", "b")])
    made_ = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(new_key(), hashes.SHA256())
    raw = made_.public_bytes(serialization.Encoding.PEM)
    assert certificates.organizations(raw) == ["a", "b"]


def state(*conditions, certificate=b""):
    found = [{"type": kind, "status": status} for kind, status in conditions]
    return request(status={"conditions": found, "certificate": certificate})


@pytest.mark.parametrize(
    ("rule", "before", "after", "why"),
    [
        (certificates.request_approval, (), (("Approved", "True"),), []),
        (certificates.request_approval, (), (("Approved", "False"),), ['supported values: "True"']),
        (certificates.request_approval, (), (("Approved", "True"), ("Denied", "True")), ["mutually exclusive"]),
        (
            certificates.request_approval,
            (("Denied", "True"),),
            (),
            ['updates may not remove a condition of type "Denied"'],
        ),
        (
            certificates.request_approval,
            (),
            (("", ""), ("X", "Odd")),
            ["[0].type: Req", "[0].status: Req", "[1].status"],
        ),
        (certificates.request_approval, (), (("X", "True"), ("X", "True")), ["[1].type: Duplicate value"]),
        (certificates.request_status, (), (("Approved", "True"),), ["updates may not add a condition"]),
        (certificates.request_status, (), (("Failed", "True"),), []),
    ],
)
def test_conditions(rule, before, after, why):
    check(said(rule, state(*after), state(*before)), why)


@pytest.mark.parametrize(
    ("rule", "before", "after", "why"),
    [
        (certificates.request_status, b"", b"x", ["must contain at least one CERTIFICATE PEM block"]),
        (
            certificates.request_status,
            b"",
            REQUEST,
            ['only CERTIFICATE PEM blocks are allowed, found "CERTIFICATE REQ'],
        ),
        (certificates.request_status, b"old", b"old", []),
        (certificates.request_status, b"old", b"", ["updates may not modify existing certificate content"]),
        (certificates.request_approval, b"", b"x", ["must contain", "updates may not set certificate content"]),
    ],
)
def test_certificates(rule, before, after, why):
    check(said(rule, state(certificate=after), state(certificate=before)), why)
