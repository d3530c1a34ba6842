"""Server-side apply and managed fields, as pure functions over plain JSON values."""

from k3py.objects.apply.conflicts import Conflicts
from k3py.objects.apply.elements import BadFields
from k3py.objects.apply.fieldset import FieldSet
from k3py.objects.apply.managing import Applied, applied, place_of, same_but_for_managed_times, updated
from k3py.objects.apply.scaling import to_main, to_scale
from k3py.objects.apply.targets import Target, scale_target, target_of

__all__ = [
    "Applied",
    "BadFields",
    "Conflicts",
    "FieldSet",
    "Target",
    "applied",
    "place_of",
    "same_but_for_managed_times",
    "scale_target",
    "target_of",
    "to_main",
    "to_scale",
    "updated",
]
