"""Whether a certificate and a private key belong together, in the words of Go's ``crypto/tls``."""

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from k3py.objects.validation.pem import pem_blocks

_KEY: Final = "PRIVATE KEY"
_KINDS: Final = (
    (rsa.RSAPublicKey, rsa.RSAPrivateKey),
    (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey),
    (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey),
)


def key_pair_mistake(certificate: bytes, key: bytes) -> str:
    """What is wrong with a pair in PEM; empty when both belong together."""
    found = list(pem_blocks(certificate))
    certificates = [block.data for block in found if block.label == "CERTIFICATE"]
    if not certificates:
        return _no_certificate([block.label for block in found])
    found = list(pem_blocks(key))
    keys = [block.data for block in found if block.label == _KEY or block.label.endswith(f" {_KEY}")]
    if not keys:
        return _no_key([block.label for block in found])
    return _mismatch(certificates[0], keys[0])


def _no_certificate(kinds: list[str]) -> str:
    if not kinds:
        return "tls: failed to find any PEM data in certificate input"
    if len(kinds) == 1 and kinds[0].endswith(_KEY):
        return (
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may"
            " have been switched"
        )
    return (
        'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following'
        f" types: [{' '.join(kinds)}]"
    )


def _no_key(kinds: list[str]) -> str:
    if not kinds:
        return "tls: failed to find any PEM data in key input"
    if kinds == ["CERTIFICATE"]:
        return "tls: found a certificate rather than a key in the PEM for the private key"
    return (
        'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the'
        f" following types: [{' '.join(kinds)}]"
    )


def _mismatch(certificate: bytes, key: bytes) -> str:
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
    except ValueError:
        return "x509: malformed certificate"
    except Exception:  # a key of a kind that the library does not know
        return "tls: unknown public key algorithm"
    try:
        private = load_der_private_key(key, None)
    except Exception:  # each kind of damage raises another error
        return "tls: failed to parse private key"
    for public_kind, private_kind in _KINDS:
        if isinstance(public, public_kind):
            if not isinstance(private, private_kind):
                return "tls: private key type does not match public key type"
            return "" if private.public_key() == public else "tls: private key does not match public key"
    return "tls: unknown public key algorithm"
