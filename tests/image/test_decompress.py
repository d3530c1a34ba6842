"""Compressed streams come out whole, bounded, or as one kind of error."""

import contextlib
import gzip
import io
import struct

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.image.decompress import ZSTD_WINDOW_BYTES_MAX, decompressed
from k3py.image.errors import CorruptImage, ImageTooLarge

PLAIN = bytes(range(256)) * 5000
SKIPPED = struct.pack("<II", 0x184D2A5F, 3) + b"abc"
STREAMS = [
    ("nothing", b"", b""),
    ("plain", PLAIN, PLAIN),
    ("one byte", b"\x1f", b"\x1f"),
    ("gzip", gzip.compress(PLAIN), PLAIN),
    ("gzip members", gzip.compress(PLAIN) + gzip.compress(b"") + gzip.compress(b"end"), PLAIN + b"end"),
    ("padded gzip", gzip.compress(PLAIN) + bytes(100_000), PLAIN),
    ("zstd", zstandard.compress(PLAIN), PLAIN),
    ("zstd frames", SKIPPED + zstandard.compress(PLAIN) + SKIPPED + zstandard.compress(b"end"), PLAIN + b"end"),
]


def expand(data: bytes, bytes_max: int = 10_000_000) -> bytes:
    return b"".join(decompressed(io.BytesIO(data).read, bytes_max))


@pytest.mark.parametrize(("data", "plain"), [case[1:] for case in STREAMS], ids=[case[0] for case in STREAMS])
def test_every_form_comes_out_whole(data: bytes, plain: bytes) -> None:
    assert expand(data) == plain
    assert expand(data, len(plain)) == plain
    if plain:
        with pytest.raises(ImageTooLarge, match=f"more than {len(plain) - 1} bytes"):
            expand(data, len(plain) - 1)


def frame(window_log: int) -> bytes:
    """An empty Zstandard frame that asks for a window of that size (RFC 8878, section 3.1.1)."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(window_log - 10) << 3]) + b"\x01\x00\x00"


def test_a_window_beyond_the_bound_is_refused() -> None:
    bound = ZSTD_WINDOW_BYTES_MAX.bit_length() - 1
    assert expand(frame(bound)) == b""
    with pytest.raises(CorruptImage, match="the zstd stream is damaged"):
        expand(frame(bound + 1))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([gzip.compress(PLAIN[:3000]), zstandard.compress(PLAIN[:3000])]),
    st.integers(2, 40),
    st.binary(max_size=5),
    st.integers(0, 3000),
)
def test_a_damaged_stream_is_read_or_refused(data: bytes, at: int, change: bytes, end: int) -> None:
    damaged = (data[:at] + change + data[at + len(change) :])[:end]
    with contextlib.suppress(CorruptImage):
        expand(damaged, 100_000)
