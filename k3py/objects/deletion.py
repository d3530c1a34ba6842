"""What a deletion comes to: gone at once, gone after a grace period, or kept by finalizers. Pure decisions.

Source: apiserver ``pkg/registry/rest/delete.go`` and ``generic/registry/store.go``, and what kube-apiserver answers.
"""

from typing import Any, Final

from k3py.base.clock import parse_rfc3339, rfc3339
from k3py.model import codec
from k3py.model.errors import Cause, Problem, conflict, invalid
from k3py.model.generated import core_v1, meta_v1
from k3py.model.registry import Kind
from k3py.model.user import User
from k3py.objects.admission import Admission
from k3py.objects.changes import Decision, Removal, Replacement
from k3py.objects.kinds.table import rules_of
from k3py.objects.meta import FOREGROUND, ORPHAN
from k3py.objects.options import Deleted
from k3py.store.records import Record

POD_GRACE_SECONDS: Final = 30
# Longer than any machine lives, and its end is still a date that can be written.
POD_GRACE_SECONDS_MAX: Final = (1 << 31) - 1
POLICIES: Final = ("Background", "Foreground", "Orphan")
_FINISHED: Final = ("Failed", "Succeeded")


def decide(
    kind: Kind, current: Record, options: meta_v1.DeleteOptions, admission: Admission, user: User, now: float
) -> Decision:
    """What the deletion of a record comes to; ``now`` in seconds since 1970.

    Raises:
        Conflict: a precondition does not hold. Forbidden, Invalid.
    """
    check_options(options)
    obj: Any = codec.decode(kind.type, current.raw)
    _check_preconditions(kind, obj.metadata, options.preconditions)
    admission.delete(kind, obj, user)
    meta: meta_v1.ObjectMeta = obj.metadata
    finalizers = _finalizers(meta.finalizers, options)
    changed = finalizers != meta.finalizers
    meta.finalizers = finalizers
    grace = _pod_grace(obj, options) if isinstance(obj, core_v1.Pod) else 0
    if meta.deletion_timestamp is None:
        _mark(meta, None if isinstance(obj, core_v1.Namespace) else grace, now)
        changed = True
    elif isinstance(obj, core_v1.Pod):
        changed = _shorten(meta, options, grace) or changed
    if isinstance(obj, core_v1.Namespace) and obj.spec.finalizers:
        obj.status.phase = "Terminating"
        return Replacement(obj, unchanged=not changed)
    if finalizers or meta.deletion_grace_period_seconds:
        return Replacement(obj, unchanged=not changed)
    if not isinstance(obj, core_v1.Pod):
        return Removal(codec.decode(kind.type, current.raw))  # it goes as it was: it was never seen being deleted
    return Removal(obj)


def check_options(options: meta_v1.DeleteOptions) -> None:
    """Refuse options that contradict themselves.

    Raises:
        Invalid: in Kubernetes' words.
    """
    causes = []
    policy = options.propagation_policy
    if options.orphan_dependents is not None and policy is not None:
        said = f'Invalid value: "{policy}": orphanDependents and deletionPropagation cannot be both set'
        causes.append(Cause("FieldValueInvalid", said, "propagationPolicy"))
    elif policy is not None and policy not in POLICIES:
        listed = ", ".join(f'"{each}"' for each in (*POLICIES, "nil"))
        said = f'Unsupported value: "{policy}": supported values: {listed}'
        causes.append(Cause("FieldValueNotSupported", said, "propagationPolicy"))
    unknown = [each for each in options.dry_run if each != "All"]
    if unknown:
        shown = codec.encode(options.dry_run).decode()
        said = f'Unsupported value: {shown}: supported values: "All"'
        causes.append(Cause("FieldValueNotSupported", said, "dryRun"))
    if causes:
        raise invalid("DeleteOptions", "meta.k8s.io", "", causes)


def _check_preconditions(kind: Kind, meta: meta_v1.ObjectMeta, wanted: meta_v1.Preconditions | None) -> None:
    if wanted is None:
        return
    for word, given, found in (
        ("UID", wanted.uid, meta.uid),
        ("ResourceVersion", wanted.resource_version, meta.resource_version),
    ):
        if given is not None and given != found:
            raise _precondition(kind, meta.name, word, given, found)


def _precondition(kind: Kind, name: str, word: str, given: str, found: str) -> Problem:
    return conflict(
        kind.name,
        kind.group,
        name,
        f"the {word} in the precondition ({given}) does not match the {word} in record ({found})."
        " The object might have been " + ("deleted and then recreated" if word == "UID" else "modified"),
    )


def _finalizers(present: list[str], options: meta_v1.DeleteOptions) -> list[str]:
    """The finalizers as the propagation policy wants them; without one they stay."""
    policy = options.propagation_policy
    if options.orphan_dependents is not None:
        policy = "Orphan" if options.orphan_dependents else "Background"
    if policy is None:
        return present
    rest = [each for each in present if each not in (ORPHAN, FOREGROUND)]
    if policy == "Orphan":
        rest.append(ORPHAN)
    elif policy == "Foreground":
        rest.append(FOREGROUND)
    return rest


def _pod_grace(pod: core_v1.Pod, options: meta_v1.DeleteOptions) -> int:
    """Seconds the pod gets: none when no node has it or it has finished."""
    if not pod.spec.node_name or pod.status.phase in _FINISHED:
        return 0
    grace = options.grace_period_seconds
    if grace is None:
        grace = pod.spec.termination_grace_period_seconds
    if grace is None:
        return POD_GRACE_SECONDS
    return min(grace, POD_GRACE_SECONDS_MAX) if grace >= 0 else 1


def _mark(meta: meta_v1.ObjectMeta, grace: int | None, now: float) -> None:
    meta.deletion_timestamp = rfc3339(now + (grace or 0))
    meta.deletion_grace_period_seconds = grace
    if meta.generation:
        meta.generation += 1


def _shorten(meta: meta_v1.ObjectMeta, options: meta_v1.DeleteOptions, grace: int) -> bool:
    """A pod that is being deleted already may only be given less time. Returns whether it was."""
    present = meta.deletion_grace_period_seconds or 0
    if options.grace_period_seconds is None and grace > 0:
        return False
    if grace >= present:
        return False
    assert meta.deletion_timestamp is not None
    meta.deletion_timestamp = rfc3339(parse_rfc3339(meta.deletion_timestamp) - present + grace)
    meta.deletion_grace_period_seconds = grace
    return True


def answer(kind: Kind, record: Record, raw: bytes, gone: bool) -> Deleted:
    """What the caller is told: the object while it stays or when its kind answers so, else a ``Status``."""
    is_status = gone and not rules_of(kind.type).returns_deleted
    if is_status:
        details = {"name": record.name, "group": kind.group, "kind": kind.plural, "uid": record.uid}
        raw = codec.encode(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": {key: value for key, value in details.items() if value},
            }
        )
    return Deleted(raw, record, gone, is_status)
