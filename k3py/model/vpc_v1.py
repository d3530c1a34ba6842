"""Kinds of the group ``vpc.k3py.io/v1``: networks as resources.

A *VPC* has an IPv4 range of its own, which may overlap those of others. A *VPCBlock* is a slice of it that one node
hands out addresses from; its name is made of VPC and slice, so no slice has two owners.
"""

from ipaddress import IPv4Network
from typing import Final

from msgspec import field

from k3py.model.generated import core_v1
from k3py.model.generated.meta_v1 import Condition, LabelSelector, ObjectMeta
from k3py.model.struct import Wire, wire

GROUP: Final = "vpc.k3py.io"
API_VERSION: Final = "vpc.k3py.io/v1"

# A workload names its VPC with this label, on itself or on its namespace.
VPC_LABEL: Final = "k3py.io/vpc"
DEFAULT_VPC: Final = "default"
DEFAULT_VPC_ID: Final = 1
DEFAULT_CIDR: Final = "10.42.0.0/16"
# Kept on a VPC until no pod of it is left.
FINALIZER: Final = "vpc.k3py.io/pods"

EGRESS_MASQUERADE: Final = "Masquerade"
EGRESS_NONE: Final = "None"
# Asked of the authorizer, on the resource vpcs and the VPC's name, of whoever puts something into a VPC.
USE_VERB: Final = "use"
# A block is so long in a VPC that has room for several nodes: 64 addresses, one route.
BLOCK_PREFIX_LENGTH: Final = 26
# In a small VPC blocks are smaller, so that four nodes find one each.
BLOCKS_BITS_MIN: Final = 2

PHASE_ACTIVE: Final = "Active"
PHASE_TERMINATING: Final = "Terminating"


class VPCDNS(Wire):
    """io.k3py.vpc.v1.VPCDNS"""

    # Who is asked for names outside the cluster: IP addresses. Empty: those that the node asks.
    nameservers: list[str] = []


class VPCSpec(Wire):
    """io.k3py.vpc.v1.VPCSpec"""

    cidr: str = ""
    egress: str = ""
    allowed_namespaces: LabelSelector | None = None
    dns: VPCDNS | None = None


class VPCStatus(Wire, rename=wire(vpc_id="vpcID", service_cidr="serviceCIDR")):
    """io.k3py.vpc.v1.VPCStatus"""

    phase: str = ""
    vpc_id: int = 0
    # The /96 of the Ghost addresses of this VPC; cluster id and VPC id can be read from it.
    prefix: str = ""
    service_cidr: str = ""
    allocated: int = 0
    capacity: int = 0
    # While it is being deleted: what it waits for.
    conditions: list[Condition] = []


class VPC(Wire):
    """io.k3py.vpc.v1.VPC"""

    kind: str = field(default_factory=lambda: "VPC")
    api_version: str = field(default_factory=lambda: API_VERSION)
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: VPCSpec = field(default_factory=VPCSpec)
    status: VPCStatus = field(default_factory=VPCStatus)


class VPCBlockSpec(Wire, rename=wire(vpc_id="vpcID")):
    """io.k3py.vpc.v1.VPCBlockSpec"""

    vpc: str = ""
    vpc_id: int = 0
    cidr: str = ""
    node_name: str = ""


class VPCBlock(Wire):
    """io.k3py.vpc.v1.VPCBlock"""

    kind: str = field(default_factory=lambda: "VPCBlock")
    api_version: str = field(default_factory=lambda: API_VERSION)
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: VPCBlockSpec = field(default_factory=VPCBlockSpec)


def block_name(vpc: str, cidr: str) -> str:
    """The one name that a slice's block can have: ``default-10-42-3-64`` for 10.42.3.64/26 of ``default``."""
    return f"{vpc}-{cidr.partition('/')[0].replace('.', '-')}"


def vpc_of(obj: core_v1.Pod | core_v1.Service) -> str:
    """The VPC in which a pod or Service can be reached; a pod with its node's network is where the node is."""
    if isinstance(obj, core_v1.Pod) and obj.spec.host_network:
        return DEFAULT_VPC
    return obj.metadata.labels.get(VPC_LABEL) or DEFAULT_VPC


def block_prefix_length(vpc: IPv4Network) -> int:
    """How long the prefixes of a VPC's blocks are; all are of one length, so none can overlap another."""
    return max(BLOCK_PREFIX_LENGTH, vpc.prefixlen + BLOCKS_BITS_MIN)
