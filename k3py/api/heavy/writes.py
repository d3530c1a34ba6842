"""One write as a client asks for it, without HTTP, and how it is done: decoded, decided and stored."""

from collections.abc import Sequence

import msgspec

from k3py.api.applying import apply_body
from k3py.model.generated import autoscaling_v1
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.struct import Wire
from k3py.model.user import User
from k3py.objects.decode import decode_body
from k3py.objects.options import APPLY_PATCH, WriteOptions, Written, patch_type
from k3py.objects.patch.reading import read_patch
from k3py.objects.scale import SCALE
from k3py.objects.service import Objects


class Write(msgspec.Struct, frozen=True):
    """``verb`` is create, update or patch (or an apply, by its ``media_type``); ``type`` the kind of the resource."""

    verb: str
    type: type[Wire]
    namespace: str
    name: str
    subresource: str
    body: bytes
    media_type: str
    options: WriteOptions
    user: User


class Outcome(msgspec.Struct, frozen=True):
    """The object as it was written (JSON), of which kind it is (a Scale may be written), and what is to be said."""

    raw: bytes
    type: type[Wire]
    created: bool
    warnings: Sequence[str]

    @property
    def kind(self) -> Kind:
        """The kind of what is answered."""
        return SCALE if self.type is SCALE.type else KINDS.of(self.type)


async def perform(objects: Objects, write: Write) -> Outcome:
    """Do a write.

    Raises:
        Problem: it is refused.
    """
    kind = KINDS.of(write.type)
    if write.verb == "create":
        obj, said = decode_body(kind, write.body, write.media_type, write.options.field_validation)
        return _outcome(kind, await objects.create(kind, write.namespace, obj, write.options, write.user), said)
    if write.verb == "update":
        return await _update(objects, kind, write)
    if write.media_type == APPLY_PATCH:
        return await _apply(objects, kind, write)
    patch = read_patch(patch_type(write.media_type), write.body, write.options.field_validation)
    place = (kind, write.namespace, write.name)
    if write.subresource == "scale":
        return _outcome(SCALE, await objects.scales.patch(*place, patch, write.options, write.user))
    return _outcome(kind, await objects.patch(*place, patch, write.options, write.user, write.subresource))


async def _update(objects: Objects, kind: Kind, write: Write) -> Outcome:
    sent = SCALE if write.subresource == "scale" else kind
    obj, said = decode_body(sent, write.body, write.media_type, write.options.field_validation)
    place = (kind, write.namespace, write.name)
    if isinstance(obj, autoscaling_v1.Scale):
        return _outcome(SCALE, await objects.scales.update(*place, obj, write.options, write.user), said)
    return _outcome(kind, await objects.update(*place, obj, write.options, write.user, write.subresource), said)


async def _apply(objects: Objects, kind: Kind, write: Write) -> Outcome:
    patch, said = apply_body(write.body, write.options.field_validation)
    place = (kind, write.namespace, write.name)
    if write.subresource == "scale":
        return _outcome(SCALE, await objects.scales.apply(*place, patch, write.options, write.user), said)
    return _outcome(kind, await objects.apply(*place, patch, write.options, write.user, write.subresource), said)


def _outcome(kind: Kind, written: Written, said: Sequence[str] = ()) -> Outcome:
    warnings = [*said, *written.warnings] if said else written.warnings
    return Outcome(written.raw, kind.type, written.created, warnings)
