"""Which ports ``port-forward`` is to join: what people type, a Service's ports, names of ports. Decides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from k3py.cli.app import NOT_FOUND, USAGE, Failure

PORT_MAX: Final = 65_535
Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """A pair as typed: the local port (0: any that is free) and the remote one, a number or a name."""

    local: int
    remote: str


@dataclass(frozen=True)
class Joined:
    """A local port (0: any that is free) and the pod's."""

    local: int
    remote: int


def parse_pair(text: str) -> Asked:
    """``8080:80``, ``80`` (the same here), ``:80`` (any port here), ``8080:http``, ``http``.

    Raises:
        Failure: it is none of these.
    """
    local, colon, remote = text.partition(":")
    if not colon:
        local, remote = (text if _number(text) else ""), text
    if not remote or (remote.isdigit() and not _number(remote)) or (local and not _number(local)):
        raise Failure(f"cannot read {text!r} as ports: write LOCAL:REMOTE, REMOTE or :REMOTE, within 1 to 65535", USAGE)
    return Asked(_number(local), remote)


def _number(text: str) -> int:
    """A port, 0 when the text is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return number if number <= PORT_MAX else 0


def join_ports(asked: Sequence[Asked], pod: Plain, service: Plain | None = None) -> list[Joined]:
    """The pod's port for each pair. With a Service the remote ports are its own, and lead where they do.

    Raises:
        Failure: the Service or the pod has no such port.
    """
    return [_join(each, pod, service) for each in asked]


def _join(asked: Asked, pod: Plain, service: Plain | None) -> Joined:
    if service is None:
        remote = _number(asked.remote) or _named(pod, asked.remote)
        return Joined(asked.local, remote)
    entry = _service_port(service, asked.remote)
    if (service.get("spec") or {}).get("clusterIP") == "None":
        target: Any = entry["port"]  # a headless Service leads to the pods' own ports
    else:
        target = entry.get("targetPort") or entry["port"]
    return Joined(asked.local, target if isinstance(target, int) else _number(target) or _named(pod, target))


def _service_port(service: Plain, word: str) -> Plain:
    ports: Sequence[Plain] = (service.get("spec") or {}).get("ports") or ()
    for each in ports:
        if str(each["port"]) == word or each.get("name") == word:
            return each
    has = ", ".join(str(each["port"]) for each in ports) or "none"
    raise Failure(f"service {service['metadata']['name']} has no port {word}: it has {has}", NOT_FOUND)


def _named(pod: Plain, name: str) -> int:
    ports = {str(each["name"]): int(each["containerPort"]) for each in _ports(pod) if each.get("name")}
    if name not in ports:
        has = ", ".join(ports) or "no named ones"
        raise Failure(f"pod {pod['metadata']['name']} has no port named {name}: it has {has}", NOT_FOUND)
    return ports[name]


def _ports(pod: Plain) -> Iterator[Plain]:
    for field in ("containers", "initContainers"):
        for container in pod["spec"].get(field) or ():
            yield from container.get("ports") or ()
