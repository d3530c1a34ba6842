"""Recognises service accounts by their tokens, against what the store holds at this moment.

A token dies with its account and with the pod, Secret or Node it is bound to (Kubernetes, "Managing Service Accounts").
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from k3py.base.clock import Clock, parse_rfc3339
from k3py.model.user import User
from k3py.pki.errors import BadSignedToken
from k3py.pki.jwt import SigningKeys
from k3py.pki.service_account_tokens import API_AUDIENCES, Bound, Claims, check_claims, decode_claims
from k3py.store.records import Record
from k3py.store.store import Store

# Tokens whose signature was right need not be verified at every request. With 1.5 kB each that is 3 MB; the longest
# ones (TOKEN_BYTES_MAX) would take 32 MB.
VERIFIED_MAX: Final = 2_000
# An object that is being deleted vouches for its tokens so long after its time is up (kube-apiserver's leeway).
DELETED_SECONDS_MAX: Final = 60
ACCOUNTS_GROUP: Final = "system:serviceaccounts"
_EXTRA: Final = "authentication.kubernetes.io/"


class _Metadata(msgspec.Struct):
    deletion_timestamp: str | None = msgspec.field(default=None, name="deletionTimestamp")


class _Object(msgspec.Struct):
    metadata: _Metadata


_deletion = msgspec.json.Decoder(_Object)


class ServiceAccountTokens:
    """A ``TokenAuthenticator``."""

    def __init__(self, store: Store, keys: SigningKeys, clock: Clock) -> None:
        self._store = store
        self._clock = clock

        @lru_cache(maxsize=VERIFIED_MAX)
        def verified(token: str) -> Claims:
            return decode_claims(keys.verify(token))

        self._verified = verified

    def authenticate(self, token: str) -> User | None:
        """Whose token for the API server it is; None when it is none, or not valid."""
        try:
            return self.review(token, API_AUDIENCES)[0]
        except BadSignedToken:
            return None

    def review(self, token: str, audiences: Sequence[str]) -> tuple[User, list[str]]:
        """Whose token it is, and for which of the audiences.

        Raises:
            BadSignedToken: it is none of ours, its time is over, it is for none of the audiences, or what it is bound
                to is not there any more.
        """
        now = self._clock.now()
        claims = self._verified(token)
        shared = check_claims(claims, audiences, now)
        about = claims.kubernetes
        self._check("serviceaccounts", about.namespace, about.serviceaccount, now)
        if about.pod is not None:
            self._check("pods", about.namespace, about.pod, now)
        elif about.secret is not None:
            self._check("secrets", about.namespace, about.secret, now)
        elif about.node is not None:
            self._check("nodes", "", about.node, now)
        return user_of(claims), shared

    def _check(self, resource: str, namespace: str, bound: Bound, now: float) -> None:
        """Raises BadSignedToken unless the object is there, the same one, and not past its deletion."""
        record = self._store.get(resource, namespace, bound.name)
        if record is None or record.uid != bound.uid or _is_over(record, now):
            raise BadSignedToken("service account token has been invalidated")


def _is_over(record: Record, now: float) -> bool:
    stamp = _deletion.decode(record.raw).metadata.deletion_timestamp
    return stamp is not None and parse_rfc3339(stamp) + DELETED_SECONDS_MAX < now


def account_groups(namespace: str) -> tuple[str, str]:
    """The groups that all service accounts of a namespace are in."""
    return ACCOUNTS_GROUP, f"{ACCOUNTS_GROUP}:{namespace}"


def user_of(claims: Claims) -> User:
    """The user that a token stands for, as Kubernetes describes it."""
    about = claims.kubernetes
    extra = {f"{_EXTRA}credential-id": [f"JTI={claims.jti}"]}
    for name, bound in (("pod", about.pod), ("node", about.node)):
        if bound is not None:
            extra[f"{_EXTRA}{name}-name"] = [bound.name]
            if bound.uid:
                extra[f"{_EXTRA}{name}-uid"] = [bound.uid]
    return User(claims.sub, account_groups(about.namespace), about.serviceaccount.uid, extra)
