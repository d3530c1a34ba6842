"""The ReplicaSets that a Deployment makes: name, template hash, annotations."""

from typing import Final

import msgspec

from k3py.base.ids import SUFFIX_ALPHABET
from k3py.controllers.owners import owned_by
from k3py.controllers.rollout import DESIRED_REPLICAS, MAX_REPLICAS, REVISION, REVISION_HISTORY, Bounds, annotated
from k3py.model.codec import encode
from k3py.model.generated import apps_v1, core_v1, meta_v1

HASH_LABEL: Final = "pod-template-hash"
HISTORY_DEFAULT: Final = 10
# client-go's bound on the annotation that lists the earlier revisions of a set which was rolled back to.
REVISION_HISTORY_LENGTH_MAX: Final = 2_000
_NOT_COPIED: Final = frozenset(
    (
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        REVISION_HISTORY,
        DESIRED_REPLICAS,
        MAX_REPLICAS,
        "deprecated.deployment.rollback.to",
    )
)
_FNV_OFFSET: Final = 2166136261
_FNV_PRIME: Final = 16777619


def template_hash(template: core_v1.PodTemplateSpec, collision_count: int | None) -> str:
    """``pod-template-hash``: FNV-1a (32 bits) over the template's JSON and the collision count, in the alphabet that
    Kubernetes uses for suffixes. Kubernetes hashes Go's memory dump, so values differ; nobody compares them, because
    a set is recognised by its template."""
    text = encode(template)
    if collision_count is not None:
        text += collision_count.to_bytes(8, "little")
    value = _FNV_OFFSET
    for byte in text:
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return "".join(SUFFIX_ALPHABET[ord(digit) % len(SUFFIX_ALPHABET)] for digit in str(value))


def set_name(wanted: apps_v1.Deployment) -> str:
    """Name of the set for the Deployment's present template."""
    return f"{wanted.metadata.name}-{template_hash(wanted.spec.template, wanted.status.collision_count)}"


def same_template(each: apps_v1.ReplicaSet, wanted: apps_v1.Deployment) -> bool:
    """The set has the Deployment's template but for the hash label."""
    mine, theirs = wanted.spec.template, each.spec.template
    if mine.spec != theirs.spec:
        return False
    return _plain(mine.metadata) == _plain(theirs.metadata)


def _plain(metadata: meta_v1.ObjectMeta) -> meta_v1.ObjectMeta:
    labels = {key: value for key, value in metadata.labels.items() if key != HASH_LABEL}
    return msgspec.structs.replace(metadata, labels=labels)


def made_for(wanted: apps_v1.Deployment, replicas: int, annotations: dict[str, str]) -> apps_v1.ReplicaSet:
    """A new set for the Deployment's template."""
    value = template_hash(wanted.spec.template, wanted.status.collision_count)
    template = wanted.spec.template
    labels = {**template.metadata.labels, HASH_LABEL: value}
    selector = wanted.spec.selector or meta_v1.LabelSelector()
    return apps_v1.ReplicaSet(
        metadata=meta_v1.ObjectMeta(
            name=f"{wanted.metadata.name}-{value}",
            namespace=wanted.metadata.namespace,
            labels=labels,
            annotations=annotations,
            owner_references=[owned_by(wanted)],
        ),
        spec=apps_v1.ReplicaSetSpec(
            replicas=replicas,
            min_ready_seconds=wanted.spec.min_ready_seconds,
            selector=msgspec.structs.replace(selector, match_labels={**selector.match_labels, HASH_LABEL: value}),
            template=msgspec.structs.replace(
                template, metadata=msgspec.structs.replace(template.metadata, labels=labels)
            ),
        ),
    )


def annotations_for(
    wanted: apps_v1.Deployment, limits: Bounds, revision: int | None, each: apps_v1.ReplicaSet | None
) -> dict[str, str]:
    """A set's annotations: the Deployment's own, what it is scaled for, and its revision.

    ``revision`` None only says anew what it is scaled for. A set that was rolled back to gets a new revision and
    remembers the earlier ones; a revision never goes back.
    """
    known = dict(each.metadata.annotations) if each is not None else {}
    if revision is not None:
        known.update({k: v for k, v in wanted.metadata.annotations.items() if k not in _NOT_COPIED})
        before = annotated(each, REVISION) if each is not None else 0
        if revision > before:
            known[REVISION] = str(revision)
            if before:
                earlier = [*filter(None, known.get(REVISION_HISTORY, "").split(",")), str(before)]
                while len(",".join(earlier)) > REVISION_HISTORY_LENGTH_MAX:
                    del earlier[0]
                known[REVISION_HISTORY] = ",".join(earlier)
        if each is not None:
            return known
    known[DESIRED_REPLICAS] = str(limits.replicas)
    known[MAX_REPLICAS] = str(limits.replicas + limits.surge)
    return known


def with_size(each: apps_v1.ReplicaSet, replicas: int, annotations: dict[str, str]) -> apps_v1.ReplicaSet:
    """The set with another size and other annotations; the cached one stays as it is."""
    return msgspec.structs.replace(
        each,
        metadata=msgspec.structs.replace(each.metadata, annotations=annotations),
        spec=msgspec.structs.replace(each.spec, replicas=replicas),
    )
