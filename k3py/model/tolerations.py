"""Taints and tolerations (Kubernetes ``core/v1`` ``Toleration.ToleratesTaint``)."""

from collections.abc import Iterable, Sequence

from k3py.model.generated import core_v1


def tolerates(toleration: core_v1.Toleration, taint: core_v1.Taint) -> bool:
    """Whether a pod with this toleration bears this taint. An empty effect or key matches every one."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator or "Equal":
        case "Exists":
            return True
        case "Equal":
            return toleration.value == taint.value and bool(toleration.key)
        case _:
            return False


def first_untolerated(
    taints: Iterable[core_v1.Taint], tolerations: Sequence[core_v1.Toleration], effects: Iterable[str]
) -> core_v1.Taint | None:
    """The first taint with one of these effects that no toleration bears, or None."""
    wanted = frozenset(effects)
    for taint in taints:
        if taint.effect in wanted and not any(tolerates(each, taint) for each in tolerations):
            return taint
    return None
