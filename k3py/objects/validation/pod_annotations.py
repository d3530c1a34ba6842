"""Checks of annotations that mean something to pods. Source: Kubernetes ``ValidatePodSpecificAnnotations``."""

import re
from collections.abc import Mapping
from typing import Final

from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.local_paths import descending
from k3py.objects.validation.operating_systems import each_container

MIRROR: Final = "kubernetes.io/config.mirror"
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
SECCOMP_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_LOCALHOST: Final = "localhost/"
_DEFAULTS: Final = ("runtime/default", "docker/default")
# As ``strconv.ParseInt`` reads it, without a plus or needless zeros.
_COST: Final = re.compile("-?(0|[1-9][0-9]*)", re.ASCII)
_INT_MAX: Final = 2**31 - 1


def annotations(found: Mapping[str, str], spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    """What annotations of a pod or template may say."""
    if not found:
        return
    if MIRROR in found and not spec.node_name:
        detail = "must set spec.nodeName if mirror pod annotation is set"
        wrong.invalid(f"{path}[{MIRROR}]", found[MIRROR], detail)
    cost = found.get(DELETION_COST)
    if cost is not None and not (_COST.fullmatch(cost) and -_INT_MAX - 1 <= int(cost[:12]) <= _INT_MAX):
        wrong.invalid(f"{path}[{DELETION_COST}]", cost, "must be a 32bit integer")
    for key, value in sorted(found.items()):
        if key == SECCOMP_POD or key.startswith(SECCOMP_CONTAINER):
            _seccomp(value, f"{path}.{key}", wrong)
    for key, value in sorted(found.items()):
        if key.startswith(APP_ARMOR):
            name = key.removeprefix(APP_ARMOR)
            if all(container.name != name for _, container in each_container(spec, "")):
                wrong.invalid(f"{path}[{key}]", name, "container not found")
            if value not in ("", "runtime/default", "unconfined") and not value.startswith(_LOCALHOST):
                wrong.invalid(f"{path}[{key}]", value, f'invalid AppArmor profile name: "{value}"')


def _seccomp(value: str, path: str, wrong: Errors) -> None:
    if value.startswith(_LOCALHOST):
        descending(value.removeprefix(_LOCALHOST), path, wrong)
    elif value not in (*_DEFAULTS, "unconfined"):
        wrong.invalid(path, value, "must be a valid seccomp profile")


def match_fields(found: Mapping[str, str], spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    """Where an annotation and the field that took its place are both given, they agree."""
    if not found:
        return
    context = spec.security_context
    if context is not None and context.seccomp_profile is not None and SECCOMP_POD in found:
        _same_seccomp(found[SECCOMP_POD], context.seccomp_profile, f"{path}.securityContext.seccompProfile", wrong)
    for place, container in each_container(spec, path):
        security, key = container.security_context, f"{SECCOMP_CONTAINER}{container.name}"
        if security is not None and security.seccomp_profile is not None and key in found:
            _same_seccomp(found[key], security.seccomp_profile, f"{place}.securityContext.seccompProfile", wrong)


def match_app_armor(found: Mapping[str, str], spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    """As ``match_fields``, for AppArmor; of new pods only."""
    if not found or (spec.os is not None and spec.os.name == "windows"):
        return
    of_pod = spec.security_context.app_armor_profile if spec.security_context is not None else None
    for place, container in each_container(spec, path):
        security = container.security_context
        profile = security.app_armor_profile if security is not None and security.app_armor_profile else of_pod
        value = found.get(f"{APP_ARMOR}{container.name}")
        if profile is None or value is None:
            continue
        said = _difference(value, profile.type, profile.localhost_profile, ("runtime/default",))
        if said:
            detail = f"apparmor {'type' if said == 'type' else 'profile'} in annotation and field must match"
            wrong.forbidden(f"{place}.securityContext.appArmorProfile.{said}", detail)


def _same_seccomp(value: str, profile: core_v1.SeccompProfile, path: str, wrong: Errors) -> None:
    said = _difference(value, profile.type, profile.localhost_profile, _DEFAULTS)
    if said:
        detail = f"seccomp {'type' if said == 'type' else 'profile'} in annotation and field must match"
        wrong.forbidden(f"{path}.{said}", detail)


def _difference(value: str, kind: str, file: str | None, defaults: tuple[str, ...]) -> str:
    """The field in which annotation and profile differ; empty when they agree."""
    if kind == "Localhost":
        if not value.startswith(_LOCALHOST):
            return "type"
        return "" if value.removeprefix(_LOCALHOST) == file else "localhostProfile"
    if (kind == "Unconfined" and value != "unconfined") or (kind == "RuntimeDefault" and value not in defaults):
        return "type"
    return ""


def annotation_changes(new: Mapping[str, str], old: Mapping[str, str], path: str, wrong: Errors) -> None:
    """What makes a pod a mirror, or chose an AppArmor profile, stays as it was."""
    for key in sorted(old):
        if new.get(key) != old[key]:
            if key.startswith(APP_ARMOR):
                wrong.forbidden(f"{path}[{key}]", "may not remove or update AppArmor annotations")
            if key == MIRROR:
                wrong.forbidden(f"{path}[{key}]", "may not remove or update mirror pod annotation")
    for key in sorted(set(new) - set(old)):
        if key.startswith(APP_ARMOR):
            wrong.forbidden(f"{path}[{key}]", "may not add AppArmor annotations")
        if key == MIRROR:
            wrong.forbidden(f"{path}[{key}]", "may not add mirror pod annotation")
