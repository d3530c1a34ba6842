"""The cluster key: random, made by the first server, kept beside the database wrapped by the server token.

Everything secret hangs from it (the CA's key, the key that signs tokens, the keys of Secrets). A second server that
knows the token reads it; nobody else can. Agent tokens are others.
"""

import base64
import binascii
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from k3py.store.blobs import Blobs
from k3py.store.errors import CannotOpen
from k3py.store.sealing import KEY_BYTES, NONCE_BYTES

BLOB: Final = "bootstrap/cluster-key"
SALT_BYTES: Final = 16
# RFC 7914; 32 MiB and a tenth of a second: the token is random, so this only has to make guessing bare tokens dear.
SCRYPT_N: Final = 1 << 15
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
# A forged object must not make the server take gigabytes.
SCRYPT_N_MAX: Final = 1 << 18
BOUND: Final = b"k3py cluster key, version 1"


class WrongToken(CannotOpen):
    """The token is not the one the cluster key was wrapped with."""


@dataclass(frozen=True)
class ClusterKey:
    """32 random bytes; never used themselves, only what is derived from them."""

    secret: bytes

    def __repr__(self) -> str:
        return "ClusterKey(...)"

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose (``secrets/1``, ``ca``); RFC 5869, HKDF with SHA-256."""
        info = b"k3py/" + purpose.encode()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self.secret)


class _Wrapped(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    kdf: str
    n: int
    r: int
    p: int
    salt: str
    nonce: str
    sealed: str


async def read_or_create_cluster_key(
    blobs: Blobs, token: str, random_bytes: Callable[[int], bytes] = os.urandom
) -> ClusterKey:
    """The cluster's key. Of several servers that start at once on a new place one makes it, and all get the same.

    Raises:
        WrongToken: there is one, wrapped with another token.
        CannotOpen: the place cannot be reached, or what is there is no wrapped key.
    """
    found = await blobs.get(BLOB)
    if found is None:
        await blobs.put_new(BLOB, wrap(random_bytes(KEY_BYTES), token, random_bytes))
        found = await blobs.get(BLOB)
    if found is None:
        raise CannotOpen(f"cannot read {BLOB}: it was written and is not there")
    return ClusterKey(unwrap(found[0], token))


async def rewrap_cluster_key(
    blobs: Blobs, old_token: str, new_token: str, random_bytes: Callable[[int], bytes] = os.urandom
) -> None:
    """Wrap the same key with another token.

    Raises:
        WrongToken: ``old_token`` is not the present one.
        CannotOpen: there is no key, or somebody else has changed it at the same time.
    """
    found = await blobs.get(BLOB)
    if found is None:
        raise CannotOpen(f"cannot change the token: there is no {BLOB}")
    key = unwrap(found[0], old_token)
    if not await blobs.replace(BLOB, wrap(key, new_token, random_bytes), found[1]):
        raise CannotOpen("cannot change the token: somebody else has changed it at the same time")


def wrap(key: bytes, token: str, random_bytes: Callable[[int], bytes]) -> bytes:
    """The key encrypted under the token, as JSON."""
    salt, nonce = random_bytes(SALT_BYTES), random_bytes(NONCE_BYTES)
    sealed = AESGCM(_stretch(token, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)).encrypt(nonce, key, BOUND)
    text = [base64.b64encode(part).decode() for part in (salt, nonce, sealed)]
    return msgspec.json.encode(_Wrapped(1, "scrypt", SCRYPT_N, SCRYPT_R, SCRYPT_P, *text))


def unwrap(blob: bytes, token: str) -> bytes:
    """The key.

    Raises:
        WrongToken: the token does not fit (or the bytes were altered).
        CannotOpen: the bytes are no wrapped key.
    """
    try:
        wrapped = msgspec.json.decode(blob, type=_Wrapped)
        salt, nonce, sealed = (
            base64.b64decode(text, validate=True) for text in (wrapped.salt, wrapped.nonce, wrapped.sealed)
        )
    except (msgspec.MsgspecError, binascii.Error, ValueError) as problem:
        raise CannotOpen(f"cannot read {BLOB}: {problem}") from problem
    known = wrapped.version == 1 and wrapped.kdf == "scrypt" and wrapped.r == SCRYPT_R and wrapped.p == SCRYPT_P
    if not known or not 2 <= wrapped.n <= SCRYPT_N_MAX or wrapped.n & (wrapped.n - 1):
        raise CannotOpen(f"cannot read {BLOB}: version {wrapped.version} with {wrapped.kdf} is not known to this k3py")
    if len(nonce) != NONCE_BYTES:
        raise CannotOpen(f"cannot read {BLOB}: its nonce has {len(nonce)} bytes")
    try:
        key = AESGCM(_stretch(token, salt, wrapped.n, wrapped.r, wrapped.p)).decrypt(nonce, sealed, BOUND)
    except InvalidTag as problem:
        raise WrongToken("cannot open the store: its cluster key was made with another server token") from problem
    if len(key) != KEY_BYTES:
        raise CannotOpen(f"cannot read {BLOB}: the key has {len(key)} bytes")
    return key


def _stretch(token: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, n=n, r=r, p=p).derive(token.encode())
