"""What a service account's token says, and whether that holds now: values only.

Source: Kubernetes, "Managing Service Accounts" (bound tokens); claims are those of kube-apiserver, RFC 7519.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from k3py.pki.errors import BadSignedToken

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
# Whom a token is for that names nobody: the API server.
API_AUDIENCES: Final = (ISSUER,)
SUBJECT_PREFIX: Final = "system:serviceaccount:"
# Clocks of servers differ a little; a token is good so long before it was made by another server's clock.
LEEWAY_SECONDS: Final = 60


class Bound(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """An object that a token speaks of."""

    name: str
    uid: str = ""


class Kubernetes(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """The claim ``kubernetes.io``: the account, and what the token lives and dies with.

    ``warnafter``: seconds since 1970 after which the token should have been exchanged.
    """

    namespace: str
    serviceaccount: Bound
    pod: Bound | None = None
    node: Bound | None = None
    secret: Bound | None = None
    warnafter: int | None = None


class Claims(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """All claims of a token; times in seconds since 1970."""

    aud: list[str]
    exp: int
    iat: int
    iss: str
    jti: str
    kubernetes: Kubernetes = msgspec.field(name="kubernetes.io")
    nbf: int
    sub: str


def subject(namespace: str, name: str) -> str:
    """``system:serviceaccount:<namespace>:<name>``."""
    return f"{SUBJECT_PREFIX}{namespace}:{name}"


def split_subject(text: str) -> tuple[str, str] | None:
    """Namespace and name of the service account that a user's name stands for; None when it is no such name."""
    namespace, separator, name = text.removeprefix(SUBJECT_PREFIX).partition(":")
    is_account = text.startswith(SUBJECT_PREFIX) and separator and namespace and name and ":" not in name
    return (namespace, name) if is_account else None


def make_claims(about: Kubernetes, audiences: Sequence[str], now: float, lifetime_seconds: int, jti: str) -> Claims:
    """The claims of a new token. ``now`` in seconds since 1970; ``jti`` is unique."""
    issued = int(now)
    return Claims(
        aud=list(audiences),
        exp=issued + lifetime_seconds,
        iat=issued,
        iss=ISSUER,
        jti=jti,
        kubernetes=about,
        nbf=issued,
        sub=subject(about.namespace, about.serviceaccount.name),
    )


def encode_claims(claims: Claims) -> bytes:
    """As JSON, the payload of a token."""
    return msgspec.json.encode(claims)


def decode_claims(payload: bytes) -> Claims:
    """The claims of a payload whose signature was verified.

    Raises:
        BadSignedToken: it is no service account's token of this issuer.
    """
    try:
        claims = msgspec.json.decode(payload, type=Claims)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadSignedToken(f"cannot read the token's claims: {error}") from None
    if claims.iss != ISSUER:
        raise BadSignedToken("cannot use the token: it is another issuer's")
    if claims.sub != subject(claims.kubernetes.namespace, claims.kubernetes.serviceaccount.name):
        raise BadSignedToken("cannot use the token: its subject is not its service account")
    return claims


def check_claims(claims: Claims, audiences: Sequence[str], now: float) -> list[str]:
    """Those of the ``audiences`` that the token is for, at least one.

    Raises:
        BadSignedToken: it is not valid yet, not any more, or for others.
    """
    if now < claims.nbf - LEEWAY_SECONDS:
        raise BadSignedToken("cannot use the token: it is not valid yet")
    if now >= claims.exp:
        raise BadSignedToken("cannot use the token: it has expired")
    shared = [each for each in audiences if each in claims.aud]
    if not shared:
        raise BadSignedToken(f"token audiences {claims.aud} is invalid for the target audiences {list(audiences)}")
    return shared
