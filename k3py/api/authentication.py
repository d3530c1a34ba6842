"""Finds out who asks: a client certificate, else a bearer token, else nobody.

Kubernetes' "Authenticating": the first method that recognises the request decides; credentials that are wrong are
refused, not taken for none.
"""

import csv
import hmac
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from k3py.api.http.messages import Request
from k3py.model.errors import Unauthorized
from k3py.model.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, User
from k3py.pki.errors import BadCertificate
from k3py.pki.identity import identity_of

NOBODY = User(ANONYMOUS, (UNAUTHENTICATED,))


class TokenAuthenticator(Protocol):
    """One kind of bearer token."""

    def authenticate(self, token: str) -> User | None:
        """Whose token it is; None when it is not of this kind, or not valid."""
        ...


class StaticTokens:
    """Kubernetes' static token file: lines of ``token,user,uid[,"group1,group2"]``."""

    def __init__(self, users: Iterable[tuple[str, User]]) -> None:
        self._users = tuple((token.encode(), user) for token, user in users)

    @classmethod
    def read(cls, path: Path) -> "StaticTokens":
        """The tokens of a file.

        Raises:
            ValueError: a line has fewer than three columns or an empty token; the message names the line.
            OSError: the file cannot be read.
        """
        users = []
        with path.open(newline="") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if not row:
                    continue
                if len(row) < 3 or not row[0]:
                    raise ValueError(f"cannot read {path} line {number}: it needs token,user,uid")
                groups = tuple(each.strip() for each in row[3].split(",")) if len(row) > 3 and row[3] else ()
                users.append((row[0], User(row[1], groups, uid=row[2])))
        return cls(users)

    def authenticate(self, token: str) -> User | None:
        given = token.encode()
        found = None
        for known, user in self._users:  # all are compared, so that time does not tell which one was close
            if hmac.compare_digest(known, given):
                found = user
        return found


class Authenticator:
    """Certificate first, then each kind of token."""

    def __init__(self, tokens: Sequence[TokenAuthenticator] = ()) -> None:
        self._tokens = tokens

    def user(self, request: Request) -> User:
        """Who asks; ``NOBODY`` without credentials.

        Raises:
            Unauthorized: credentials were given and are not valid.
        """
        certificate = request.peer_certificate
        if certificate is not None:
            try:
                return _certified(certificate)
            except BadCertificate as error:
                raise Unauthorized from error
        header = request.header(b"authorization")
        if not header:
            return NOBODY
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer":
            for method in self._tokens:
                user = method.authenticate(token.strip())
                if user is not None:
                    return authenticated(user)
        raise Unauthorized


@lru_cache(maxsize=4096)
def _certified(der: bytes) -> User:
    identity = identity_of(der)
    return authenticated(User(identity.user, identity.groups))


def authenticated(user: User) -> User:
    """The user, and in the group of all who have proved who they are."""
    if AUTHENTICATED in user.groups:
        return user
    return User(user.name, (*user.groups, AUTHENTICATED), user.uid, user.extra)
