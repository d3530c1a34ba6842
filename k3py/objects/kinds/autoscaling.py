"""Rules of HorizontalPodAutoscaler and PodDisruptionBudget."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import autoscaling_v2, policy_v1
from k3py.model.struct import Wire
from k3py.objects.rules import Rules

RULES: Final[Mapping[type[Wire], Rules]] = {
    autoscaling_v2.HorizontalPodAutoscaler: Rules(),
    policy_v1.PodDisruptionBudget: Rules(),
}
