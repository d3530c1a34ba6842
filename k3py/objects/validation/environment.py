"""Checks of a container's environment: variables, where their values come from, whole sources of variables."""

import re
from collections.abc import Mapping
from typing import Any, Final

from k3py.model import names, quantity
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.local_paths import not_reserved

_FIELDS: Final = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
_FILE_FIELDS: Final = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
# What Kubernetes can read of a pod at all; a field that only files may show is known to variables too.
_CONVERTIBLE: Final = frozenset((
    *_FIELDS, *_FILE_FIELDS, "spec.host", "spec.restartPolicy", "spec.schedulerName", "status.phase",
))  # fmt: skip
_RENAMED: Final = {"spec.host": "spec.nodeName"}
_SUBSCRIPT: Final = re.compile(r"(.+)\['(.*)'\]", re.DOTALL)
_RESOURCES: Final = tuple(
    f"{side}.{name}" for side in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
)
_HUGE: Final = ("limits.hugepages-", "requests.hugepages-")
_SIZES: Final = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_DIVISORS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "cpu": ("1m and 1 are supported with the cpu resource", ("1m", "1")),
    "memory": (f"{', '.join(_SIZES)} are supported with the memory resource", _SIZES),
    "ephemeral-storage": (f"{', '.join(_SIZES)} are supported with the local ephemeral storage resource", _SIZES),
    "hugepages": (f"{', '.join(_SIZES)} are supported with the hugepages resource", _SIZES),
}


def environment(container: core_v1.Container | core_v1.EphemeralContainer, path: str, wrong: Errors) -> None:
    """Variables and sources of variables of a container."""
    for index, variable in enumerate(container.env):
        _variable(variable, f"{path}.env[{index}]", wrong)
    for index, source in enumerate(container.env_from):
        _environment_source(source, f"{path}.envFrom", index, wrong)


def _variable(variable: core_v1.EnvVar, path: str, wrong: Errors) -> None:
    wrong.needs(f"{path}.name", variable.name, names.environment_name)
    if variable.value_from is not None:
        _value_from(variable.value_from, variable.value, f"{path}.valueFrom", wrong)


def _value_from(source: core_v1.EnvVarSource, value: str, path: str, wrong: Errors) -> None:
    given = 0
    if source.field_ref is not None:
        given += 1
        field_reference(source.field_ref, _FIELDS, f"{path}.fieldRef", wrong)
    if source.resource_field_ref is not None:
        given += 1
        resource_reference(source.resource_field_ref, False, f"{path}.resourceFieldRef", wrong)
    for wire, reference in (("configMapKeyRef", source.config_map_key_ref), ("secretKeyRef", source.secret_key_ref)):
        if reference is not None:
            given += 1
            _key_reference(reference, f"{path}.{wire}", wrong)
    if source.file_key_ref is not None:
        given += 1
        _file_reference(source.file_key_ref, f"{path}.fileKeyRef", wrong)
    if not given:
        choices = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        wrong.invalid(path, "", f"must specify one of: {choices}")
    elif value:
        wrong.invalid(path, "", "may not be specified when `value` is not empty")
    elif given > 1:
        wrong.invalid(path, "", "may not have more than one field specified at a time")


def file_field_reference(reference: core_v1.ObjectFieldSelector, path: str, wrong: Errors) -> None:
    """A field of the pod that becomes a file."""
    field_reference(reference, _FILE_FIELDS, path, wrong)


def field_reference(reference: core_v1.ObjectFieldSelector, known: tuple[str, ...], path: str, wrong: Errors) -> None:
    """A field of the pod: one of ``known``, or one label or annotation."""
    field, place = reference.field_path, f"{path}.fieldPath"
    if not reference.api_version:
        wrong.required(f"{path}.apiVersion")
        return
    if not field:
        wrong.required(place)
        return
    if reference.api_version != "v1":
        wrong.invalid(place, field, f"error converting fieldPath: unsupported pod version: {reference.api_version}")
        return
    found = _SUBSCRIPT.fullmatch(field)
    if found is not None:
        if found[1] == "metadata.annotations":
            wrong.each_invalid(path, found[2].lower(), names.qualified_name(found[2].lower()))
        elif found[1] == "metadata.labels":
            wrong.each_invalid(path, found[2], names.qualified_name(found[2]))
        else:
            detail = f"error converting fieldPath: field label does not support subscript: {field}"
            wrong.invalid(place, field, detail)
    elif field not in _CONVERTIBLE:
        wrong.invalid(place, field, f"error converting fieldPath: field label not supported: {field}")
    elif (internal := _RENAMED.get(field, field)) not in known:
        wrong.unsupported(place, internal, known)


def resource_reference(reference: core_v1.ResourceFieldSelector, is_file: bool, path: str, wrong: Errors) -> None:
    """A container's limit or request; in a volume (``is_file``) it has to say which container's."""
    resource = reference.resource
    if is_file and not reference.container_name:
        wrong.required(f"{path}.containerName")
    elif not resource:
        wrong.required(f"{path}.resource")
    elif resource not in _RESOURCES and not resource.startswith(_HUGE):
        wrong.unsupported(f"{path}.resource", resource, _RESOURCES)
    divisor = quantity.canonical(reference.divisor) if reference.divisor is not None else "0"
    kind = "hugepages" if resource.startswith(_HUGE) else resource.partition(".")[2]
    allowed = _DIVISORS.get(kind)
    if divisor != "0" and allowed is not None and divisor not in allowed[1]:
        wrong.invalid(f"{path}.divisor", resource, f"only divisor's values {allowed[0]}")


def _key_reference(reference: Any, path: str, wrong: Errors) -> None:
    wrong.each_invalid(f"{path}.name", reference.name, names.dns_1123_subdomain(reference.name))
    wrong.needs(f"{path}.key", reference.key, names.config_key)


def _file_reference(reference: core_v1.FileKeySelector, path: str, wrong: Errors) -> None:
    wrong.needs(f"{path}.key", reference.key, names.environment_name)
    wrong.needs(f"{path}.volumeName", reference.volume_name, names.dns_1123_label)
    if not reference.path:
        wrong.required(f"{path}.path")
    else:
        not_reserved(reference.path, f"{path}.path", wrong)


def _environment_source(source: core_v1.EnvFromSource, path: str, index: int, wrong: Errors) -> None:
    place = f"{path}[{index}]"
    if source.prefix:
        wrong.each_invalid(f"{place}.prefix", source.prefix, names.environment_name(source.prefix))
    given = 0
    for wire, reference in (("configMapRef", source.config_map_ref), ("secretRef", source.secret_ref)):
        if reference is None:
            continue
        given += 1
        wrong.needs(f"{place}.{wire}.name", reference.name, names.dns_1123_subdomain)
    if not given:
        wrong.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
    elif given > 1:
        wrong.invalid(path, "", "may not have more than one field specified at a time")
