"""Rules of ResourceQuota and LimitRange."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import core_v1
from k3py.model.struct import Wire
from k3py.objects.rules import Rules

RULES: Final[Mapping[type[Wire], Rules]] = {
    core_v1.ResourceQuota: Rules(),
    core_v1.LimitRange: Rules(),
}
