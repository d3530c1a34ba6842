"""The cluster's certificate authority: ECDSA P-256, X.509 v3 (RFC 5280).

Where it is kept is the caller's business: the server keeps it in the store, wrapped by the cluster key.

It alone decides what a certificate says. From a signing request it takes the public key and nothing else; user and
groups come from the server, which knows who is asking.
"""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from k3py.base.clock import Clock
from k3py.pki.csr import key_pem, load_key, new_key, requested_key
from k3py.pki.errors import BadCertificate
from k3py.pki.identity import COMMON_NAME_LENGTH_MAX, Identity
from k3py.pki.tokens import ca_hash

HOUR_SECONDS: Final = 3600
DAY_SECONDS: Final = 24 * HOUR_SECONDS
LIFETIME_SECONDS: Final = DAY_SECONDS  # servers and nodes renew at two thirds, see rotation
ADMIN_LIFETIME_SECONDS: Final = 365 * DAY_SECONDS  # nobody renews a person's file for them
CA_LIFETIME_SECONDS: Final = 10 * 365 * DAY_SECONDS
# Certificates are valid a little before they are made, for machines whose clocks are behind.
CLOCK_SKEW_SECONDS: Final = 300
SERVER_USER: Final = "k3py-server"
NAMES_MAX: Final = 256  # subject alternative names of one server certificate

Serials = Callable[[], int]
"""Gives a positive integer below 2**159 that was never given before; ``x509.random_serial_number`` outside tests."""


def server_names(hosts: Iterable[str], service_address: str, cluster_domain: str = "cluster.local") -> tuple[str, ...]:
    """Every name a server is reached by, each once: its own hosts and addresses, loopback, and the API service."""
    service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    service.append(f"kubernetes.default.svc.{cluster_domain}")
    return tuple(dict.fromkeys([*hosts, "localhost", "127.0.0.1", "::1", service_address, *service]))


class CertificateAuthority:
    """Issues certificates. ``clock`` says when, ``serials`` gives each its number."""

    def __init__(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, clock: Clock, serials: Serials
    ) -> None:
        self.certificate = certificate
        self._key = key
        self._clock = clock
        self._serials = serials

    @classmethod
    def create(cls, clock: Clock, serials: Serials) -> "CertificateAuthority":
        """A new authority with a new key. Its name holds the second of its making, so that two are never mixed up."""
        key = new_key()
        now = clock.now()
        name = _name(f"k3py-ca@{int(now)}", ())
        certificate = (
            _builder(name, name, key.public_key(), serials(), now, now + CA_LIFETIME_SECONDS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key, clock, serials)

    @classmethod
    def load(
        cls, certificate_pem: bytes, private_key_pem: bytes, clock: Clock, serials: Serials
    ) -> "CertificateAuthority":
        """An authority from what ``certificate_pem`` and ``private_key_pem`` gave.

        Raises:
            BadCertificate: unreadable, not a CA's certificate, or the key belongs to another certificate.
        """
        key = load_key(private_key_pem)
        certificate = load_certificate(certificate_pem)
        if certificate.public_key() != key.public_key():
            raise BadCertificate("cannot use the CA: its key does not belong to its certificate")
        try:
            is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (x509.ExtensionNotFound, ValueError):
            is_ca = False
        if not is_ca:
            raise BadCertificate("cannot use the CA: the certificate is not that of a CA")
        return cls(certificate, key, clock, serials)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def private_key_pem(self) -> bytes:
        return key_pem(self._key)

    @property
    def hash(self) -> str:
        """By which join tokens name this authority."""
        return ca_hash(self.certificate.public_bytes(serialization.Encoding.DER))

    def sign_server(
        self, key: ec.EllipticCurvePublicKey, names: Sequence[str], lifetime_seconds: float = LIFETIME_SECONDS
    ) -> bytes:
        """A server certificate (PEM) for all of ``names``, host names and IP addresses alike.

        Raises:
            BadCertificate: no name, too many, or one that is neither.
        """
        if not 0 < len(names) <= NAMES_MAX:
            raise BadCertificate(f"cannot issue a server certificate for {len(names)} names: 1 to {NAMES_MAX}")
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        subject = _name(SERVER_USER, ())
        return self._sign(key, subject, ExtendedKeyUsageOID.SERVER_AUTH, lifetime_seconds, alternatives)

    def sign_client(
        self, signing_request_pem: bytes, identity: Identity, lifetime_seconds: float = LIFETIME_SECONDS
    ) -> bytes:
        """A client certificate (PEM) for the key of the request and the identity that the *server* found.

        Raises:
            BadCertificate: the request cannot be signed, or the identity does not fit into a certificate.
        """
        return self.issue_client(requested_key(signing_request_pem), identity, lifetime_seconds)

    def issue_client(
        self, key: ec.EllipticCurvePublicKey, identity: Identity, lifetime_seconds: float = LIFETIME_SECONDS
    ) -> bytes:
        """As ``sign_client``, for a key that was made here (the admin's).

        Raises:
            BadCertificate: the identity does not fit into a certificate.
        """
        for part in (identity.user, *identity.groups):
            if not 0 < len(part) <= COMMON_NAME_LENGTH_MAX:
                raise BadCertificate(
                    f"cannot issue a certificate for {part!r}: names have 1 to {COMMON_NAME_LENGTH_MAX} characters"
                )
        subject = _name(identity.user, identity.groups)
        return self._sign(key, subject, ExtendedKeyUsageOID.CLIENT_AUTH, lifetime_seconds)

    def _sign(
        self,
        key: ec.EllipticCurvePublicKey,
        subject: x509.Name,
        purpose: x509.ObjectIdentifier,
        lifetime_seconds: float,
        alternatives: x509.SubjectAlternativeName | None = None,
    ) -> bytes:
        now = self._clock.now()
        # A certificate that outlives its issuer would be refused anyway, later and harder to understand.
        until = min(now + lifetime_seconds, self.certificate.not_valid_after_utc.timestamp())
        if until <= now:
            raise BadCertificate("cannot issue a certificate: the CA itself has expired")
        issuer = self.certificate.subject
        own_key = self._key.public_key()
        builder = (
            _builder(subject, issuer, key, self._serials(), now, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own_key), critical=False)
        )
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def load_certificate(pem: bytes) -> x509.Certificate:
    """The first certificate of a PEM text.

    Raises:
        BadCertificate: there is none that can be read.
    """
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise BadCertificate(f"cannot read the certificate: {error}") from error


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    now: float,
    until: float,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(datetime.fromtimestamp(int(now) - CLOCK_SKEW_SECONDS, UTC))
        .not_valid_after(datetime.fromtimestamp(int(until), UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str, organizations: Iterable[str]) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        if not name:
            raise ValueError("it is empty")
        return x509.DNSName(name)
    except ValueError as error:
        raise BadCertificate(f"cannot issue a server certificate for {name!r}: {error}") from error
