"""May they? One question, asked before anything is read; who answers can be exchanged.

Until RBAC comes, members of ``system:masters`` may do everything, nodes what a node needs
(Kubernetes' "Using Node Authorization"), and everybody who is authenticated may look at discovery and at themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from k3py.model.errors import Details, Forbidden
from k3py.model.user import AUTHENTICATED, MASTERS, User


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked for. ``path`` is set for what is no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    field_selector: str = ""


class Authorizer(Protocol):
    """Answers whether a user may do something."""

    def allows(self, user: User, attributes: Attributes) -> bool:
        """True: yes. False: this authorizer does not say so; another one may."""
        ...


class Masters:
    """``system:masters`` may do everything."""

    def allows(self, user: User, attributes: Attributes) -> bool:
        return MASTERS in user.groups


SELF_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")
DISCOVERY = (
    "/api",
    "/apis",
    "/openapi",
    "/version",
    "/healthz",
    "/livez",
    "/readyz",
    "/.well-known/openid-configuration",
)


class Basic:
    """What Kubernetes' roles ``system:basic-user`` and ``system:discovery`` give everybody who is authenticated."""

    def allows(self, user: User, attributes: Attributes) -> bool:
        if AUTHENTICATED not in user.groups:
            return False
        if attributes.path:
            return attributes.verb == "get" and under(attributes.path, DISCOVERY)
        return attributes.verb == "create" and attributes.resource in SELF_REVIEWS


class AnyOf:
    """The first authorizer that says yes decides."""

    def __init__(self, *authorizers: Authorizer) -> None:
        self._authorizers = authorizers

    def allows(self, user: User, attributes: Attributes) -> bool:
        return any(each.allows(user, attributes) for each in self._authorizers)


def under(path: str, prefixes: Sequence[str]) -> bool:
    """Whether a path is one of the prefixes or lies below one."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def refusal(user: User, attributes: Attributes) -> Forbidden:
    """The 403 in Kubernetes' words."""
    if attributes.path:
        return Forbidden(f'forbidden: User "{user.name}" cannot {attributes.verb} path "{attributes.path}"', Details())
    resource = f"{attributes.resource}/{attributes.subresource}" if attributes.subresource else attributes.resource
    full = f"{attributes.resource}.{attributes.group}" if attributes.group else attributes.resource
    where = f'in the namespace "{attributes.namespace}"' if attributes.namespace else "at the cluster scope"
    subject = f'{full} "{attributes.name}" is forbidden' if attributes.name else f"{full} is forbidden"
    return Forbidden(
        f'{subject}: User "{user.name}" cannot {attributes.verb} resource "{resource}" '
        f'in API group "{attributes.group}" {where}',
        Details(name=attributes.name, group=attributes.group, kind=attributes.resource),
    )
