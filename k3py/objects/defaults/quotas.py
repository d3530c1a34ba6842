"""Defaults of LimitRange and ResourceQuota. Source: Kubernetes ``pkg/apis/core/v1/defaults.go``."""

from k3py.model.generated import core_v1
from k3py.objects.defaults.amounts import rounded


def limit_range(obj: core_v1.LimitRange) -> None:
    """What a container may have at most is what it gets; what it gets is what it asks for."""
    for item in obj.spec.limits:
        for amounts in (item.max, item.min, item.default, item.default_request, item.max_limit_request_ratio):
            rounded(amounts)
        if item.type != "Container":
            continue
        item.default = {**item.max, **item.default}
        item.default_request = {**item.min, **item.default, **item.default_request}


def resource_quota(obj: core_v1.ResourceQuota) -> None:
    """Amounts in thousandths."""
    for amounts in (obj.spec.hard, obj.status.hard, obj.status.used):
        rounded(amounts)
