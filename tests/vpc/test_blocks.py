"""Which slice a node asks for, and which egress range it takes."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.model.vpc_socket import EGRESS_EXHAUSTED
from k3py.vpc.blocks import block_prefix_length, slice_count, slice_to_try
from k3py.vpc.egress import SHARED, choose_egress_range
from k3py.vpc.ports import NetworkProblem


@pytest.mark.parametrize(
    ("cidr", "length", "count"),
    [
        ("10.0.0.0/8", 26, 2**18),
        ("10.42.0.0/16", 26, 1024),
        ("10.42.0.0/24", 26, 4),
        ("10.42.0.0/26", 28, 4),
        ("10.42.0.0/28", 30, 4),
    ],
)
def test_slices_are_a_26_and_smaller_in_small_vpcs(cidr: str, length: int, count: int) -> None:
    assert (block_prefix_length(IPv4Network(cidr)), slice_count(IPv4Network(cidr))) == (length, count)


@given(st.integers(12, 28), st.integers(0, 2**32 - 1), st.text(max_size=20))
@settings(max_examples=30, deadline=None)
def test_as_many_tries_as_there_are_slices_try_each_once(length: int, address: int, node: str) -> None:
    cidr = IPv4Network((IPv4Address(address), length), strict=False)
    tried = {slice_to_try(cidr, node, attempt) for attempt in range(slice_count(cidr))}
    assert len(tried) == slice_count(cidr)
    assert all(each.subnet_of(cidr) and each.prefixlen == block_prefix_length(cidr) for each in tried)


def test_nodes_seldom_ask_for_the_same_slice_first_and_each_always_for_its_own() -> None:
    cidr = IPv4Network("10.42.0.0/16")
    first = [slice_to_try(cidr, f"node-{number}", 0) for number in range(20)]
    assert len(set(first)) >= 18
    assert first == [slice_to_try(cidr, f"node-{number}", 0) for number in range(20)]


def test_the_egress_range_keeps_clear_of_what_the_host_routes() -> None:
    chosen = choose_egress_range("0a1b2c3d", [])
    assert chosen.subnet_of(SHARED)
    assert chosen.prefixlen == 18
    tailscale = IPv4Network((int(chosen.network_address), 24))
    other = choose_egress_range("0a1b2c3d", [tailscale, IPv4Network("192.168.0.0/16")])
    assert not other.overlaps(chosen)


def test_a_host_that_routes_all_of_it_is_told_what_to_do() -> None:
    with pytest.raises(NetworkProblem, match="--egress-range") as refused:
        choose_egress_range("0a1b2c3d", [IPv4Network("100.0.0.0/8")])
    assert refused.value.reason == EGRESS_EXHAUSTED
