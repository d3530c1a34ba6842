"""Checks of volumes that a pod takes from a storage system, where they differ from a PersistentVolume's."""

import re
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.volume_sources import driver_name, storage_os_names

_ISCSI_NAMES: Final = {
    "iqn": re.compile(r"iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+:[^,;*&$|\s]+\Z", re.ASCII),
    "eui": re.compile(r"\Aeui.[A-Za-z0-9]{16}\Z", re.ASCII),
    "naa": re.compile(r"\Anaa.[A-Za-z0-9]{32}\Z", re.ASCII),
}
_ISCSI_NAME_MAX: Final = 64
_LUN_MAX: Final = 255


def iscsi(source: core_v1.ISCSIVolumeSource, path: str, wrong: Errors) -> None:
    """An iSCSI target."""
    if not source.target_portal:
        wrong.required(f"{path}.targetPortal")
    if not source.iqn:
        wrong.required(f"{path}.iqn")
    else:
        _iscsi_name(source.iqn, f"{path}.iqn", wrong)
    if not 0 <= source.lun <= _LUN_MAX:
        wrong.invalid(f"{path}.lun", source.lun, f"must be between 0 and {_LUN_MAX}, inclusive")
    if (source.chap_auth_discovery or source.chap_auth_session) and source.secret_ref is None:
        wrong.required(f"{path}.secretRef")
    if source.initiator_name is not None:
        _iscsi_name(source.initiator_name, f"{path}.initiatorname", wrong)


def iscsi_name(source: core_v1.ISCSIVolumeSource, volume: str, path: str, wrong: Errors) -> None:
    """A session of an initiator is named after the volume and the target."""
    if source.initiator_name is not None and len(f"{volume}:{source.target_portal}".encode()) > _ISCSI_NAME_MAX:
        detail = (
            "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is"
            " specified."
        )
        wrong.invalid(f"{path}.name", volume, detail)


def _iscsi_name(text: str, path: str, wrong: Errors) -> None:
    pattern = _ISCSI_NAMES.get(text[:3])
    if pattern is None:
        wrong.invalid(path, text, "must be valid format starting with iqn, eui, or naa")
    elif not pattern.search(text):
        wrong.invalid(path, text, "must be valid format")


def glusterfs(source: core_v1.GlusterfsVolumeSource, path: str, wrong: Errors) -> None:
    """A Gluster volume."""
    if not source.endpoints:
        wrong.required(f"{path}.endpoints")
    if not source.path:
        wrong.required(f"{path}.path")


def cinder(source: core_v1.CinderVolumeSource, path: str, wrong: Errors) -> None:
    """An OpenStack volume."""
    if not source.volume_id:
        wrong.required(f"{path}.volumeID")
    if source.secret_ref is not None and not source.secret_ref.name:
        wrong.required(f"{path}.secretRef.name")


def azure_file(source: core_v1.AzureFileVolumeSource, path: str, wrong: Errors) -> None:
    """An Azure file share."""
    if not source.secret_name:
        wrong.required(f"{path}.secretName")
    if not source.share_name:
        wrong.required(f"{path}.shareName")


def storage_os(source: core_v1.StorageOSVolumeSource, path: str, wrong: Errors) -> None:
    """A StorageOS volume."""
    storage_os_names(source.volume_name, source.volume_namespace, path, wrong)
    if source.secret_ref is not None and not source.secret_ref.name:
        wrong.required(f"{path}.secretRef.name")


def csi(source: core_v1.CSIVolumeSource, path: str, wrong: Errors) -> None:
    """A volume that a CSI driver makes for this pod alone."""
    driver_name(source.driver, f"{path}.driver", wrong)
    reference = source.node_publish_secret_ref
    if reference is not None:
        if not reference.name:
            wrong.required(f"{path}.nodePublishSecretRef.name")
        else:
            # The path is Kubernetes'.
            wrong.each_invalid(f"{path}.name", reference.name, names.dns_1123_subdomain(reference.name))
