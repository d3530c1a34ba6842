"""Most of the kernel's messages are about what the daemon itself has just made; they are not even parsed."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from k3py.vpc.kernel.watch import chosen

NEW_LINK, DELETED_LINK, NEW_ADDRESS, DELETED_ADDRESS, NEW_ROUTE, DELETED_ROUTE = 16, 17, 20, 21, 24, 25


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_links_and_what_goes_away_are_looked_at():
    kinds = (NEW_LINK, NEW_ADDRESS, NEW_ROUTE, DELETED_LINK, NEW_ROUTE, DELETED_ADDRESS, DELETED_ROUTE)
    said = {kind: message(kind, bytes([kind]) * 4 * number) for number, kind in enumerate(kinds, 1)}
    left = said[NEW_LINK] + said[DELETED_LINK] + said[DELETED_ADDRESS] + said[DELETED_ROUTE]
    assert chosen(b"".join(said.values())) == left
    assert chosen(said[NEW_ROUTE]) == b""


@given(st.binary(max_size=200))
def test_whatever_comes_is_taken(data):
    assert len(chosen(data)) <= len(data)
