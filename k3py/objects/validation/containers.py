"""Checks of containers of all three sorts: what they have in common, and what only one sort may say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.environment import environment
from k3py.objects.validation.mounts import mounts
from k3py.objects.validation.ports import check_protocol
from k3py.objects.validation.probes import lifecycle_and_probes, no_lifecycle_or_probes
from k3py.objects.validation.resources import container_resources
from k3py.objects.validation.security import container_security

PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
TERMINATION_POLICIES: Final = ("File", "FallbackToLogsOnError")
RESTART_POLICIES: Final = ("Always", "Never", "OnFailure")
RESTART_ACTIONS: Final = ("Restart", "RestartAllContainers")
RESTART_RULES_MAX: Final = 20
EXIT_CODES_MAX: Final = 255
_RESIZED: Final = ("cpu", "memory")
_RESIZES: Final = ("NotRequired", "RestartContainer")
_EPHEMERAL_FORBIDDEN: Final = "cannot be set for an Ephemeral Container"

Container = core_v1.Container | core_v1.EphemeralContainer


@dataclass(frozen=True)
class Surroundings:
    """What a container's fields are checked against.

    ``volumes``: the pod's, by name; ``claims``: names of its resource claims.
    """

    spec: core_v1.PodSpec
    volumes: Mapping[str, core_v1.Volume]
    claims: Collection[str]


def containers(around: Surroundings, path: str, wrong: Errors) -> None:
    """All containers of a pod; names are unique over all sorts of them."""
    spec = around.spec
    _regular(around, f"{path}.containers", wrong)
    taken = {each.name for each in spec.containers}
    for index, container in enumerate(spec.init_containers):
        place = f"{path}.initContainers[{index}]"
        _common(container, around, place, wrong)
        restart_policy(container, place, wrong)
        _unique(container.name, taken, place, wrong)
        # Init containers run one after another: each holds its host ports alone, and is the first of its own list.
        _unique_host_ports(container, set(), f"{path}.initContainers[0]", wrong)
        if container.restart_policy == "Always":
            lifecycle_and_probes(container, spec, place, wrong)
        else:
            no_lifecycle_or_probes(container, place, wrong)
    _ephemeral(around, taken, f"{path}.ephemeralContainers", wrong)


def _regular(around: Surroundings, path: str, wrong: Errors) -> None:
    found = around.spec.containers
    if not found:
        wrong.required(path)
    taken: set[str] = set()
    for index, container in enumerate(found):
        place = f"{path}[{index}]"
        _common(container, around, place, wrong)
        if container.name in taken:
            wrong.duplicate(f"{place}.name", container.name)
        taken.add(container.name)
        lifecycle_and_probes(container, around.spec, place, wrong)
        restart_policy(container, place, wrong)
    ports: set[str] = set()
    for index, container in enumerate(found):
        _unique_host_ports(container, ports, f"{path}[{index}]", wrong)


def _unique(name: str, taken: set[str], path: str, wrong: Errors) -> None:
    if name in taken:
        wrong.duplicate(f"{path}.name", name)
    elif name:
        taken.add(name)


def _ephemeral(around: Surroundings, taken: set[str], path: str, wrong: Errors) -> None:
    others = frozenset(taken)
    for index, container in enumerate(around.spec.ephemeral_containers):
        place = f"{path}[{index}]"
        _common(container, around, place, wrong)
        no_padding(container, place, wrong)
        if container.name in taken:
            wrong.duplicate(f"{place}.name", container.name)
        taken.add(container.name)
        if container.target_container_name and container.target_container_name not in others:
            wrong.not_found(f"{place}.targetContainerName", container.target_container_name)
        _only_debugging(container, place, wrong)


def _only_debugging(container: core_v1.EphemeralContainer, path: str, wrong: Errors) -> None:
    """Nothing that a pod could come to rely on."""
    for wire, is_set in (
        ("ports", bool(container.ports)),
        ("resources", container.resources != core_v1.ResourceRequirements()),
        ("resizePolicy", bool(container.resize_policy)),
        ("restartPolicy", container.restart_policy is not None),
        ("restartPolicyRules", bool(container.restart_policy_rules)),
        ("livenessProbe", container.liveness_probe is not None),
        ("readinessProbe", container.readiness_probe is not None),
        ("startupProbe", container.startup_probe is not None),
        ("lifecycle", container.lifecycle is not None),
    ):
        if is_set:
            wrong.forbidden(f"{path}.{wire}", _EPHEMERAL_FORBIDDEN)
    for index, mount in enumerate(container.volume_mounts):
        for wire, value in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if value:
                wrong.forbidden(f"{path}.volumeMounts[{index}].{wire}", _EPHEMERAL_FORBIDDEN)


def no_padding(container: Container, path: str, wrong: Errors) -> None:
    """An image's name has no spaces around it; templates may have them, as a mark for tools."""
    if container.image != container.image.strip():
        wrong.invalid(f"{path}.image", container.image, "must not have leading or trailing whitespace")


def _common(container: Container, around: Surroundings, path: str, wrong: Errors) -> None:
    spec = around.spec
    wrong.needs(f"{path}.name", container.name, names.dns_1123_label)
    if not container.image:
        wrong.required(f"{path}.image")
    policy = container.termination_message_policy
    if policy not in TERMINATION_POLICIES:
        wrong.unsupported(f"{path}.terminationMessagePolicy", policy, TERMINATION_POLICIES)
    if container.ports:
        _ports(container.ports, f"{path}.ports", wrong)
    if container.env or container.env_from:
        environment(container, path, wrong)
    mounts(container, around.volumes, path, wrong)
    if container.image_pull_policy not in PULL_POLICIES:
        wrong.unsupported(f"{path}.imagePullPolicy", container.image_pull_policy, PULL_POLICIES)
    container_resources(container.resources, around.claims, f"{path}.resources", wrong)
    if container.resize_policy:
        _resize_policy(container.resize_policy, spec.restart_policy, f"{path}.resizePolicy", wrong)
    if container.security_context is not None:
        container_security(container.security_context, spec.host_users is not False, f"{path}.securityContext", wrong)


def _ports(ports: list[core_v1.ContainerPort], path: str, wrong: Errors) -> None:
    taken: set[str] = set()
    for index, port in enumerate(ports):
        place = f"{path}[{index}]"
        if port.name:
            if said := names.port_name(port.name):
                wrong.each_invalid(f"{place}.name", port.name, said)
            elif port.name in taken:
                wrong.duplicate(f"{place}.name", port.name)
            taken.add(port.name)
        wrong.needs(f"{place}.containerPort", port.container_port, names.port_number)
        if port.host_port:
            wrong.each_invalid(f"{place}.hostPort", port.host_port, names.port_number(port.host_port))
        check_protocol(port.protocol, f"{place}.protocol", wrong)


def _unique_host_ports(container: core_v1.Container, taken: set[str], path: str, wrong: Errors) -> None:
    for index, port in enumerate(container.ports):
        if port.host_port:
            key = f"{port.protocol}/{port.host_ip}/{port.host_port}"
            if key in taken:
                wrong.duplicate(f"{path}.ports[{index}].hostPort", key)
            taken.add(key)


def restart_policy(container: core_v1.Container, path: str, wrong: Errors) -> None:
    """Whether a container starts again when it ends, and after which exit codes."""
    policy, rules = container.restart_policy, container.restart_policy_rules
    if policy is None:
        if rules:
            wrong.required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")
    elif policy not in RESTART_POLICIES:
        wrong.unsupported(f"{path}.restartPolicy", policy, RESTART_POLICIES)
    if len(rules) > RESTART_RULES_MAX:
        wrong.too_many(f"{path}.restartPolicyRules", len(rules), RESTART_RULES_MAX)
    for index, rule in enumerate(rules):
        place = f"{path}.restartPolicyRules[{index}]"
        if rule.action not in RESTART_ACTIONS:
            wrong.unsupported(f"{place}.action", rule.action, RESTART_ACTIONS)
        codes = rule.exit_codes
        if codes is None:
            wrong.required(f"{place}.exitCodes", "must be specified")
            continue
        if codes.operator not in ("In", "NotIn"):
            wrong.unsupported(f"{place}.exitCodes.operator", codes.operator, ("In", "NotIn"))
        if len(codes.values) > EXIT_CODES_MAX:
            wrong.too_many(f"{place}.exitCodes.values", len(codes.values), EXIT_CODES_MAX)


def _resize_policy(found: list[core_v1.ContainerResizePolicy], pod_policy: str, path: str, wrong: Errors) -> None:
    taken: set[str] = set()
    for index, each in enumerate(found):
        if each.resource_name in taken:
            wrong.duplicate(f"{path}[{index}]", each.resource_name)
        taken.add(each.resource_name)
        for value, known in ((each.resource_name, _RESIZED), (each.restart_policy, _RESIZES)):
            if not value:
                wrong.required(path)
            elif value not in known:
                wrong.unsupported(path, value, known)
        if pod_policy == "Never" and each.restart_policy != "NotRequired":
            detail = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            wrong.invalid(path, each.restart_policy, detail)
