"""What a write comes to: pure decisions over the stored object, the new one, and who asks."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from k3py.base.clock import rfc3339
from k3py.base.ids import new_uid
from k3py.model import codec
from k3py.model.errors import (
    STALE,
    Cause,
    conflict,
    invalid,
)
from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.model.registry import Kind
from k3py.model.user import User
from k3py.objects.admission import Admission
from k3py.objects.fields import Errors
from k3py.objects.identity import check_name, other_uid, place
from k3py.objects.kinds.table import rules_of
from k3py.objects.managing import Author, keep_times, own_creation, own_update
from k3py.objects.meta import carry_over, check_meta, check_meta_update
from k3py.objects.normalise import normalised
from k3py.objects.options import Patch, WriteOptions
from k3py.objects.patch.result import patched_object
from k3py.objects.problems import Unexplained
from k3py.objects.rules import Rules
from k3py.objects.views import shown
from k3py.store.records import Record

_VERSION: Final = "metadata.resourceVersion"
# A number of 64 bits has no more (one of as many digits may still be larger: it is nobody's version).
_VERSION_DIGITS_MAX: Final = 20


@dataclass(frozen=True)
class Decision:
    """What is to become of an object. ``unchanged``: nothing, it is what it would be anyway."""

    obj: Any
    warnings: Sequence[str] = ()
    unchanged: bool = False


@dataclass(frozen=True)
class Replacement(Decision):
    """The object is stored anew."""


@dataclass(frozen=True)
class Removal(Decision):
    """The object goes. ``obj`` is what the write made of it; ``last`` its last stored version, when that is another."""

    last: bytes = b""


def creation(
    kind: Kind,
    namespace: str,
    new: Any,
    admission: Admission,
    user: User,
    author: Author,
    source: random.Random,
    rules: Rules | None = None,
) -> list[str]:
    """Make ``new`` what is to be stored, in place; returns warnings. ``source`` gives the uid.

    ``rules``: others than the kind's own.

    Raises:
        Problem: it cannot be stored.
    """
    rules = rules or rules_of(kind.type)
    meta: ObjectMeta = new.metadata
    place(kind, namespace, meta)
    normalised(kind, new)
    rules.default(new)
    _reset_meta(meta, author.now, source)
    own_creation(kind, new, author)
    if "status" in kind.subresources and not rules.status_on_create:
        new.status = type(new.status)()
    rules.prepare_create(new)
    if kind.keep_generation:
        meta.generation = 1
    admission.create(kind, namespace, new, user, source)
    wrong = Errors()
    check_meta(meta, kind.namespaced, rules.name, wrong)
    rules.check(new, wrong)
    rules.check_create(new, wrong)
    admission.check(new, wrong)
    if not wrong:
        admission.allocate(new, None, wrong)
    _refuse(kind, meta.name, wrong)
    if _revision(meta.resource_version):
        raise Unexplained("resourceVersion should not be set on objects to be created")
    meta.resource_version = ""
    return rules.warn(new)


def _revision(version: str) -> int | None:
    """The number that a version is; 0 for an empty one, None for one that is no number of 64 bits."""
    if not version:
        return 0
    if not (version.isascii() and version.isdigit()) or len(version) > _VERSION_DIGITS_MAX:
        return None
    return int(version)


def _reset_meta(meta: ObjectMeta, now: float, source: random.Random) -> None:
    """What only the server sets."""
    meta.uid = new_uid(source)
    meta.creation_timestamp = rfc3339(now)
    meta.deletion_timestamp = None
    meta.deletion_grace_period_seconds = None
    meta.self_link = ""
    meta.generation = 0


def update(
    kind: Kind,
    current: Record,
    new: Any,
    subresource: str,
    admission: Admission,
    user: User,
    author: Author,
    rules: Rules | None = None,
) -> Decision:
    """What an update comes to; ``new`` becomes the object that is to be stored. ``rules``: others than the kind's own.

    Raises:
        Problem: it cannot be stored.
    """
    rules = rules or rules_of(kind.type)
    old: Any = codec.decode(kind.type, current.raw)
    meta, old_meta = new.metadata, old.metadata
    place(kind, current.namespace, meta)
    _same_object(kind, meta, old_meta, author)
    if author.is_put and not rules.unconditional_update and meta.resource_version in ("", "0"):
        cause = Cause("FieldValueInvalid", "Invalid value: 0: must be specified for an update", _VERSION)
        raise invalid(kind.plural, kind.group, old_meta.name, [cause])
    normalised(kind, new)
    rules.default(new)
    owned = own_update(kind, current.raw, new, subresource, author)
    carry_over(meta, old_meta)
    meta.managed_fields = owned
    _keep_other_half(kind, rules, new, old, subresource)
    if subresource:
        rules.stamp(new, old, author.now)
    admission.update(kind, new, old, subresource, user)
    if kind.keep_generation and subresource != "status" and rules.generation_moves(new, old):
        meta.generation = old_meta.generation + 1
    _check_update(kind, rules, new, old, subresource, admission)
    meta.resource_version = old_meta.resource_version
    if is_finished(new):
        return Removal(new, last=current.raw)
    keep_times(new, old)
    warnings = rules.warnings_of_change(new, old) if subresource == "" else ()
    return Replacement(new, warnings, unchanged=new == old)


def _check_update(kind: Kind, rules: Rules, new: Any, old: Any, subresource: str, admission: Admission) -> None:
    """Refuse a change, with everything that is wrong with it; what is right is given what only the cluster has."""
    wrong = Errors()
    check_meta(new.metadata, kind.namespaced, rules.name, wrong)
    looks = (0, 1) if subresource else rules.metadata_looks
    check_meta_update(new.metadata, old.metadata, looks, wrong)
    part = rules.parts.get(subresource)
    if subresource == "status":
        rules.check_status(new, old, wrong)
    elif part is not None:
        part.check(new, old, wrong)
    else:
        rules.check(new, wrong)
        rules.check_update(new, old, wrong)
    if not wrong and subresource != "status":
        admission.allocate(new, old, wrong)
    _refuse(kind, old.metadata.name, wrong)


def _same_object(kind: Kind, meta: ObjectMeta, old: ObjectMeta, author: Author) -> None:
    """The name, version and uid in the object are those of the stored one, as far as they are given."""
    check_name(old.name, meta)
    if author.is_put and meta.uid and meta.uid != old.uid:
        raise other_uid(kind, old.namespace, old.name, meta.uid, old.uid)
    revision = _revision(meta.resource_version)
    if revision is None:
        said = f'strconv.ParseUint: parsing "{meta.resource_version}": '
        is_number = meta.resource_version.isascii() and meta.resource_version.isdigit()
        raise Unexplained(said + ("value out of range" if is_number else "invalid syntax"))
    if revision and revision != int(old.resource_version):
        raise conflict(kind.plural, kind.group, old.name, STALE)


def _keep_other_half(kind: Kind, rules: Rules, new: Any, old: Any, subresource: str) -> None:
    """The main resource does not write status, the status subresource nothing else."""
    if subresource == "status":
        new.spec = old.spec
        rules.prepare_status(new, old)
        return
    part = rules.parts.get(subresource)
    if part is not None:
        part.prepare(new, old)
        return
    if "status" in kind.subresources:
        new.status = old.status
    rules.prepare_update(new, old)


def is_finished(obj: Any) -> bool:
    """Whether nothing keeps an object any more that is being deleted."""
    meta = obj.metadata
    if meta.deletion_timestamp is None or meta.finalizers or meta.deletion_grace_period_seconds:
        return False
    return not getattr(getattr(obj, "spec", None), "finalizers", None)


def patched(kind: Kind, current: Record, patch: Patch, options: WriteOptions) -> tuple[Any, list[str]]:
    """The object that a patch makes of the stored one, and warnings of unknown fields.

    Raises:
        BadRequest, Invalid, InternalError: the patch cannot be applied.
    """
    before = codec.to_plain(codec.decode(kind.type, shown(kind, current.raw)))
    return patched_object(kind, before, patch, options.field_validation)


def may_create(kind: Kind, obj: Any, subresource: str) -> bool:
    """Whether a PUT of an object that is not there creates it."""
    version = obj.metadata.resource_version
    return subresource == "" and rules_of(kind.view_of or kind.type).create_on_update and version in ("", "0")


def _refuse(kind: Kind, name: str, wrong: Errors) -> None:
    if wrong:
        raise invalid(kind.name, kind.group, name, wrong.causes)
