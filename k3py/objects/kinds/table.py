"""All rules in one table. A new kind is one line in its group's module and its functions beside."""

from collections.abc import Mapping
from typing import Final

from k3py.model.struct import Wire
from k3py.objects.kinds import apps, autoscaling, batch, cluster, core, networking, pods, quotas, storage, vpc
from k3py.objects.rules import PLAIN, Rules

RULES: Final[Mapping[type[Wire], Rules]] = {
    **apps.RULES,
    **autoscaling.RULES,
    **batch.RULES,
    **cluster.RULES,
    **core.RULES,
    **networking.RULES,
    **pods.RULES,
    **quotas.RULES,
    **storage.RULES,
    **vpc.RULES,
}


def rules_of(kind: type[Wire]) -> Rules:
    """The rules of a Struct class."""
    return RULES.get(kind, PLAIN)
