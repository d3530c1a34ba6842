"""What stands below an object's name: which verbs a subresource takes, and which kind it speaks.

Most subresources speak the kind itself. Discovery, OpenAPI and whoever else describes the API read this one table.
Sources: Kubernetes API Concepts, "API verbs" and "Resource URIs"; the reference pages of the kinds.
"""

from dataclasses import dataclass
from typing import Final

from k3py.model.registry import Kind

READ_WRITE: Final = ("get", "patch", "update")
_CORE_DEFINITION: Final = "io.k8s.api.core.v1."


@dataclass(frozen=True)
class Subresource:
    """A subresource of one kind.

    ``group`` and ``version`` are empty when they are those of the kind. ``definition`` is the name of what it speaks in
    the OpenAPI document; empty when its answers are text, a stream or whatever is behind a proxy.
    """

    name: str
    kind: str
    verbs: tuple[str, ...] = READ_WRITE
    group: str = ""
    version: str = ""
    definition: str = ""

    @property
    def connects(self) -> bool:
        """Whether requests are passed on to something else: a container, a port, a server."""
        return self.kind.endswith("Options")


_CONNECT: Final = ("create", "get")
_ANY_METHOD: Final = ("create", "delete", "get", "patch", "update")
_SCALE: Final = Subresource(
    "scale", "Scale", group="autoscaling", version="v1", definition="io.k8s.api.autoscaling.v1.Scale"
)
_TOKEN: Final = Subresource(
    "token", "TokenRequest", ("create",), "authentication.k8s.io", "v1", "io.k8s.api.authentication.v1.TokenRequest"
)
_EVICTION: Final = Subresource("eviction", "Eviction", ("create",), "policy", "v1", "io.k8s.api.policy.v1.Eviction")
_BINDING: Final = Subresource("binding", "Binding", ("create",), definition=_CORE_DEFINITION + "Binding")

# (kind, subresource), and ("", subresource) for those that are the same with every kind.
_SPECIAL: Final = {
    ("", "scale"): _SCALE,
    ("ServiceAccount", "token"): _TOKEN,
    ("Pod", "eviction"): _EVICTION,
    ("Pod", "binding"): _BINDING,
    ("Pod", "attach"): Subresource("attach", "PodAttachOptions", _CONNECT),
    ("Pod", "exec"): Subresource("exec", "PodExecOptions", _CONNECT),
    ("Pod", "portforward"): Subresource("portforward", "PodPortForwardOptions", _CONNECT),
    ("Pod", "proxy"): Subresource("proxy", "PodProxyOptions", _ANY_METHOD),
    ("Service", "proxy"): Subresource("proxy", "ServiceProxyOptions", _ANY_METHOD),
    ("Node", "proxy"): Subresource("proxy", "NodeProxyOptions", _ANY_METHOD),
}  # fmt: skip
_OWN_VERBS: Final = {("Pod", "log"): ("get",), ("Namespace", "finalize"): ("update",)}


def subresource_of(kind: Kind, name: str) -> Subresource:
    """The entry of one of a kind's ``subresources``."""
    found = _SPECIAL.get((kind.name, name)) or _SPECIAL.get(("", name))
    if found is not None:
        return found
    verbs = _OWN_VERBS.get((kind.name, name), READ_WRITE)
    return Subresource(name, kind.name, verbs, definition="" if name == "log" else kind.definition)


def subresources_of(kind: Kind) -> list[Subresource]:
    """All of a kind, in the order in which Kubernetes lists them."""
    return [subresource_of(kind, name) for name in sorted(kind.subresources)]
