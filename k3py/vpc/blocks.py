"""Which slice of a VPC a node asks for. Decides.

Each node tries the slices in an order of its own, so that nodes seldom ask for the same one; an answer AlreadyExists
means the next. A slice is a /26, in small VPCs a quarter of the range.
"""

import hashlib
from ipaddress import IPv4Network

from k3py.model.vpc_v1 import block_prefix_length


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
