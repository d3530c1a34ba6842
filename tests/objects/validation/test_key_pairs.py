"""Whether certificate and key of a secret belong together."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from k3py.model.generated import core_v1
from k3py.objects.validation.core import secret_warnings
from k3py.objects.validation.key_pairs import key_pair_mistake


def _pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ANOTHER_KIND = ed25519.Ed25519PrivateKey.generate()
CERTIFICATE = _certificate(KEY)
ODD = b"-----BEGIN ODD-----\nYQ==\n-----END ODD-----\n"
BAD_KEY = b"-----BEGIN PRIVATE KEY-----\nYQ==\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("certificate", "key", "why"),
    [
        (CERTIFICATE, _pem(KEY), ""),
        (ODD + CERTIFICATE, ODD + _pem(KEY), ""),
        (CERTIFICATE, _pem(OTHER), "tls: private key does not match public key"),
        (CERTIFICATE, _pem(ANOTHER_KIND), "tls: private key type does not match public key type"),
        (b"a", b"", "tls: failed to find any PEM data in certificate input"),
        (_pem(KEY), _pem(KEY), "tls: failed to find certificate PEM data in certificate input, but did find a private"
                               " key; PEM inputs may have been switched"),
        (ODD, b"", 'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the'
                   " following types: [ODD]"),
        (CERTIFICATE, b"b", "tls: failed to find any PEM data in key input"),
        (CERTIFICATE, CERTIFICATE, "tls: found a certificate rather than a key in the PEM for the private key"),
        (CERTIFICATE, ODD, 'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping'
                           " PEM blocks of the following types: [ODD]"),
        (ODD.replace(b"ODD", b"CERTIFICATE"), _pem(KEY), "x509: malformed certificate"),
        (CERTIFICATE, BAD_KEY, "tls: failed to parse private key"),
    ],
)  # fmt: skip
def test_pairs(certificate, key, why):
    assert key_pair_mistake(certificate, key) == why


def test_only_secrets_of_the_type_are_looked_at():
    data = {"tls.crt": b"a", "tls.key": b"b"}
    assert secret_warnings(core_v1.Secret(type="kubernetes.io/tls", data=data)) == [
        "tls: failed to find any PEM data in certificate input"
    ]
    assert secret_warnings(core_v1.Secret(type="Opaque", data=data)) == []


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from([b"CERTIFICATE", b"PRIVATE KEY", b"X"]))
def test_whatever_is_sent_is_answered(before, inside, label):
    block = b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label, inside, label)
    assert isinstance(key_pair_mistake(before + block, block), str)
    assert isinstance(key_pair_mistake(CERTIFICATE, before + block), str)
