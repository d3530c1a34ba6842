"""Checks of PersistentVolumes."""

import posixpath
from typing import Final

from k3py.model import codec, names
from k3py.model.generated import core_v1
from k3py.objects.fields import IMMUTABLE, Errors
from k3py.objects.validation.amounts import not_below_zero, positive
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.go_text import difference
from k3py.objects.validation.node_labels import node_term_warnings
from k3py.objects.validation.scheduling import node_selector
from k3py.objects.validation.volume_sources import ANY_NUMBER, REPEATED, SOURCES, iscsi

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
RECLAIM_POLICIES: Final = ("Delete", "Recycle", "Retain")
VOLUME_MODES: Final = ("Block", "Filesystem")
_ONE_POD: Final = "ReadWriteOncePod"


def volume(obj: core_v1.PersistentVolume, wrong: Errors) -> None:
    """One source, how much it holds, who may mount it how."""
    spec = obj.spec
    if not spec.access_modes:
        wrong.required("spec.accessModes")
    access_modes(spec.access_modes, "spec.accessModes", wrong)
    _capacity(spec, wrong)
    policy = spec.persistent_volume_reclaim_policy
    if policy and policy not in RECLAIM_POLICIES:
        wrong.unsupported("spec.persistentVolumeReclaimPolicy", policy, RECLAIM_POLICIES)
    if spec.node_affinity is not None:
        if spec.node_affinity.required is None:
            wrong.required("spec.nodeAffinity.required", "must specify required node constraints")
        else:
            node_selector(spec.node_affinity.required, "spec.nodeAffinity.required", wrong)
    _source(obj.metadata.name, spec, wrong)
    if policy == "Recycle" and spec.host_path is not None and _is_root(spec.host_path.path):
        detail = "may not be 'recycle' for a hostPath mount of '/'"
        wrong.forbidden("spec.persistentVolumeReclaimPolicy", detail)
    if spec.storage_class_name:
        said = names.dns_1123_subdomain(spec.storage_class_name)
        wrong.each_invalid("spec.storageClassName", spec.storage_class_name, said)
    if spec.volume_mode is not None and spec.volume_mode not in VOLUME_MODES:
        wrong.unsupported("spec.volumeMode", spec.volume_mode, VOLUME_MODES)
    if spec.volume_attributes_class_name is not None:
        _attributes_class(spec, spec.volume_attributes_class_name, wrong)


def access_modes(modes: list[str], path: str, wrong: Errors) -> None:
    """Modes are known; a volume of one pod has no other mode."""
    for mode in modes:
        if mode not in ACCESS_MODES:
            wrong.unsupported(path, mode, ACCESS_MODES)
    if _ONE_POD in modes and any(mode != _ONE_POD and mode in ACCESS_MODES for mode in modes):
        wrong.forbidden(path, "may not use ReadWriteOncePod with other access modes")


def _capacity(spec: core_v1.PersistentVolumeSpec, wrong: Errors) -> None:
    if not spec.capacity:
        wrong.required("spec.capacity")
    if spec.capacity.keys() != {"storage"}:
        wrong.unsupported("spec.capacity", spec.capacity or None, ("storage",))
    for name in sorted(spec.capacity):
        place = f"spec.capacity[{name}]"
        not_below_zero(spec.capacity[name], place, wrong)
        positive(spec.capacity[name], place, wrong)


def _is_root(path: str) -> bool:
    return bool(path) and posixpath.normpath(path) in ("/", "//")


def _source(name: str, spec: core_v1.PersistentVolumeSpec, wrong: Errors) -> None:
    found = False
    for attribute, (wire, check) in SOURCES.items():
        source = getattr(spec, attribute)
        if source is None:
            continue
        if found and attribute not in ANY_NUMBER:
            wrong.forbidden(f"spec.{REPEATED.get(attribute, wire)}", "may not specify more than 1 volume type")
            continue
        found = True
        if check is None:
            iscsi(source, name, f"spec.{wire}", wrong)
        else:
            check(source, f"spec.{wire}", wrong)
        if attribute == "local" and spec.node_affinity is None:
            wrong.required("spec.nodeAffinity", "Local volume requires node affinity")
    if not found:
        wrong.required("spec", "must specify a volume type")


def _attributes_class(spec: core_v1.PersistentVolumeSpec, name: str, wrong: Errors) -> None:
    path = "spec.volumeAttributesClassName"
    wrong.needs(path, name, names.dns_1123_subdomain, "an empty string is disallowed")
    if spec.csi is None:
        wrong.required("spec.csi", "has to be specified when using volumeAttributesClassName")


# The order in which Kubernetes shows them.
_SHOWN: Final = (
    "GCEPersistentDisk", "AWSElasticBlockStore", "HostPath", "Glusterfs", "NFS", "RBD", "Quobyte", "ISCSI",
    "FlexVolume", "Cinder", "CephFS", "FC", "Flocker", "AzureFile", "VsphereVolume", "AzureDisk",
    "PhotonPersistentDisk", "PortworxVolume", "ScaleIO", "Local", "StorageOS", "CSI",
)  # fmt: skip


def volume_update(new: core_v1.PersistentVolume, old: core_v1.PersistentVolume, wrong: Errors) -> None:
    """What a volume is made of stays, where it can be reached, and what it looks like.

    Kubernetes looks at the whole volume twice, and its causes say so.
    """
    volume(new, wrong)
    before, after = _sources(old.spec), _sources(new.spec)
    if old.spec.csi is not None and old.spec.csi.controller_expand_secret_ref is None and after.csi is not None:
        after.csi.controller_expand_secret_ref = None  # may be given once
    if before != after:
        shown = difference(before, after, _SHOWN)
        said = f"spec.persistentvolumesource is immutable after creation\n{shown}"
        wrong.forbidden("spec.persistentvolumesource", said)
    wrong.immutable("volumeMode", new.spec.volume_mode, old.spec.volume_mode)
    if old.spec.node_affinity is not None and _with_old_labels(new.spec.node_affinity) != old.spec.node_affinity:
        detail = f"{IMMUTABLE}, except for updating from beta label to GA"
        wrong.invalid("nodeAffinity", go_names(new.spec.node_affinity), detail)
    if old.spec.volume_attributes_class_name is not None and new.spec.volume_attributes_class_name is None:
        wrong.forbidden("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden")


def _sources(spec: core_v1.PersistentVolumeSpec) -> core_v1.PersistentVolumeSpec:
    """A spec with a copy of its sources, and nothing else."""
    made = core_v1.PersistentVolumeSpec(**{attribute: getattr(spec, attribute) for attribute in SOURCES})
    return codec.decode(core_v1.PersistentVolumeSpec, codec.encode(made))


# Label of today -> the one that older volumes have; to change to today's is no change.
_LABELS: Final = {
    "topology.kubernetes.io/zone": "failure-domain.beta.kubernetes.io/zone",
    "topology.kubernetes.io/region": "failure-domain.beta.kubernetes.io/region",
    "kubernetes.io/os": "beta.kubernetes.io/os",
    "kubernetes.io/arch": "beta.kubernetes.io/arch",
    "node.kubernetes.io/instance-type": "beta.kubernetes.io/instance-type",
}


def _with_old_labels(affinity: core_v1.VolumeNodeAffinity | None) -> core_v1.VolumeNodeAffinity | None:
    """A node affinity in which labels of today stand where the older ones were."""
    if affinity is None or affinity.required is None:
        return affinity
    made = codec.decode(core_v1.VolumeNodeAffinity, codec.encode(affinity))
    assert made.required is not None
    for term in made.required.node_selector_terms:
        for each in term.match_expressions:
            each.key = _LABELS.get(each.key, each.key)
    return made


_STORAGE_CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
# Source -> the releases in which it was deprecated, and stopped working; in the order in which they are said.
_DEPRECATED: Final = {
    "cephfs": ("cephfs", "v1.28", "v1.31"),
    "photon_persistent_disk": ("photonPersistentDisk", "v1.11", "v1.16"),
    "scale_io": ("scaleIO", "v1.16", "v1.22"),
    "storageos": ("storageOS", "v1.22", "v1.25"),
    "glusterfs": ("glusterfs", "v1.25", "v1.26"),
    "rbd": ("rbd", "v1.28", "v1.31"),
}


def volume_warnings(obj: core_v1.PersistentVolume) -> list[str]:
    """Annotations, policies, labels and sources of the past."""
    said, spec = [], obj.spec
    if _STORAGE_CLASS_ANNOTATION in obj.metadata.annotations:
        said.append(
            f"metadata.annotations[{_STORAGE_CLASS_ANNOTATION}]: deprecated since v1.8;"
            ' use "storageClassName" attribute instead'
        )
    if spec.persistent_volume_reclaim_policy == "Recycle":
        said.append(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended"
            " approach is to use dynamic provisioning."
        )
    if spec.node_affinity is not None and spec.node_affinity.required is not None:
        for index, term in enumerate(spec.node_affinity.required.node_selector_terms):
            said += node_term_warnings(term, f"spec.nodeAffinity.required.nodeSelectorTerms[{index}]")
    for attribute, (wire, deprecated, gone) in _DEPRECATED.items():
        if getattr(spec, attribute) is not None:
            said.append(f"spec.{wire}: deprecated in {deprecated}, non-functional in {gone}+")
    return said
