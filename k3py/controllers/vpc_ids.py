"""Which number a VPC gets: the lowest that is free and was not another's a moment ago.

Packets, routes and records of nodes carry the number; one that is given on at once could let an old VPC's packets into
a new one. So released numbers rest, and are kept in an annotation of the VPC ``default``, which never goes: a new
leader knows of them.
"""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from k3py.model.ghost import VPC_ID_MAX
from k3py.model.vpc_v1 import DEFAULT_VPC_ID

# Longer than a node may take to hear of a VPC's end and to forget it; far longer than a packet lives.
REST_SECONDS: Final = 300.0
RELEASED_ANNOTATION: Final = "vpc.k3py.io/released-ids"
# As many numbers rest at once; annotations are bounded, and the next VPC's end waits for a place.
RELEASED_MAX: Final = 8_192

Released = dict[int, float]
"""Number -> seconds since 1970 when it was released."""

_decoder = msgspec.json.Decoder(dict[int, float])


def resting(annotations: Mapping[str, str], now: float) -> Released:
    """The numbers that may not be given yet. What cannot be read says nothing; a time to come counts as now."""
    try:
        known = _decoder.decode(annotations.get(RELEASED_ANNOTATION, "{}"))
    except (msgspec.MsgspecError, RecursionError):
        return {}
    return {number: min(at, now) for number, at in known.items() if at + REST_SECONDS > now}


def written(released: Released) -> str:
    """The annotation's text."""
    return msgspec.json.encode({number: int(at) for number, at in sorted(released.items())}).decode()


def free(taken: Collection[int], released: Collection[int]) -> int:
    """The number for a new VPC; 0 when there is none."""
    for number in range(DEFAULT_VPC_ID + 1, VPC_ID_MAX + 1):
        if number not in taken and number not in released:
            return number
    return 0
