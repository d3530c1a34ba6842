"""Fields that a way of writing cannot change, so that nobody comes to own them through it.

Source: the ``GetResetFields`` of Kubernetes' registry strategies: the main resource does not write ``status``, the
subresource ``status`` not ``spec``.
"""

from collections.abc import Collection, Mapping
from typing import Final

from k3py.objects.apply.fieldset import ANYTHING, FieldSet, Pattern, Tree

_STATUS: Final = (("f:status",),)
_SPEC: Final = (("f:spec",),)
# What else the status of these kinds does not write.
_BESIDE_SPEC: Final[Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]] = {
    ("", "Pod"): (("f:metadata", "f:deletionTimestamp"), ("f:metadata", "f:ownerReferences")),
    ("apps", "Deployment"): (("f:metadata", "f:labels"),),
    ("certificates.k8s.io", "CertificateSigningRequest"): (("f:status", "f:conditions"),),
    ("storage.k8s.io", "VolumeAttachment"): (("f:metadata",),),
}
# Subresources of pods that write nothing but this; what else is sent is passed over.
_OF_CONTAINERS: Final[Pattern] = {ANYTHING: {"f:resources": None, "f:resizePolicy": None}}
_PARTS: Final[Mapping[str, Pattern]] = {
    "ephemeralcontainers": {"f:spec": {"f:ephemeralContainers": None}},
    "resize": {"f:spec": {"f:containers": _OF_CONTAINERS, "f:initContainers": _OF_CONTAINERS}},
}
# A request for a certificate cannot be changed but for its metadata.
_REQUEST: Final = ("certificates.k8s.io", "CertificateSigningRequest")
_NOTHING: Final[Tree] = {}


def reset_fields(group: str, kind: str, subresource: str, subresources: Collection[str]) -> Tree:
    """The fields (set, root) that a write of the kind through the subresource leaves alone.

    ``subresources``: those that the kind has; ``subresource`` is empty for the main one.
    """
    if "status" not in subresources or subresource == "scale":
        return _NOTHING
    if subresource == "status":
        return FieldSet.of(*_SPEC, *_BESIDE_SPEC.get((group, kind), ())).tree
    if subresource == "approval":
        return FieldSet.of(*_SPEC, ("f:status", "f:certificate")).tree
    return FieldSet.of(*_STATUS, *(_SPEC if (group, kind) == _REQUEST else ())).tree


def written_part(group: str, kind: str, subresource: str) -> Pattern | None:
    """The only fields that a write of the kind through the subresource brings about; None: all that are not reset."""
    return _PARTS.get(subresource) if (group, kind) == ("", "Pod") else None
