"""Join tokens as the Secrets that Kubernetes keeps its bootstrap tokens in. Decides.

Source: Kubernetes' page "Authenticating with Bootstrap Tokens". The server reads them in ``daemons.joining``.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from k3py.base.clock import parse_rfc3339, rfc3339
from k3py.cli.app import USAGE, Failure
from k3py.pki.tokens import BootstrapToken

NAMESPACE: Final = "kube-system"
TYPE: Final = "bootstrap.kubernetes.io/token"
NAME_PREFIX: Final = "bootstrap-token-"


@dataclass(frozen=True)
class ListedToken:
    """What a list shows of a token; never its secret. ``expires`` is in seconds since 1970, None for never."""

    id: str
    expires: float | None
    description: str


def secret_of(token: BootstrapToken, secret: str) -> dict[str, Any]:
    """The Secret that lets bearers of ``<id>.<secret>`` join."""
    values = {
        "token-id": token.id,
        "token-secret": secret,
        "expiration": rfc3339(token.expires),
        "description": token.description,
        "usage-bootstrap-authentication": "true",
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": TYPE,
        "metadata": {"name": NAME_PREFIX + token.id, "namespace": NAMESPACE},
        "stringData": {key: value for key, value in values.items() if value},
    }


def listed(secret: Mapping[str, Any]) -> ListedToken | None:
    """The token in a Secret; None when it is none."""
    data = secret.get("data") or {}
    try:
        values = {key: base64.b64decode(value, validate=True).decode() for key, value in data.items()}
        expires = parse_rfc3339(values["expiration"]) if "expiration" in values else None
        return ListedToken(values["token-id"], expires, values.get("description", ""))
    except (KeyError, ValueError, binascii.Error):
        return None


def secret_name(text: str) -> str:
    """The Secret's name for a token: its id, or the whole token as it was printed.

    Raises:
        Failure: it is neither.
    """
    parts = text.strip().split(".")
    token_id = parts[2] if parts[0] == "k3py1" and len(parts) == 4 else parts[0]
    if len(token_id) != 6 or not token_id.isalnum() or (not token_id.islower() and not token_id.isdigit()):
        raise Failure("cannot tell which token is meant: say its id ('k3py token list' shows it) or the token", USAGE)
    return NAME_PREFIX + token_id
