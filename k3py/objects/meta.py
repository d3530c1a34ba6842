"""The rules of ``metadata``: names, labels, owners, finalizers, and what an update may not change.

Source: apimachinery ``pkg/api/validation/objectmeta.go`` and Kubernetes' "Object Names and IDs".
"""

from collections.abc import Callable, Sequence
from typing import Final

from k3py.model import names
from k3py.model.errors import Cause
from k3py.model.generated.meta_v1 import ManagedFieldsEntry, ObjectMeta, OwnerReference
from k3py.objects.fields import Errors
from k3py.objects.options import field_manager_causes

ANNOTATIONS_BYTES_MAX: Final = 256 << 10
# As Kubernetes bounds the name of a subresource in an entry of managed fields.
SUBRESOURCE_BYTES_MAX: Final = 256
# Finalizers of Kubernetes itself; all others need a domain.
STANDARD_FINALIZERS: Final = ("orphan", "foregroundDeletion", "kubernetes")
ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
# Events are made by the thousand and must not hold their owners' deletion.
UNFIT_OWNERS: Final = (("v1", "Event"),)

NameRule = Callable[[str], list[str]]


def check_meta(meta: ObjectMeta, namespaced: bool, name_rule: NameRule, wrong: Errors) -> None:
    """Everything that is wrong with the metadata of an object about to be stored."""
    if meta.generate_name:
        wrong.each_invalid("metadata.generateName", meta.generate_name, name_rule(_probe(meta.generate_name)))
    wrong.needs("metadata.name", meta.name, name_rule, "name or generateName is required")
    if namespaced:
        wrong.needs("metadata.namespace", meta.namespace, names.dns_1123_label)
    elif meta.namespace:
        wrong.forbidden("metadata.namespace", "not allowed on this type")
    if meta.labels:
        check_labels("metadata.labels", meta.labels, wrong)
    if meta.annotations:
        check_annotations("metadata.annotations", meta.annotations, wrong)
    if meta.owner_references:
        _check_owners(meta.owner_references, wrong)
    if meta.finalizers:
        check_finalizers("metadata.finalizers", meta.finalizers, wrong)
    if meta.managed_fields:
        _check_managed_fields(meta.managed_fields, wrong)


def _probe(base: str) -> str:
    """What stands for the name that will be made: a rule about its end looks at the suffix, not at the base."""
    return base[:-1] + "a" if base.endswith("-") else base


def check_labels(path: str, labels: dict[str, str], wrong: Errors) -> None:
    """Keys are qualified names, values label values."""
    for key, value in labels.items():
        if said := names.qualified_name(key):
            wrong.each_invalid(path, key, said)
        if said := names.label_value(value):
            wrong.each_invalid(path, value, said)


def check_annotations(path: str, annotations: dict[str, str], wrong: Errors) -> None:
    """Keys are qualified names whatever their case; all together are bounded."""
    size = 0
    for key, value in annotations.items():
        wrong.each_invalid(path, key, names.qualified_name(key.lower()))
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_BYTES_MAX:
        wrong.too_long(path, ANNOTATIONS_BYTES_MAX)


def _check_owners(owners: list[OwnerReference], wrong: Errors) -> None:
    path, controller = "metadata.ownerReferences", ""
    for owner in owners:
        version = owner.api_version.rpartition("/")[2] if owner.api_version.count("/") <= 1 else ""
        if not version:
            wrong.invalid(f"{path}.apiVersion", owner.api_version, "version must not be empty")
        for name, value in (("kind", owner.kind), ("name", owner.name), ("uid", owner.uid)):
            if not value:
                wrong.invalid(f"{path}.{name}", value, "must not be empty")
        if (owner.api_version, owner.kind) in UNFIT_OWNERS:
            wrong.invalid(path, owner, f"/{owner.api_version}, Kind={owner.kind} is disallowed from being an owner")
        if owner.controller:
            if controller:
                found = f'"true" in references for {controller} and {owner.kind}/{owner.name}'
                wrong.invalid(path, owners, f"Only one reference can have Controller set to true. Found {found}")
            controller = controller or f"{owner.kind}/{owner.name}"


def check_finalizers(path: str, finalizers: list[str], wrong: Errors) -> None:
    """Qualified names with a domain, but for Kubernetes' own."""
    for finalizer in finalizers:
        wrong.each_invalid(path, finalizer, names.qualified_name(finalizer))
    if ORPHAN in finalizers and FOREGROUND in finalizers:
        wrong.invalid(path, finalizers, f"finalizers {ORPHAN} and {FOREGROUND} cannot be both set")
    for index, finalizer in enumerate(finalizers):
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            wrong.invalid(f"{path}[{index}]", finalizer, detail)


def carry_over(new: ObjectMeta, old: ObjectMeta) -> None:
    """What an update cannot change is taken from the stored object; managed fields are decided elsewhere."""
    if not new.uid:
        new.uid = old.uid
    new.creation_timestamp = old.creation_timestamp
    if old.deletion_timestamp is not None:
        new.deletion_timestamp = old.deletion_timestamp
    if new.deletion_grace_period_seconds is None:
        new.deletion_grace_period_seconds = old.deletion_grace_period_seconds
    new.generation = old.generation
    new.self_link = ""


def check_meta_update(new: ObjectMeta, old: ObjectMeta, looks: tuple[int, int], wrong: Errors) -> None:
    """What an update of metadata may not do; ``wrong`` has what ``check_meta`` found and nothing else.

    Kubernetes looks at metadata on the way in and again with each kind's own checks, and so says everything several
    times. ``looks``: how often those look at all of it, and how often at what an update may not do.
    """
    found = list(wrong.causes)
    _check_kept(new, old, wrong)
    if not wrong.causes:
        return
    whole, changed = looks
    update = wrong.causes[len(found) :] + [each for each in found if each.field.startswith(_LOOKED_AT_TWICE)]
    # Only the kinds' own checks know which finalizers are standard ones.
    own = [each for each in found if each.field.startswith(_OWN)]
    first = [each for each in found if not each.field.startswith(_OWN)]
    wrong.causes[:] = first + update + (update + own) * changed + found * whole


_OWN: Final = "metadata.finalizers["
_LOOKED_AT_TWICE: Final = (
    "metadata.labels",
    "metadata.annotations",
    "metadata.ownerReferences",
    "metadata.managedFields",
)


def _check_kept(new: ObjectMeta, old: ObjectMeta, wrong: Errors) -> None:
    if old.deletion_timestamp is not None and new.finalizers:
        added = [each for each in new.finalizers if each not in old.finalizers]
        if added:
            listed = ", ".join(f'"{each}"' for each in added)
            wrong.forbidden(
                "metadata.finalizers",
                "no new finalizers can be added if the object is being deleted, found new finalizers "
                f"[]string{{{listed}}}",
            )
    wrong.immutable("metadata.name", new.name, old.name)
    wrong.immutable("metadata.namespace", new.namespace, old.namespace)
    wrong.immutable("metadata.uid", new.uid, old.uid)
    wrong.immutable("metadata.deletionTimestamp", new.deletion_timestamp, old.deletion_timestamp)
    wrong.immutable(
        "metadata.deletionGracePeriodSeconds", new.deletion_grace_period_seconds, old.deletion_grace_period_seconds
    )


def _check_managed_fields(entries: Sequence[ManagedFieldsEntry], wrong: Errors) -> None:
    """Names are neither too long nor odd; what else entries say was right when they were read."""
    for index, entry in enumerate(entries):
        path = f"metadata.managedFields[{index}]"
        wrong.causes += [
            Cause(each.reason, each.message, f"{path}.manager") for each in field_manager_causes(entry.manager)
        ]
        if len(entry.subresource.encode()) > SUBRESOURCE_BYTES_MAX:
            wrong.too_long(f"{path}.subresource", SUBRESOURCE_BYTES_MAX)
