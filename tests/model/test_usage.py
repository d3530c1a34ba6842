"""What agents say of their use: bounds and strangers' bytes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.model.usage import ContainerUsage, NodeUsage, PodUsage, Usage, decode_usage, encode_usage

USAGE = Usage(
    at=100.0, window_seconds=15.0, cpu_nanoseconds=9, cpu_nanocores=5, memory_usage_bytes=4096, working_set_bytes=2048
)


def test_what_an_agent_says_arrives() -> None:
    container = ContainerUsage(name="c", started_at=1.0, usage=USAGE)
    said = NodeUsage(
        usage=USAGE, booted_at=3.0, pods=[PodUsage(namespace="n", name="p", uid="u", containers=[container])]
    )
    assert decode_usage(encode_usage(said)) == said


def test_a_newer_agent_may_say_more() -> None:
    assert decode_usage(b'{"pods":[],"disks":3}') == NodeUsage()


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode_usage(data)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"pods":3}', b'{"usage":{"at":"x"}}'])
def test_what_is_no_usage(data: bytes) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        decode_usage(data)
