"""DefaultTolerationSeconds: a pod bears a lost node for a while. Source: Kubernetes' plugin of that name."""

from typing import Final

from k3py.model.generated import core_v1

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
TOLERATION_SECONDS: Final = 300


def add_tolerations(spec: core_v1.PodSpec) -> None:
    """A pod stays on a node that is not ready or not reachable for a while, unless it says otherwise."""
    for key in (NOT_READY, UNREACHABLE):
        if not any(_speaks_of(each, key) for each in spec.tolerations):
            spec.tolerations.append(
                core_v1.Toleration(
                    key=key, operator="Exists", effect="NoExecute", toleration_seconds=TOLERATION_SECONDS
                )
            )


def _speaks_of(toleration: core_v1.Toleration, key: str) -> bool:
    """Whether the user has said what to do about this taint."""
    return toleration.key in ("", key) and toleration.effect in ("", "NoExecute")
