"""Checks of pods and pod templates. Source: Kubernetes ``pkg/apis/core/validation``."""

import re
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1, meta_v1
from k3py.objects.fields import Errors
from k3py.objects.validation import pod_annotations, pod_warnings, scheduling
from k3py.objects.validation.addresses import check_address
from k3py.objects.validation.containers import Surroundings, containers, no_padding
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.operating_systems import each_container, host_processes, operating_system
from k3py.objects.validation.resources import overhead, pod_resources
from k3py.objects.validation.security import pod_security
from k3py.objects.validation.volumes import volumes

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
PREEMPTION_POLICIES: Final = ("PreemptLowerPriority", "Never")
NAMESERVERS_MAX: Final = 3
SEARCHES_MAX: Final = 32
SEARCH_LIST_LENGTH_MAX: Final = 2048
HOSTNAME_LENGTH_MAX: Final = 64
SECONDS_MAX: Final = 2**31 - 1
_OWN_USERS: Final = "when `hostUsers` is false"
_SEARCH_PATTERN: Final = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*"
_SEARCH: Final = re.compile(_SEARCH_PATTERN, re.ASCII)
_SEARCH_LENGTH_MAX: Final = 253
_SEARCH_RULE: Final = names.mismatch(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start"
    " and end with an alphanumeric character", _SEARCH_PATTERN, "example.com")  # fmt: skip


def pod(obj: core_v1.Pod, wrong: Errors) -> None:
    """Everything that is wrong with a pod, new or changed."""
    spec = obj.spec
    pod_spec(spec, obj.metadata, "spec", wrong, is_pod=True)
    if not spec.service_account_name:
        for index, volume in enumerate(spec.volumes):
            sources = volume.projected.sources if volume.projected is not None else ()
            for position, source in enumerate(sources):
                if source.service_account_token is not None:
                    place = f"spec.volumes[{index}].projected.sources[{position}].serviceAccountToken"
                    wrong.forbidden(place, "must not be specified when serviceAccountName is not set")
    for word, found in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(found):
            no_padding(container, f"spec.{word}[{index}]", wrong)


def new_pod(obj: core_v1.Pod, wrong: Errors) -> None:
    """What a new pod may not be, beside what ``pod`` says."""
    if obj.spec.ephemeral_containers:
        wrong.forbidden("spec.ephemeralContainers", "cannot be set on create")
    if obj.spec.node_name and obj.spec.scheduling_gates:
        wrong.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")
    pod_annotations.match_fields(obj.metadata.annotations, obj.spec, "spec", wrong)
    pod_annotations.match_app_armor(obj.metadata.annotations, obj.spec, "spec", wrong)


def warnings(obj: core_v1.Pod) -> list[str]:
    """What the user should hear of a new pod."""
    return pod_warnings.of_pod(obj)


def template_warnings(spec: core_v1.PodSpec, path: str, meta: meta_v1.ObjectMeta | None = None) -> list[str]:
    """What the user should hear of a template whose spec is at ``path``; ``meta`` is the template's."""
    return pod_warnings.of_template(spec, meta or meta_v1.ObjectMeta(), path)


def pod_spec(
    spec: core_v1.PodSpec, meta: meta_v1.ObjectMeta, path: str, wrong: Errors, *, is_pod: bool = False
) -> None:
    """A pod's spec, its own (``is_pod``) or a template's, with the annotations in ``meta`` that speak of it.

    ``path`` ends with ``spec``.
    """
    where = "metadata.annotations" if is_pod else f"{path.removesuffix('spec')}annotations"
    pod_annotations.annotations(meta.annotations, spec, where, wrong)
    known = volumes(spec.volumes, meta if is_pod else None, f"{path}.volumes", wrong)
    _claims(spec.resource_claims, f"{path}.resourceClaims", wrong)
    containers(Surroundings(spec, known, {each.name for each in spec.resource_claims if each.name}), path, wrong)
    _files_for_variables(spec, path, wrong)
    if spec.resources is not None:
        pod_resources(spec, spec.resources, f"{path}.resources", wrong)
    _host_network(spec, is_pod, path, wrong)
    if spec.restart_policy not in RESTART_POLICIES:
        wrong.unsupported(f"{path}.restartPolicy", spec.restart_policy, RESTART_POLICIES)
    if spec.dns_policy not in DNS_POLICIES:
        wrong.unsupported(f"{path}.dnsPolicy", spec.dns_policy, DNS_POLICIES)
    if spec.node_selector:
        scheduling.labels(f"{path}.nodeSelector", spec.node_selector, wrong)
    if spec.security_context is not None:
        pod_security(spec, spec.security_context, f"{path}.securityContext", wrong)
    if spec.affinity is not None:
        scheduling.affinity(spec.affinity, f"{path}.affinity", wrong)
    _dns(spec, f"{path}.dnsConfig", wrong)
    for index, gate in enumerate(spec.readiness_gates):
        said = names.qualified_name(gate.condition_type)
        wrong.each_invalid(f"{path}.readinessGates[{index}].conditionType", gate.condition_type, said)
    scheduling.gates(spec.scheduling_gates, f"{path}.schedulingGates", wrong)
    scheduling.spread(spec.topology_spread_constraints, f"{path}.topologySpreadConstraints", wrong)
    host_processes(spec, path, wrong)
    _host_users(spec, path, wrong)
    _names(spec, path, wrong)
    _rest(spec, path, wrong)


def _rest(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    if spec.tolerations:
        scheduling.tolerations(spec.tolerations, f"{path}.tolerations", wrong)
    for index, alias in enumerate(spec.host_aliases):
        check_address(f"{path}.hostAliases[{index}].ip", alias.ip, wrong)
        for position, name in enumerate(alias.hostnames):
            place = f"{path}.hostAliases[{index}].hostnames[{position}]"
            wrong.each_invalid(place, name, names.dns_1123_subdomain(name))
    for wire, value in (("priorityClassName", spec.priority_class_name), ("runtimeClassName", spec.runtime_class_name)):
        if value or (value is not None and wire == "runtimeClassName"):
            wrong.each_invalid(f"{path}.{wire}", value, names.dns_1123_subdomain(value))
    policy = spec.preemption_policy
    if policy is not None and policy not in PREEMPTION_POLICIES:
        if policy:
            wrong.unsupported(f"{path}.preemptionPolicy", policy, PREEMPTION_POLICIES)
        else:
            wrong.required(f"{path}.preemptionPolicy")
    if spec.overhead:
        overhead(spec.overhead, f"{path}.overhead", wrong)
    if spec.os is not None:
        operating_system(spec, path, wrong)


def _claims(found: list[core_v1.PodResourceClaim], path: str, wrong: Errors) -> None:
    """Claims of devices: each has a name of its own, and names one object."""
    taken: set[str] = set()
    for index, claim in enumerate(found):
        place = f"{path}[{index}]"
        if not claim.name:
            wrong.required(f"{place}.name")
        elif claim.name in taken:
            wrong.duplicate(f"{place}.name", claim.name)
        else:
            wrong.each_invalid(f"{place}.name", claim.name, names.dns_1123_label(claim.name))
            taken.add(claim.name)
        claim_name, template = claim.resource_claim_name, claim.resource_claim_template_name
        if claim_name is not None and template is not None:
            detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            wrong.invalid(place, go_names(claim), detail)
        if claim_name is None and template is None:
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            wrong.invalid(place, go_names(claim), detail)
        for wire, value in (("resourceClaimName", claim_name), ("resourceClaimTemplateName", template)):
            if value is not None:
                wrong.each_invalid(f"{place}.{wire}", value, names.dns_1123_subdomain(value))


def _files_for_variables(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    """Variables that come from files: the files are in an emptyDir of the pod."""
    known = {volume.name: volume for volume in spec.volumes}
    for place, container in each_container(spec, path):
        for index, variable in enumerate(container.env):
            reference = variable.value_from.file_key_ref if variable.value_from is not None else None
            if reference is None or not reference.volume_name:
                continue
            where, volume = f"{place}.env[{index}].valueFrom.fileKeyRef.volumeName", known.get(reference.volume_name)
            if volume is None:
                wrong.not_found(where, reference.volume_name)
            elif volume.empty_dir is None:
                wrong.invalid(where, reference.volume_name, "referenced volume must be of type emptyDir")


def _host_network(spec: core_v1.PodSpec, is_pod: bool, path: str, wrong: Errors) -> None:
    """On the host's network a port is the host's; a template may leave that to the pod."""
    if spec.host_network:
        for index, container in enumerate(spec.containers):
            for position, port in enumerate(container.ports):
                if (is_pod or port.host_port) and port.host_port != port.container_port:
                    place = f"{path}.containers[{index}].ports[{position}].hostPort"
                    wrong.invalid(place, port.host_port, "must match `containerPort` when `hostNetwork` is true")


def _host_users(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    """Users of its own go together with no other namespace of the host, nor with block devices."""
    if spec.host_users is not False:
        return
    for wire, value in (("hostNetwork", spec.host_network), ("HostPID", spec.host_pid), ("HostIPC", spec.host_ipc)):
        if value:
            wrong.forbidden(f"{path}.{wire}", _OWN_USERS)
    for place, container in each_container(spec, path):
        if container.volume_devices:
            wrong.forbidden(f"{place}.volumeDevices", _OWN_USERS)


def _names(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    if spec.service_account_name:
        said = names.dns_1123_subdomain(spec.service_account_name)
        wrong.each_invalid(f"{path}.serviceAccountName", spec.service_account_name, said)
    if spec.node_name:
        wrong.each_invalid(f"{path}.nodeName", spec.node_name, names.dns_1123_subdomain(spec.node_name))
    deadline = spec.active_deadline_seconds
    if deadline is not None and not 1 <= deadline <= SECONDS_MAX:
        wrong.invalid(f"{path}.activeDeadlineSeconds", deadline, f"must be between 1 and {SECONDS_MAX}, inclusive")
    for wire, name in (("hostname", spec.hostname), ("subdomain", spec.subdomain)):
        if name:
            wrong.each_invalid(f"{path}.{wire}", name, names.dns_1123_label(name))
    override = spec.hostname_override
    if override is not None:
        place = f"{path}.hostnameOverride"
        if spec.host_network:
            wrong.forbidden(place, "may not be specified when hostNetwork is true")
        if spec.set_hostname_as_fqdn:
            wrong.forbidden(place, "may not be specified when setHostnameAsFQDN is true")
        if len(override) > HOSTNAME_LENGTH_MAX:
            wrong.too_long(place, HOSTNAME_LENGTH_MAX)
        wrong.each_invalid(place, override, names.dns_1123_subdomain(override))


def _dns(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    config = spec.dns_config
    if spec.dns_policy == "None":
        if config is None:
            wrong.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not config.nameservers:
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            wrong.required(f"{path}.nameservers", detail)
            return
    if config is None:
        return
    if len(config.nameservers) > NAMESERVERS_MAX:
        detail = f"must not have more than {NAMESERVERS_MAX} nameservers"
        wrong.invalid(f"{path}.nameservers", config.nameservers, detail)
    for index, server in enumerate(config.nameservers):
        check_address(f"{path}.nameservers[{index}]", server, wrong)
    if len(config.searches) > SEARCHES_MAX:
        wrong.invalid(f"{path}.searches", config.searches, f"must not have more than {SEARCHES_MAX} search paths")
    if len(" ".join(config.searches).encode()) > SEARCH_LIST_LENGTH_MAX:
        detail = f"must not have more than {SEARCH_LIST_LENGTH_MAX} characters (including spaces) in the search list"
        wrong.invalid(f"{path}.searches", config.searches, detail)
    for index, search in enumerate(config.searches):
        if search != ".":
            _search(search.removesuffix("."), f"{path}.searches[{index}]", wrong)
    for index, option in enumerate(config.options):
        if not option.name:
            wrong.required(f"{path}.options[{index}]", "must not be empty")


def _search(search: str, path: str, wrong: Errors) -> None:
    if len(search) > _SEARCH_LENGTH_MAX:
        wrong.invalid(path, search, names.too_long(_SEARCH_LENGTH_MAX))
    if not _SEARCH.fullmatch(search):
        wrong.invalid(path, search, _SEARCH_RULE)
