"""Rules of ResourceQuota and LimitRange."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import core_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import quotas as defaults
from k3py.objects.rules import Rules
from k3py.objects.validation import quotas

RULES: Final[Mapping[type[Wire], Rules]] = {
    core_v1.ResourceQuota: Rules(
        default=defaults.resource_quota,
        check=quotas.resource_quota,
        check_update=quotas.resource_quota_update,
        check_status=quotas.resource_quota_status,
        returns_deleted=True,
        warn=quotas.resource_quota_warnings,
    ),
    core_v1.LimitRange: Rules(
        default=defaults.limit_range, check=quotas.limit_range, create_on_update=True, metadata_looks=(1, 0)
    ),
}
