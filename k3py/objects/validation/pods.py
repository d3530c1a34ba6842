"""Checks of pods and pod templates. Source: Kubernetes ``pkg/apis/core/validation``."""

import ipaddress
import re
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1, meta_v1
from k3py.objects.fields import Errors
from k3py.objects.validation import scheduling
from k3py.objects.validation.containers import containers
from k3py.objects.validation.security import pod_security
from k3py.objects.validation.volumes import volumes

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
NAMESERVERS_MAX: Final = 3
SEARCHES_MAX: Final = 32
SECONDS_MAX: Final = 2**31 - 1
IP_RULE: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_SEARCH_PATTERN: Final = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*"
_SEARCH: Final = re.compile(_SEARCH_PATTERN, re.ASCII)
_SEARCH_RULE: Final = names.mismatch(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start"
    " and end with an alphanumeric character", _SEARCH_PATTERN, "example.com")  # fmt: skip


def pod(obj: core_v1.Pod, wrong: Errors) -> None:
    """Everything that is wrong with a pod."""
    if obj.spec.ephemeral_containers and not obj.metadata.resource_version:
        wrong.forbidden("spec.ephemeralContainers", "cannot be set on create")
    pod_spec(obj.spec, obj.metadata, "spec", wrong)


def warnings(obj: core_v1.Pod) -> list[str]:
    """What kubectl shows of a pod that works but should not be written so."""
    return template_warnings(obj.spec, "spec")


def template_warnings(spec: core_v1.PodSpec, path: str) -> list[str]:
    """Names that stand twice, and fields that are going."""
    said = []
    for index, container in enumerate(spec.containers):
        seen: set[str] = set()
        for position, variable in enumerate(container.env):
            if variable.name in seen:
                place = f"{path}.containers[{index}].env[{position}]"
                said.append(
                    f'{place}: hides previous definition of "{variable.name}", which may be dropped when using apply'
                )
            seen.add(variable.name)
    return said


def pod_spec(spec: core_v1.PodSpec, meta: meta_v1.ObjectMeta, path: str, wrong: Errors) -> None:
    """A pod's spec, its own or a template's."""
    del meta
    known = volumes(spec.volumes, f"{path}.volumes", wrong)
    containers(spec, known, path, wrong)
    if spec.restart_policy not in RESTART_POLICIES:
        wrong.unsupported(f"{path}.restartPolicy", spec.restart_policy, RESTART_POLICIES)
    if spec.dns_policy not in DNS_POLICIES:
        wrong.unsupported(f"{path}.dnsPolicy", spec.dns_policy, DNS_POLICIES)
    if spec.node_selector:
        scheduling.labels(f"{path}.nodeSelector", spec.node_selector, wrong)
    if spec.security_context is not None:
        pod_security(spec.security_context, f"{path}.securityContext", wrong)
    for index, reference in enumerate(spec.image_pull_secrets):
        if not reference.name:
            wrong.required(f"{path}.imagePullSecrets[{index}].name")
    if spec.affinity is not None:
        scheduling.affinity(spec.affinity, f"{path}.affinity", wrong)
    _dns(spec, path, wrong)
    for index, gate in enumerate(spec.readiness_gates):
        said = names.qualified_name(gate.condition_type)
        wrong.each_invalid(f"{path}.readinessGates[{index}].conditionType", gate.condition_type, said)
    if spec.topology_spread_constraints:
        scheduling.spread(spec.topology_spread_constraints, f"{path}.topologySpreadConstraints", wrong)
    if spec.scheduling_gates:
        scheduling.gates(spec, path, wrong)
    if spec.service_account_name:
        said = names.dns_1123_subdomain(spec.service_account_name)
        wrong.each_invalid(f"{path}.serviceAccountName", spec.service_account_name, said)
    if spec.node_name:
        wrong.each_invalid(f"{path}.nodeName", spec.node_name, names.dns_1123_subdomain(spec.node_name))
    _seconds(spec, path, wrong)
    _hostnames(spec, path, wrong)
    if spec.tolerations:
        scheduling.tolerations(spec.tolerations, f"{path}.tolerations", wrong)
    if spec.priority_class_name:
        said = names.dns_1123_subdomain(spec.priority_class_name)
        wrong.each_invalid(f"{path}.priorityClassName", spec.priority_class_name, said)
    if spec.os is not None:
        _os(spec, path, wrong)


def _seconds(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    deadline = spec.active_deadline_seconds
    if deadline is not None and not 1 <= deadline <= SECONDS_MAX:
        wrong.invalid(f"{path}.activeDeadlineSeconds", deadline, f"must be between 1 and {SECONDS_MAX}, inclusive")


def _dns(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    config = spec.dns_config
    if spec.dns_policy == "None" and (config is None or not config.nameservers):
        place = f"{path}.dnsConfig" if config is None else f"{path}.dnsConfig.nameservers"
        detail = ("must provide `dnsConfig` when `dnsPolicy` is None" if config is None
                  else "must provide at least one DNS nameserver when `dnsPolicy` is None")  # fmt: skip
        wrong.required(place, detail)
    if config is None:
        return
    path = f"{path}.dnsConfig"
    if len(config.nameservers) > NAMESERVERS_MAX:
        detail = f"must not have more than {NAMESERVERS_MAX} nameservers"
        wrong.invalid(f"{path}.nameservers", config.nameservers, detail)
    for index, server in enumerate(config.nameservers):
        _address(server, f"{path}.nameservers[{index}]", wrong)
    if len(config.searches) > SEARCHES_MAX:
        wrong.invalid(f"{path}.searches", config.searches, f"must not have more than {SEARCHES_MAX} search paths")
    for index, search in enumerate(config.searches):
        if search != "." and not _SEARCH.fullmatch(search.removesuffix(".")):
            wrong.invalid(f"{path}.searches[{index}]", search, _SEARCH_RULE)
    for index, option in enumerate(config.options):
        if not option.name:
            wrong.required(f"{path}.options[{index}]", "must not be empty")


def _address(text: str, path: str, wrong: Errors) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        wrong.invalid(path, text, IP_RULE)


def _hostnames(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    for index, alias in enumerate(spec.host_aliases):
        _address(alias.ip, f"{path}.hostAliases[{index}].ip", wrong)
        for position, name in enumerate(alias.hostnames):
            place = f"{path}.hostAliases[{index}].hostnames[{position}]"
            wrong.each_invalid(place, name, names.dns_1123_subdomain(name))
    for wire, name in (("hostname", spec.hostname), ("subdomain", spec.subdomain)):
        if name:
            wrong.each_invalid(f"{path}.{wire}", name, names.dns_1123_label(name))


def _os(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    assert spec.os is not None
    if not spec.os.name:
        wrong.required(f"{path}.os.name", "cannot be empty")
    elif spec.os.name not in ("linux", "windows"):
        wrong.unsupported(f"{path}.os", spec.os.name, ("linux", "windows"))
    elif spec.os.name == "windows":
        for wire, value in (("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)):
            if value:
                wrong.forbidden(f"{path}.{wire}", "cannot be set for a windows pod")
        context = spec.security_context
        if context is not None and context.fs_group is not None:
            wrong.forbidden(f"{path}.securityContext.fsGroup", "cannot be set for a windows pod")
