"""What makes a server *this* cluster's: the store, the cluster key, the CA, the tokens.

The cluster key lies beside the database, wrapped by the server token; everything else secret is derived from it or
sealed with it, so a second server with the token and the same place is the same cluster.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from k3py.base.clock import Clock
from k3py.base.paths import Paths, write_private
from k3py.pki.ca import CertificateAuthority, Serials
from k3py.pki.csr import key_pem, load_key, new_key
from k3py.pki.errors import BadCertificate
from k3py.pki.jwt import SigningKeys
from k3py.pki.tokens import JoinToken, new_secret
from k3py.store.blobs import Blobs
from k3py.store.bootstrap import ClusterKey, read_or_create_cluster_key
from k3py.store.errors import CannotOpen
from k3py.store.sealing import NONCE_BYTES, KeyRing

CA_BLOB: Final = "bootstrap/ca"
TOKEN_KEYS_BLOB: Final = "bootstrap/service-account-keys"
TOKEN_KEYS_PURPOSE: Final = "service-account-keys"
SECRETS_KEY_ID: Final = "secrets/1"
AGENT_SECRET_LENGTH: Final = 32


class _SealedCa(msgspec.Struct):
    """The CA as it lies beside the database: certificate in the clear, key sealed with the cluster key."""

    certificate: str
    nonce: bytes
    sealed_key: bytes


class _SealedKeys(msgspec.Struct):
    """The keys that sign service accounts' tokens as they lie beside the database: sealed."""

    nonce: bytes
    sealed: bytes


class _Pems(msgspec.Struct):
    keys: list[str]


@dataclass(frozen=True)
class Cluster:
    """The secrets and the authority of one cluster."""

    key: ClusterKey
    authority: CertificateAuthority
    server_secret: str
    token_keys: SigningKeys

    @property
    def agent_secret(self) -> str:
        """The secret of the agents' join token: the same on every server, since it is derived from the cluster key."""
        return self.key.derive("agent-token").hex()[:AGENT_SECRET_LENGTH]

    @property
    def sealer(self) -> KeyRing:
        """Encrypts Secrets at rest."""
        return KeyRing({SECRETS_KEY_ID: self.key.derive(SECRETS_KEY_ID)}, SECRETS_KEY_ID)

    def join_token(self, secret: str) -> str:
        """A join token in full: it names the CA, so that a node knows the server before it says the secret."""
        return JoinToken(self.authority.hash, secret).format()


async def open_cluster(
    blobs: Blobs,
    paths: Paths,
    given_token: str,
    clock: Clock,
    serials: Serials,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Cluster:
    """The cluster that lives at a place, made when nothing is there yet. Writes the token files (mode 0600).

    Raises:
        CannotOpen: the token is another cluster's, or what is there cannot be read.
        BadToken: ``given_token`` has a form that no token has.
    """
    kept = paths.server_token.with_name("secret")
    secret = server_secret(kept, given_token)
    key = await read_or_create_cluster_key(blobs, secret, random_bytes)
    _write_once(kept, secret.encode())  # only now: a wrong token must not take the place of the right one
    authority = await _authority(blobs, key, clock, serials, random_bytes)
    cluster = Cluster(key, authority, secret, await _token_keys(blobs, key, random_bytes))
    for path, each in ((paths.server_token, secret), (paths.agent_token, cluster.agent_secret)):
        _write_once(path, (cluster.join_token(each) + "\n").encode())
    return cluster


def server_secret(path: Path, given: str) -> str:
    """The server token's secret: the given one, else the one kept in a file, else a new one, which is kept there.

    ``given`` is a whole join token or, for the first server, a bare secret.
    """
    kept = path.read_text().strip() if path.exists() else ""
    secret = JoinToken.parse(given).secret if given.startswith("k3py1.") else given
    if not secret and not kept:
        kept = new_secret(random.SystemRandom())
        write_private(path, kept.encode())  # before a key is wrapped with it: nobody else knows it
    return secret or kept


def _write_once(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        write_private(path, content)


async def _authority(
    blobs: Blobs, key: ClusterKey, clock: Clock, serials: Serials, random_bytes: Callable[[int], bytes]
) -> CertificateAuthority:
    cipher = AESGCM(key.derive("ca"))
    found = await blobs.get(CA_BLOB)
    if found is None:
        made = CertificateAuthority.create(clock, serials)
        nonce = random_bytes(NONCE_BYTES)
        sealed = cipher.encrypt(nonce, made.private_key_pem, made.certificate_pem)
        # Of several servers that start at once on a new place one writes; the others read what it wrote.
        await blobs.put_new(CA_BLOB, msgspec.json.encode(_SealedCa(made.certificate_pem.decode(), nonce, sealed)))
        found = await blobs.get(CA_BLOB)
    if found is None:
        raise CannotOpen(f"cannot read {CA_BLOB}: it was written and is not there")
    try:
        kept = msgspec.json.decode(found[0], type=_SealedCa)
        private_key = cipher.decrypt(kept.nonce, kept.sealed_key, kept.certificate.encode())
    except (msgspec.MsgspecError, InvalidTag, ValueError) as error:
        raise CannotOpen(f"cannot read {CA_BLOB}: it is damaged or another cluster's ({error})") from error
    return CertificateAuthority.load(kept.certificate.encode(), private_key, clock, serials)


async def _token_keys(blobs: Blobs, key: ClusterKey, random_bytes: Callable[[int], bytes]) -> SigningKeys:
    cipher = AESGCM(key.derive(TOKEN_KEYS_PURPOSE))
    bound = TOKEN_KEYS_PURPOSE.encode()
    found = await blobs.get(TOKEN_KEYS_BLOB)
    if found is None:
        nonce = random_bytes(NONCE_BYTES)
        pems = msgspec.json.encode(_Pems([key_pem(new_key()).decode()]))
        await blobs.put_new(
            TOKEN_KEYS_BLOB, msgspec.json.encode(_SealedKeys(nonce, cipher.encrypt(nonce, pems, bound)))
        )
        found = await blobs.get(TOKEN_KEYS_BLOB)
    if found is None:
        raise CannotOpen(f"cannot read {TOKEN_KEYS_BLOB}: it was written and is not there")
    try:
        kept = msgspec.json.decode(found[0], type=_SealedKeys)
        opened = msgspec.json.decode(cipher.decrypt(kept.nonce, kept.sealed, bound), type=_Pems)
        return SigningKeys([load_key(pem.encode()) for pem in opened.keys])
    except (msgspec.MsgspecError, InvalidTag, BadCertificate, ValueError) as error:
        raise CannotOpen(f"cannot read {TOKEN_KEYS_BLOB}: it is damaged or another cluster's ({error})") from error
