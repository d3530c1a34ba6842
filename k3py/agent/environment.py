"""A container's environment and command line, from pod, image, ConfigMaps and Secrets.

Rules: Kubernetes, "Define Environment Variables for a Container" and "Define a Command and Arguments"; texts of errors
are kubelet's, as people search for them.
"""

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from k3py.agent.resources import limit, request
from k3py.agent.token_plan import TokenResults
from k3py.model import quantity
from k3py.model.generated.core_v1 import (
    ConfigMap,
    Container,
    EnvVar,
    EphemeralContainer,
    Pod,
    ResourceFieldSelector,
    Secret,
)
from k3py.model.struct import Quantity

_QUOTED: Final = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")


class ConfigProblem(Exception):
    """The container cannot be configured as the pod asks; shown as ``CreateContainerConfigError``."""


@dataclass(frozen=True)
class Objects:
    """ConfigMaps and Secrets of the pod's namespace by name. A name that is absent does not exist in the cluster.

    ``tokens`` are given for volumes, ``services`` (variables by which services are found) for containers.
    """

    config_maps: Mapping[str, ConfigMap] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    tokens: TokenResults = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NodeFacts:
    """What containers may learn of their node; ``allocatable`` stands in for limits that are not set."""

    name: str
    host_ips: Sequence[str] = ()
    pod_ips: Sequence[str] = ()
    allocatable: Mapping[str, Quantity] = field(default_factory=dict)


def expand(text: str, values: Mapping[str, str]) -> str:
    """``$(NAME)`` replaced where NAME is known; ``$$`` is a dollar sign; everything else stays as it is."""
    result, position = [], 0
    while True:
        dollar = text.find("$", position)
        if dollar < 0 or dollar + 1 == len(text):
            result.append(text[position:])
            return "".join(result)
        result.append(text[position:dollar])
        following = text[dollar + 1]
        end = text.find(")", dollar + 2) if following == "(" else -1
        if following == "$":
            result.append("$")
            position = dollar + 2
        elif end >= 0:
            name = text[dollar + 2 : end]
            result.append(values.get(name, text[dollar : end + 1]))
            position = end + 1
        elif following == "(":
            # kubelet drops nothing of an unclosed reference.
            result.append("$(")
            position = dollar + 2
        else:
            result.append(text[dollar : dollar + 2])
            position = dollar + 2


def environment(
    pod: Pod, container: Container, image_env: Sequence[str], objects: Objects, node: NodeFacts
) -> dict[str, str]:
    """The whole environment, in order: of the image, services, ``envFrom``, ``env``; later ones win.

    Raises:
        ConfigProblem: something that is referred to does not exist and is not optional.
    """
    result = dict(each.partition("=")[::2] for each in image_env)
    result.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    own: dict[str, str] = {}
    for name, value in _env_from(pod, container, objects):
        own[name] = value
    for variable in container.env:
        value_or_none = _value(pod, container, variable, own, objects, node)
        if value_or_none is not None:
            own[variable.name] = value_or_none
    return result | dict(objects.services) | own


def _env_from(pod: Pod, container: Container, objects: Objects) -> Iterator[tuple[str, str]]:
    for source in container.env_from:
        if source.config_map_ref is not None:
            reference = source.config_map_ref
            found = objects.config_maps.get(reference.name)
            if found is None and not reference.optional:
                raise ConfigProblem(f'configmap "{reference.name}" not found')
            pairs: Mapping[str, str] = found.data if found else {}
        elif source.secret_ref is not None:
            secret = objects.secrets.get(source.secret_ref.name)
            if secret is None and not source.secret_ref.optional:
                raise ConfigProblem(f'secret "{source.secret_ref.name}" not found')
            pairs = {key: value.decode("utf-8", "replace") for key, value in secret.data.items()} if secret else {}
        else:
            continue
        for key in sorted(pairs):
            yield source.prefix + key, pairs[key]


def _value(
    pod: Pod, container: Container, variable: EnvVar, so_far: Mapping[str, str], objects: Objects, node: NodeFacts
) -> str | None:
    source = variable.value_from
    if source is None:
        return expand(variable.value, ChainMap(dict(so_far), dict(objects.services)))
    if source.field_ref is not None:
        return field_value(pod, source.field_ref.field_path, node)
    if source.resource_field_ref is not None:
        return resource_value(pod, container, source.resource_field_ref, node)
    namespace = pod.metadata.namespace
    if source.config_map_key_ref is not None:
        selector = source.config_map_key_ref
        config_map = objects.config_maps.get(selector.name)
        if config_map is None and not selector.optional:
            raise ConfigProblem(f'configmap "{selector.name}" not found')
        if config_map is None or selector.key not in config_map.data:
            if selector.optional:
                return None
            raise ConfigProblem(f"couldn't find key {selector.key} in ConfigMap {namespace}/{selector.name}")
        return config_map.data[selector.key]
    if source.secret_key_ref is not None:
        key = source.secret_key_ref
        secret = objects.secrets.get(key.name)
        if secret is None and not key.optional:
            raise ConfigProblem(f'secret "{key.name}" not found')
        if secret is None or key.key not in secret.data:
            if key.optional:
                return None
            raise ConfigProblem(f"couldn't find key {key.key} in Secret {namespace}/{key.name}")
        return secret.data[key.key].decode("utf-8", "replace")
    raise ConfigProblem(f"environment variable {variable.name}: this source of a value is not supported")


def field_value(pod: Pod, path: str, node: NodeFacts) -> str:
    """The downward API's value of a field path.

    Raises:
        ConfigProblem: the path is not supported.
    """
    quoted = _QUOTED.match(path)
    if quoted:
        values = pod.metadata.labels if quoted[1] == "labels" else pod.metadata.annotations
        return values.get(quoted[2], "")
    pod_ips = node.host_ips if pod.spec.host_network else node.pod_ips
    plain = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
        "spec.nodeName": pod.spec.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name,
        "status.hostIP": next(iter(node.host_ips), ""),
        "status.hostIPs": ",".join(node.host_ips),
        "status.podIP": next(iter(pod_ips), ""),
        "status.podIPs": ",".join(pod_ips),
    }
    if path in plain:
        return plain[path]
    if path in ("metadata.labels", "metadata.annotations"):
        values = pod.metadata.labels if path.endswith("labels") else pod.metadata.annotations
        return "\n".join(f"{key}={_go_quoted(values[key])}" for key in sorted(values))
    raise ConfigProblem(f"unsupported fieldPath: {path}")


def _go_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def resource_value(pod: Pod, container: Container, selector: ResourceFieldSelector, node: NodeFacts) -> str:
    """A request or limit in units of the divisor, rounded up; the node's allocatable amount where no limit is set.

    Raises:
        ConfigProblem: no such container or resource.
    """
    if selector.container_name and selector.container_name != container.name:
        every = (*pod.spec.containers, *pod.spec.init_containers)
        named = [each for each in every if each.name == selector.container_name]
        if not named:
            raise ConfigProblem(f"container {selector.container_name} not found")
        container = named[0]
    kind, _, name = selector.resource.partition(".")
    if kind == "limits":
        found = limit(container.resources, name)
        amount = node.allocatable.get(name, 0) if found is None else found
    elif kind == "requests":
        amount = request(container.resources, name) or 0
    else:
        raise ConfigProblem(f"unsupported container resource : {selector.resource}")
    divisor = quantity.parse(selector.divisor) or Fraction(1)
    return str(-((-quantity.parse(amount)) // divisor))


def command_line(
    container: Container, entrypoint: Sequence[str], cmd: Sequence[str], values: Mapping[str, str]
) -> list[str]:
    """What runs: ``command`` replaces the image's entrypoint and command, ``args`` its command.

    Raises:
        ConfigProblem: neither pod nor image names a command.
    """
    command = [expand(each, values) for each in container.command]
    args = [expand(each, values) for each in container.args]
    if command:
        return command + args
    line = [*entrypoint, *(args or cmd)]
    if not line:
        raise ConfigProblem("no command specified")
    return line


def references(pod: Pod) -> tuple[set[str], set[str]]:
    """Names of the ConfigMaps and of the Secrets that containers' environments and volumes speak of."""
    config_maps: set[str] = set()
    secrets: set[str] = set()
    spec = pod.spec
    every: list[Container | EphemeralContainer] = [*spec.init_containers, *spec.containers, *spec.ephemeral_containers]
    for container in every:
        for source in container.env_from:
            if source.config_map_ref:
                config_maps.add(source.config_map_ref.name)
            if source.secret_ref:
                secrets.add(source.secret_ref.name)
        for variable in container.env:
            if variable.value_from and variable.value_from.config_map_key_ref:
                config_maps.add(variable.value_from.config_map_key_ref.name)
            if variable.value_from and variable.value_from.secret_key_ref:
                secrets.add(variable.value_from.secret_key_ref.name)
    for volume in pod.spec.volumes:
        if volume.config_map:
            config_maps.add(volume.config_map.name)
        if volume.secret:
            secrets.add(volume.secret.secret_name)
        for projection in volume.projected.sources if volume.projected else ():
            if projection.config_map:
                config_maps.add(projection.config_map.name)
            if projection.secret:
                secrets.add(projection.secret.name)
    return config_maps, secrets
