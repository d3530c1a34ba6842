"""Tokens of pods' service accounts: which a pod needs, when each is exchanged, whose file it is. Decides.

Source: Kubernetes, "Projected Volumes" (serviceAccountToken); times are kubelet's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from k3py.model.generated.authentication_v1 import BoundObjectReference, TokenRequest, TokenRequestSpec
from k3py.model.generated.core_v1 import Pod

# What the API server gives when the volume names no time.
SECONDS_DEFAULT: Final = 3600
# A token is exchanged when this part of its life is over, or after a day, whichever comes first.
LIFE_SPENT: Final = 0.8
AGE_SECONDS_MAX: Final = 24 * 3600.0
# Spread, so that the tokens of all pods that came at one moment are not exchanged at one moment.
JITTER_SECONDS: Final = 10.0
# Different tokens in one pod's volumes; each is asked for by itself. A pod has one, some two.
TOKENS_MAX: Final = 32


@dataclass(frozen=True, order=True)
class TokenKey:
    """Which of a pod's tokens: ``audience`` empty for the API server, ``seconds`` of life asked for."""

    audience: str
    seconds: int


@dataclass(frozen=True)
class NoToken:
    """There is none, and why; in kubelet's words."""

    why: str


class Held(Struct, frozen=True):
    """A token that was given; times in seconds since 1970 on this node's own clock."""

    token: str
    issued_at: float
    expires_at: float


TokenResults = Mapping[TokenKey, str | NoToken]


def token_keys(pod: Pod) -> list[TokenKey]:
    """The different tokens of all volumes, in order."""
    sources = [source for volume in pod.spec.volumes if volume.projected for source in volume.projected.sources]
    found = {token_key(each.service_account_token) for each in sources if each.service_account_token is not None}
    return sorted(found)


def token_key(projection: object) -> TokenKey:
    """The key of one ``serviceAccountToken`` source."""
    seconds = getattr(projection, "expiration_seconds", None)
    return TokenKey(getattr(projection, "audience", ""), SECONDS_DEFAULT if seconds is None else int(seconds))


def token_request(pod: Pod, key: TokenKey) -> TokenRequest:
    """What the server is asked for: a token that lives no longer than the pod."""
    bound = BoundObjectReference(kind="Pod", api_version="v1", name=pod.metadata.name, uid=pod.metadata.uid)
    audiences = [key.audience] if key.audience else []
    spec = TokenRequestSpec(audiences=audiences, expiration_seconds=key.seconds, bound_object_ref=bound)
    return TokenRequest(spec=spec)


def exchange_at(held: Held, spread: float) -> float:
    """When to ask for another one; ``spread`` from 0 to 1 says how much earlier than needed."""
    life = held.expires_at - held.issued_at
    return held.issued_at + max(0.0, min(life * LIFE_SPENT, AGE_SECONDS_MAX) - JITTER_SECONDS * spread)


def seconds_left(held: Held, now: float, spread: float) -> float:
    """For how long the token need not be exchanged: no longer when the clock says that it comes from the future."""
    return 0.0 if now < held.issued_at else max(0.0, exchange_at(held, spread) - now)


def is_due(held: Held, now: float, spread: float) -> bool:
    """Whether the token has to be exchanged."""
    return seconds_left(held, now, spread) == 0.0


def file_user(pod: Pod) -> int | None:
    """Whom token files belong to: the one user that all containers run as, if the pod says so of all of them."""
    common = pod.spec.security_context.run_as_user if pod.spec.security_context else None
    users = set()
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        own = container.security_context.run_as_user if container.security_context else None
        users.add(common if own is None else own)
    return users.pop() if len(users) == 1 else None


def file_mode(pod: Pod, default_mode: int) -> int:
    """The mode of a token's file: closed when it has an owner or a group to be open to."""
    grouped = pod.spec.security_context is not None and pod.spec.security_context.fs_group is not None
    return 0o600 if grouped or file_user(pod) is not None else default_mode
