"""Checks of volumes and of what containers mount."""

import re
from collections.abc import Mapping
from typing import Any, Final

from k3py.model import names
from k3py.model.codec import fields_of
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors

_MODE_RULE: Final = "must be a number between 0 and 0777 (octal), both inclusive"
HOST_PATH_TYPES: Final = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
)  # fmt: skip
PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
TOKEN_SECONDS_MIN: Final = 600
TOKEN_SECONDS_MAX: Final = 1 << 32
_MEDIA: Final = re.compile("(|Memory|HugePages|HugePages-.+)")

# JSON name and attribute of each way to make a volume, in the order in which Kubernetes looks.
_FIRST: Final = ("emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs",
                 "iscsi", "glusterfs", "flocker", "persistentVolumeClaim", "configMap")  # fmt: skip
_ATTRIBUTES: Final = {
    wire: attribute
    for wire, attribute in zip(fields_of(core_v1.Volume), core_v1.Volume.__struct_fields__, strict=True)
    if attribute != "name"
}
_SOURCES: Final = (*_FIRST, *(each for each in _ATTRIBUTES if each not in _FIRST))


def volumes(found: list[core_v1.Volume], path: str, wrong: Errors) -> Mapping[str, core_v1.Volume]:
    """All volumes of a pod; returns those with a usable name."""
    known: dict[str, core_v1.Volume] = {}
    for index, each in enumerate(found):
        place = f"{path}[{index}]"
        _source(each, place, wrong)
        if not each.name:
            wrong.required(f"{place}.name")
        elif said := names.dns_1123_label(each.name):
            wrong.each_invalid(f"{place}.name", each.name, said)
        elif each.name in known:
            wrong.duplicate(f"{place}.name", each.name)
        else:
            known[each.name] = each
    return known


def _source(volume: core_v1.Volume, path: str, wrong: Errors) -> None:
    count = 0
    for wire in _SOURCES:
        source = getattr(volume, _ATTRIBUTES[wire])
        if source is None:
            continue
        count += 1
        if count > 1:
            wrong.forbidden(f"{path}.{wire}", "may not specify more than 1 volume type")
            continue
        check = _CHECKS.get(wire)
        if check is not None:
            check(source, f"{path}.{wire}", wrong)
    if not count:
        wrong.required(path, "must specify a volume type")


def _empty_dir(source: core_v1.EmptyDirVolumeSource, path: str, wrong: Errors) -> None:
    if source.size_limit is not None and str(source.size_limit).startswith("-"):
        wrong.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")
    if not _MEDIA.fullmatch(source.medium):
        wrong.unsupported(f"{path}.medium", source.medium, ("", "HugePages", "Memory"))


def _host_path(source: core_v1.HostPathVolumeSource, path: str, wrong: Errors) -> None:
    if not source.path:
        wrong.required(f"{path}.path")
        return
    if ".." in source.path.split("/"):
        wrong.invalid(f"{path}.path", source.path, "must not contain '..'")
    if source.type is not None and source.type not in HOST_PATH_TYPES:
        wrong.unsupported(f"{path}.type", source.type, HOST_PATH_TYPES)


def _mode(mode: int | None, path: str, wrong: Errors) -> None:
    if mode is not None and not 0 <= mode <= 0o777:
        wrong.invalid(path, mode, _MODE_RULE)


def _items(items: list[core_v1.KeyToPath], path: str, wrong: Errors) -> None:
    for index, item in enumerate(items):
        place = f"{path}[{index}]"
        if not item.key:
            wrong.required(f"{place}.key")
        if not item.path:
            wrong.required(f"{place}.path")
        local_path(item.path, f"{place}.path", wrong)
        _mode(item.mode, f"{place}.mode", wrong)


def local_path(value: str, path: str, wrong: Errors) -> None:
    """A path that stays below where it starts."""
    if value.startswith("/"):
        wrong.invalid(path, value, "must be a relative path")
    if ".." in value.split("/"):
        wrong.invalid(path, value, "must not contain '..'")


def _secret(source: core_v1.SecretVolumeSource, path: str, wrong: Errors) -> None:
    if not source.secret_name:
        wrong.required(f"{path}.secretName")
    _mode(source.default_mode, f"{path}.defaultMode", wrong)
    _items(source.items, f"{path}.items", wrong)


def _config_map(source: core_v1.ConfigMapVolumeSource, path: str, wrong: Errors) -> None:
    if not source.name:
        wrong.required(f"{path}.name")
    _mode(source.default_mode, f"{path}.defaultMode", wrong)
    _items(source.items, f"{path}.items", wrong)


def _claim(source: core_v1.PersistentVolumeClaimVolumeSource, path: str, wrong: Errors) -> None:
    if not source.claim_name:
        wrong.required(f"{path}.claimName")


def _nfs(source: core_v1.NFSVolumeSource, path: str, wrong: Errors) -> None:
    if not source.server:
        wrong.required(f"{path}.server")
    if not source.path:
        wrong.required(f"{path}.path")
    if not source.path.startswith("/"):
        wrong.invalid(f"{path}.path", source.path, "must be an absolute path")


def _downward(source: core_v1.DownwardAPIVolumeSource, path: str, wrong: Errors) -> None:
    _mode(source.default_mode, f"{path}.defaultMode", wrong)
    _downward_files(source.items, f"{path}", wrong)


def _downward_files(items: list[core_v1.DownwardAPIVolumeFile], path: str, wrong: Errors) -> None:
    for item in items:
        if not item.path:
            wrong.required(f"{path}.path")
        local_path(item.path, f"{path}.path", wrong)
        if (item.field_ref is None) == (item.resource_field_ref is None):
            if item.field_ref is None:
                wrong.required(path, "one of fieldRef and resourceFieldRef is required")
            else:
                wrong.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
        _mode(item.mode, f"{path}.mode", wrong)


def _projected(source: core_v1.ProjectedVolumeSource, path: str, wrong: Errors) -> None:
    _mode(source.default_mode, f"{path}.defaultMode", wrong)
    for index, each in enumerate(source.sources):
        place, count = f"{path}.sources[{index}]", 0
        for wire, attribute in (("secret", "secret"), ("configMap", "config_map"), ("downwardAPI", "downward_api"),
                                ("serviceAccountToken", "service_account_token"),
                                ("clusterTrustBundle", "cluster_trust_bundle")):  # fmt: skip
            part: Any = getattr(each, attribute, None)
            if part is None:
                continue
            count += 1
            if count > 1:
                wrong.forbidden(place, "may not specify more than 1 volume type per source")
            elif wire in ("secret", "configMap"):
                if not part.name:
                    wrong.required(f"{place}.{wire}.name")
                _items(part.items, f"{place}.{wire}.items", wrong)
            elif wire == "downwardAPI":
                _downward_files(part.items, f"{place}.{wire}", wrong)
            elif wire == "serviceAccountToken":
                _token(part, path, f"{place}.{wire}", wrong)


def _token(source: core_v1.ServiceAccountTokenProjection, path: str, place: str, wrong: Errors) -> None:
    seconds = source.expiration_seconds
    if seconds is not None and seconds < TOKEN_SECONDS_MIN:
        detail = "may not specify a duration less than 10 minutes"
        wrong.invalid(f"{place}.expirationSeconds", seconds, detail)
    elif seconds is not None and seconds > TOKEN_SECONDS_MAX:
        wrong.invalid(f"{place}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    if not source.path:
        wrong.required(f"{path}.path")
    local_path(source.path, f"{path}.path", wrong)


def _csi(source: core_v1.CSIVolumeSource, path: str, wrong: Errors) -> None:
    if not source.driver:
        wrong.required(f"{path}.driver")
    else:
        wrong.each_invalid(f"{path}.driver", source.driver, names.dns_1123_subdomain(source.driver.lower()))
    if source.node_publish_secret_ref is not None and not source.node_publish_secret_ref.name:
        wrong.required(f"{path}.nodePublishSecretRef.name")


def _image(source: core_v1.ImageVolumeSource, path: str, wrong: Errors) -> None:
    if not source.reference:
        wrong.required(f"{path}.reference")
    if source.pull_policy and source.pull_policy not in PULL_POLICIES:
        wrong.unsupported(f"{path}.pullPolicy", source.pull_policy, PULL_POLICIES)


def _ephemeral(source: core_v1.EphemeralVolumeSource, path: str, wrong: Errors) -> None:
    if source.volume_claim_template is None:
        wrong.required(f"{path}.volumeClaimTemplate")
        return
    claim, place = source.volume_claim_template.spec, f"{path}.volumeClaimTemplate.spec"
    if not claim.access_modes:
        wrong.required(f"{place}.accessModes", "at least 1 access mode is required")
    if "storage" not in claim.resources.requests:
        wrong.required(f"{place}.resources[storage]")


_CHECKS: Final[Mapping[str, Any]] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "secret": _secret,
    "configMap": _config_map,
    "persistentVolumeClaim": _claim,
    "nfs": _nfs,
    "downwardAPI": _downward,
    "projected": _projected,
    "csi": _csi,
    "image": _image,
    "ephemeral": _ephemeral,
}
_PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")


def mounts(
    found: list[core_v1.VolumeMount],
    known: Mapping[str, core_v1.Volume],
    privileged: bool,
    path: str,
    wrong: Errors,
) -> None:
    """What a container mounts: volumes of the pod, each path once."""
    paths: set[str] = set()
    for index, mount in enumerate(found):
        place = f"{path}[{index}]"
        if not mount.name:
            wrong.required(f"{place}.name")
        elif mount.name not in known:
            wrong.not_found(f"{place}.name", mount.name)
        if not mount.mount_path:
            wrong.required(f"{place}.mountPath")
        if mount.mount_path in paths:
            wrong.invalid(f"{place}.mountPath", mount.mount_path, "must be unique")
        paths.add(mount.mount_path)
        if mount.sub_path:
            local_path(mount.sub_path, f"{path}.subPath", wrong)
        if mount.sub_path_expr:
            if mount.sub_path:
                wrong.invalid(
                    f"{place}.subPathExpr", mount.sub_path_expr, "subPathExpr and subPath are mutually exclusive"
                )
            local_path(mount.sub_path_expr, f"{path}.subPathExpr", wrong)
        if mount.mount_propagation is not None:
            if mount.mount_propagation not in _PROPAGATIONS:
                wrong.unsupported(f"{path}.mountPropagation", mount.mount_propagation, _PROPAGATIONS)
            elif mount.mount_propagation == "Bidirectional" and not privileged:
                detail = "Bidirectional mount propagation is available only to privileged containers"
                wrong.forbidden(f"{path}.mountPropagation", detail)
