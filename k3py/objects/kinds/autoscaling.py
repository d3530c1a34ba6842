"""Rules of HorizontalPodAutoscaler and PodDisruptionBudget."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import autoscaling_v2, policy_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import autoscaling as autoscaling_defaults
from k3py.objects.rules import Rules
from k3py.objects.validation import autoscaling, disruption

RULES: Final[Mapping[type[Wire], Rules]] = {
    autoscaling_v2.HorizontalPodAutoscaler: Rules(
        default=autoscaling_defaults.autoscaler,
        check_create=autoscaling.new_autoscaler,
        check_update=autoscaling.autoscaler_update,
        check_status=autoscaling.autoscaler_status,
    ),
    policy_v1.PodDisruptionBudget: Rules(
        unconditional_update=False,
        check=disruption.budget,
        check_status=disruption.budget_status,
        metadata_looks=(0, 0),
    ),
}
