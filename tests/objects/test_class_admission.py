"""Default classes, and who asks for a certificate: what the cluster decides about new objects."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from k3py.model.errors import Forbidden, Invalid
from k3py.model.user import User
from k3py.objects.class_admission import DEFAULT_ANNOTATION
from k3py.pki.csr import make_signing_request, new_key
from tests.objects.world import FixedClock, Plain, run

BACKEND = {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}
IS_DEFAULT = {DEFAULT_ANNOTATION: "true"}


def test_an_ingress_without_a_class_gets_the_newest_default():
    clock = FixedClock()

    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("Ingress", metadata={"name": "a"}, spec=BACKEND)
        assert "ingressClassName" not in made["spec"]
        for name, annotations in (("z", IS_DEFAULT), ("b", IS_DEFAULT), ("a", {}), ("c", IS_DEFAULT)):
            clock.time += 1 if name == "b" else 0
            meta = {"name": name, "annotations": annotations}
            await plain.create("IngressClass", metadata=meta, spec={"controller": "x.y/z"})
        assert (await plain.create("Ingress", metadata={"name": "b"}, spec=BACKEND))["spec"]["ingressClassName"] == "b"
        named = {"name": "c", "annotations": {"kubernetes.io/ingress.class": "old"}}
        assert "ingressClassName" not in (await plain.create("Ingress", metadata=named, spec=BACKEND))["spec"]

    run(story, clock)


def test_there_is_one_default_priority_at_most():
    async def story(objects):
        plain = Plain(objects)
        first = await plain.create("PriorityClass", metadata={"name": "a"}, value=1, globalDefault=True)
        assert first["metadata"]["generation"] == 1
        with pytest.raises(Forbidden, match="PriorityClass a is already marked as default"):
            await plain.create("PriorityClass", metadata={"name": "b"}, value=1, globalDefault=True)
        await plain.create("PriorityClass", metadata={"name": "b"}, value=1)
        with pytest.raises(Forbidden):
            await plain.patch("PriorityClass", "b", {"globalDefault": True})
        changed = await plain.patch("PriorityClass", "a", {"description": "x"})
        assert changed["metadata"]["generation"] == 1

    run(story)


def test_a_signing_request_from_its_birth_to_its_certificate():
    clock = FixedClock()

    async def story(objects):
        jane = Plain(objects, user=User("jane", ("devs",), "u1", {"scopes": ["a"]}))
        raw = base64.b64encode(make_signing_request(new_key(), "jane")).decode()
        spec = {"request": raw, "signerName": "a.b/c", "usages": ["client auth"], "username": "root"}
        made = await jane.create("CertificateSigningRequest", metadata={"name": "r:1"}, spec=spec)
        assert {key: made["spec"][key] for key in ("username", "groups", "uid", "extra")} == {
            "username": "jane", "groups": ["devs"], "uid": "u1", "extra": {"scopes": ["a"]},
        }  # fmt: skip
        changed = await jane.patch("CertificateSigningRequest", "r:1", {"spec": {"username": "root"}})
        assert changed["spec"] == made["spec"]

        approval = {"status": {"conditions": [{"type": "Approved", "status": "True"}], "certificate": "YQ=="}}
        clock.time += 60
        approved = await jane.patch("CertificateSigningRequest", "r:1", approval, subresource="approval")
        [condition] = approved["status"]["conditions"]
        assert condition["lastUpdateTime"] == condition["lastTransitionTime"] == "2023-11-14T22:14:20Z"
        assert "certificate" not in approved["status"]

        signed = {"status": {"certificate": "YQ=="}}
        with pytest.raises(Invalid, match="must contain at least one CERTIFICATE PEM block"):
            await jane.patch("CertificateSigningRequest", "r:1", signed, subresource="status")

    run(story, clock)


def test_lists_that_are_always_there_read_null_when_they_are_empty():
    async def story(objects):
        plain = Plain(objects)
        name = {"name": "a", "annotations": {"x": '"rules":[] "ports":[]'}}
        made = await plain.create("EndpointSlice", metadata=name, addressType="IPv4", endpoints=[])
        assert (made["endpoints"], made["ports"]) == (None, None)
        assert made["metadata"]["annotations"] == name["annotations"]
        assert await plain.update("EndpointSlice", made) == made
        assert (await plain.create("Role", metadata=name))["rules"] is None
        changed = await plain.patch("Role", "a", {"metadata": {"labels": {"a": "b"}}})
        assert changed["rules"] is None
        rules = [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]
        assert (await plain.patch("Role", "a", {"rules": rules}))["rules"] == rules

    run(story)


def test_nobody_becomes_a_master_by_a_certificate():
    async def story(objects):
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters")])
        made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(new_key(), hashes.SHA256())
        raw = base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()
        spec = {"request": raw, "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}
        with pytest.raises(Forbidden, match="signer with system:masters group is not allowed"):
            await Plain(objects).create("CertificateSigningRequest", metadata={"name": "a"}, spec=spec)
        other = {**spec, "signerName": "a.b/c"}
        await Plain(objects).create("CertificateSigningRequest", metadata={"name": "a"}, spec=other)

    run(story)
