"""Which IPv4 ranges a VPC can have, whatever the cluster."""

from ipaddress import IPv4Network
from typing import Final

# Shortest and longest prefix.
PREFIX_LENGTHS: Final = (8, 28)
RESERVED: Final = (
    (IPv4Network("0.0.0.0/8"), "this network, RFC 1122"),
    (IPv4Network("100.64.0.0/10"), "addresses of pods on their way out"),
    (IPv4Network("127.0.0.0/8"), "loopback"),
    (IPv4Network("169.254.0.0/16"), "link-local addresses, where each pod finds its gateway"),
    (IPv4Network("224.0.0.0/3"), "multicast and reserved, RFC 5771 and RFC 1112"),
)


def network(text: str) -> IPv4Network | None:
    """The IPv4 network that a text in its one form is; None for any other text, one with host bits, say."""
    try:
        parsed = IPv4Network(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text else None


def unfit(parsed: IPv4Network, prefix_lengths: tuple[int, int] = PREFIX_LENGTHS) -> list[str]:
    """Everything that speaks against a range, each as "must ..." or "may not ..."."""
    shortest, longest = prefix_lengths
    wrong = []
    if not shortest <= parsed.prefixlen <= longest:
        wrong.append(f"must be between /{shortest} and /{longest} long")
    wrong += [f"may not overlap {each} ({what})" for each, what in RESERVED if parsed.overlaps(each)]
    return wrong
