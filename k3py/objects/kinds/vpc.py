"""Rules of the group vpc.k3py.io."""

from collections.abc import Mapping
from typing import Final

from k3py.model import vpc_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import vpc as vpc_defaults
from k3py.objects.rules import Rules
from k3py.objects.validation import vpc

RULES: Final[Mapping[type[Wire], Rules]] = {
    vpc_v1.VPC: Rules(
        default=vpc_defaults.vpc,
        prepare_create=vpc_defaults.new_vpc,
        check=vpc.vpc,
        check_update=vpc.vpc_update,
        check_status=vpc.vpc_status,
        name=vpc.name,
    ),
    vpc_v1.VPCBlock: Rules(check=vpc.block, check_update=vpc.block_update),
}
