"""Who a client certificate speaks for, as Kubernetes reads it: CN is the user, each O a group."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from k3py.pki.errors import BadCertificate

NODE_USER_PREFIX: Final = "system:node:"
NODES_GROUP: Final = "system:nodes"
ADMIN_USER: Final = "system:admin"
ADMINS_GROUP: Final = "system:masters"

# X.509 allows a CN of 64 characters (RFC 5280, ub-common-name); what is left of it names the node.
COMMON_NAME_LENGTH_MAX: Final = 64
NODE_NAME_LENGTH_MAX: Final = COMMON_NAME_LENGTH_MAX - len(NODE_USER_PREFIX)
_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NODE_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")

# A thousand nodes and some people; an entry has a few hundred bytes.
_IDENTITIES_CACHED_MAX: Final = 4096


@dataclass(frozen=True)
class Identity:
    """A user name and the groups it belongs to."""

    user: str
    groups: tuple[str, ...] = ()

    @property
    def node_name(self) -> str:
        """The node this identity belongs to, or ``""`` when it is no node's."""
        if NODES_GROUP in self.groups and self.user.startswith(NODE_USER_PREFIX):
            return self.user.removeprefix(NODE_USER_PREFIX)
        return ""


ADMIN: Final = Identity(ADMIN_USER, (ADMINS_GROUP,))


def node_identity(name: str) -> Identity:
    """The identity of the node called ``name``.

    Raises:
        BadCertificate: the name is no DNS-1123 subdomain or has more than ``NODE_NAME_LENGTH_MAX`` characters.
    """
    if len(name) > NODE_NAME_LENGTH_MAX or not _NODE_NAME.fullmatch(name):
        raise BadCertificate(
            f"cannot use {name[:80]!r} as the name of a node: it must be lower-case letters, digits, '-' and '.', "
            f"at most {NODE_NAME_LENGTH_MAX} characters"
        )
    return Identity(NODE_USER_PREFIX + name, (NODES_GROUP,))


@lru_cache(maxsize=_IDENTITIES_CACHED_MAX)
def identity_of(certificate_der: bytes) -> Identity:
    """The identity in a certificate (DER). TLS has already verified chain, dates and purpose.

    Raises:
        BadCertificate: it cannot be read, or has not exactly one non-empty CN.
    """
    try:
        subject = x509.load_der_x509_certificate(certificate_der).subject
        users = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        groups = tuple(str(a.value) for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
    except ValueError as error:
        raise BadCertificate(f"cannot read the client certificate: {error}") from error
    if len(users) != 1 or not users[0]:
        raise BadCertificate("cannot tell who the client certificate speaks for: it needs exactly one CN")
    return Identity(users[0], groups)
