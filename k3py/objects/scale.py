"""The ``scale`` subresource: a Deployment or ReplicaSet seen as a number of replicas (autoscaling/v1 Scale)."""

from typing import Any

from k3py.model import codec
from k3py.model.errors import BadRequest, Cause, conflict, invalid, not_found
from k3py.model.generated import autoscaling_v1
from k3py.model.registry import Kind
from k3py.model.selectors import from_struct
from k3py.objects.encoding import encode
from k3py.objects.options import Patch, WriteOptions, Written
from k3py.objects.patch import apply_plain
from k3py.objects.patch.errors import unusable
from k3py.store.records import Record


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
        replicas=obj.status.replicas, selector=str(from_struct(obj.spec.selector))
    )
    return scale


def scaled(kind: Kind, current: Record, wanted: autoscaling_v1.Scale) -> Any:
    """The stored object with the wanted number of replicas.

    Raises:
        Invalid, Conflict, BadRequest, NotFound.
    """
    if "scale" not in kind.subresources:
        raise not_found(kind.plural, kind.group, current.name)
    if wanted.metadata.name and wanted.metadata.name != current.name:
        raise BadRequest(
            f"the name of the object ({wanted.metadata.name}) does not match the name on the URL ({current.name})"
        )
    if wanted.spec.replicas < 0:
        said = f"Invalid value: {wanted.spec.replicas}: must be greater than or equal to 0"
        raise invalid("Scale", "autoscaling", current.name, [Cause("FieldValueInvalid", said, "spec.replicas")])
    if wanted.metadata.uid and wanted.metadata.uid != current.uid:
        why = f"Precondition failed: UID in precondition: {wanted.metadata.uid}, UID in object meta: {current.uid}"
        raise conflict(kind.plural, kind.group, current.name, why)
    obj: Any = codec.decode(kind.type, current.raw)
    obj.metadata.resource_version = wanted.metadata.resource_version
    obj.spec.replicas = wanted.spec.replicas
    return obj


def patched(kind: Kind, current: Record, patch: Patch, options: WriteOptions) -> autoscaling_v1.Scale:
    """The scale that a patch makes of the object's.

    Raises:
        BadRequest, Invalid, NotFound.
    """
    del options
    before = of_object(kind, codec.decode(kind.type, current.raw))
    before_plain = codec.to_plain(before)
    before_plain["metadata"].pop("resourceVersion", None)
    after = apply_plain(before_plain, patch, before.__doc__ or "")
    try:
        return codec.convert(autoscaling_v1.Scale, after, lenient=True)[0]
    except ValueError as error:
        raise unusable(patch, after, str(error)) from None


def answer(kind: Kind, written: Written) -> Written:
    """The Scale in place of the object that was written."""
    scale = of_object(kind, codec.decode(kind.type, written.raw))
    return Written(encode(scale), written.record, warnings=written.warnings)
