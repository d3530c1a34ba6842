"""What the cluster adds to volumes and claims: protection while they are in use, and the default class.

Source: Kubernetes' admission plugins StorageObjectInUseProtection, DefaultStorageClass and PersistentVolumeClaimResize.
"""

from collections.abc import Iterable
from typing import Final

from k3py.model import codec, quantity
from k3py.model.errors import forbidden
from k3py.model.generated import core_v1, storage_v1
from k3py.model.registry import Kind
from k3py.objects.validation.claims import STORAGE_CLASS_ANNOTATION
from k3py.store.store import Store

VOLUME_FINALIZER: Final = "kubernetes.io/pv-protection"
CLAIM_FINALIZER: Final = "kubernetes.io/pvc-protection"
_DEFAULT: Final = (
    "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class",
)  # fmt: skip
_UNBOUND: Final = "Only bound persistent volume claims can be expanded"
_FIXED: Final = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)


def complete(new: core_v1.PersistentVolume | core_v1.PersistentVolumeClaim, store: Store) -> None:
    """A new volume or claim stays until nobody uses it any more; a claim that names no class gets the default one."""
    is_claim = isinstance(new, core_v1.PersistentVolumeClaim)
    finalizer = CLAIM_FINALIZER if is_claim else VOLUME_FINALIZER
    if finalizer not in new.metadata.finalizers:
        new.metadata.finalizers.append(finalizer)
    if not is_claim or new.spec.storage_class_name is not None or STORAGE_CLASS_ANNOTATION in new.metadata.annotations:
        return
    records = store.list_latest("storageclasses", None)
    name = default_class(codec.decode(storage_v1.StorageClass, each.raw) for each in records)
    new.spec.storage_class_name = name or None


def default_class(classes: Iterable[storage_v1.StorageClass]) -> str:
    """The default class: of several the newest, of these the first by name; empty when there is none."""
    found = [each.metadata for each in classes if any(each.metadata.annotations.get(key) == "true" for key in _DEFAULT)]
    newest = max((meta.creation_timestamp or "" for meta in found), default="")
    return min((meta.name for meta in found if (meta.creation_timestamp or "") == newest), default="")


def check_growth(
    kind: Kind, new: core_v1.PersistentVolumeClaim, old: core_v1.PersistentVolumeClaim, store: Store
) -> None:
    """A claim may ask for more once it is bound, and if its class says so.

    Raises:
        Forbidden: it may not.
    """
    wanted, present = (quantity.nano(each.spec.resources.requests.get("storage", "0")) for each in (new, old))
    if wanted <= present:
        return
    if old.status.phase != "Bound":
        raise forbidden(kind.plural, kind.group, new.metadata.name, _UNBOUND)
    name = old.metadata.annotations.get(STORAGE_CLASS_ANNOTATION) or old.spec.storage_class_name
    record = store.latest("storageclasses", "", name) if name else None
    if record is None or not codec.decode(storage_v1.StorageClass, record.raw).allow_volume_expansion:
        raise forbidden(kind.plural, kind.group, new.metadata.name, _FIXED)
