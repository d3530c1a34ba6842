"""The ``scale`` subresource: a Deployment or ReplicaSet seen as a number of replicas (autoscaling/v1 Scale)."""

from collections.abc import Mapping
from typing import Any, Final

from k3py.model import codec
from k3py.model.errors import Cause, Problem, conflict, invalid, not_found
from k3py.model.generated import autoscaling_v1, meta_v1
from k3py.model.registry import Kind
from k3py.model.selectors import from_struct
from k3py.objects.apply import applied, scale_target, to_main, to_scale, updated
from k3py.objects.apply.managing import Plain
from k3py.objects.applying import unconvertible
from k3py.objects.encoding import encode
from k3py.objects.identity import check_name, check_namespace, other_uid
from k3py.objects.managing import Author, plain_entries
from k3py.objects.options import Patch, WriteOptions, Written
from k3py.objects.patch.result import patched_object
from k3py.store.records import Record

SCALE: Final = Kind(autoscaling_v1.Scale, "scales", stored=False)


def of_object(kind: Kind, obj: Any) -> autoscaling_v1.Scale:
    """The scale of an object.

    Raises:
        NotFound: its kind has none.
    """
    if "scale" not in kind.subresources:
        raise not_found(kind.plural, kind.group, obj.metadata.name)
    meta = obj.metadata
    scale = autoscaling_v1.Scale()
    scale.metadata.name, scale.metadata.namespace, scale.metadata.uid = meta.name, meta.namespace, meta.uid
    scale.metadata.resource_version = meta.resource_version
    scale.metadata.creation_timestamp = meta.creation_timestamp
    scale.spec = autoscaling_v1.ScaleSpec(replicas=obj.spec.replicas or 0)
    scale.status = autoscaling_v1.ScaleStatus(
        replicas=obj.status.replicas, selector=str(from_struct(_label_selector(obj.spec.selector)))
    )
    return scale


def _label_selector(selector: Any) -> meta_v1.LabelSelector:
    """A ReplicationController's selector is a plain map."""
    if isinstance(selector, dict):
        return meta_v1.LabelSelector(match_labels=selector)
    return selector or meta_v1.LabelSelector()


def missing(kind: Kind, namespace: str, name: str, wanted: autoscaling_v1.Scale | Patch | Plain) -> Problem:
    """What is said of a write to the Scale of an object that is not there.

    Raises:
        BadRequest: it would be wrong anyway.
    """
    if isinstance(wanted, autoscaling_v1.Scale):
        check_namespace(kind, namespace, wanted.metadata)
        check_name(name, wanted.metadata)
        if wanted.metadata.uid:
            return other_uid(kind, namespace, name, wanted.metadata.uid, "")
    return not_found(f"{kind.plural}/scale", kind.group, name)


def _scaled(kind: Kind, current: Record, wanted: autoscaling_v1.Scale, *, put: bool) -> Any:
    """The stored object with the wanted number of replicas. ``put``: the Scale came as it is, from somebody who may
    have read that of an earlier object.

    Raises:
        BadRequest, Conflict, Invalid.
    """
    meta = wanted.metadata
    check_namespace(kind, current.namespace, meta)
    check_name(current.name, meta)
    is_other = bool(meta.uid) and meta.uid != current.uid
    if put and is_other:
        raise other_uid(kind, current.namespace, current.name, meta.uid, current.uid)
    if wanted.spec.replicas < 0:
        said = f"Invalid value: {wanted.spec.replicas}: must be greater than or equal to 0"
        raise invalid("Scale", "autoscaling", current.name, [Cause("FieldValueInvalid", said, "spec.replicas")])
    if is_other:
        why = f"Precondition failed: UID in precondition: {meta.uid}, UID in object meta: {current.uid}"
        raise conflict(f"{kind.plural}/scale", kind.group, current.name, why)
    obj: Any = codec.decode(kind.type, current.raw)
    obj.metadata.resource_version = meta.resource_version
    obj.spec.replicas = wanted.spec.replicas
    return obj


def decide(
    kind: Kind,
    current: Record,
    wanted: autoscaling_v1.Scale | Patch | Plain,
    options: WriteOptions,
    author: Author,
) -> tuple[Any, Author, list[str]]:
    """What the object becomes by a Scale that is put, a patch of its Scale, or an apply to it; who owns what then; and
    warnings for the user.

    Raises:
        BadRequest, Conflict, Conflicts, Invalid, NotFound.
    """
    obj = codec.decode(kind.type, current.raw)
    entries = plain_entries(obj.metadata.managed_fields)  # type: ignore[attr-defined]
    before = codec.to_plain(of_object(kind, obj))
    before["metadata"]["managedFields"] = to_scale(entries)
    target, manager, now = scale_target(), author.manager, author.now
    if isinstance(wanted, Mapping):
        result = applied(target, before, wanted, manager=options.field_manager, force=options.force, now=now)
        scale, owned, said = _applied(wanted, result.object), result.managed_fields, list[str]()
    else:
        scale, said = _patched(before, wanted, options) if isinstance(wanted, Patch) else (wanted, [])
        owned = updated(target, before, codec.to_plain(scale), manager=manager, now=now)
    author = Author(manager, now, to_main(entries, owned, kind.api_version))
    return _scaled(kind, current, scale, put=scale is wanted), author, said


def _patched(before: dict[str, Any], patch: Patch, options: WriteOptions) -> tuple[autoscaling_v1.Scale, list[str]]:
    """The Scale after a patch; only a version that the patch itself names has to be the stored one."""
    metadata = {name: value for name, value in before["metadata"].items() if name != "resourceVersion"}
    return patched_object(SCALE, {**before, "metadata": metadata}, patch, options.field_validation)


def _applied(patch: Plain, merged: Any) -> autoscaling_v1.Scale:
    try:
        return codec.convert(autoscaling_v1.Scale, merged, lenient=True)[0]
    except ValueError as error:
        raise unconvertible(SCALE, patch, merged, error) from None


def answer(kind: Kind, written: Written) -> Written:
    """The Scale in place of the object that was written."""
    scale = of_object(kind, codec.decode(kind.type, written.raw))
    return Written(encode(scale), written.record, warnings=written.warnings)
