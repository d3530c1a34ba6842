"""Where the node-unique sources of pods on their way out come from, when nobody says so. Decides."""

import hashlib
from collections.abc import Collection
from ipaddress import IPv4Network
from typing import Final

from k3py.model.vpc_socket import EGRESS_EXHAUSTED
from k3py.vpc.ports import NetworkProblem

# Shared address space (RFC 6598), which no host of the internet has; Tailscale and carriers use it too.
SHARED: Final = IPv4Network("100.64.0.0/10")
PREFIX_LENGTH: Final = 18


def choose_egress_range(instance: str, taken: Collection[IPv4Network]) -> IPv4Network:
    """A /18 of 100.64.0.0/10 that overlaps nothing of ``taken`` (what the host routes, default routes left out).

    Instances on one host begin at different places.

    Raises:
        NetworkProblem: EgressExhausted, there is none.
    """
    count = 1 << (PREFIX_LENGTH - SHARED.prefixlen)
    start = int.from_bytes(hashlib.sha256(instance.encode()).digest()[:8], "big")
    for attempt in range(count):
        index = (start + attempt) % count
        candidate = IPv4Network((int(SHARED.network_address) + (index << (32 - PREFIX_LENGTH)), PREFIX_LENGTH))
        if not any(candidate.overlaps(each) for each in taken):
            return candidate
    raise NetworkProblem(
        EGRESS_EXHAUSTED,
        f"cannot choose an egress range: the host has routes into every /{PREFIX_LENGTH} of {SHARED}; name a range "
        "that nothing else uses (--egress-range)",
    )
