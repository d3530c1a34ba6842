"""Defaults of VPCs and their blocks."""

from k3py.model import vpc_v1


def vpc(obj: vpc_v1.VPC) -> None:
    """Pods get out unless the VPC says otherwise."""
    obj.spec.egress = obj.spec.egress or vpc_v1.EGRESS_MASQUERADE


def new_vpc(obj: vpc_v1.VPC) -> None:
    """A new VPC stays until its pods are gone."""
    if vpc_v1.FINALIZER not in obj.metadata.finalizers:
        obj.metadata.finalizers.append(vpc_v1.FINALIZER)
