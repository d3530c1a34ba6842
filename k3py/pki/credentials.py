"""What a node keeps of its certificates, and how it gets and renews them.

Certificate and key lie in *one* file, so that after a crash they always belong together; a renewal makes a new key.
"""

import random
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization

from k3py.base.clock import Clock
from k3py.base.paths import write_private
from k3py.pki.bootstrap import join, renew
from k3py.pki.ca import load_certificate
from k3py.pki.contexts import client_context
from k3py.pki.csr import key_pem, load_key, make_signing_request, new_key
from k3py.pki.errors import BadCertificate, PkiError
from k3py.pki.identity import identity_of, node_identity
from k3py.pki.join import JoinAnswer, JoinRequest
from k3py.pki.renewal import Renewal
from k3py.pki.rotation import install
from k3py.pki.tokens import JoinToken, new_secret

NODE_SECRET_LENGTH: Final = 40
_CERTIFICATE_END: Final = b"-----END CERTIFICATE-----"


@dataclass(frozen=True)
class Credentials:
    """A node's certificate and key, and the CA certificates it trusts; all PEM."""

    certificate_pem: bytes
    key_pem: bytes
    ca_pem: bytes

    def context(self) -> ssl.SSLContext:
        """TLS settings for connecting to a server as this node."""
        return client_context(self.ca_pem, self.certificate_pem, self.key_pem)


class NodeCredentials:
    """The credentials of one node in one folder (files of mode 0600).

    ``source`` is only asked for the node secret: ``random.SystemRandom()`` outside tests.
    """

    def __init__(self, folder: Path, node_name: str, clock: Clock, source: random.Random) -> None:
        node_identity(node_name)  # refuses a name that no certificate can hold, before anything is written
        self._pair_path = folder / "node.pem"
        self._ca_path = folder / "ca.pem"
        self._secret_path = folder / "node-secret"
        self._node_name = node_name
        self._clock = clock
        self._source = source

    def load(self) -> Credentials | None:
        """What is kept, or None if there is nothing, it has expired, is unreadable or another name's."""
        try:
            pair = self._pair_path.read_bytes()
            ca = self._ca_path.read_bytes()
        except FileNotFoundError:
            return None
        head, mark, key = pair.partition(_CERTIFICATE_END)
        certificate = head + mark + b"\n"
        try:
            if Renewal.of(certificate).is_expired(self._clock.now()):
                return None
            der = load_certificate(certificate).public_bytes(serialization.Encoding.DER)
            if identity_of(der) != node_identity(self._node_name):
                return None
            load_key(key)
        except BadCertificate:
            return None
        return Credentials(certificate, key.lstrip(b"\n"), ca)

    async def obtain(self, server: str, token: JoinToken) -> Credentials:
        """What is kept, else what joining at ``server`` with ``token`` gives. May be repeated after any failure.

        Raises:
            Untrusted, Unavailable, Problem: as ``bootstrap.join``.
        """
        kept = self.load()
        if kept is not None:
            return kept
        key = new_key()
        request = self._request(make_signing_request(key, self._node_name))
        return self._keep(await join(server, token, request), key_pem(key))

    async def renew(self, server: str, context: ssl.SSLContext, token: JoinToken | None = None) -> Credentials:
        """Renew what ``context`` shows, keep it, and let every later handshake of ``context`` use it.

        What has expired meanwhile (the machine slept) opens no door any more: then the node joins again by ``token``.

        Raises:
            Untrusted, Unavailable, Problem: as ``bootstrap.renew`` and ``join``; nothing has changed then.
        """
        key = new_key()
        request = self._request(make_signing_request(key, self._node_name))
        if self.load() is None and token is not None:
            answer = await join(server, token, request)
        else:
            answer = await renew(server, context, request)
        renewed = self._keep(answer, key_pem(key))
        install(context, renewed.certificate_pem, renewed.key_pem)
        return renewed

    def _request(self, signing_request: bytes) -> JoinRequest:
        return JoinRequest(self._node_name, signing_request.decode(), self._node_secret())

    def _node_secret(self) -> str:
        """Made once per machine and name, before the first join, so that a repeated join shows the same one."""
        if not self._secret_path.exists():
            write_private(self._secret_path, new_secret(self._source, NODE_SECRET_LENGTH).encode())
        return self._secret_path.read_text()

    def _keep(self, answer: JoinAnswer, private_key_pem: bytes) -> Credentials:
        credentials = Credentials(answer.certificate.encode(), private_key_pem, answer.certificate_authorities.encode())
        try:
            credentials.context()
        except BadCertificate as error:
            raise PkiError(f"cannot use what the server sent: {error}") from error
        write_private(self._ca_path, credentials.ca_pem)
        write_private(self._pair_path, credentials.certificate_pem.rstrip(b"\n") + b"\n" + private_key_pem)
        return credentials
