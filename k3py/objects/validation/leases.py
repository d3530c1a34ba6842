"""Checks of leases. Source: Kubernetes ``pkg/apis/coordination/validation``."""

from k3py.model.generated import coordination_v1
from k3py.objects.fields import Errors


def lease(obj: coordination_v1.Lease, wrong: Errors) -> None:
    """Durations are greater than zero; transitions are never negative."""
    spec = obj.spec
    if spec.lease_duration_seconds is not None and spec.lease_duration_seconds <= 0:
        wrong.invalid("spec.leaseDurationSeconds", spec.lease_duration_seconds, "must be greater than 0")
    wrong.not_negative("spec.leaseTransitions", spec.lease_transitions)
