"""Volumes, claims and their classes, as Kubernetes' ``pkg/printers/internalversion`` shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from k3py.api.columns.column import AGE, NAME, UNSET, Column, Columns, age
from k3py.api.columns.described import meaning
from k3py.model import quantity
from k3py.model.generated import core_v1, meta_v1, storage_v1
from k3py.model.struct import Wire

_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class",
)  # fmt: skip
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _modes(modes: Sequence[str]) -> str:
    """``RWO,ROX``: each once, in their usual order."""
    return ",".join(short for mode, short in _MODES.items() if mode in modes)


def _phase(metadata: meta_v1.ObjectMeta, phase: str) -> str:
    return "Terminating" if metadata.deletion_timestamp else phase


def _class(metadata: meta_v1.ObjectMeta, name: str | None) -> str:
    return metadata.annotations.get(_CLASS_ANNOTATION, name or "")


def _or_unset(text: str | None) -> str:
    return UNSET if text is None else text


def _volume(volume: core_v1.PersistentVolume, now: float) -> list[Any]:
    spec, meta = volume.spec, volume.metadata
    claim = spec.claim_ref
    return [
        meta.name,
        quantity.canonical(spec.capacity.get("storage", "0")),
        _modes(spec.access_modes),
        spec.persistent_volume_reclaim_policy,
        _phase(meta, volume.status.phase),
        "" if claim is None else f"{claim.namespace}/{claim.name}",
        _class(meta, spec.storage_class_name),
        _or_unset(spec.volume_attributes_class_name),
        volume.status.reason,
        age(meta, now),
        _or_unset(spec.volume_mode),
    ]


def _claim(claim: core_v1.PersistentVolumeClaim, now: float) -> list[Any]:
    spec, meta, capacity, modes = claim.spec, claim.metadata, "", ""
    if spec.volume_name:
        modes = _modes(claim.status.access_modes)
        capacity = quantity.canonical(claim.status.capacity.get("storage", "0"))
    return [
        meta.name,
        _phase(meta, claim.status.phase),
        spec.volume_name,
        capacity,
        modes,
        _class(meta, spec.storage_class_name),
        _or_unset(spec.volume_attributes_class_name),
        age(meta, now),
        _or_unset(spec.volume_mode),
    ]


def _storage_class(storage_class: storage_v1.StorageClass, now: float) -> list[Any]:
    meta = storage_class.metadata
    is_default = any(meta.annotations.get(key) == "true" for key in _DEFAULT_CLASS)
    return [
        f"{meta.name} (default)" if is_default else meta.name,
        storage_class.provisioner,
        storage_class.reclaim_policy or "Delete",
        storage_class.volume_binding_mode or "Immediate",
        bool(storage_class.allow_volume_expansion),
        age(meta, now),
    ]


VOLUMES = Columns(
    (
        NAME,
        Column("Capacity", description=meaning(core_v1.PersistentVolumeSpec, "capacity")),
        Column("Access Modes", description=meaning(core_v1.PersistentVolumeSpec, "accessModes")),
        Column("Reclaim Policy", description=meaning(core_v1.PersistentVolumeSpec, "persistentVolumeReclaimPolicy")),
        Column("Status", description=meaning(core_v1.PersistentVolumeStatus, "phase")),
        Column("Claim", description=meaning(core_v1.PersistentVolumeSpec, "claimRef")),
        Column("StorageClass", description="StorageClass of the pv"),
        Column("VolumeAttributesClass", description="VolumeAttributesClass of the pv"),
        Column("Reason", description=meaning(core_v1.PersistentVolumeStatus, "reason")),
        AGE,
        Column("VolumeMode", priority=1, description=meaning(core_v1.PersistentVolumeSpec, "volumeMode")),
    ),
    _volume,
)
CLAIMS = Columns(
    (
        NAME,
        Column("Status", description=meaning(core_v1.PersistentVolumeClaimStatus, "phase")),
        Column("Volume", description=meaning(core_v1.PersistentVolumeClaimSpec, "volumeName")),
        Column("Capacity", description=meaning(core_v1.PersistentVolumeClaimStatus, "capacity")),
        Column("Access Modes", description=meaning(core_v1.PersistentVolumeClaimStatus, "accessModes")),
        Column("StorageClass", description="StorageClass of the pvc"),
        Column("VolumeAttributesClass", description="VolumeAttributesClass of the pvc"),
        AGE,
        Column("VolumeMode", priority=1, description=meaning(core_v1.PersistentVolumeClaimSpec, "volumeMode")),
    ),
    _claim,
)
STORAGE_CLASSES = Columns(
    (
        NAME,
        Column("Provisioner", description=meaning(storage_v1.StorageClass, "provisioner")),
        Column("ReclaimPolicy", description=meaning(storage_v1.StorageClass, "reclaimPolicy")),
        Column("VolumeBindingMode", description=meaning(storage_v1.StorageClass, "volumeBindingMode")),
        Column("AllowVolumeExpansion", description=meaning(storage_v1.StorageClass, "allowVolumeExpansion")),
        AGE,
    ),
    _storage_class,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    core_v1.PersistentVolume: VOLUMES,
    core_v1.PersistentVolumeClaim: CLAIMS,
    storage_v1.StorageClass: STORAGE_CLASSES,
}
