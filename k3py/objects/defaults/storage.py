"""Defaults of volumes, claims and storage classes, and what only the server sets of them.

Source: Kubernetes ``pkg/apis/core/v1/defaults.go``, ``pkg/apis/storage/v1/defaults.go`` and the kinds' strategies.
"""

from typing import Final

from k3py.base.clock import rfc3339
from k3py.model.generated import core_v1, storage_v1
from k3py.objects.defaults.amounts import rounded

_SNAPSHOT: Final = ("snapshot.storage.k8s.io", "VolumeSnapshot")
_CLAIM: Final = ("", "PersistentVolumeClaim")


def volume(obj: core_v1.PersistentVolume) -> None:
    """A filesystem that stays when its claim goes."""
    spec = obj.spec
    obj.status.phase = obj.status.phase or "Pending"
    spec.persistent_volume_reclaim_policy = spec.persistent_volume_reclaim_policy or "Retain"
    if spec.volume_mode is None:
        spec.volume_mode = "Filesystem"
    rounded(spec.capacity)
    if spec.host_path is not None and spec.host_path.type is None:
        spec.host_path.type = ""
    if spec.iscsi is not None:
        spec.iscsi.iscsi_interface = spec.iscsi.iscsi_interface or "default"
    _legacy_source(spec)


def _legacy_source(spec: core_v1.PersistentVolumeSpec) -> None:
    """Sources that no node can mount any more keep their defaults."""
    if spec.rbd is not None:
        spec.rbd.pool = spec.rbd.pool or "rbd"
        spec.rbd.user = spec.rbd.user or "admin"
        spec.rbd.keyring = spec.rbd.keyring or "/etc/ceph/keyring"
    if spec.azure_disk is not None:
        disk = spec.azure_disk
        disk.caching_mode = "ReadWrite" if disk.caching_mode is None else disk.caching_mode
        disk.kind = "Shared" if disk.kind is None else disk.kind
        disk.fs_type = "ext4" if disk.fs_type is None else disk.fs_type
        disk.read_only = bool(disk.read_only)
    if spec.scale_io is not None:
        spec.scale_io.storage_mode = spec.scale_io.storage_mode or "ThinProvisioned"
        spec.scale_io.fs_type = spec.scale_io.fs_type or "xfs"


def new_volume(obj: core_v1.PersistentVolume) -> None:
    """A new volume is pending since it was made."""
    created = obj.metadata.creation_timestamp
    obj.status = core_v1.PersistentVolumeStatus(phase="Pending", last_phase_transition_time=created)


def keep_transition_time(new: core_v1.PersistentVolume, old: core_v1.PersistentVolume) -> None:
    """A status that leaves the time of the last change of phase out keeps it."""
    if new.status.phase == old.status.phase and new.status.last_phase_transition_time is None:
        new.status.last_phase_transition_time = old.status.last_phase_transition_time


def phase_moved(new: core_v1.PersistentVolume, old: core_v1.PersistentVolume, now: float) -> None:
    """A phase changes at ``now`` (seconds since 1970), unless the writer says when."""
    if new.status.phase == old.status.phase:
        return
    if new.status.last_phase_transition_time in (None, old.status.last_phase_transition_time):
        new.status.last_phase_transition_time = rfc3339(int(now))


def claim(obj: core_v1.PersistentVolumeClaim) -> None:
    """A claim waits for a filesystem."""
    obj.status.phase = obj.status.phase or "Pending"
    claim_spec(obj.spec)
    rounded(obj.status.capacity)
    rounded(obj.status.allocated_resources)


def claim_spec(spec: core_v1.PersistentVolumeClaimSpec) -> None:
    """What is left out of a claim, or of a template of claims."""
    if spec.volume_mode is None:
        spec.volume_mode = "Filesystem"
    rounded(spec.resources.limits)
    rounded(spec.resources.requests)


def new_claim(obj: core_v1.PersistentVolumeClaim) -> None:
    """A new claim is pending; where its data comes from is said in both fields, old and new."""
    obj.status = core_v1.PersistentVolumeClaimStatus(phase="Pending")
    spec = obj.spec
    _drop_other_namespace(spec)
    if spec.data_source_ref is None and not _is_known_source(spec.data_source):
        spec.data_source = None
    _say_source_twice(spec)


def keep_claim_source(new: core_v1.PersistentVolumeClaim, old: core_v1.PersistentVolumeClaim) -> None:
    """An update cannot bring a data source that a creation could not; a client that knows only one of the two fields
    finds what it said in both.
    """
    if old.spec.data_source_ref is None:
        _drop_other_namespace(new.spec)
    had_source = old.spec.data_source is not None or old.spec.data_source_ref is not None
    if not had_source and new.spec.data_source_ref is None and not _is_known_source(new.spec.data_source):
        new.spec.data_source = None
    _say_source_twice(new.spec)


def _drop_other_namespace(spec: core_v1.PersistentVolumeClaimSpec) -> None:
    """Data of another namespace is no source: the reference is left out whole."""
    if spec.data_source_ref is not None and spec.data_source_ref.namespace:
        spec.data_source_ref = None


def _is_known_source(source: core_v1.TypedLocalObjectReference | None) -> bool:
    """Whether the older field may say it: a claim or a snapshot."""
    return source is not None and (source.api_group or "", source.kind) in (_CLAIM, _SNAPSHOT)


def _say_source_twice(spec: core_v1.PersistentVolumeClaimSpec) -> None:
    old, new = spec.data_source, spec.data_source_ref
    if old is not None and new is None:
        spec.data_source_ref = core_v1.TypedObjectReference(api_group=old.api_group, kind=old.kind, name=old.name)
    elif new is not None and old is None and not new.namespace:
        spec.data_source = core_v1.TypedLocalObjectReference(api_group=new.api_group, kind=new.kind, name=new.name)


def storage_class(obj: storage_v1.StorageClass) -> None:
    """Volumes go with their claims and are made at once."""
    if obj.reclaim_policy is None:
        obj.reclaim_policy = "Delete"
    if obj.volume_binding_mode is None:
        obj.volume_binding_mode = "Immediate"
