"""Checks of security contexts of pods and containers."""

import re
from typing import Final

from k3py.model.generated import core_v1
from k3py.objects.fields import Errors

ID_MAX: Final = 2**31 - 1
SECCOMP_TYPES: Final = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL: Final = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?", re.ASCII)
_SYSCTL_RULE: Final = (
    r"must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*"
    "[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
)
_SYSCTL_LENGTH_MAX: Final = 253


def pod_security(found: core_v1.PodSecurityContext, path: str, wrong: Errors) -> None:
    """What a pod may say about who its containers are."""
    _identity(found.fs_group, f"{path}.fsGroup", wrong)
    _identity(found.run_as_user, f"{path}.runAsUser", wrong)
    _identity(found.run_as_group, f"{path}.runAsGroup", wrong)
    for index, group in enumerate(found.supplemental_groups):
        _identity(group, f"{path}.supplementalGroups[{index}]", wrong)
    known: set[str] = set()
    for index, sysctl in enumerate(found.sysctls):
        place = f"{path}.sysctls[{index}].name"
        if not sysctl.name:
            wrong.required(place)
        elif len(sysctl.name) > _SYSCTL_LENGTH_MAX or not _SYSCTL.fullmatch(sysctl.name):
            wrong.invalid(place, sysctl.name, _SYSCTL_RULE)
        elif sysctl.name in known:
            wrong.duplicate(place, sysctl.name)
        known.add(sysctl.name)
    policy = found.fs_group_change_policy
    if policy is not None and policy not in ("Always", "OnRootMismatch"):
        wrong.unsupported(f"{path}.fsGroupChangePolicy", policy, ("Always", "OnRootMismatch"))
    if found.seccomp_profile is not None:
        _seccomp(found.seccomp_profile, f"{path}.seccompProfile", wrong)


def container_security(found: core_v1.SecurityContext, path: str, wrong: Errors) -> None:
    """What a container may say about who it is."""
    _identity(found.run_as_user, f"{path}.runAsUser", wrong)
    _identity(found.run_as_group, f"{path}.runAsGroup", wrong)
    if found.proc_mount is not None and found.proc_mount not in ("Default", "Unmasked"):
        wrong.unsupported(f"{path}.procMount", found.proc_mount, ("Default", "Unmasked"))
    if found.allow_privilege_escalation is False:
        if found.privileged:
            wrong.invalid(path, found, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
        if found.capabilities is not None and "SYS_ADMIN" in found.capabilities.add:
            detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            wrong.invalid(path, found, detail)
    if found.seccomp_profile is not None:
        _seccomp(found.seccomp_profile, f"{path}.seccompProfile", wrong)


def _identity(value: int | None, path: str, wrong: Errors) -> None:
    if value is not None and not 0 <= value <= ID_MAX:
        wrong.invalid(path, value, f"must be between 0 and {ID_MAX}, inclusive")


def _seccomp(profile: core_v1.SeccompProfile, path: str, wrong: Errors) -> None:
    if not profile.type:
        wrong.required(f"{path}.type", "type is required when seccompProfile is set")
    elif profile.type not in SECCOMP_TYPES:
        wrong.unsupported(f"{path}.type", profile.type, SECCOMP_TYPES)
    if profile.type == "Localhost":
        if not profile.localhost_profile:
            wrong.required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost")
    elif profile.localhost_profile is not None:
        shown = {"Type": profile.type, "LocalhostProfile": profile.localhost_profile}
        wrong.invalid(f"{path}.localhostProfile", shown, "can only be set when seccomp type is Localhost")
