"""Checks of containers: names, images, ports, environment, resources, probes, hooks."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from k3py.model import names, quantity
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.security import container_security
from k3py.objects.validation.volumes import PULL_POLICIES, mounts

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
SCHEMES: Final = ("HTTP", "HTTPS")
TERMINATION_POLICIES: Final = ("FallbackToLogsOnError", "File")
RESTART_POLICIES: Final = ("Always", "Never", "OnFailure")
_FIELD_PATHS: Final = frozenset(
    ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
     "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs")
)  # fmt: skip
_SUBSCRIPT: Final = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]", re.DOTALL)
_RESOURCES: Final = tuple(
    f"{side}.{name}" for side in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
)
_STANDARD: Final = frozenset(("cpu", "memory", "ephemeral-storage"))
_HUGE: Final = "hugepages-"

Container = core_v1.Container | core_v1.EphemeralContainer


def containers(spec: core_v1.PodSpec, volumes: Mapping[str, core_v1.Volume], path: str, wrong: Errors) -> None:
    """All containers of a pod; names are unique over all sorts of them."""
    taken: set[str] = set()
    ports: set[str] = set()
    if not spec.containers:
        wrong.required(f"{path}.containers")
    for index, each in enumerate(spec.containers):
        place = f"{path}.containers[{index}]"
        _one(each, volumes, place, taken, spec.host_network, ports, wrong)
        _probes(each, place, wrong)
        if each.restart_policy is not None and each.restart_policy not in RESTART_POLICIES:
            wrong.unsupported(f"{place}.restartPolicy", each.restart_policy, RESTART_POLICIES)
    for index, each in enumerate(spec.init_containers):
        place = f"{path}.initContainers[{index}]"
        # Init containers run one after another: only those that stay hold a host port with the others.
        _one(each, volumes, place, taken, spec.host_network, ports if each.restart_policy == "Always" else set(), wrong)
        if each.restart_policy is not None and each.restart_policy not in RESTART_POLICIES:
            wrong.unsupported(f"{place}.restartPolicy", each.restart_policy, RESTART_POLICIES)
        elif each.restart_policy == "Always":
            _probes(each, place, wrong)
        else:
            _no_probes(each, place, wrong)


def _no_probes(container: core_v1.Container, path: str, wrong: Errors) -> None:
    for name, found in (
        ("lifecycle", container.lifecycle),
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if found is not None:
            wrong.forbidden(f"{path}.{name}", "may not be set for init containers without restartPolicy=Always")


def _one(
    container: Container,
    volumes: Mapping[str, core_v1.Volume],
    path: str,
    taken: set[str],
    host_network: bool,
    host_ports: set[str],
    wrong: Errors,
) -> None:
    if not container.name:
        wrong.required(f"{path}.name")
    elif said := names.dns_1123_label(container.name):
        wrong.each_invalid(f"{path}.name", container.name, said)
    elif container.name in taken:
        wrong.duplicate(f"{path}.name", container.name)
    taken.add(container.name)
    if not container.image:
        wrong.required(f"{path}.image")
    elif container.image != container.image.strip():
        wrong.invalid(f"{path}.image", container.image, "must not have leading or trailing whitespace")
    if container.ports:
        _ports(container.ports, host_network, host_ports, f"{path}.ports", wrong)
    for index, variable in enumerate(container.env):
        _variable(variable, f"{path}.env[{index}]", wrong)
    for index, source in enumerate(container.env_from):
        _environment_source(source, f"{path}.envFrom", index, wrong)
    security = container.security_context
    if container.volume_mounts:
        privileged = security is not None and bool(security.privileged)
        mounts(container.volume_mounts, volumes, privileged, f"{path}.volumeMounts", wrong)
    if container.image_pull_policy not in PULL_POLICIES:
        wrong.unsupported(f"{path}.imagePullPolicy", container.image_pull_policy, PULL_POLICIES)
    if container.termination_message_policy not in TERMINATION_POLICIES:
        policy = container.termination_message_policy
        wrong.unsupported(f"{path}.terminationMessagePolicy", policy, TERMINATION_POLICIES)
    if container.resources.limits or container.resources.requests:
        resources(container.resources, f"{path}.resources", wrong)
    if security is not None:
        container_security(security, f"{path}.securityContext", wrong)


def _ports(
    ports: list[core_v1.ContainerPort], host_network: bool, host_ports: set[str], path: str, wrong: Errors
) -> None:
    taken: set[str] = set()
    for index, port in enumerate(ports):
        place = f"{path}[{index}]"
        if port.name:
            if said := names.port_name(port.name):
                wrong.each_invalid(f"{place}.name", port.name, said)
            elif port.name in taken:
                wrong.duplicate(f"{place}.name", port.name)
            taken.add(port.name)
        if not port.container_port:
            wrong.required(f"{place}.containerPort")
        else:
            wrong.each_invalid(f"{place}.containerPort", port.container_port, names.port_number(port.container_port))
        if port.host_port:
            wrong.each_invalid(f"{place}.hostPort", port.host_port, names.port_number(port.host_port))
            if host_network and port.host_port != port.container_port:
                detail = "must match `containerPort` when `hostNetwork` is true"
                wrong.invalid(f"{place}.hostPort", port.host_port, detail)
            key = f"{port.protocol}/{port.host_ip}/{port.host_port}"
            if key in host_ports:
                wrong.duplicate(f"{place}.hostPort", key)
            host_ports.add(key)
        if port.protocol not in PROTOCOLS:
            wrong.unsupported(f"{place}.protocol", port.protocol, PROTOCOLS)


def _variable(variable: core_v1.EnvVar, path: str, wrong: Errors) -> None:
    if not variable.name:
        wrong.required(f"{path}.name")
    else:
        wrong.each_invalid(f"{path}.name", variable.name, names.environment_name(variable.name))
    source = variable.value_from
    if source is None:
        return
    path = f"{path}.valueFrom"
    given = 0
    if source.field_ref is not None:
        given += 1
        _field_reference(source.field_ref, f"{path}.fieldRef", wrong)
    if source.resource_field_ref is not None:
        given += 1
        _resource_reference(source.resource_field_ref, f"{path}.resourceFieldRef", wrong)
    for wire, reference in (("configMapKeyRef", source.config_map_key_ref), ("secretKeyRef", source.secret_key_ref)):
        if reference is not None:
            given += 1
            _key_reference(reference, f"{path}.{wire}", wrong)
    if getattr(source, "file_key_ref", None) is not None:
        given += 1
    if variable.value and given:
        wrong.invalid(path, "", "may not be specified when `value` is not empty")
    elif given > 1:
        wrong.invalid(path, "", "may not have more than one field specified at a time")
    elif not given:
        wrong.invalid(
            path,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        )


def _field_reference(reference: core_v1.ObjectFieldSelector, path: str, wrong: Errors) -> None:
    field = reference.field_path
    if not reference.api_version:
        wrong.required(f"{path}.apiVersion")
    elif not field:
        wrong.required(f"{path}.fieldPath")
    elif reference.api_version != "v1":
        detail = f"error converting fieldPath: unsupported pod version: {reference.api_version}"
        wrong.invalid(f"{path}.fieldPath", field, detail)
    elif found := _SUBSCRIPT.fullmatch(field):
        key = found[2].lower() if found[1] == "annotations" else found[2]
        wrong.each_invalid(path, found[2], names.qualified_name(key))
    elif field in ("metadata.labels", "metadata.annotations"):
        supported = sorted(_FIELD_PATHS)
        wrong.unsupported(f"{path}.fieldPath", field, supported)
    elif field not in _FIELD_PATHS:
        wrong.invalid(f"{path}.fieldPath", field, f"error converting fieldPath: field label not supported: {field}")


def _resource_reference(reference: core_v1.ResourceFieldSelector, path: str, wrong: Errors) -> None:
    resource = reference.resource
    if not resource:
        wrong.required(f"{path}.resource")
    elif resource not in _RESOURCES and _HUGE not in resource:
        wrong.unsupported(f"{path}.resource", resource, _RESOURCES)


def _key_reference(reference: Any, path: str, wrong: Errors) -> None:
    wrong.each_invalid(f"{path}.name", reference.name, names.dns_1123_subdomain(reference.name))
    if not reference.key:
        wrong.required(f"{path}.key")
    else:
        wrong.each_invalid(f"{path}.key", reference.key, names.config_key(reference.key))


def _environment_source(source: core_v1.EnvFromSource, path: str, index: int, wrong: Errors) -> None:
    place = f"{path}[{index}]"
    if source.prefix:
        wrong.each_invalid(f"{place}.prefix", source.prefix, names.environment_name(source.prefix))
    given = 0
    for wire, reference in (("configMapRef", source.config_map_ref), ("secretRef", source.secret_ref)):
        if reference is None:
            continue
        given += 1
        if not reference.name:
            wrong.required(f"{place}.{wire}.name")
        else:
            wrong.each_invalid(f"{place}.{wire}.name", reference.name, names.dns_1123_subdomain(reference.name))
    if not given:
        wrong.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
    elif given > 1:
        wrong.invalid(path, "", "may not have more than one field specified at a time")


def resources(found: core_v1.ResourceRequirements, path: str, wrong: Errors) -> None:
    """Amounts are not negative; requests do not pass limits."""
    for side, amounts in (("limits", found.limits), ("requests", found.requests)):
        for name, amount in amounts.items():
            _amount(name, amount, f"{path}.{side}[{name}]", wrong)
    for name, amount in found.requests.items():
        limit = found.limits.get(name)
        if limit is None:
            if name.startswith(_HUGE) or _is_extended(name):
                wrong.required(f"{path}.limits", "Limit must be set for non overcommitable resources")
            continue
        if limit == amount:
            continue
        wanted, most = quantity.nano(amount), quantity.nano(limit)
        if wanted != most and (_is_extended(name) or name.startswith(_HUGE)):
            wrong.invalid(f"{path}.requests", str(amount), f"must be equal to {name} limit of {limit}")
        elif wanted > most:
            wrong.invalid(f"{path}.requests", str(amount), f"must be less than or equal to {name} limit of {limit}")
    huge = [name for name in found.limits if name.startswith(_HUGE)]
    if huge and not {"cpu", "memory"} & {*found.limits, *found.requests}:
        wrong.forbidden(path, "HugePages require cpu or memory")


def _is_extended(name: str) -> bool:
    return "/" in name and not name.partition("/")[0].endswith("kubernetes.io")


def _amount(name: str, amount: str | int | float, path: str, wrong: Errors) -> None:
    if name not in _STANDARD:
        said = names.qualified_name(name)
        wrong.each_invalid(path, name, said)
        if not said and "/" not in name and not name.startswith(_HUGE):
            wrong.invalid(path, name, "must be a standard resource type or fully qualified")
            wrong.invalid(path, name, "must be a standard resource for containers")
    value = quantity.nano(amount)
    if value < 0:
        wrong.invalid(path, str(amount), "must be greater than or equal to 0")
    if name not in _STANDARD and value % quantity.NANO:
        wrong.invalid(path, str(amount), "must be an integer")


def _probes(container: core_v1.Container, path: str, wrong: Errors) -> None:
    if container.lifecycle is not None:
        for wire, handler in (("postStart", container.lifecycle.post_start), ("preStop", container.lifecycle.pre_stop)):
            if handler is not None:
                _handler(handler, f"{path}.lifecycle.{wire}", wrong)
    for wire, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe is not None:
            _probe(probe, f"{path}.{wire}", wire, wrong)


def _probe(probe: core_v1.Probe, path: str, wire: str, wrong: Errors) -> None:
    _handler(probe, path, wrong)
    for name, value in (
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ):
        wrong.not_negative(f"{path}.{name}", value)
    grace = probe.termination_grace_period_seconds
    if grace is not None and grace <= 0:
        wrong.invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0")
    if wire == "readinessProbe":
        if grace is not None:
            wrong.invalid(f"{path}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")
    elif probe.success_threshold != 1:
        wrong.invalid(f"{path}.successThreshold", probe.success_threshold, "must be 1")


def _handler(handler: Any, path: str, wrong: Errors) -> None:
    count = 0
    for wire, attribute, check in _HANDLERS:
        action = getattr(handler, attribute, None)
        if action is None:
            continue
        count += 1
        if count > 1:
            wrong.forbidden(f"{path}.{wire}", "may not specify more than 1 handler type")
        else:
            check(action, f"{path}.{wire}", wrong)
    if not count:
        wrong.required(path, "must specify a handler type")


def _exec(action: core_v1.ExecAction, path: str, wrong: Errors) -> None:
    if not action.command:
        wrong.required(f"{path}.command")


def _http(action: core_v1.HTTPGetAction, path: str, wrong: Errors) -> None:
    if not action.path:
        wrong.required(f"{path}.path")
    _port(action.port, f"{path}.port", wrong)
    if action.scheme not in SCHEMES:
        wrong.unsupported(f"{path}.scheme", action.scheme, SCHEMES)
    for header in action.http_headers:
        if not re.fullmatch("[-A-Za-z0-9]+", header.name, re.ASCII):
            rule = "a valid HTTP header must consist of alphanumeric characters or '-'"
            wrong.invalid(f"{path}.httpHeaders", header.name, names.mismatch(rule, "[-A-Za-z0-9]+", "X-Header-Name"))


def _tcp(action: core_v1.TCPSocketAction, path: str, wrong: Errors) -> None:
    _port(action.port, f"{path}.port", wrong)


def _grpc(action: core_v1.GRPCAction, path: str, wrong: Errors) -> None:
    wrong.each_invalid(f"{path}.port", action.port, names.port_number(action.port))


def _sleep(action: core_v1.SleepAction, path: str, wrong: Errors) -> None:
    if action.seconds < 0:
        wrong.invalid(path, action.seconds, "must be non-negative and not larger than terminationGracePeriodSeconds")


def _port(port: int | str, path: str, wrong: Errors) -> None:
    wrong.each_invalid(path, port, names.port_name(port) if isinstance(port, str) else names.port_number(port))


_HANDLERS: Final[tuple[tuple[str, str, Callable[[Any, str, Errors], None]], ...]] = (
    ("exec", "exec", _exec),
    ("httpGet", "http_get", _http),
    ("tcpSocket", "tcp_socket", _tcp),
    ("grpc", "grpc", _grpc),
    ("sleep", "sleep", _sleep),
)
