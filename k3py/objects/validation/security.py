"""Checks of security contexts of pods and containers."""

import re
from typing import Any, Final

import msgspec

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.local_paths import descending

ID_MAX: Final = 2**31 - 1
PROFILE_TYPES: Final = ("Localhost", "RuntimeDefault", "Unconfined")
_PROFILE_PATH_MAX: Final = 4095
_SYSCTL: Final = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?", re.ASCII)
_SYSCTL_RULE: Final = (
    r"must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*"
    "[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
)
_SYSCTL_LENGTH_MAX: Final = 253
_IPC_SYSCTLS: Final = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_CREDENTIAL_BYTES_MAX: Final = 64 * 1024
_USER_LENGTH_MAX: Final = 104
_DOMAIN_LENGTH_MAX: Final = 256
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_USER_FORBIDDEN: Final = frozenset('"/\\:;|=,+*?<>@[]')
_NET_BIOS: Final = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}')
_DNS_PART: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS_DOMAIN: Final = re.compile(rf"{_DNS_PART}(?:\.{_DNS_PART})*")


def pod_security(spec: core_v1.PodSpec, found: core_v1.PodSecurityContext, path: str, wrong: Errors) -> None:
    """What a pod may say about who its containers are."""
    _identity(found.fs_group, f"{path}.fsGroup", wrong)
    _identity(found.run_as_user, f"{path}.runAsUser", wrong)
    _identity(found.run_as_group, f"{path}.runAsGroup", wrong)
    for index, group in enumerate(found.supplemental_groups):
        _identity(group, f"{path}.supplementalGroups[{index}]", wrong)
    if spec.share_process_namespace and spec.host_pid:
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        wrong.invalid(f"{path}.shareProcessNamespace", True, detail)
    _sysctls(spec, found.sysctls, f"{path}.sysctls", wrong)
    _one_of(found.fs_group_change_policy, ("Always", "OnRootMismatch"), f"{path}.fsGroupChangePolicy", wrong)
    seccomp(found.seccomp_profile, f"{path}.seccompProfile", wrong)
    _windows(found.windows_options, f"{path}.windowsOptions", wrong)
    _app_armor(found.app_armor_profile, f"{path}.appArmorProfile", wrong)
    _one_of(found.supplemental_groups_policy, ("Merge", "Strict"), f"{path}.supplementalGroupsPolicy", wrong)
    _one_of(found.se_linux_change_policy, ("Recursive",), f"{path}.seLinuxChangePolicy", wrong)


def container_security(found: core_v1.SecurityContext, host_users: bool, path: str, wrong: Errors) -> None:
    """What a container may say about who it is; ``host_users``: its users are the host's."""
    _identity(found.run_as_user, f"{path}.runAsUser", wrong)
    _identity(found.run_as_group, f"{path}.runAsGroup", wrong)
    _one_of(found.proc_mount, ("Default", "Unmasked"), f"{path}.procMount", wrong)
    if found.proc_mount == "Unmasked" and host_users:
        wrong.invalid(f"{path}.procMount", found.proc_mount, "`hostUsers` must be false to use `Unmasked`")
    seccomp(found.seccomp_profile, f"{path}.seccompProfile", wrong)
    if found.allow_privilege_escalation is False:
        if found.privileged:
            detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            wrong.invalid(path, _in_order(go_names(found)), detail)
        if found.capabilities is not None and "CAP_SYS_ADMIN" in found.capabilities.add:
            detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            wrong.invalid(path, _in_order(go_names(found)), detail)
    _windows(found.windows_options, f"{path}.windowsOptions", wrong)
    _app_armor(found.app_armor_profile, f"{path}.appArmorProfile", wrong)


def _in_order(value: Any) -> msgspec.Raw:
    """Fields as their type has them, which maps in messages have not."""
    return msgspec.Raw(msgspec.json.encode(value))


def _one_of(value: str | None, known: tuple[str, ...], path: str, wrong: Errors) -> None:
    if value is not None and value not in known:
        wrong.unsupported(path, value, known)


def _identity(value: int | None, path: str, wrong: Errors) -> None:
    if value is not None and not 0 <= value <= ID_MAX:
        wrong.invalid(path, value, f"must be between 0 and {ID_MAX}, inclusive")


def _sysctls(spec: core_v1.PodSpec, found: list[core_v1.Sysctl], path: str, wrong: Errors) -> None:
    known: set[str] = set()
    for index, sysctl in enumerate(found):
        place, name = f"{path}[{index}].name", sysctl.name
        if not name:
            wrong.required(place)
        elif len(name) > _SYSCTL_LENGTH_MAX or not _SYSCTL.fullmatch(name):
            wrong.invalid(place, name, _SYSCTL_RULE)
        elif name in known:
            wrong.duplicate(place, name)
        dotted = _dotted(name)
        if spec.host_network and dotted.startswith("net."):
            wrong.invalid(place, name, "may not be specified when 'hostNetwork' is true")
        elif spec.host_ipc and (dotted.startswith(_IPC_SYSCTLS) or dotted == "kernel.sem"):
            wrong.invalid(place, name, "may not be specified when 'hostIPC' is true")
        known.add(name)


def _dotted(name: str) -> str:
    """A name whose first separator is a slash has slashes for dots, and dots for slashes."""
    first = next((each for each in name if each in "./"), "")
    return name.translate(str.maketrans("./", "/.")) if first == "/" else name


def seccomp(profile: core_v1.SeccompProfile | None, path: str, wrong: Errors) -> None:
    """A seccomp profile is one that is known, or a file of the host."""
    if profile is None:
        return
    if not profile.type:
        wrong.required(f"{path}.type", "type is required when seccompProfile is set")
    elif profile.type not in PROFILE_TYPES:
        wrong.unsupported(f"{path}.type", profile.type, PROFILE_TYPES)
    place = f"{path}.localhostProfile"
    if profile.type == "Localhost":
        if profile.localhost_profile is None:
            wrong.required(place, "must be set when seccomp type is Localhost")
        else:
            descending(profile.localhost_profile, place, wrong)
    elif profile.localhost_profile is not None:
        shown = {"Type": profile.type, "LocalhostProfile": profile.localhost_profile}
        wrong.invalid(place, _in_order(shown), "can only be set when seccomp type is Localhost")


def _app_armor(profile: core_v1.AppArmorProfile | None, path: str, wrong: Errors) -> None:
    if profile is None:
        return
    place, file = f"{path}.localhostProfile", profile.localhost_profile
    if profile.type == "Localhost":
        if file is not None and file != file.strip():
            wrong.invalid(place, file, "must not be padded with whitespace")
        elif not file:
            wrong.required(place, "must be set when AppArmor type is Localhost")
        if file is not None and len(file.encode()) > _PROFILE_PATH_MAX:
            wrong.too_long(place, _PROFILE_PATH_MAX)
    elif profile.type in PROFILE_TYPES:
        if file is not None:
            wrong.invalid(place, file, "can only be set when AppArmor type is Localhost")
    elif not profile.type:
        wrong.required(f"{path}.type", "type is required when appArmorProfile is set")
    else:
        wrong.unsupported(f"{path}.type", profile.type, PROFILE_TYPES)


def _windows(options: core_v1.WindowsSecurityContextOptions | None, path: str, wrong: Errors) -> None:
    if options is None:
        return
    name, text = options.gmsa_credential_spec_name, options.gmsa_credential_spec
    if name is not None:
        wrong.each_invalid(f"{path}.gmsaCredentialSpecName", name, names.dns_1123_subdomain(name))
    if text is not None:
        if not text:
            wrong.invalid(f"{path}.gmsaCredentialSpec", text, "gmsaCredentialSpec cannot be an empty string")
        elif len(text.encode()) > _CREDENTIAL_BYTES_MAX:
            wrong.invalid(f"{path}.gmsaCredentialSpec", text, "gmsaCredentialSpec size must be under 64 KiB")
    if options.run_as_user_name is not None:
        _windows_user(options.run_as_user_name, f"{path}.runAsUserName", wrong)


def _windows_user(name: str, path: str, wrong: Errors) -> None:
    """``DOMAIN\\user`` or ``user``."""
    if not name:
        wrong.invalid(path, name, "runAsUserName cannot be an empty string")
    elif _CONTROL.search(name):
        wrong.invalid(path, name, "runAsUserName cannot contain control characters")
    elif name.count("\\") > 1:
        wrong.invalid(path, name, "runAsUserName cannot contain more than one backslash")
    else:
        domain, backslash, user = name.rpartition("\\")
        if len(domain.encode()) >= _DOMAIN_LENGTH_MAX:
            detail = f"runAsUserName's Domain length must be under {_DOMAIN_LENGTH_MAX} characters"
            wrong.invalid(path, name, detail)
        if backslash and not (_NET_BIOS.fullmatch(domain) or _DNS_DOMAIN.fullmatch(domain)):
            wrong.invalid(path, name, "runAsUserName's Domain doesn't match the NetBios nor the DNS format")
        if not user:
            wrong.invalid(path, name, "runAsUserName's User cannot be empty")
        elif len(user.encode()) > _USER_LENGTH_MAX:
            wrong.invalid(
                path, name, f"runAsUserName's User length must not be longer than {_USER_LENGTH_MAX} characters"
            )
        if user and not set(user) - {".", " "}:
            wrong.invalid(path, name, "runAsUserName's User cannot contain only periods or spaces")
        if _USER_FORBIDDEN & set(user):
            detail = "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"
            wrong.invalid(path, name, detail)
