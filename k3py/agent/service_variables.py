"""Environment variables by which a pod finds services. Decides.

Source: Kubernetes, "Discovering services"; names and order are kubelet's.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from k3py.model.generated.core_v1 import Pod, Service
from k3py.model.vpc_v1 import vpc_of

# Its address is given to every pod, wherever that is and whatever it says of service links.
API_NAMESPACE: Final = "default"
API_SERVICE: Final = "kubernetes"


class LinkedPort(Struct, frozen=True):
    """One port of a service; ``protocol`` in capitals."""

    name: str
    port: int
    protocol: str


class LinkedService(Struct, frozen=True):
    """The little of a service that variables are made from."""

    namespace: str
    name: str
    cluster_ip: str
    vpc: str
    ports: list[LinkedPort] = []


def linked(service: Service) -> LinkedService | None:
    """A service as variables show it; None when it has no address of its own."""
    spec, meta = service.spec, service.metadata
    if spec.cluster_ip in ("", "None") or not spec.ports:
        return None
    ports = [LinkedPort(each.name, each.port, (each.protocol or "TCP").upper()) for each in spec.ports]
    return LinkedService(meta.namespace, meta.name, spec.cluster_ip, vpc_of(service), ports)


def links(pod: Pod) -> bool:
    """Whether the pod wants to know of its namespace's services; it does unless it says otherwise."""
    return pod.spec.enable_service_links is not False


def visible(pod: Pod, services: Iterable[LinkedService]) -> list[LinkedService]:
    """The services that the pod is told of, by name: the API's, and those of its namespace in its VPC."""
    vpc = vpc_of(pod)
    found: dict[str, LinkedService] = {}
    for each in services:
        if (each.namespace, each.name) == (API_NAMESPACE, API_SERVICE):
            found.setdefault(each.name, each)
        elif links(pod) and (each.namespace, each.vpc) == (pod.metadata.namespace, vpc):
            found[each.name] = each
    return [found[name] for name in sorted(found)]


def service_variables(services: Sequence[LinkedService]) -> dict[str, str]:
    """The variables of these services."""
    result: dict[str, str] = {}
    for each in services:
        prefix = _upper(each.name)
        result[f"{prefix}_SERVICE_HOST"] = each.cluster_ip
        result[f"{prefix}_SERVICE_PORT"] = str(each.ports[0].port)
        for port in each.ports:
            if port.name:
                result[f"{prefix}_SERVICE_PORT_{_upper(port.name)}"] = str(port.port)
        result |= _docker_links(prefix, each)
    return result


def _docker_links(prefix: str, service: LinkedService) -> dict[str, str]:
    """As Docker's ``--link`` named them."""
    result = {}
    host = f"[{service.cluster_ip}]" if ":" in service.cluster_ip else service.cluster_ip
    for index, each in enumerate(service.ports):
        protocol = each.protocol.lower()
        url = f"{protocol}://{host}:{each.port}"
        if index == 0:
            result[f"{prefix}_PORT"] = url
        port = f"{prefix}_PORT_{each.port}_{each.protocol}"
        result |= {
            port: url,
            f"{port}_PROTO": protocol,
            f"{port}_PORT": str(each.port),
            f"{port}_ADDR": service.cluster_ip,
        }
    return result


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")
