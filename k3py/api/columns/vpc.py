"""VPCs and their blocks."""

from collections.abc import Mapping
from typing import Any

from k3py.api.columns.column import AGE, NAME, NONE, Column, Columns, age
from k3py.model import vpc_v1
from k3py.model.struct import Wire
from k3py.model.vpc_v1 import VPC, VPCBlock

_PENDING = "Pending"


def _vpc(vpc: VPC, now: float) -> list[Any]:
    spec, status = vpc.spec, vpc.status
    return [
        vpc.metadata.name,
        spec.cidr,
        spec.egress,
        str(status.vpc_id) if status.vpc_id else NONE,
        status.phase or _PENDING,
        status.allocated,
        age(vpc.metadata, now),
        status.prefix or NONE,
        status.capacity,
    ]


def _block(block: VPCBlock, now: float) -> list[Any]:
    spec = block.spec
    return [block.metadata.name, spec.vpc, spec.cidr, spec.node_name, age(block.metadata, now)]


VPCS = Columns(
    (
        NAME,
        Column("CIDR", description="Its IPv4 range."),
        Column("Egress", description="The way out of the cluster."),
        Column("ID", description="Its number in Ghost addresses."),
        Column("Phase", description="Active or Terminating."),
        Column("Pods", type="integer", description="How many pods have an address in it."),
        AGE,
        Column("Prefix", priority=1, description="The prefix of its pods' Ghost addresses."),
        Column("Capacity", type="integer", priority=1, description="How many addresses it has to give."),
    ),
    _vpc,
)
VPC_BLOCKS = Columns(
    (
        NAME,
        Column("VPC", description="Whose range it is a slice of."),
        Column("CIDR", description="The slice."),
        Column("Node", description="Who hands out its addresses."),
        AGE,
    ),
    _block,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    vpc_v1.VPC: VPCS,
    vpc_v1.VPCBlock: VPC_BLOCKS,
}
