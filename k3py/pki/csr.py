"""Keys and certificate signing requests (PKCS #10, RFC 2986), made where the key is used.

A key never travels: whoever needs a certificate makes a key, sends the request and gets the certificate back. What the
request says of its own subject decides nothing; see ``ca``.
"""

from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from k3py.pki.errors import BadCertificate

# A P-256 request has some 400 bytes; this leaves room for extensions we then ignore.
SIGNING_REQUEST_BYTES_MAX: Final = 16 * 1024
CURVES: Final = ("secp256r1", "secp384r1")


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh ECDSA P-256 key from the operating system's randomness."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The private key as unencrypted PKCS #8 PEM. Whoever stores it uses mode 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """A private key from PEM.

    Raises:
        BadCertificate: it is no unencrypted ECDSA private key.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadCertificate(f"cannot read the private key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadCertificate("cannot use the private key: it is not an ECDSA key")
    return key


def make_signing_request(key: ec.EllipticCurvePrivateKey, common_name: str) -> bytes:
    """A signing request in PEM. ``common_name`` is a hint for people; the server does not go by it."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def requested_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """The public key of a signing request whose sender has proved to hold the private one.

    Raises:
        BadCertificate: too large, unreadable, wrongly signed, or not an ECDSA key on P-256 or P-384.
    """
    if len(pem) > SIGNING_REQUEST_BYTES_MAX:
        raise BadCertificate(
            f"cannot sign the request: it has {len(pem)} bytes, at most {SIGNING_REQUEST_BYTES_MAX} are read"
        )
    try:
        request = x509.load_pem_x509_csr(pem)
        key = request.public_key()
        proved = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise BadCertificate(f"cannot read the certificate signing request: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise BadCertificate("cannot sign the request: only ECDSA keys on P-256 or P-384 are accepted")
    if not proved:
        raise BadCertificate("cannot sign the request: its signature does not belong to its key")
    return key
