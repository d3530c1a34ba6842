"""PEM blocks are found in whatever is sent."""

import base64

from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.objects.validation.pem import BLOCKS_MAX, PemBlock, pem_blocks


def block(label, data, headers=""):
    body = base64.encodebytes(data).decode()
    return f"-----BEGIN {label}-----\n{headers}{body}-----END {label}-----\n".encode()


def test_blocks_come_in_order_and_text_between_them_does_not_matter():
    raw = b"hello\n" + block("A B", b"one") + b"and\n" + block("C", b"two", "Key: value\nOther: x\n\n")
    assert list(pem_blocks(raw)) == [PemBlock("A B", False, b"one"), PemBlock("C", True, b"two")]


def test_what_cannot_be_read_is_passed_over():
    broken = b"-----BEGIN A-----\n!!!\n-----END A-----\n"
    open_ended = b"-----BEGIN A-----\nAAAA\n"
    assert [each.data for each in pem_blocks(broken + block("B", b"x") + open_ended)] == [b"x"]


def test_there_is_an_end_to_it():
    assert len(list(pem_blocks(block("A", b"x") * (BLOCKS_MAX + 1)))) == BLOCKS_MAX


@settings(max_examples=200)
@given(st.lists(st.sampled_from([b"-----BEGIN A-----\n", b"-----END A-----\n", b"AAAA\n", b"a: b\n", b"\r\n", b"="])))
def test_any_bytes_get_an_answer(parts):
    for each in pem_blocks(b"".join(parts)):
        assert each.label == "A"


@given(st.binary(max_size=200))
def test_what_is_written_is_read(data):
    assert [each.data for each in pem_blocks(block("X", data))] == [data]
