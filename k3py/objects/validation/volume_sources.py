"""Checks of what a PersistentVolume is made of, one function per source.

Source: Kubernetes ``ValidatePersistentVolumeSpec``. Paths are Kubernetes' where they differ from the field's name.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.local_paths import HOST_PATH_TYPES

_ISCSI_NAMES: Final = {
    "iqn": re.compile(r"iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+:[^,;*&$|\s]+\Z", re.ASCII),
    "eui": re.compile(r"\Aeui.[A-Za-z0-9]{16}\Z", re.ASCII),
    "naa": re.compile(r"\Anaa.[A-Za-z0-9]{32}\Z", re.ASCII),
}
_ISCSI_NAME_MAX: Final = 64
_BYTE_RULE: Final = "must be between 0 and 255, inclusive"
_PARTITION_RULE: Final = "must be between 1 and 255, inclusive"
_DRIVER_NAME_MAX: Final = 63
_TENANT_MAX: Final = 64
_PAIRS_RULE: Final = "must be a host:port pair or multiple pairs separated by commas"
_RESERVED: Final = (".kubernetes.io", ".k8s.io")


def no_backsteps(text: str, path: str, wrong: Errors) -> None:
    """A path without ``..``."""
    if ".." in text.split("/"):
        wrong.invalid(path, text, "must not contain '..'")


def _host_path(source: core_v1.HostPathVolumeSource, path: str, wrong: Errors) -> None:
    if not source.path:
        wrong.required(f"{path}.path")
        return
    no_backsteps(source.path, f"{path}.path", wrong)
    if source.type is not None and source.type not in HOST_PATH_TYPES:
        wrong.unsupported(f"{path}.type", source.type, HOST_PATH_TYPES)


def _local(source: core_v1.LocalVolumeSource, path: str, wrong: Errors) -> None:
    if not source.path:
        wrong.required(f"{path}.path")
    else:
        no_backsteps(source.path, f"{path}.path", wrong)


def _nfs(source: core_v1.NFSVolumeSource, path: str, wrong: Errors) -> None:
    _given(source, path, wrong, "server", "path")
    if not source.path.startswith("/"):
        wrong.invalid(f"{path}.path", source.path, "must be an absolute path")


def _fc(source: core_v1.FCVolumeSource, path: str, wrong: Errors) -> None:
    place = f"{path}.targetWWNs"
    if not source.target_wwns and not source.wwids:
        wrong.required(place, "must specify either targetWWNs or wwids, but not both")
    if source.target_wwns and source.wwids:
        wrong.invalid(place, source.target_wwns, "targetWWNs and wwids can not be specified simultaneously")
    if source.target_wwns:
        if source.lun is None:
            wrong.required(f"{path}.lun", "lun is required if targetWWNs is specified")
        elif not 0 <= source.lun <= 255:
            wrong.invalid(f"{path}.lun", source.lun, _BYTE_RULE)


def iscsi(source: core_v1.ISCSIPersistentVolumeSource, volume: str, path: str, wrong: Errors) -> None:
    """An iSCSI target; ``volume`` is the PersistentVolume's name."""
    initiator = source.initiator_name
    if not source.target_portal:
        wrong.required(f"{path}.targetPortal")
    if initiator is not None and len(f"{volume}:{source.target_portal}".encode()) > _ISCSI_NAME_MAX:
        detail = (
            "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is"
            " specified."
        )
        wrong.invalid(f"{path}.targetportal", source.target_portal, detail)
    if not source.iqn:
        wrong.required(f"{path}.iqn")
    else:
        _iscsi_name(source.iqn, f"{path}.iqn", wrong)
    if not 0 <= source.lun <= 255:
        wrong.invalid(f"{path}.lun", source.lun, _BYTE_RULE)
    if (source.chap_auth_discovery or source.chap_auth_session) and source.secret_ref is None:
        wrong.required(f"{path}.secretRef")
    if source.secret_ref is not None and not source.secret_ref.name:
        wrong.required(f"{path}.secretRef.name")
    if initiator is not None:
        _iscsi_name(initiator, f"{path}.initiatorname", wrong)


def _iscsi_name(text: str, path: str, wrong: Errors) -> None:
    pattern = _ISCSI_NAMES.get(text[:3])
    if pattern is None or not pattern.search(text):
        wrong.invalid(path, text, "must be valid format")


def _csi(source: core_v1.CSIPersistentVolumeSource, path: str, wrong: Errors) -> None:
    driver_name(source.driver, f"{path}.driver", wrong)
    if not source.volume_handle:
        wrong.required(f"{path}.volumeHandle")
    for word, reference in (
        ("controllerPublishSecretRef", source.controller_publish_secret_ref),
        ("controllerExpandSecretRef", source.controller_expand_secret_ref),
        ("nodePublishSecretRef", source.node_publish_secret_ref),
        ("nodeExpandSecretRef", source.node_expand_secret_ref),
    ):
        if reference is not None:
            _secret(reference, f"{path}.{word}", wrong)


def driver_name(text: str, path: str, wrong: Errors) -> None:
    """The name of a CSI driver."""
    if not text:
        wrong.required(path)
        return
    if len(text.encode()) > _DRIVER_NAME_MAX:
        wrong.too_long(path, _DRIVER_NAME_MAX)
    wrong.each_invalid(path, text, names.dns_1123_subdomain(text.lower()))


def _secret(reference: core_v1.SecretReference, path: str, wrong: Errors) -> None:
    wrong.needs(f"{path}.name", reference.name, names.dns_1123_subdomain)
    wrong.needs(f"{path}.namespace", reference.namespace, names.dns_1123_label)


def _given(source: Any, path: str, wrong: Errors, *fields: str) -> None:
    """Each field, by its attribute, has a value."""
    wire = dict(zip(source.__struct_fields__, source.__struct_encode_fields__, strict=True))
    for field in fields:
        if not getattr(source, field):
            wrong.required(f"{path}.{wire[field]}")


def _needs(*fields: str) -> "Check":
    """A check for fields, by their attributes, that have to have a value."""

    def check(source: Any, path: str, wrong: Errors) -> None:
        _given(source, path, wrong, *fields)

    return check


def _gce(source: core_v1.GCEPersistentDiskVolumeSource, path: str, wrong: Errors) -> None:
    path = path.replace("gcePersistentDisk", "persistentDisk")
    _given(source, path, wrong, "pd_name")
    if not 0 <= source.partition <= 255:
        wrong.invalid(f"{path}.partition", source.partition, _PARTITION_RULE)


def _aws(source: core_v1.AWSElasticBlockStoreVolumeSource, path: str, wrong: Errors) -> None:
    _given(source, path, wrong, "volume_id")
    if not 0 <= source.partition <= 255:
        wrong.invalid(f"{path}.partition", source.partition, _PARTITION_RULE)


def _glusterfs(source: core_v1.GlusterfsPersistentVolumeSource, path: str, wrong: Errors) -> None:
    _given(source, path, wrong, "endpoints", "path")
    namespace = source.endpoints_namespace
    if namespace == "":
        detail = "if the endpointnamespace is set, it must be a valid namespace name"
        wrong.invalid(f"{path}.endpointsNamespace", namespace, detail)
    elif namespace is not None:
        wrong.each_invalid(f"{path}.endpointsNamespace", namespace, names.dns_1123_label(namespace))


def _flocker(source: core_v1.FlockerVolumeSource, path: str, wrong: Errors) -> None:
    if not source.dataset_name and not source.dataset_uuid:
        wrong.required(path, "one of datasetName and datasetUUID is required")
    if source.dataset_name and source.dataset_uuid:
        wrong.invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously")
    if "/" in source.dataset_name:
        wrong.invalid(f"{path}.datasetName", source.dataset_name, "must not contain '/'")


def _quobyte(source: core_v1.QuobyteVolumeSource, path: str, wrong: Errors) -> None:
    if not source.registry:
        wrong.required(f"{path}.registry", _PAIRS_RULE)
    elif len(source.tenant) > _TENANT_MAX:
        wrong.required(f"{path}.tenant", "must be a UUID and may not exceed a length of 64 characters")
    else:
        for pair in source.registry.split(","):
            if pair.count(":") != 1 and not re.fullmatch(r"\[[^\[\]]*\]:[^:]*", pair):
                wrong.invalid(f"{path}.registry", source.registry, _PAIRS_RULE)
    _given(source, path, wrong, "volume")


def _cinder(source: core_v1.CinderPersistentVolumeSource, path: str, wrong: Errors) -> None:
    _given(source, path, wrong, "volume_id")
    if source.secret_ref is not None:
        _given(source.secret_ref, f"{path}.secretRef", wrong, "name", "namespace")


def _flex(source: core_v1.FlexPersistentVolumeSource, path: str, wrong: Errors) -> None:
    _given(source, path, wrong, "driver")
    for key in sorted(source.options):
        if f".{key.partition('/')[0].lower()}".endswith(_RESERVED):
            wrong.invalid(f"{path}.options[{key}]", key, "kubernetes.io and k8s.io namespaces are reserved")


def _azure_file(source: core_v1.AzureFilePersistentVolumeSource, path: str, wrong: Errors) -> None:
    _given(source, path, wrong, "secret_name", "share_name")
    if source.secret_namespace == "":
        wrong.required(f"{path}.secretNamespace")


_CACHING: Final = ("None", "ReadOnly", "ReadWrite")
_DISKS: Final = ("Dedicated", "Managed", "Shared")
_MANAGED: Final = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
_BLOB: Final = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"


def _azure_disk(source: core_v1.AzureDiskVolumeSource, path: str, wrong: Errors) -> None:
    _given(source, path, wrong, "disk_name", "disk_uri")
    if source.caching_mode is not None and source.caching_mode not in _CACHING:
        wrong.unsupported(f"{path}.cachingMode", source.caching_mode, _CACHING)
    if source.kind is not None and source.kind not in _DISKS:
        wrong.unsupported(f"{path}.kind", source.kind, _DISKS)
    is_managed = source.kind == "Managed"
    if source.kind is not None and not source.disk_uri.startswith("/subscriptions/" if is_managed else "https://"):
        wrong.unsupported(f"{path}.diskURI", source.disk_uri, (_MANAGED if is_managed else _BLOB,))


def storage_os_names(name: str | None, namespace: str | None, path: str, wrong: Errors) -> None:
    """What a StorageOS volume at ``path`` is called there."""
    wrong.needs(f"{path}.volumeName", name, names.dns_1123_label)
    if namespace:
        wrong.each_invalid(f"{path}.volumeNamespace", namespace, names.dns_1123_label(namespace))


def _storage_os(source: core_v1.StorageOSPersistentVolumeSource, path: str, wrong: Errors) -> None:
    storage_os_names(source.volume_name, source.volume_namespace, path, wrong)
    if source.secret_ref is not None:
        _given(source.secret_ref, f"{path}.secretRef", wrong, "name", "namespace")


Check = Callable[[Any, str, Errors], None]
# Attribute -> JSON name and check, in the order in which Kubernetes looks; iSCSI also needs the volume's name.
SOURCES: Final[Mapping[str, tuple[str, Check | None]]] = {
    "host_path": ("hostPath", _host_path),
    "gce_persistent_disk": ("gcePersistentDisk", _gce),
    "aws_elastic_block_store": ("awsElasticBlockStore", _aws),
    "glusterfs": ("glusterfs", _glusterfs),
    "flocker": ("flocker", _flocker),
    "nfs": ("nfs", _nfs),
    "rbd": ("rbd", _needs("monitors", "image")),
    "quobyte": ("quobyte", _quobyte),
    "cephfs": ("cephfs", _needs("monitors")),
    "iscsi": ("iscsi", None),
    "cinder": ("cinder", _cinder),
    "fc": ("fc", _fc),
    "flex_volume": ("flexVolume", _flex),
    "azure_file": ("azureFile", _azure_file),
    "vsphere_volume": ("vsphereVolume", _needs("volume_path")),
    "photon_persistent_disk": ("photonPersistentDisk", _needs("pd_id")),
    "portworx_volume": ("portworxVolume", _needs("volume_id")),
    "azure_disk": ("azureDisk", _azure_disk),
    "scale_io": ("scaleIO", _needs("gateway", "system", "volume_name")),
    "local": ("local", _local),
    "storageos": ("storageos", _storage_os),
    "csi": ("csi", _csi),
}
# Kubernetes spells this one in two ways.
REPEATED: Final[Mapping[str, str]] = {"cephfs": "cephFS"}
# An older check: it never complains that there are others.
ANY_NUMBER: Final = ("flex_volume",)
