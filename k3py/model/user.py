"""Who asks: what authentication finds out and authorization, admission and audit use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ANONYMOUS = "system:anonymous"
MASTERS = "system:masters"
NODES = "system:nodes"
NODE_PREFIX = "system:node:"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"


@dataclass(frozen=True)
class User:
    """A user as Kubernetes' authentication describes one (``authentication.k8s.io`` ``UserInfo``)."""

    name: str
    groups: Sequence[str] = ()
    uid: str = ""
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def node(self) -> str | None:
        """The node that this user is, or None: group ``system:nodes`` and name ``system:node:<node>``."""
        if NODES in self.groups and self.name.startswith(NODE_PREFIX):
            return self.name.removeprefix(NODE_PREFIX)
        return None


# Components inside the server act under names of their own, as Kubernetes' controllers do.
CONTROLLER_MANAGER = User("system:kube-controller-manager", (MASTERS,))
SCHEDULER = User("system:kube-scheduler", (MASTERS,))
