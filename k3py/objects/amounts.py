"""How much a body may hold. Its bytes are bounded by the API; three of them can make an object that takes four hundred
in memory and a hundred microseconds of checks, and everybody waits for these.
"""

from typing import Final

from k3py.model.errors import RequestTooLarge
from k3py.model.protobuf import MESSAGES_MAX, VALUES_MAX

# JSON objects in one body. The largest of Kubernetes' own, an EndpointSlice with 20,000 ports, fits.
OBJECTS_MAX: Final = MESSAGES_MAX
# A text of fewer bytes cannot pass a bound.
_BYTES_MIN: Final = OBJECTS_MAX


def check_amount(data: bytes) -> None:
    """Look how many values a JSON text has, before it is read.

    Raises:
        RequestTooLarge: more than ``VALUES_MAX`` values, or ``OBJECTS_MAX`` objects.
    """
    if len(data) <= _BYTES_MIN or _fits(data):
        return
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    if bare.count(b'"') > 4 * VALUES_MAX:  # a value has two quotes, and so has its key
        raise _too_large()
    if not _fits(b"".join(bare.split(b'"')[::2])):
        raise _too_large()


def _fits(text: bytes) -> bool:
    """``text`` may have strings; what is in them is counted, too."""
    objects = text.count(b"{")
    return objects <= OBJECTS_MAX and text.count(b",") + text.count(b"[") + objects <= VALUES_MAX


def _too_large() -> RequestTooLarge:
    return RequestTooLarge(f"Request entity too large: limit is {VALUES_MAX} values and {OBJECTS_MAX} objects")
