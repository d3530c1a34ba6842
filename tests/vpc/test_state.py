"""What the server says of VPCs, and what of it is taken up."""

from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec
import pytest

from k3py.model.vpc_v1 import VPC
from k3py.vpc.host import attachment_exists, boot_id
from k3py.vpc.rows import Attachment, Kept
from k3py.vpc.state import BadVpc, State, read_vpc
from k3py.vpc.wanted import NODE_POD, NodeConfig
from tests.vpc.world import CLUSTER, EGRESS, vpc

CONFIG = NodeConfig("0a1b2c3d", "n1", EGRESS)


def changed(base: VPC, **status: Any) -> VPC:
    base.status = msgspec.structs.replace(base.status, **status)
    return base


def test_cluster_and_id_are_read_from_the_prefix() -> None:
    row = read_vpc(vpc("blue", 2, "10.9.0.0/24", "None"))
    assert (row.id, row.cluster, row.cidr, row.masquerade) == (2, CLUSTER, IPv4Network("10.9.0.0/24"), False)
    assert row.active
    assert not read_vpc(changed(vpc(), phase="Terminating")).active


@pytest.mark.parametrize(
    "status",
    [
        {"prefix": "fd00::/96"},
        {"prefix": "hello"},
        {"vpc_id": 7},
        {"service_cidr": "10.43.0.0"[:5]},
        {"prefix": "fd6b:3370:1001:c0:ffee:1::/96"},
        {"prefix": "fd6b:3370:1000:c0:ffee:1:a2a:1/96"},
    ],
)
def test_a_status_that_contradicts_itself_is_refused_and_told(status: dict[str, Any]) -> None:
    odd = changed(vpc(), **status)
    with pytest.raises(BadVpc, match='cannot use VPC "default"'):
        read_vpc(odd)
    state = State(CONFIG, Kept())
    assert state.learn_vpc(odd) == []
    assert 'cannot use VPC "default"' in state.troubles["default"]
    assert state.learn_vpc(vpc())
    assert not state.troubles
    assert state.learn_vpc(vpc()) == []


def test_an_id_that_pods_of_a_vpc_that_is_gone_still_have_is_not_mixed_up() -> None:
    state = State(CONFIG, Kept())
    state.learn_vpc(vpc())
    state.learn_vpc(vpc("old", 2, "10.9.0.0/24"))
    state.allocator.add_block(state.vpcs[2], IPv4Network("10.9.0.0/26"))
    state.allocator.allocate("p", state.vpcs[2])
    state.lose_vpc("old")
    assert state.vpcs[2].gone
    assert state.learn_vpc(vpc("new", 2, "10.8.0.0/24")) == []
    assert "pods or blocks are left here" in state.troubles["new"]
    assert state.vpcs[2].name == "old"
    state.allocator.release("p")
    assert state.forget_vpcs() == []
    state.allocator.drop_block((2, IPv4Network("10.9.0.0/26")))
    assert state.forget_vpcs()
    assert state.vpc_ids == {"default": 1, "new": 2}
    assert state.vpc("new").cidr == IPv4Network("10.8.0.0/24")
    assert not state.troubles
    state.allocator.add_block(state.vpcs[2], IPv4Network("10.8.0.0/26"))
    state.allocator.allocate("q", state.vpcs[2])
    assert str(state.allocator.pods["q"].ipv4) == "10.8.0.2"


def test_a_vpc_that_was_made_anew_has_another_id() -> None:
    state = State(CONFIG, Kept())
    state.learn_vpc(vpc())
    state.learn_vpc(vpc("blue", 2))
    state.learn_vpc(vpc("blue", 3))
    assert state.vpc_ids == {"default": 1, "blue": 3}
    assert state.vpc("blue").id == 3


def test_the_hosts_own_pod_is_wanted_only_with_host_access() -> None:
    for host_access in (True, False):
        state = State(replace(CONFIG, host_access=host_access), Kept())
        assert state.wanted() is None
        state.learn_vpc(vpc())
        state.allocator.add_block(state.vpcs[1], IPv4Network("10.42.0.0/26"))
        state.allocator.allocate(NODE_POD, state.vpcs[1], outside=False)
        wanted = state.wanted()
        assert wanted is not None
        assert (NODE_POD in wanted.pods) == host_access
        assert (str(wanted.api), str(wanted.dns)) == ("10.43.0.1", "10.43.0.10")


def test_the_host_is_asked_what_is_there(tmp_path: Path) -> None:
    assert len(boot_id()) == 36
    assert attachment_exists(Attachment(netns=str(tmp_path)))
    assert not attachment_exists(Attachment(netns=str(tmp_path / "gone")))
    assert attachment_exists(Attachment(tap="lo"))
    assert not attachment_exists(Attachment(tap="nothing0"))
