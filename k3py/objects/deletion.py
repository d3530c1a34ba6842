"""What a deletion comes to: gone at once, gone after a grace period, or kept by finalizers. Pure decisions.

Source: apiserver ``pkg/registry/rest/delete.go`` and ``generic/registry/store.go``, and what kube-apiserver answers.
"""

from typing import Any, Final

from k3py.base.clock import parse_rfc3339, rfc3339
from k3py.model import codec
from k3py.model.errors import Problem, conflict, invalid
from k3py.model.generated import core_v1, meta_v1
from k3py.model.registry import Kind
from k3py.model.user import User
from k3py.objects.admission import Admission
from k3py.objects.changes import Decision, Removal, Replacement
from k3py.objects.fields import Errors
from k3py.objects.kinds.table import rules_of
from k3py.objects.meta import FOREGROUND, ORPHAN
from k3py.objects.options import Deleted
from k3py.store.records import Record

POD_GRACE_SECONDS: Final = 30
# Longer than any machine lives, and its end is still a date that can be written.
POD_GRACE_SECONDS_MAX: Final = (1 << 31) - 1
POLICIES: Final = ("Foreground", "Background", "Orphan")
_FINISHED: Final = ("Failed", "Succeeded")
# What a kind's dependents come to when nobody says (``DefaultGarbageCollectionPolicy``).
_ORPHANED: Final = (("", "ReplicationController"), ("batch", "Job"))
# Kinds that keep no dependents.
_CHILDLESS: Final = (("", "Event"), ("events.k8s.io", "Event"))
JOB_ORPHANS: Final = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set"
    " propagationPolicy=Orphan to suppress this warning"
)


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
    if isinstance(obj, core_v1.Namespace) and (obj.spec.finalizers or obj.metadata.deletion_timestamp is None):
        return _namespace(kind, obj, options, now)
    if isinstance(obj, core_v1.Pod) and not _is_ending(obj.metadata):
        return _pod(kind, obj, options, now)
    meta: meta_v1.ObjectMeta = obj.metadata
    finalizers = _finalizers(kind, meta.finalizers, options)
    if not finalizers:
        return Removal(codec.decode(kind.type, current.raw))  # it goes as it was: it was never seen being deleted
    changed = finalizers != meta.finalizers
    meta.finalizers = finalizers
    if meta.deletion_timestamp is None:
        _mark(meta, 0, now)
        changed = True
    return Replacement(obj, unchanged=not changed)


def _is_ending(meta: meta_v1.ObjectMeta) -> bool:
    """Whether a pod is being deleted and its time is over: only finalizers keep it."""
    return meta.deletion_timestamp is not None and not meta.deletion_grace_period_seconds


def _namespace(kind: Kind, namespace: core_v1.Namespace, options: meta_v1.DeleteOptions, now: float) -> Decision:
    """A namespace stays until its contents are gone: the controller of namespaces then takes its finalizers away."""
    meta = namespace.metadata
    if meta.deletion_timestamp is not None:
        return Replacement(namespace, unchanged=True)
    _mark(meta, None, now)
    meta.finalizers = _finalizers(kind, meta.finalizers, options)
    namespace.status.phase = "Terminating"
    return Replacement(namespace) if namespace.spec.finalizers or meta.finalizers else Removal(namespace)


def _pod(kind: Kind, pod: core_v1.Pod, options: meta_v1.DeleteOptions, now: float) -> Decision:
    """A pod gets its grace period. Once that runs, it can only become shorter, and nothing else changes."""
    meta = pod.metadata
    if meta.deletion_timestamp is None:
        _mark(meta, _pod_grace(pod, options), now)
    elif not _shorten(meta, options):
        return Replacement(pod, unchanged=True)
    meta.finalizers = _finalizers(kind, meta.finalizers, options)
    return Replacement(pod) if meta.finalizers or meta.deletion_grace_period_seconds else Removal(pod)


def check_options(options: meta_v1.DeleteOptions) -> None:
    """Refuse options that contradict themselves.

    Raises:
        Invalid: in Kubernetes' words.
    """
    wrong = Errors()
    policy = options.propagation_policy
    if options.orphan_dependents is not None and policy is not None:
        wrong.invalid("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set")
    if policy is not None and policy not in POLICIES:
        wrong.unsupported("propagationPolicy", policy, (*POLICIES, "nil"))
    if any(each != "All" for each in options.dry_run):
        wrong.unsupported("dryRun", options.dry_run, ("All",))
    if wrong:
        raise invalid("DeleteOptions", "meta.k8s.io", "", wrong.causes)


def warnings(kind: Kind, options: meta_v1.DeleteOptions) -> list[str]:
    """What the user should hear before it happens."""
    says_nothing = options.propagation_policy is None and options.orphan_dependents is None
    return [JOB_ORPHANS] if says_nothing and (kind.group, kind.name) == ("batch", "Job") else []


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
    if (kind.group, kind.name) == ("", "Namespace"):
        said = f"Precondition failed: {word} in precondition: {given}, {word} in object meta: {found}"
        return conflict(kind.plural, kind.group, name, said)
    return conflict(
        kind.name,
        kind.group,
        name,
        f"the {word} in the precondition ({given}) does not match the {word} in record ({found})."
        " The object might have been " + ("deleted and then recreated" if word == "UID" else "modified"),
    )


def _finalizers(kind: Kind, present: list[str], options: meta_v1.DeleteOptions) -> list[str]:
    """The finalizers as the propagation policy wants them: what was asked for, else what they say already, else what
    is usual for the kind."""
    policy = options.propagation_policy
    if options.orphan_dependents is not None:
        policy = "Orphan" if options.orphan_dependents else "Background"
    if (kind.group, kind.name) in _CHILDLESS:
        policy = "Background"
    elif policy is None:
        standing = next((each for each in present if each in (ORPHAN, FOREGROUND)), "")
        policy = {ORPHAN: "Orphan", FOREGROUND: "Foreground"}.get(standing)
    if policy is None and (kind.group, kind.name) in _ORPHANED:
        policy = "Orphan"
    wanted = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(policy or "", [])
    rest = [each for each in present if each not in (ORPHAN, FOREGROUND)]
    return present if set(present) == {*rest, *wanted} else rest + wanted


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


def _shorten(meta: meta_v1.ObjectMeta, options: meta_v1.DeleteOptions) -> bool:
    """A pod that is being deleted already may only be given less time. Returns whether it was."""
    present = meta.deletion_grace_period_seconds or 0
    if options.grace_period_seconds is None:
        return False
    grace = options.grace_period_seconds if options.grace_period_seconds >= 0 else 1
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
