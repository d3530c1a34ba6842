"""Signed tokens: JSON Web Signatures in compact form (RFC 7515), by ECDSA on P-256 alone (RFC 7518, ES256).

What the token says is not looked at here. A token chooses neither its algorithm nor its form: everything that we would
not have written so ourselves is refused before a key is touched.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from k3py.pki.errors import BadSignedToken

ALGORITHM: Final = "ES256"
CURVE: Final = "P-256"
# Of one number of a signature or of a point on the curve, in bytes.
COORDINATE_BYTES: Final = 32
SIGNATURE_BYTES: Final = 2 * COORDINATE_BYTES
# Ours have about 1.2 kB; it leaves room for many audiences and fits, with much else, into a request's head (64 KiB).
TOKEN_BYTES_MAX: Final = 16 * 1024


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    alg: str
    kid: str


def base64url(data: bytes) -> str:
    """Base64 with the URL's alphabet and without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes of the one spelling that ``base64url`` gives them.

    Raises:
        BadSignedToken: it is not of that form.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSignedToken(f"cannot read the token: {error}") from None
    if base64url(data) != text:
        raise BadSignedToken("cannot read the token: a part of it is not in its shortest form")
    return data


def public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The members of a P-256 public key that its thumbprint is made of (RFC 7517; RFC 7518, 6.2.1), in their order."""
    point = key.public_numbers()
    x, y = (base64url(number.to_bytes(COORDINATE_BYTES)) for number in (point.x, point.y))
    return {"crv": CURVE, "kty": "EC", "x": x, "y": y}


def thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    """The key's name: SHA-256 over its required members in lexical order (RFC 7638)."""
    return base64url(hashlib.sha256(msgspec.json.encode(public_jwk(key))).digest())


class SigningKeys:
    """The keys of one issuer: the first signs, all verify, so that a key can be exchanged while its tokens live."""

    def __init__(self, keys: Sequence[ec.EllipticCurvePrivateKey]) -> None:
        if not keys or any(not isinstance(key.curve, ec.SECP256R1) for key in keys):
            raise ValueError("cannot sign tokens: it takes at least one key, and all on the curve P-256")
        self._signer = keys[0]
        self._signer_id = thumbprint(keys[0].public_key())
        self._public: Mapping[str, ec.EllipticCurvePublicKey] = {
            thumbprint(key.public_key()): key.public_key() for key in keys
        }

    def sign(self, payload: bytes) -> str:
        """The payload as a signed token.

        Raises:
            BadSignedToken: it would be longer than ``TOKEN_BYTES_MAX``.
        """
        header = msgspec.json.encode(_Header(ALGORITHM, self._signer_id))
        signed = f"{base64url(header)}.{base64url(payload)}"
        r, s = decode_dss_signature(self._signer.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        token = f"{signed}.{base64url(r.to_bytes(COORDINATE_BYTES) + s.to_bytes(COORDINATE_BYTES))}"
        if len(token) > TOKEN_BYTES_MAX:
            raise BadSignedToken(f"cannot make the token: it has {len(token)} bytes, at most {TOKEN_BYTES_MAX} may be")
        return token

    def verify(self, token: str) -> bytes:
        """The payload of a token that one of the keys has signed.

        Raises:
            BadSignedToken: too long, not of the form, of another algorithm, by an unknown key, or wrongly signed.
        """
        if len(token) > TOKEN_BYTES_MAX or not token.isascii():
            raise BadSignedToken(f"cannot read the token: it has to be ASCII of at most {TOKEN_BYTES_MAX} bytes")
        parts = token.split(".")
        if len(parts) != 3:
            raise BadSignedToken("cannot read the token: it has not three parts")
        header, payload, signature = (from_base64url(part) for part in parts)
        key = self._key(header)
        if len(signature) != SIGNATURE_BYTES:
            raise BadSignedToken(f"cannot read the token: its signature has not {SIGNATURE_BYTES} bytes")
        r, s = (int.from_bytes(half) for half in (signature[:COORDINATE_BYTES], signature[COORDINATE_BYTES:]))
        try:
            key.verify(encode_dss_signature(r, s), f"{parts[0]}.{parts[1]}".encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise BadSignedToken("cannot use the token: its signature is wrong") from None
        return payload

    def _key(self, header: bytes) -> ec.EllipticCurvePublicKey:
        try:
            read = msgspec.json.decode(header, type=_Header)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise BadSignedToken(f"cannot read the token's header: {error}") from None
        if read.alg != ALGORITHM:
            raise BadSignedToken(f"cannot use the token: only {ALGORITHM} is known")
        key = self._public.get(read.kid)
        if key is None:
            raise BadSignedToken("cannot use the token: its key is not known")
        return key

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public keys as a JSON Web Key Set (RFC 7517, section 5)."""
        return {
            "keys": [
                {"use": "sig", "kid": name, "alg": ALGORITHM, **public_jwk(key)} for name, key in self._public.items()
            ]
        }
