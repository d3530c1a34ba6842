"""Rules of volumes and their classes."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import core_v1, storage_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import storage as defaults
from k3py.objects.rules import Rules
from k3py.objects.validation import claims, persistent_volumes, storage_classes

RULES: Final[Mapping[type[Wire], Rules]] = {
    core_v1.PersistentVolume: Rules(
        default=defaults.volume,
        prepare_create=defaults.new_volume,
        prepare_status=defaults.keep_transition_time,
        stamp=defaults.phase_moved,
        check=persistent_volumes.volume,
        check_update=persistent_volumes.volume_update,
        returns_deleted=True,
        warn=persistent_volumes.volume_warnings,
        metadata_looks=(2, 0),
    ),
    core_v1.PersistentVolumeClaim: Rules(
        default=defaults.claim,
        prepare_create=defaults.new_claim,
        prepare_update=defaults.keep_claim_source,
        check=claims.claim,
        check_update=claims.claim_update,
        check_status=claims.claim_status,
        returns_deleted=True,
        warn=claims.claim_warnings,
        metadata_looks=(2, 1),
    ),
    storage_v1.StorageClass: Rules(
        default=defaults.storage_class,
        check=storage_classes.storage_class,
        check_update=storage_classes.storage_class_update,
        returns_deleted=True,
        warn=storage_classes.storage_class_warnings,
        metadata_looks=(1, 1),
    ),
}
