"""Join tokens: they let a machine into the cluster, and tell it which cluster that is.

``k3py1.<SHA-256 of the CA certificate's DER, 64 hex digits>.<secret>``. The hash comes first in use too: a node checks
the server by it before it says the secret. The secret of a token made by ``k3py token create`` is itself
``<id>.<secret>``, as Kubernetes' bootstrap tokens are; a server keeps only the hash of what follows the id.
"""

import hashlib
import hmac
import random
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from k3py.pki.errors import BadToken

TOKEN_VERSION: Final = "k3py1"
TOKEN_LENGTH_MAX: Final = 512
SECRET_LENGTH: Final = 32  # of 36 characters: 165 bits
BOOTSTRAP_ID_LENGTH: Final = 6  # these two lengths are those of Kubernetes' bootstrap tokens
BOOTSTRAP_SECRET_LENGTH: Final = 16  # 82 bits, which live for a day
_ALPHABET: Final = string.ascii_lowercase + string.digits
_TOKEN: Final = re.compile(rf"{TOKEN_VERSION}\.([0-9a-f]{{64}})\.([A-Za-z0-9_.-]{{8,256}})")
_BOOTSTRAP_SECRET: Final = re.compile(rf"([a-z0-9]{{{BOOTSTRAP_ID_LENGTH}}})\.([a-z0-9]{{{BOOTSTRAP_SECRET_LENGTH}}})")


class Role(StrEnum):
    """What a token lets its bearer become. A server may also run an agent."""

    SERVER = "server"
    AGENT = "agent"


@dataclass(frozen=True)
class JoinToken:
    """A parsed token. ``str()`` shows only what is not secret; ``format()`` shows all."""

    ca_hash: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "JoinToken":
        """A token as a person pasted it (blanks around it do not matter).

        Raises:
            BadToken: it has another form; the message never repeats the text.
        """
        stripped = text.strip()
        match = _TOKEN.fullmatch(stripped) if len(stripped) <= TOKEN_LENGTH_MAX else None
        if match is None:
            raise BadToken(
                f"cannot read the join token: it must look like {TOKEN_VERSION}.<64 hex digits>.<secret>; "
                "'k3py token create' on a server prints one"
            )
        return cls(match[1], match[2])

    def format(self) -> str:
        """The token in full, for a file of mode 0600 or the terminal of whoever made it."""
        return f"{TOKEN_VERSION}.{self.ca_hash}.{self.secret}"

    def __str__(self) -> str:
        return f"{TOKEN_VERSION}.{self.ca_hash}.***"


def ca_hash(certificate_der: bytes) -> str:
    """The hash by which a token names its cluster's CA: SHA-256 of the DER, 64 lower-case hex digits."""
    return hashlib.sha256(certificate_der).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two secrets or hashes are equal, in a time that does not depend on where they differ."""
    # surrogatepass: a header may hold any bytes, and those are simply not equal
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))


def new_secret(source: random.Random, length: int = SECRET_LENGTH) -> str:
    """A secret of ``length`` letters and digits. Outside tests ``source`` is ``random.SystemRandom()``."""
    return "".join(source.choices(_ALPHABET, k=length))


@dataclass(frozen=True)
class BootstrapToken:
    """What a server keeps of a token that ``k3py token create`` printed once. Times are seconds since 1970."""

    id: str
    secret_sha256: str
    expires: float
    description: str = ""

    def is_expired(self, now: float) -> bool:
        return now >= self.expires


def create_bootstrap_token(
    ca_sha256: str, source: random.Random, now: float, lifetime_seconds: float, description: str = ""
) -> tuple[JoinToken, BootstrapToken]:
    """A token for the person and the record for the store, which the caller writes.

    Raises:
        BadToken: the lifetime is not positive.
    """
    if lifetime_seconds <= 0:
        raise BadToken("cannot create a token that has already expired: its lifetime must be positive")
    token_id = new_secret(source, BOOTSTRAP_ID_LENGTH)
    secret = new_secret(source, BOOTSTRAP_SECRET_LENGTH)
    record = BootstrapToken(token_id, _sha256(secret), now + lifetime_seconds, description)
    return JoinToken(ca_sha256, f"{token_id}.{secret}"), record


def role_of(
    secret: str,
    now: float,
    *,
    server_secret: str,
    agent_secret: str,
    bootstrap_tokens: Iterable[BootstrapToken] = (),
) -> Role | None:
    """What the bearer of ``secret`` may become; None when nothing knows it or it has expired.

    All candidates are compared, so that the time says nothing about which one nearly matched. An empty configured
    secret matches nothing.
    """
    is_server = bool(server_secret) & same(secret, server_secret)
    is_agent = bool(agent_secret) & same(secret, agent_secret)
    for record in bootstrap_tokens:
        is_agent |= _is_bearer(secret, record, now)
    if is_server:
        return Role.SERVER
    return Role.AGENT if is_agent else None


def _is_bearer(secret: str, record: BootstrapToken, now: float) -> bool:
    match = _BOOTSTRAP_SECRET.fullmatch(secret)
    if match is None:
        return False
    equal = same(match[1], record.id) & same(_sha256(match[2]), record.secret_sha256)
    return equal and not record.is_expired(now)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
