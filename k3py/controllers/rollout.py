"""The arithmetic of a rollout: how many replicas each ReplicaSet of a Deployment gets next.

Kubernetes' numbers (``pkg/controller/deployment``): maxSurge rounds up, maxUnavailable down, and both zero means one
unavailable; while several sets are alive a change of scale is spread in proportion.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from k3py.model.generated import apps_v1
from k3py.model.struct import IntOrString

REVISION: Final = "deployment.kubernetes.io/revision"
REVISION_HISTORY: Final = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS: Final = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS: Final = "deployment.kubernetes.io/max-replicas"
RECREATE: Final = "Recreate"


@dataclass(frozen=True)
class Bounds:
    """What a rollout may do beside the replicas asked for."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        """Pods there may be at once; none for a Deployment of none."""
        return self.replicas + self.surge if self.replicas > 0 else 0

    @property
    def least_available(self) -> int:
        return self.replicas - self.unavailable


def bounds(wanted: apps_v1.Deployment) -> Bounds:
    """Resolve percentages against the replicas asked for (``ResolveFenceposts``)."""
    replicas = replicas_of(wanted)
    rolling = wanted.spec.strategy.rolling_update
    if wanted.spec.strategy.type == RECREATE:
        return Bounds(replicas, 0, 0)
    surge = _resolved(rolling.max_surge if rolling else None, replicas, up=True)
    unavailable = _resolved(rolling.max_unavailable if rolling else None, replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(replicas, surge, min(unavailable, replicas))


def _resolved(value: IntOrString | None, total: int, *, up: bool) -> int:
    """A count, or a percentage of ``total`` rounded up or down; an absent one is the default of 25 %."""
    if value is None:
        value = "25%"
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * total / 100
    return math.ceil(share) if up else math.floor(share)


def replicas_of(value: apps_v1.Deployment | apps_v1.ReplicaSet) -> int:
    """Replicas asked for; one when nothing is said."""
    return 1 if value.spec.replicas is None else value.spec.replicas


def next_of_new(limits: Bounds, recreate: bool, new: int, all_sets: int) -> int:
    """Replicas of the new set: all at once when recreating, else as many as the surge leaves room for."""
    if recreate:
        return limits.replicas
    room = limits.replicas + limits.surge - all_sets
    return new if room <= 0 else new + min(room, max(0, limits.replicas - new))


def shrink_old(limits: Bounds, new: apps_v1.ReplicaSet, old: Sequence[apps_v1.ReplicaSet]) -> dict[str, int]:
    """Name of an old set -> its next replicas, for those that change; ``old`` are sorted by age.

    First replicas that are not available go (they cost nobody anything), then available ones as far as enough remain.
    """
    sizes = {each.metadata.name: replicas_of(each) for each in old}
    new_unavailable = replicas_of(new) - new.status.available_replicas
    room = sum(sizes.values()) + replicas_of(new) - limits.least_available - new_unavailable
    if room <= 0:
        return {}
    next_sizes = dict(sizes)
    for each in old:
        name = each.metadata.name
        if room > 0 and sizes[name] > each.status.available_replicas:
            gone = min(room, sizes[name] - each.status.available_replicas)
            next_sizes[name] -= gone
            room -= gone
    available = sum(each.status.available_replicas for each in old) + new.status.available_replicas
    spare = available - limits.least_available
    for each in old:
        if spare <= 0:
            break
        name = each.metadata.name
        gone = min(next_sizes[name], spare)
        next_sizes[name] -= gone
        spare -= gone
    return {name: size for name, size in next_sizes.items() if size != sizes[name]}


def proportional(limits: Bounds, alive: Sequence[apps_v1.ReplicaSet], status_replicas: int) -> dict[str, int]:
    """Name -> next replicas when the Deployment was scaled in the middle of a rollout.

    Each set gets its share by the annotation that says what it was scaled for; the largest gets what rounding leaves.
    """
    total = sum(map(replicas_of, alive))
    add = limits.most - total
    newest_first = add > 0
    ordered = sorted(
        alive,
        key=lambda each: (replicas_of(each), each.metadata.creation_timestamp if newest_first else ""),
        reverse=True,
    )
    if not newest_first:
        ordered = sorted(ordered, key=lambda each: (-replicas_of(each), each.metadata.creation_timestamp))
    sizes: dict[str, int] = {}
    added = 0
    for each in ordered:
        share = _share(limits, each, add, added, status_replicas) if add else 0
        sizes[each.metadata.name] = replicas_of(each) + share
        added += share
    if ordered and add:
        first = ordered[0].metadata.name
        sizes[first] = max(0, sizes[first] + add - added)
    return sizes


def _share(limits: Bounds, each: apps_v1.ReplicaSet, add: int, added: int, status_replicas: int) -> int:
    size = replicas_of(each)
    left = add - added
    if size == 0 or left == 0:
        return 0
    if limits.replicas == 0:
        fraction = -size
    else:
        before = annotated(each, MAX_REPLICAS) or status_replicas or limits.most
        fraction = _rounded(size * limits.most / before) - size
    return min(fraction, left) if add > 0 else max(fraction, left)


def _rounded(value: float) -> int:
    """Half away from zero, as Kubernetes' RoundToInt32."""
    return math.floor(value + 0.5) if value >= 0 else -math.floor(-value + 0.5)


def annotated(each: apps_v1.ReplicaSet | apps_v1.Deployment, name: str) -> int:
    """The number in an annotation; 0 when it is absent or no number."""
    text = each.metadata.annotations.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0
