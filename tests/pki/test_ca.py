import base64
import contextlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.pki.ca import (
    ADMIN_LIFETIME_SECONDS,
    CA_LIFETIME_SECONDS,
    CLOCK_SKEW_SECONDS,
    LIFETIME_SECONDS,
    NAMES_MAX,
    CertificateAuthority,
    server_names,
)
from k3py.pki.csr import SIGNING_REQUEST_BYTES_MAX, key_pem, load_key, make_signing_request, new_key, requested_key
from k3py.pki.errors import BadCertificate
from k3py.pki.identity import ADMIN, Identity, identity_of, node_identity
from tests.pki.helpers import StoppedClock, authority

NODE = node_identity("n1")


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


def test_the_server_alone_decides_what_a_client_certificate_says() -> None:
    ca = authority()
    greedy = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "system:admin"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
        ]
    )
    key = new_key()
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(greedy)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("kubernetes")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    issued = ca.sign_client(request.public_bytes(serialization.Encoding.PEM), NODE)
    certificate = x509.load_pem_x509_certificate(issued)
    assert identity_of(der(issued)) == NODE
    assert certificate.public_key() == key.public_key()
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


@pytest.mark.parametrize("lifetime", [LIFETIME_SECONDS, ADMIN_LIFETIME_SECONDS])
def test_a_certificate_lives_as_long_as_asked_and_began_a_little_earlier(lifetime: float) -> None:
    clock = StoppedClock()
    issued = authority(clock).issue_client(new_key().public_key(), ADMIN, lifetime)
    certificate = x509.load_pem_x509_certificate(issued)
    assert certificate.not_valid_after_utc.timestamp() == clock.time + lifetime
    assert certificate.not_valid_before_utc.timestamp() == clock.time - CLOCK_SKEW_SECONDS


def test_no_certificate_outlives_its_ca() -> None:
    clock = StoppedClock()
    ca = authority(clock)
    clock.time += CA_LIFETIME_SECONDS - 60
    certificate = x509.load_pem_x509_certificate(ca.issue_client(new_key().public_key(), NODE))
    assert certificate.not_valid_after_utc == ca.certificate.not_valid_after_utc
    clock.time += 61
    with pytest.raises(BadCertificate, match="CA itself has expired"):
        ca.issue_client(new_key().public_key(), NODE)


def test_a_server_certificate_covers_every_name_and_verifies() -> None:
    clock = StoppedClock()
    ca = authority(clock)
    names = server_names(["n1", "10.0.0.7", "fd00::1", "n1"], "10.43.0.1")
    issued = x509.load_pem_x509_certificate(ca.sign_server(new_key().public_key(), names))
    alternatives = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(alternatives.get_values_for_type(x509.DNSName)) == {
        "n1",
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    }
    assert {str(a) for a in alternatives.get_values_for_type(x509.IPAddress)} == {
        "10.0.0.7",
        "fd00::1",
        "127.0.0.1",
        "::1",
        "10.43.0.1",
    }
    now = datetime.fromtimestamp(clock.time, UTC)
    verifier = PolicyBuilder().store(Store([ca.certificate])).time(now)
    verifier.build_server_verifier(x509.DNSName("kubernetes.default.svc")).verify(issued, [])


@pytest.mark.parametrize("names", [[], [""], ["käse"], [f"n{i}" for i in range(NAMES_MAX + 1)]])
def test_names_that_no_certificate_can_hold_are_refused(names: list[str]) -> None:
    with pytest.raises(BadCertificate, match="cannot issue a server certificate"):
        authority().sign_server(new_key().public_key(), names)


def test_as_many_names_as_allowed_fit() -> None:
    authority().sign_server(new_key().public_key(), [f"n{i}" for i in range(NAMES_MAX)])


def test_every_certificate_has_its_own_serial_number() -> None:
    ca = authority()
    issued = [x509.load_pem_x509_certificate(ca.issue_client(new_key().public_key(), NODE)) for _ in range(3)]
    assert [c.serial_number for c in issued] == [2, 3, 4]  # the CA itself has 1


def test_requests_that_prove_nothing_are_refused() -> None:
    good = make_signing_request(new_key(), "n1")
    assert isinstance(requested_key(good), ec.EllipticCurvePublicKey)
    parsed = x509.load_pem_x509_csr(good)
    forged = bytearray(parsed.public_bytes(serialization.Encoding.DER))
    forged[-1] ^= 1
    armoured = b"-----BEGIN CERTIFICATE REQUEST-----\n%s-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(BadCertificate):
        requested_key(armoured % base64.encodebytes(bytes(forged)))
    with pytest.raises(BadCertificate, match="at most"):
        requested_key(good + b"\n" * SIGNING_REQUEST_BYTES_MAX)
    requested_key(good + b"\n" * (SIGNING_REQUEST_BYTES_MAX - len(good)))
    weak = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    weak_key = rsa.generate_private_key(65537, 2048)
    with pytest.raises(BadCertificate, match="only ECDSA"):
        requested_key(weak.sign(weak_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


SIGNED = make_signing_request(new_key(), "n1")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_requests_are_refused_clearly(data: st.DataObject) -> None:
    request = bytearray(SIGNED)
    for _ in range(data.draw(st.integers(1, 4))):
        request[data.draw(st.integers(0, len(request) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadCertificate):
        requested_key(bytes(request))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_garbage_is_neither_certificate_nor_key(garbage: bytes) -> None:
    with pytest.raises(BadCertificate):
        identity_of(garbage)
    with pytest.raises(BadCertificate):
        load_key(garbage)
    with pytest.raises(BadCertificate):
        requested_key(garbage)


def test_a_ca_is_the_same_after_it_was_kept() -> None:
    ca = authority()
    again = CertificateAuthority.load(ca.certificate_pem, ca.private_key_pem, StoppedClock(), lambda: 7)
    assert again.hash == ca.hash
    issued = x509.load_pem_x509_certificate(again.issue_client(new_key().public_key(), NODE))
    issued.verify_directly_issued_by(ca.certificate)


def test_a_ca_is_loaded_only_with_its_own_key_and_only_if_it_is_one() -> None:
    ca, other = authority(), authority()
    with pytest.raises(BadCertificate, match="does not belong"):
        CertificateAuthority.load(ca.certificate_pem, other.private_key_pem, StoppedClock(), lambda: 1)
    key = new_key()
    leaf = ca.issue_client(key.public_key(), NODE)
    with pytest.raises(BadCertificate, match="not that of a CA"):
        CertificateAuthority.load(leaf, key_pem(key), StoppedClock(), lambda: 1)


def test_identities() -> None:
    assert node_identity("n1.example").node_name == "n1.example"
    assert ADMIN.node_name == ""
    assert Identity("system:node:n1", ("system:masters",)).node_name == ""
    for bad in ("", "N1", "a b", "-a", "a..b", "n" * 53, "n1\n", "system:admin"):
        with pytest.raises(BadCertificate):
            node_identity(bad)
    assert node_identity("n" * 52).node_name == "n" * 52
    ca = authority()
    two = Identity("anna", ("dev", "ops"))
    assert identity_of(der(ca.issue_client(new_key().public_key(), two))) == two
    with pytest.raises(BadCertificate, match="1 to 64"):
        ca.issue_client(new_key().public_key(), Identity("a" * 65))
