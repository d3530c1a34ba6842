"""What a pod's status may say. Source: Kubernetes ``ValidatePodStatusUpdate``."""

from typing import Any, Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.addresses import check_address, is_ipv6
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.pod_updates import changed_annotations, node_name
from k3py.objects.validation.security import ID_MAX

_SYSTEM_CONDITIONS: Final = ("PodScheduled", "Ready", "Initialized")
_HEALTH: Final = ("Healthy", "Unhealthy", "Unknown")
_FAMILIES: Final = "may specify no more than one IP for each IP family"


def pod_status(new: core_v1.Pod, old: core_v1.Pod, wrong: Errors) -> None:
    """What is wrong with a new status."""
    changed_annotations(new, old, wrong)
    after, before = new.status, old.status
    for index, condition in enumerate(after.conditions):
        if condition.type not in _SYSTEM_CONDITIONS:
            said = names.qualified_name(condition.type)
            wrong.each_invalid(f"metadata.conditions[{index}].Type", condition.type, said)
    if after.nominated_node_name and after.nominated_node_name != before.nominated_node_name:
        node_name(after.nominated_node_name, "status.nominatedNodeName", wrong)
    wrong.immutable("status.qosClass", after.qos_class, before.qos_class)
    sidecars = {each.name for each in old.spec.init_containers if each.restart_policy == "Always"}
    restarting = {each.name for each in old.spec.containers if each.restart_policy or each.restart_policy_rules}
    policy = old.spec.restart_policy
    _transitions(after.container_statuses, before.container_statuses, "containerStatuses", policy, restarting, wrong)
    _transitions(
        after.init_container_statuses, before.init_container_statuses, "initContainerStatuses", policy, sidecars, wrong
    )
    _transitions(
        after.ephemeral_container_statuses, before.ephemeral_container_statuses, "ephemeralContainerStatuses",
        "Never", set(), wrong,
    )  # fmt: skip
    _claims(new, wrong)
    _addresses([each.ip for each in after.pod_ips], after.pod_ips, "status.podIPs", wrong)
    if after.host_ips:
        if after.host_ip != after.host_ips[0].ip:
            wrong.invalid("status.hostIPs[0].ip", after.host_ips[0].ip, "must be equal to `hostIP`")
        _addresses([each.ip for each in after.host_ips], after.host_ips, "status.hostIPs", wrong)
    _users(new, wrong)
    _devices(new, wrong)


def _transitions(
    after: list[core_v1.ContainerStatus], before: list[core_v1.ContainerStatus], word: str, policy: str,
    restarting: set[str], wrong: Errors,
) -> None:  # fmt: skip
    """What has ended for good does not run again."""
    if policy == "Always":
        return
    for index, old in enumerate(before):
        ended = old.state.terminated
        if ended is None or old.name in restarting or (ended.exit_code and policy == "OnFailure"):
            continue
        for new in after:
            if new.name == old.name and new.state.terminated is None:
                path = f"status.{word}[{index}].state"
                wrong.forbidden(path, "may not be transitioned to non-terminated state")


def _claims(pod: core_v1.Pod, wrong: Errors) -> None:
    known = {claim.name for claim in pod.spec.resource_claims}
    taken: set[str] = set()
    for index, status in enumerate(pod.status.resource_claim_statuses):
        place = f"status.resourceClaimStatuses[{index}].name"
        if status.name not in known:
            wrong.invalid(place, status.name, "must match the name of an entry in `spec.resourceClaims`")
        if status.name in taken:
            wrong.duplicate(place, status.name)
        taken.add(status.name)
        if status.resource_claim_name is not None:
            said = names.dns_1123_subdomain(status.resource_claim_name)
            wrong.each_invalid(place, status.resource_claim_name, said)


def _addresses(texts: list[str], shown: list[Any], path: str, wrong: Errors) -> None:
    """At most one address of each family."""
    good = [check_address(f"{path}[{index}]", text, wrong) for index, text in enumerate(texts)]
    if len(texts) < 2 or not all(good):
        return
    if len(texts) > 2 or is_ipv6(texts[0]) == is_ipv6(texts[1]):
        wrong.invalid(path, go_names(shown), _FAMILIES)
    for index, text in enumerate(texts):
        if text in texts[:index]:
            wrong.duplicate(f"{path}[{index}]", go_names(shown[index]))


def _users(pod: core_v1.Pod, wrong: Errors) -> None:
    is_windows = pod.spec.os is not None and pod.spec.os.name == "windows"
    for word, statuses in (
        ("containerStatuses", pod.status.container_statuses),
        ("initContainerStatuses", pod.status.init_container_statuses),
        ("ephemeralContainerStatuses", pod.status.ephemeral_container_statuses),
    ):
        for index, status in enumerate(statuses):
            user = status.user.linux if status.user is not None else None
            if user is None:
                continue
            path = f"status.{word}[{index}].linux"
            if is_windows:
                wrong.forbidden(path, "cannot be set for a windows pod")
                continue
            groups = {f"supplementalGroups[{at}]": group for at, group in enumerate(user.supplemental_groups)}
            for wire, value in {"uid": user.uid, "gid": user.gid, **groups}.items():
                if not 0 <= value <= ID_MAX:
                    wrong.invalid(f"{path}.{wire}", value, f"must be between 0 and {ID_MAX}, inclusive")


def _devices(pod: core_v1.Pod, wrong: Errors) -> None:
    """The health of devices that containers asked for."""
    for word, statuses, found in (
        ("containerStatuses", pod.status.container_statuses, pod.spec.containers),
        ("initContainerStatuses", pod.status.init_container_statuses, pod.spec.init_containers),
    ):
        by_name = {container.name: container for container in found}
        for index, status in enumerate(statuses):
            for position, device in enumerate(status.allocated_resources_status):
                path = f"status.{word}[{index}].allocatedResourcesStatus[{position}]"
                _device(device, by_name.get(status.name), path, wrong)
    for index, status in enumerate(pod.status.ephemeral_container_statuses):
        if status.allocated_resources_status:
            path = f"status.ephemeralContainerStatuses[{index}].allocatedResourcesStatus"
            wrong.forbidden(path, "must not be specified in container status")


def _device(device: core_v1.ResourceStatus, container: core_v1.Container | None, path: str, wrong: Errors) -> None:
    if container is not None:
        claims = (
            f"claim:{each.name}{f'/{each.request}' if each.request else ''}" for each in container.resources.claims
        )
        detail, asked = "must match one of the container's resource requests", list(container.resources.requests)
        if device.name.startswith("claim:"):
            detail, asked = (
                (
                    "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or"
                    " 'claim:<claimName>' if request is empty"
                ),
                list(claims),
            )
        if device.name not in asked:
            wrong.invalid(f"{path}.name", device.name, detail)
    taken: set[str] = set()
    for index, each in enumerate(device.resources):
        if each.health not in _HEALTH:
            wrong.unsupported(f"{path}.resources[{index}].health", each.health, _HEALTH)
        if each.resource_id in taken:
            wrong.duplicate(f"{path}.resources[{index}].resourceID", each.resource_id)
        taken.add(each.resource_id)
