"""Where a proxied request goes: which pod or node, which port, with or without TLS. Values in, values out.

Source of rules and words: Kubernetes' registries of pods, services and nodes (``ResourceLocation``).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from k3py.model.errors import BadRequest, Unavailable
from k3py.model.generated.core_v1 import Pod, Service
from k3py.model.generated.discovery_v1 import EndpointSlice

# kubelet's own port, and what it answers there; without a port it is meant.
KUBELET_PORT: Final = "10250"
# The label by which an EndpointSlice names its service.
SERVICE_NAME: Final = "kubernetes.io/service-name"
_SCHEMES: Final = ("http", "https", "")


@dataclass(frozen=True)
class Asked:
    """``scheme:name:port`` as the path has it; scheme and port may be empty."""

    scheme: str
    name: str
    port: str


@dataclass(frozen=True)
class Backend:
    """A TCP port of a pod (or, with empty pod and uid, of the node itself) and whether it is spoken to by TLS."""

    node: str
    namespace: str
    pod: str
    uid: str
    port: int
    tls: bool


@dataclass(frozen=True)
class Endpoint:
    """A pod that a service leads to, and the port it listens on."""

    pod: str
    port: int


def asked_of(text: str, what: str) -> Asked:
    """``name``, ``name:port`` or ``scheme:name:port``; ``what`` is the resource in words.

    Raises:
        BadRequest: it has another form.
    """
    parts = text.split(":")
    if len(parts) == 1:
        found = Asked("", parts[0], "")
    elif len(parts) == 2:
        found = Asked("", parts[0], parts[1])
    elif len(parts) == 3:
        found = Asked(*parts)
    else:
        found = Asked("", "", "")
    if not found.name or found.scheme not in _SCHEMES:
        raise BadRequest(f'invalid {what} request "{text}"')
    return found


def pod_backend(asked: Asked, pod: Pod) -> Backend:
    """A pod's port: the one asked for, else the first that it declares, else that of the scheme.

    Raises:
        BadRequest: the pod has no address (yet).
        Unavailable: the port is none.
    """
    if not pod.status.pod_ip or not pod.spec.node_name:
        raise BadRequest("address not allowed")
    text = asked.port
    if not text:
        declared = (port.container_port for each in pod.spec.containers for port in each.ports)
        text = str(next(declared, ""))
    meta, tls = pod.metadata, asked.scheme == "https"
    return Backend(pod.spec.node_name, meta.namespace, meta.name, meta.uid, port_number(text, tls), tls)


def node_backend(asked: Asked) -> Backend | None:
    """A port of the node itself; None for what kubelet would answer.

    Raises:
        Unavailable: the port is none.
    """
    if asked.port in ("", KUBELET_PORT):
        return None
    tls = asked.scheme == "https"
    return Backend(asked.name, "", "", "", port_number(asked.port, tls), tls)


def port_number(text: str, tls: bool) -> int:
    """A port as a number; the scheme's own for an empty text.

    Raises:
        Unavailable: it is no port.
    """
    if not text:
        return 443 if tls else 80
    if text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536:
        return int(text)
    problem = "invalid port" if text.lstrip("-").isdecimal() else "unknown port"
    raise Unavailable(f"error trying to reach service: dial tcp: lookup tcp/{text[:64]}: {problem}")


def service_port_name(asked: Asked, service: Service) -> str:
    """The name of the service's port that is meant: a number is that of a service port, anything else is its name.

    Raises:
        Unavailable: the service has no port with that number.
    """
    if not (asked.port.isascii() and asked.port.lstrip("-+").isdecimal()):
        return asked.port
    number = int(asked.port) if len(asked.port) < 20 else -1
    for each in service.spec.ports:
        if each.port == number:
            return each.name
    raise Unavailable(f'no service port {number} found for service "{asked.name}"')


def service_endpoints(slices: Sequence[EndpointSlice], port_name: str) -> list[Endpoint]:
    """The ready pods behind a port of a service, each once. Addresses that are no pod's are not proxied to."""
    found: dict[str, Endpoint] = {}
    for each in slices:
        port = next(
            (p.port for p in each.ports if (p.name or "") == port_name and p.protocol in (None, "", "TCP")), None
        )
        for endpoint in each.endpoints if port else ():
            target = endpoint.target_ref
            ready = endpoint.conditions.ready is not False
            if ready and port and target is not None and target.kind == "Pod" and endpoint.addresses:
                found.setdefault(target.name, Endpoint(target.name, port))
    return list(found.values())


def in_turn(endpoints: Sequence[Endpoint], source: random.Random) -> list[Endpoint]:
    """The endpoints in the order in which they are tried: from one chosen by chance on."""
    start = source.randrange(len(endpoints)) if endpoints else 0
    return [*endpoints[start:], *endpoints[:start]]


def no_endpoints(name: str) -> Unavailable:
    """Nobody is there behind a service."""
    return Unavailable(f'no endpoints available for service "{name}"')
