"""Rules of volumes and their classes."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import core_v1, storage_v1
from k3py.model.struct import Wire
from k3py.objects.rules import Rules

RULES: Final[Mapping[type[Wire], Rules]] = {
    core_v1.PersistentVolume: Rules(),
    core_v1.PersistentVolumeClaim: Rules(),
    storage_v1.StorageClass: Rules(),
}
