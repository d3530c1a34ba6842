"""IP addresses and ranges in fields, as strict as Kubernetes 1.36 reads them.

Values that a stored object has already stay good, however they are written. Source: Kubernetes' KEP-4858, "IP/CIDR
Validation Improvements"; apimachinery ``pkg/util/validation``.
"""

import ipaddress
import re
from collections.abc import Collection
from typing import Final

from k3py.objects.fields import Errors

ADDRESS_RULE: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
NETWORK_RULE: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
# Longer than any address with its prefix, even with all its zeros.
TEXT_LENGTH_MAX: Final = 64
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9a-fA-F:.])0+(?=[0-9])|(?<=\.)0+(?=[0-9])", re.ASCII)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_address(text: str) -> Address | None:
    """The address, leading zeros of IPv4 parts forgiven; None when it is none."""
    if len(text) > TEXT_LENGTH_MAX or "%" in text:
        return None
    try:
        return ipaddress.ip_address(text if ":" in text else _LEADING_ZEROS.sub("", text))
    except ValueError:
        return None


def parse_network(text: str) -> Network | None:
    """The range that an address with a prefix length lies in; None when it is none."""
    address, slash, length = text.partition("/")
    parsed = parse_address(address)
    if parsed is None or not slash or not (length.isascii() and length.isdigit()) or len(length) > len("0128"):
        return None
    if int(length) > parsed.max_prefixlen:
        return None
    return ipaddress.ip_network((parsed, int(length)), strict=False)


def is_ipv6(text: str) -> bool:
    """Whether the text is an IPv6 address; one that only wraps an IPv4 address is not."""
    parsed = parse_address(text)
    return isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None


def check_address(path: str, text: str, wrong: Errors, kept: Collection[str] = ()) -> bool:
    """Refuse what is no address or an ambiguous one, unless it is among ``kept``; returns whether it is good."""
    if text in kept:
        return True
    parsed = parse_address(text)
    if parsed is None:
        wrong.invalid(path, text, ADDRESS_RULE)
    elif isinstance(parsed, ipaddress.IPv4Address) and str(parsed) != text:
        wrong.invalid(path, text, "must not have leading 0s")
    elif isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        wrong.invalid(path, text, "must not be an IPv4-mapped IPv6 address")
    else:
        return True
    return False


def check_network(path: str, text: str, wrong: Errors, kept: Collection[str] = ()) -> Network | None:
    """As ``check_address``, of a range; returns the range as far as it can be read."""
    parsed = parse_network(text)
    if text in kept:
        return parsed
    if parsed is None:
        wrong.invalid(path, text, NETWORK_RULE)
        return None
    address, _, length = text.partition("/")
    host = parse_address(address)
    if (":" not in address and str(host) != address) or str(int(length)) != length:
        wrong.invalid(path, text, "must not have leading 0s in IP or prefix length")
    elif isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
        wrong.invalid(path, text, "must not have an IPv4-mapped IPv6 address")
    elif host != parsed.network_address:
        wrong.invalid(path, text, "must not have bits set beyond the prefix length")
    return parsed
