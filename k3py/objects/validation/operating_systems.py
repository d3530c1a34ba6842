"""Checks of what a pod says about the system it runs on: Linux, Windows, and Windows' host processes."""

from collections.abc import Iterator, Sequence
from typing import Final

from k3py.model.generated import core_v1
from k3py.objects.fields import Errors

SYSTEMS: Final = ("linux", "windows")
_NOT_ON_LINUX: Final = "windows options cannot be set for a linux pod"
_NOT_ON_WINDOWS: Final = "cannot be set for a windows pod"
# JSON name -> attribute of what Windows does not know.
_POD: Final = {
    "appArmorProfile": "app_armor_profile", "seLinuxOptions": "se_linux_options", "seccompProfile": "seccomp_profile",
    "fsGroup": "fs_group", "fsGroupChangePolicy": "fs_group_change_policy", "sysctls": "sysctls",
    "runAsUser": "run_as_user", "runAsGroup": "run_as_group", "supplementalGroups": "supplemental_groups",
    "supplementalGroupsPolicy": "supplemental_groups_policy", "seLinuxChangePolicy": "se_linux_change_policy",
}  # fmt: skip
_CONTAINER: Final = {
    "appArmorProfile": "app_armor_profile", "seLinuxOptions": "se_linux_options", "seccompProfile": "seccomp_profile",
    "capabilities": "capabilities", "readOnlyRootFilesystem": "read_only_root_filesystem", "privileged": "privileged",
    "allowPrivilegeEscalation": "allow_privilege_escalation", "procMount": "proc_mount", "runAsUser": "run_as_user",
    "runAsGroup": "run_as_group",
}  # fmt: skip
# Where Kubernetes looks for the fields that stand beside the security context: JSON name, attribute, after which field.
_BESIDE: Final = {"seLinuxOptions": (("hostUsers", "host_users"), ("hostPID", "host_pid"), ("hostIPC", "host_ipc")),
                  "sysctls": (("shareProcessNamespace", "share_process_namespace"),)}  # fmt: skip

Container = core_v1.Container | core_v1.EphemeralContainer


def each_container(spec: core_v1.PodSpec, path: str) -> Iterator[tuple[str, Container]]:
    """All containers with their paths, as Kubernetes visits them: those that begin come first."""
    sorts: tuple[tuple[str, Sequence[Container]], ...] = (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    )
    for word, found in sorts:
        for index, container in enumerate(found):
            yield f"{path}.{word}[{index}]", container


def operating_system(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    """The system is one of two, and nothing is said that only the other one knows."""
    assert spec.os is not None
    if not spec.os.name:
        wrong.required(f"{path}.os.name", "cannot be empty")
    elif spec.os.name not in SYSTEMS:
        wrong.unsupported(f"{path}.os", spec.os.name, SYSTEMS)
    elif spec.os.name == "windows":
        _windows(spec, path, wrong)
    else:
        _linux(spec, path, wrong)


def _linux(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    context = spec.security_context
    if context is not None and context.windows_options is not None:
        wrong.forbidden(f"{path}.securityContext.windowsOptions", _NOT_ON_LINUX)
    for place, container in each_container(spec, path):
        security = container.security_context
        if security is not None and security.windows_options is not None:
            wrong.forbidden(f"{place}.securityContext.windowsOptions", _NOT_ON_LINUX)


def _windows(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    context = spec.security_context or core_v1.PodSecurityContext()
    for wire, attribute in _POD.items():
        if getattr(context, attribute) not in (None, []):
            wrong.forbidden(f"{path}.securityContext.{wire}", _NOT_ON_WINDOWS)
        for other, beside in _BESIDE.get(wire, ()):
            value = getattr(spec, beside)
            if value or (value is False and other not in ("hostPID", "hostIPC")):
                wrong.forbidden(f"{path}.{other}", _NOT_ON_WINDOWS)
    for place, container in each_container(spec, path):
        if container.security_context is not None:
            for wire, attribute in _CONTAINER.items():
                if getattr(container.security_context, attribute) is not None:
                    wrong.forbidden(f"{place}.securityContext.{wire}", _NOT_ON_WINDOWS)


def host_processes(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    """Windows containers that are processes of the host: all of a pod's or none, on the host's network."""
    options = spec.security_context.windows_options if spec.security_context is not None else None
    of_pod = options.host_process if options is not None else None
    total = running = 0
    for place, container in each_container(spec, path):
        total += 1
        security = container.security_context
        own = security.windows_options.host_process if security is not None and security.windows_options else None
        if of_pod is not None and own is not None and of_pod != own:
            shown = "true" if of_pod else "false"
            detail = f"pod hostProcess value must be identical if both are specified, was {shown}"
            wrong.invalid(f"{place}.securityContext.windowsOptions.hostProcess", own, detail)
        running += bool(of_pod if own is None else own)
    if running and running != total:
        detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        wrong.invalid(path, "", detail)
    if running and not spec.host_network:
        detail = "hostNetwork must be true if pod contains any hostProcess containers"
        wrong.invalid(f"{path}.hostNetwork", spec.host_network, detail)
