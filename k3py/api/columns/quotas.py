"""ResourceQuotas and LimitRanges, as Kubernetes' ``pkg/printers/internalversion`` shows them."""

from collections.abc import Mapping
from typing import Any

from k3py.api.columns.column import AGE, NAME, Column, Columns, age
from k3py.model import quantity
from k3py.model.generated import core_v1
from k3py.model.struct import Wire

_REQUEST = "Request represents a minimum amount of cpu/memory that a container may consume."
_LIMIT = (
    "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node."
)


def _resource_quota(quota: core_v1.ResourceQuota, now: float) -> list[Any]:
    requests: list[str] = []
    limits: list[str] = []
    for name in sorted(quota.status.hard):
        used, hard = (
            quantity.canonical(each.get(name, "0")) for each in (quota.status.used, quota.status.hard)
        )  # fmt: skip
        (limits if name.startswith("limits.") else requests).append(f"{name}: {used}/{hard}")
    return [quota.metadata.name, ", ".join(requests), ", ".join(limits), age(quota.metadata, now)]


def _limit_range(limits: core_v1.LimitRange, now: float) -> list[Any]:
    del now
    return [limits.metadata.name, limits.metadata.creation_timestamp]


RESOURCE_QUOTAS = Columns(
    (NAME, Column("Request", description=_REQUEST), Column("Limit", description=_LIMIT), AGE), _resource_quota
)
# Kubernetes has no columns of its own for this kind: it shows when it was made, not how old it is.
LIMIT_RANGES = Columns((NAME, Column("Created At", "date", description=AGE.description)), _limit_range)

COLUMNS: Mapping[type[Wire], Columns] = {
    core_v1.ResourceQuota: RESOURCE_QUOTAS,
    core_v1.LimitRange: LIMIT_RANGES,
}
