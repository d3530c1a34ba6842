"""Encryption at rest: AES-256-GCM with the key's id in the record, bound to where the record lies.

A ciphertext moved to another key of the store, or to another object's life under the same key, does not open.
"""

import os
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from k3py.store.errors import CannotOpen

KEY_BYTES: Final = 32
# NIST SP 800-38D: 96 bits; random ones are safe for 2^32 messages of one key, far beyond a cluster's writes of secrets.
NONCE_BYTES: Final = 12


class Sealer(Protocol):
    """Encrypts and decrypts what is kept of sealed collections."""

    def seal(self, plain: bytes, store_key: bytes, uid: str) -> tuple[str, bytes]:
        """The id of the key that was used, and the ciphertext bound to ``store_key`` and ``uid``."""
        ...

    def unseal(self, key_id: str, sealed: bytes, store_key: bytes, uid: str) -> bytes:
        """The plain bytes.

        Raises:
            CannotOpen: the key is not known, or the bytes were not sealed for this place.
        """
        ...


class KeyRing:
    """A ``Sealer`` with several keys: the primary one seals, all of them unseal, so that keys can be rotated."""

    def __init__(
        self, keys: Mapping[str, bytes], primary: str, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        """``keys``: 32 bytes by key id. ``random_bytes``: where nonces come from; only tests give another one.

        Raises:
            ValueError: a key has another length, or ``primary`` names none.
        """
        if primary not in keys:
            raise ValueError(f"cannot seal: no key {primary!r}")
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError(f"cannot seal: a key has {KEY_BYTES} bytes")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._primary = primary
        self._random_bytes = random_bytes

    def seal(self, plain: bytes, store_key: bytes, uid: str) -> tuple[str, bytes]:
        nonce = self._random_bytes(NONCE_BYTES)
        return self._primary, nonce + self._ciphers[self._primary].encrypt(nonce, plain, _bound(store_key, uid))

    def unseal(self, key_id: str, sealed: bytes, store_key: bytes, uid: str) -> bytes:
        cipher = self._ciphers.get(key_id)
        where = store_key.decode(errors="replace")
        if cipher is None:
            raise CannotOpen(f"cannot decrypt {where}: there is no key {key_id!r}")
        try:
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(store_key, uid))
        except (InvalidTag, ValueError) as problem:
            raise CannotOpen(f"cannot decrypt {where}: the bytes were not sealed for it") from problem


def _bound(store_key: bytes, uid: str) -> bytes:
    return len(store_key).to_bytes(4, "big") + store_key + uid.encode()
