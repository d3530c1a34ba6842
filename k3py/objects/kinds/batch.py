"""Rules of jobs."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import batch_v1
from k3py.model.struct import Wire
from k3py.objects.rules import Rules

RULES: Final[Mapping[type[Wire], Rules]] = {
    batch_v1.Job: Rules(),
    batch_v1.CronJob: Rules(),
}
