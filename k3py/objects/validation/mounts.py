"""Checks of what a container mounts: file systems at paths, block devices."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.local_paths import descending

PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")
READ_ONLY: Final = ("Disabled", "Enabled", "IfPossible")

Container = core_v1.Container | core_v1.EphemeralContainer
Volumes = Mapping[str, core_v1.Volume]


def mounts(container: Container, known: Volumes, path: str, wrong: Errors) -> None:
    """What a container mounts: volumes of the pod (``known``), each path once."""
    if container.volume_mounts:
        devices = {device.name: device.device_path for device in container.volume_devices}
        security = container.security_context
        privileged = security is not None and bool(security.privileged)
        paths: set[str] = set()
        for index, mount in enumerate(container.volume_mounts):
            place = f"{path}.volumeMounts[{index}]"
            _where(mount, known, devices, paths, place, wrong)
            _part(mount, known.get(mount.name), f"{path}.volumeMounts", place, wrong)
            _propagation(mount, privileged, f"{path}.volumeMounts", wrong)
    if container.volume_devices:
        _devices(container, known, f"{path}.volumeDevices", wrong)


def _where(
    mount: core_v1.VolumeMount, known: Volumes, devices: Mapping[str, str], paths: set[str], path: str, wrong: Errors
) -> None:
    if not mount.name:
        wrong.required(f"{path}.name")
    if mount.name not in known:
        wrong.not_found(f"{path}.name", mount.name)
    if not mount.mount_path:
        wrong.required(f"{path}.mountPath")
    if mount.mount_path in paths:
        wrong.invalid(f"{path}.mountPath", mount.mount_path, "must be unique")
    paths.add(mount.mount_path)
    if mount.name in devices:
        wrong.invalid(f"{path}.name", mount.name, "must not already exist in volumeDevices")
    if mount.mount_path in devices.values():
        wrong.invalid(f"{path}.mountPath", mount.mount_path, "must not already exist as a path in volumeDevices")


def _part(mount: core_v1.VolumeMount, volume: core_v1.Volume | None, path: str, place: str, wrong: Errors) -> None:
    """Part of a volume only."""
    if volume is not None and volume.image is not None and mount.sub_path_expr:
        wrong.invalid(f"{place}.subPathExpr", mount.sub_path_expr, "not allowed in image volume sources")
    if mount.sub_path:
        descending(mount.sub_path, f"{path}.subPath", wrong)
    if mount.sub_path_expr:
        if mount.sub_path:
            detail = "subPathExpr and subPath are mutually exclusive"
            wrong.invalid(f"{place}.subPathExpr", mount.sub_path_expr, detail)
        descending(mount.sub_path_expr, f"{path}.subPathExpr", wrong)


def _propagation(mount: core_v1.VolumeMount, privileged: bool, path: str, wrong: Errors) -> None:
    if mount.mount_propagation is not None:
        if mount.mount_propagation not in PROPAGATIONS:
            wrong.unsupported(f"{path}.mountPropagation", mount.mount_propagation, PROPAGATIONS)
        elif mount.mount_propagation == "Bidirectional" and not privileged:
            detail = "Bidirectional mount propagation is available only to privileged containers"
            wrong.forbidden(f"{path}.mountPropagation", detail)
    recursive, place = mount.recursive_read_only, f"{path}.recursiveReadOnly"
    if recursive is not None and recursive not in READ_ONLY:
        wrong.unsupported(place, recursive, READ_ONLY)
    elif recursive is not None and recursive != "Disabled":
        if not mount.read_only:
            wrong.forbidden(place, "may only be specified when readOnly is true")
        if mount.mount_propagation not in (None, "None"):
            wrong.forbidden(place, "may only be specified when mountPropagation is None or not specified")


def _devices(container: Container, known: Volumes, path: str, wrong: Errors) -> None:
    mounted = {mount.name: mount.mount_path for mount in container.volume_mounts}
    taken_names: set[str] = set()
    taken_paths: set[str] = set()
    for index, device in enumerate(container.volume_devices):
        place, name, where = f"{path}[{index}]", device.name, device.device_path
        volume = known.get(name)
        if not name:
            wrong.required(f"{place}.name")
        if name in taken_names:
            wrong.invalid(f"{place}.name", name, "must be unique")
        if volume is None:
            wrong.not_found(f"{place}.name", name)
        elif volume.persistent_volume_claim is None and volume.ephemeral is None:
            detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            wrong.invalid(f"{place}.name", name, detail)
        if not where:
            wrong.required(f"{place}.devicePath")
        if where in taken_paths:
            wrong.invalid(f"{place}.devicePath", where, "must be unique")
        if ".." in where.split("/"):
            wrong.invalid(f"{place}.devicePath", where, "can not contain backsteps ('..')")
        else:
            taken_paths.add(where)
        if name in mounted:
            wrong.invalid(f"{place}.name", name, "must not already exist in volumeMounts")
        if where in mounted.values():
            wrong.invalid(f"{place}.devicePath", where, "must not already exist as a path in volumeMounts")
        if name:
            taken_names.add(name)
