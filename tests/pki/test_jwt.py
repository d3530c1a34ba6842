"""Signed tokens: what we sign we verify, and nothing else."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from k3py.pki.errors import BadSignedToken
from k3py.pki.jwt import TOKEN_BYTES_MAX, SigningKeys, base64url, from_base64url, public_jwk, thumbprint

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
KEYS = SigningKeys([KEY])
TOKEN = KEYS.sign(b'{"sub":"somebody"}')


def crafted(header: object, payload: bytes = b"{}", key: ec.EllipticCurvePrivateKey = KEY) -> str:
    """A token with a header of one's choice, signed by the right key all the same."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    signed = f"{base64url(text)}.{base64url(payload)}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"


@given(st.binary(max_size=2000))
def test_what_is_signed_is_verified(payload: bytes) -> None:
    assert KEYS.verify(KEYS.sign(payload)) == payload


def test_an_older_key_still_verifies_and_a_strangers_does_not() -> None:
    both = SigningKeys([OTHER, KEY])
    assert both.verify(TOKEN) == b'{"sub":"somebody"}'
    assert both.verify(both.sign(b"new")) == b"new"
    with pytest.raises(BadSignedToken, match="its key is not known"):
        KEYS.verify(both.sign(b"new"))


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_no_character_can_be_exchanged(position: int, character: str) -> None:
    altered = TOKEN[:position] + character + TOKEN[position + 1 :]
    if altered != TOKEN:
        with pytest.raises(BadSignedToken):
            KEYS.verify(altered)


@given(st.one_of(st.text(max_size=200), st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{86}")))
def test_garbage_is_refused_by_one_error(text: str) -> None:
    with pytest.raises(BadSignedToken):
        KEYS.verify(text)


KID = thumbprint(KEY.public_key())


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": KID},
        {"alg": "HS256", "kid": KID},
        {"alg": "RS256", "kid": KID},
        {"alg": "es256", "kid": KID},
        {"alg": "ES256"},
        {"kid": KID},
        {"alg": "ES256", "kid": "another"},
        {"alg": "ES256", "kid": KID, "crit": ["x"], "x": 1},
        {"alg": "ES256", "kid": KID, "jwk": public_jwk(OTHER.public_key())},
        {"alg": ["ES256"], "kid": KID},
        b"[" * 5000,
        b"\xff",
    ],
)
def test_a_token_chooses_neither_algorithm_nor_key(header: object) -> None:
    assert KEYS.verify(crafted({"alg": "ES256", "kid": KID})) == b"{}"
    with pytest.raises(BadSignedToken):
        KEYS.verify(crafted(header))


def test_a_signature_is_two_plain_numbers() -> None:
    head, _, signature = TOKEN.rpartition(".")
    raw = from_base64url(signature)
    for wrong in (b"", raw[:-1], raw + b"\0", b"\0" * 64, b"\xff" * 64, KEY.sign(b"x", ec.ECDSA(hashes.SHA256()))):
        with pytest.raises(BadSignedToken):
            KEYS.verify(f"{head}.{base64url(wrong)}")


def test_the_bound_on_size_holds_both_ways() -> None:
    overhead = len(KEYS.sign(b""))
    largest = KEYS.sign(b"x" * ((TOKEN_BYTES_MAX - overhead) * 3 // 4))
    assert TOKEN_BYTES_MAX - 4 <= len(largest) <= TOKEN_BYTES_MAX
    assert KEYS.verify(largest)
    with pytest.raises(BadSignedToken, match="at most"):
        KEYS.sign(b"x" * TOKEN_BYTES_MAX)
    with pytest.raises(BadSignedToken, match="at most"):
        KEYS.verify("a" * (TOKEN_BYTES_MAX + 1))


@given(st.binary(max_size=50))
def test_each_part_has_one_spelling(data: bytes) -> None:
    assert from_base64url(base64url(data)) == data
    for other in (base64url(data) + "=", base64url(data) + "\n", " " + base64url(data)):
        with pytest.raises(BadSignedToken):
            from_base64url(other)


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    jwk = public_jwk(KEY.public_key())
    assert list(jwk) == sorted(jwk), "the members stand in lexical order"
    for coordinate in ("x", "y"):
        assert len(base64.urlsafe_b64decode(jwk[coordinate] + "=")) == 32
    assert KEYS.jwks() == {"keys": [{"use": "sig", "kid": KID, "alg": "ES256", **jwk}]}


def test_only_keys_on_p256_sign() -> None:
    for keys in ([], [ec.generate_private_key(ec.SECP384R1())]):
        with pytest.raises(ValueError, match="P-256"):
            SigningKeys(keys)
