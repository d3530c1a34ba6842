"""Letting a node in: what node and server say to each other, and what the server decides.

A node that has no certificate joins with a token; a node that has one renews it, and can only ever renew its own name.
The first to join under a name also leaves the hash of a *node secret* of its own making: whoever else holds the
cluster's token cannot take over that name later.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import msgspec

from k3py.model.errors import BadRequest, Forbidden, Unauthorized
from k3py.pki.ca import CertificateAuthority
from k3py.pki.errors import BadCertificate
from k3py.pki.identity import Identity, node_identity
from k3py.pki.tokens import Role, same

CA_PATH: Final = "/cacerts"
JOIN_PATH: Final = "/k3py.io/v1/join"
RENEW_PATH: Final = "/k3py.io/v1/renew"
# A signing request (16 KiB at most), a name and a secret, in JSON.
JOIN_BYTES_MAX: Final = 32 * 1024
NODE_SECRET_LENGTH_MIN: Final = 32


class JoinRequest(msgspec.Struct, rename="camel"):
    """Body of ``POST /k3py.io/v1/join`` (with ``Authorization: Bearer <secret of the token>``) and of
    ``POST /k3py.io/v1/renew`` (with the certificate that is to be renewed)."""

    node_name: str
    signing_request: str
    node_secret: str = ""


class JoinAnswer(msgspec.Struct, rename="camel"):
    """The node's certificate and the CA certificates to trust from now on, both PEM."""

    certificate: str
    certificate_authorities: str


@dataclass(frozen=True)
class Admission:
    """What the server does for a node it lets in: answer, and remember ``node_secret_sha256`` under the name."""

    answer: JoinAnswer
    node_name: str
    node_secret_sha256: str


def decode_join(body: bytes) -> JoinRequest:
    """The request from its JSON.

    Raises:
        BadRequest: too large or no such JSON.
    """
    if len(body) > JOIN_BYTES_MAX:
        raise BadRequest(f"cannot read the join request: it has more than {JOIN_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(body, type=JoinRequest)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"cannot read the join request: {error}") from error


def admit_node(
    request: JoinRequest, role: Role | None, known_secret_sha256: str | None, ca: CertificateAuthority
) -> Admission:
    """Decide about a node that comes with a token.

    ``role`` is what ``tokens.role_of`` says of the bearer, ``known_secret_sha256`` what was remembered of the first
    node of this name, None if there is none. The caller stores the admission's hash *before* it answers.

    Raises:
        Unauthorized: the token is unknown or has expired.
        Forbidden: another machine has the name.
        BadRequest: name, secret or signing request cannot be used.
    """
    if role is None:
        raise Unauthorized("cannot join: the token is not known here or has expired")
    if len(request.node_secret) < NODE_SECRET_LENGTH_MIN:
        raise BadRequest(f"cannot join: nodeSecret must have at least {NODE_SECRET_LENGTH_MIN} characters")
    secret_sha256 = node_secret_sha256(request)
    if known_secret_sha256 is not None and not same(secret_sha256, known_secret_sha256):
        raise Forbidden(
            f"cannot join as node {request.node_name!r}: another machine has joined under this name; "
            "choose another --node-name, or delete the node first"
        )
    try:
        identity = node_identity(request.node_name)
    except BadCertificate as error:
        raise BadRequest(f"cannot join: {error}") from error
    return Admission(_answer(request, identity, ca), request.node_name, secret_sha256)


def node_secret_sha256(request: JoinRequest) -> str:
    """What the server remembers of a node's secret: its SHA-256, in hex."""
    return hashlib.sha256(request.node_secret.encode(errors="surrogatepass")).hexdigest()


def renew_node(request: JoinRequest, identity: Identity, ca: CertificateAuthority) -> JoinAnswer:
    """A new certificate for the node that ``identity`` (of the client certificate) belongs to.

    Raises:
        Forbidden: the identity is no node's, or that of another node.
        BadRequest: the signing request cannot be used.
    """
    if not identity.node_name or identity.node_name != request.node_name:
        raise Forbidden(f"cannot renew the certificate of node {request.node_name!r} for {identity.user!r}")
    return _answer(request, identity, ca)


def _answer(request: JoinRequest, identity: Identity, ca: CertificateAuthority) -> JoinAnswer:
    try:
        certificate = ca.sign_client(request.signing_request.encode(errors="surrogatepass"), identity)
    except BadCertificate as error:
        raise BadRequest(str(error)) from error
    return JoinAnswer(certificate.decode(), ca.certificate_pem.decode())
