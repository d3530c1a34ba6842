import contextlib
import random
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.model import ghost
from k3py.model.ghost import CLUSTER_ID_MAX, VPC_ID_MAX, Ghost, GhostError, cluster_id_of

GHOSTS = st.builds(
    Ghost, st.integers(1, CLUSTER_ID_MAX), st.integers(0, VPC_ID_MAX), st.ip_addresses(v=4), st.booleans()
)


def test_every_part_has_its_place():
    pod = Ghost(0xC0FFEE11, 7, IPv4Address("10.42.0.5"))
    assert str(pod) == "fd6b:3370:1000:c0ff:ee11:7:a2a:5"
    assert str(Ghost(0xC0FFEE11, 7, pod.ipv4, native=True)) == "fd6b:3370:1001:c0ff:ee11:7:a2a:5"
    assert pod.packed[10:12] == b"\x00\x07"
    assert pod.packed[12:] == pod.ipv4.packed
    assert pod.prefix + pod.ipv4.packed == pod.packed


@given(GHOSTS)
def test_what_is_constructed_parses_again(address):
    assert ghost.parse(address.address) == address
    assert ghost.parse(str(address)) == address
    assert ghost.parse(address.packed) == address


@given(st.one_of(st.ip_addresses(v=6), st.integers(0, 2**96 - 1).map(lambda low: IPv6Address(0xFD6B3370 << 96 | low))))
def test_whatever_parses_is_constructed_again(address):
    try:
        parts = ghost.parse(address)
    except GhostError:
        return
    assert parts.address == address


@given(st.one_of(st.text(max_size=50), st.binary(max_size=20)))
def test_garbage_is_refused_in_one_way(garbage):
    with contextlib.suppress(GhostError):
        assert isinstance(ghost.parse(garbage), Ghost)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fd6b:3371:1000:0:1:1:a00:1", "does not lie in fd6b:3370::/32"),
        ("fd6b:3370:2000:0:1:1:a00:1", "of version 2; only 1"),
        ("fd6b:3370:0:0:1:1:a00:1", "of version 0; only 1"),
        ("fd6b:3370:1002:0:1:1:a00:1", "unknown flags 0x002"),
        ("fd6b:3370:1801:0:1:1:a00:1", "unknown flags 0x801"),
        ("fd6b:3370:1000:0:0:1:a00:1", "cluster id 0"),
        ("10.42.0.5", "no IPv6 address"),
        ("fd6b:3370:1000:0:1:1:a00:1%eth0", "has a zone"),
    ],
)
def test_an_address_of_another_kind_is_named(text, reason):
    with pytest.raises(GhostError, match=reason):
        ghost.parse(text)


@pytest.mark.parametrize(("cluster", "vpc"), [(0, 1), (2**32, 1), (-1, 1), (1, -1), (1, 65536)])
def test_ids_out_of_range_make_no_address(cluster, vpc):
    with pytest.raises(GhostError):
        Ghost(cluster, vpc, IPv4Address("10.0.0.1"))


@given(GHOSTS, st.integers(1, CLUSTER_ID_MAX))
def test_a_pod_has_an_address_of_its_own_cluster_and_never_the_systems(address, cluster):
    if address.cluster == cluster and address.vpc:
        assert ghost.parse_pod(address.packed, cluster) == address
    else:
        with pytest.raises(GhostError, match=r"of cluster|of the system VPC"):
            ghost.parse_pod(address.packed, cluster)


def test_a_pod_in_the_system_vpc_is_refused():
    with pytest.raises(GhostError, match="system VPC"):
        ghost.parse_pod(Ghost(1, 0, IPv4Address("10.43.0.10")).address, 1)


@given(GHOSTS, st.integers(8, 32))
def test_a_block_holds_the_addresses_of_its_slice(address, length):
    network = IPv4Network((address.ipv4, length), strict=False)
    route = ghost.block(address.cluster, address.vpc, network, native=address.native)
    assert address.address in route
    assert route.num_addresses == network.num_addresses


def test_overlapping_ranges_of_two_vpcs_never_meet():
    network = IPv4Network("10.0.0.0/8")
    assert not ghost.block(1, 7, network).overlaps(ghost.block(1, 8, network))
    assert not ghost.block(1, 7, network).overlaps(ghost.block(2, 7, network))
    assert ghost.block(1, 7, IPv4Network("10.42.0.64/26")) == IPv6Network("fd6b:3370:1000:0:1:7:a2a:40/122")


def test_a_cluster_id_is_drawn_from_the_callers_source():
    assert ghost.new_cluster_id(random.Random(1)) == ghost.new_cluster_id(random.Random(1))
    assert all(0 < ghost.new_cluster_id(random.Random(seed)) <= CLUSTER_ID_MAX for seed in range(100))


def test_the_cluster_id_is_the_beginning_of_a_uid():
    assert cluster_id_of("0badcafe-1234-4000-8000-000000000000") == 0x0BADCAFE
    assert cluster_id_of("00000000-1234-4000-8000-000000000000") == 1
    for text in ("", "0badcaf", "0BADCAFE-", "not a uid"):
        with pytest.raises(GhostError):
            cluster_id_of(text)
