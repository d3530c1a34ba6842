"""Checks of PersistentVolumeClaims, and of the claims that templates make."""

from typing import Final

from k3py.model import codec, names, quantity
from k3py.model.generated import core_v1, meta_v1
from k3py.objects.fields import IMMUTABLE, Errors
from k3py.objects.meta import check_annotations, check_labels
from k3py.objects.validation.amounts import Amount, amount_of, is_native, not_below_zero, positive
from k3py.objects.validation.go_text import difference
from k3py.objects.validation.persistent_volumes import VOLUME_MODES, access_modes
from k3py.objects.validation.scheduling import label_selector

STORAGE_CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
_CLAIM: Final = "PersistentVolumeClaim"
_RESIZING: Final = (
    "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible",
    "NodeResizePending",
)  # fmt: skip
_SPEC_RULE: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"
)
_Source = core_v1.TypedLocalObjectReference | core_v1.TypedObjectReference


def claim(obj: core_v1.PersistentVolumeClaim, wrong: Errors) -> None:
    """Everything that is wrong with a claim."""
    claim_spec(obj.spec, "spec", wrong)


def claim_template_meta(meta: meta_v1.ObjectMeta, path: str, wrong: Errors) -> None:
    """What a claim that is made for a volume begins with: labels and annotations, nothing else."""
    check_annotations(f"{path}.annotations", meta.annotations, wrong)
    check_labels(f"{path}.labels", meta.labels, wrong)
    for wire, attribute in zip(meta.__struct_encode_fields__, meta.__struct_fields__, strict=True):
        if wire not in ("annotations", "labels") and getattr(meta, attribute) not in (None, "", 0, [], {}):
            # Go's name with its first letter made small: ``uID``.
            wrong.forbidden(f"{path}.{'uID' if wire == 'uid' else wire}", "cannot be set")


def claim_spec(spec: core_v1.PersistentVolumeClaimSpec, path: str, wrong: Errors) -> None:
    """How much storage is claimed, of which class, to be mounted how, filled with what."""
    if not spec.access_modes:
        wrong.required(f"{path}.accessModes", "at least 1 access mode is required")
    if spec.selector is not None:
        label_selector(spec.selector, f"{path}.selector", wrong)
    access_modes(spec.access_modes, f"{path}.accessModes", wrong)
    _storage(spec.resources.requests.get("storage"), f"{path}.resources[storage]", wrong)
    if spec.storage_class_name:
        said = names.dns_1123_subdomain(spec.storage_class_name)
        wrong.each_invalid(f"{path}.storageClassName", spec.storage_class_name, said)
    if spec.volume_mode is not None and spec.volume_mode not in VOLUME_MODES:
        wrong.unsupported(f"{path}.volumeMode", spec.volume_mode, VOLUME_MODES)
    _sources(spec, path, wrong)
    if spec.volume_attributes_class_name:
        said = names.dns_1123_subdomain(spec.volume_attributes_class_name)
        wrong.each_invalid(f"{path}.volumeAttributesClassName", spec.volume_attributes_class_name, said)


def _storage(amount: Amount | None, path: str, wrong: Errors) -> None:
    if amount is None:
        wrong.required(path)
    elif positive(amount, path, wrong):
        amount_of("storage", amount, path, wrong)


def _sources(spec: core_v1.PersistentVolumeClaimSpec, path: str, wrong: Errors) -> None:
    older, newer = spec.data_source, spec.data_source_ref
    if older is not None:
        _source(older, f"{path}.dataSource", wrong)
    if newer is not None:
        _source(newer, f"{path}.dataSourceRef", wrong)
        if newer.namespace:
            said = names.dns_1123_label(newer.namespace)
            wrong.each_invalid(f"{path}.dataSourceRef.namespace", newer.namespace, said)
    if older is None or newer is None:
        return
    # The value is a path, which has no public fields.
    if newer.namespace:
        wrong.invalid(path, {}, "may not be specified when dataSourceRef.namespace is specified")
    elif (older.api_group, older.kind, older.name) != (newer.api_group, newer.kind, newer.name):
        wrong.invalid(path, {}, "must match dataSourceRef")


def _source(source: _Source, path: str, wrong: Errors) -> None:
    if not source.name:
        wrong.required(f"{path}.name")
    if not source.kind:
        wrong.required(f"{path}.kind")
    if source.api_group:
        wrong.each_invalid(f"{path}.apiGroup", source.api_group, names.dns_1123_subdomain(source.api_group))
    elif source.kind != _CLAIM:
        detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        wrong.invalid(path, source.kind, detail)


def claim_update(new: core_v1.PersistentVolumeClaim, old: core_v1.PersistentVolumeClaim, wrong: Errors) -> None:
    """A claim stays what it is; once it is bound it may grow.

    Kubernetes looks at the whole claim twice, and its causes say so.
    """
    claim(new, wrong)
    before = codec.decode(core_v1.PersistentVolumeClaimSpec, codec.encode(old.spec))
    after = codec.decode(core_v1.PersistentVolumeClaimSpec, codec.encode(new.spec))
    before.volume_name = before.volume_name or after.volume_name
    _class_change(new, old, before, after, wrong)
    if new.status.phase == "Bound":
        if after.resources.requests:
            after.resources.requests["storage"] = old.spec.resources.requests.get("storage", "0")
        if after.volume_attributes_class_name is not None:
            after.volume_attributes_class_name = before.volume_attributes_class_name
    if before != after:
        wrong.forbidden("spec", _SPEC_RULE + difference(before, after))
    _size(new, old, wrong)
    wrong.immutable("volumeMode", new.spec.volume_mode, old.spec.volume_mode)
    _attributes_class(new.spec.volume_attributes_class_name, old.spec.volume_attributes_class_name, wrong)


def _class_change(
    new: core_v1.PersistentVolumeClaim,
    old: core_v1.PersistentVolumeClaim,
    before: core_v1.PersistentVolumeClaimSpec,
    after: core_v1.PersistentVolumeClaimSpec,
    wrong: Errors,
) -> None:
    """A claim without a class may get one, unless its annotation names another."""
    was, now = (each.metadata.annotations.get(STORAGE_CLASS_ANNOTATION) for each in (old, new))
    name, old_name = new.spec.storage_class_name, old.spec.storage_class_name
    if was is not None and old_name is None and name == was and now in (None, was):
        after.storage_class_name = None
        return
    if (was or "") != (now or ""):
        wrong.invalid(f"metadata.annotations.{STORAGE_CLASS_ANNOTATION}", now or "", IMMUTABLE)
    if name is not None and old_name is None and was in (None, name):
        after.storage_class_name = before.storage_class_name


def _size(new: core_v1.PersistentVolumeClaim, old: core_v1.PersistentVolumeClaim, wrong: Errors) -> None:
    """What has not been made yet may be taken back, not more."""
    size, old_size = (quantity.nano(each.spec.resources.requests.get("storage", "0")) for each in (new, old))
    if size < old_size and size <= quantity.nano(old.status.capacity.get("storage", "0")):
        wrong.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")


def _attributes_class(new: str | None, old: str | None, wrong: Errors) -> None:
    if new == old or old is None:
        return
    path = "spec.volumeAttributesClassName"
    if new is None:
        wrong.forbidden(path, "update from non-nil value to nil is forbidden")
    elif not new:
        wrong.forbidden(path, "update from non-nil value to an empty string is forbidden")


def claim_status(new: core_v1.PersistentVolumeClaim, old: core_v1.PersistentVolumeClaim, wrong: Errors) -> None:
    """What a claim has, and how far its growing is."""
    del old
    status = new.status
    if not new.spec.access_modes:
        wrong.required("Spec.accessModes")
    for name in sorted(status.capacity):
        not_below_zero(status.capacity[name], f"status.capacity[{name}]", wrong)
    path = "status.allocatedResourceStatus"
    for name in sorted(status.allocated_resource_statuses):
        _resource(name, path, wrong)
        if status.allocated_resource_statuses[name] not in _RESIZING:
            wrong.unsupported(path, name, _RESIZING)
    path = "status.allocatedResources"
    for name in sorted(status.allocated_resources):
        if not _resource(name, path, wrong):
            continue
        amount, place = status.allocated_resources[name], f"{path}[{name}]"
        if quantity.whole(amount) < 0:
            not_below_zero(amount, place, wrong)
        else:
            amount_of("storage", amount, place, wrong)


def _resource(name: str, path: str, wrong: Errors) -> bool:
    """A resource that a claim can have: storage, or a vendor's own. Returns whether it is one."""
    said = names.qualified_name(name)
    wrong.each_invalid(path, name, said)
    if not said and is_native(name) and name != "storage":
        wrong.unsupported(path, name, ("storage",))
        return False
    return not said


def claim_warnings(obj: core_v1.PersistentVolumeClaim) -> list[str]:
    """An annotation of the past, and parts of bytes."""
    said = []
    if STORAGE_CLASS_ANNOTATION in obj.metadata.annotations:
        said.append(
            f"metadata.annotations[{STORAGE_CLASS_ANNOTATION}]: deprecated since v1.8;"
            ' use "storageClassName" attribute instead'
        )
    return said + claim_spec_warnings(obj.spec, "spec")


def claim_spec_warnings(spec: core_v1.PersistentVolumeClaimSpec, path: str) -> list[str]:
    """Amounts of storage that are no whole bytes."""
    said = []
    for word, amounts in (("requests", spec.resources.requests), ("limits", spec.resources.limits)):
        amount = amounts.get("storage")
        if amount is not None and quantity.milli(amount) % 1000:
            place = f"{path}.resources.{word}[storage]"
            said.append(f'{place}: fractional byte value "{amount}" is invalid, must be an integer')
    return said
