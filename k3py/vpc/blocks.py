"""Which slice of a VPC a node asks for. Decides.

Each node tries the slices in an order of its own, so that nodes seldom ask for the same one; an answer AlreadyExists
means the next. A slice is a /26, in small VPCs a quarter of the range.
"""

import hashlib
from ipaddress import IPv4Network
from typing import Final

BLOCK_PREFIX_LENGTH: Final = 26
# Even the smallest VPC, a /28, has room for four nodes.
_SLICES_MIN_BITS: Final = 2


def block_prefix_length(cidr: IPv4Network) -> int:
    """How long a prefix the slices of this VPC have."""
    return max(BLOCK_PREFIX_LENGTH, min(32, cidr.prefixlen + _SLICES_MIN_BITS))


def slice_count(cidr: IPv4Network) -> int:
    """How many slices the VPC has; a power of two."""
    return 1 << (block_prefix_length(cidr) - cidr.prefixlen)


def slice_to_try(cidr: IPv4Network, node_name: str, attempt: int) -> IPv4Network:
    """The slice that this node asks for at its ``attempt``-th try; as many tries as there are slices try each once."""
    digest = hashlib.sha256(f"{node_name} {cidr}".encode()).digest()
    # An odd step visits all of a power of two.
    start, step = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:16], "big") | 1
    index = (start + attempt * step) % slice_count(cidr)
    length = block_prefix_length(cidr)
    return IPv4Network((int(cidr.network_address) + (index << (32 - length)), length))
