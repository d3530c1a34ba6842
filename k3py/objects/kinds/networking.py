"""Rules of ingresses, network policies and endpoint slices."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import discovery_v1, networking_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import core as core_defaults
from k3py.objects.rules import Rules
from k3py.objects.validation import discovery

RULES: Final[Mapping[type[Wire], Rules]] = {
    networking_v1.Ingress: Rules(),
    networking_v1.IngressClass: Rules(),
    networking_v1.NetworkPolicy: Rules(),
    discovery_v1.EndpointSlice: Rules(
        default=core_defaults.endpoint_slice,
        check=discovery.endpoint_slice,
        check_update=discovery.endpoint_slice_update,
        generation_moves=core_defaults.endpoint_slice_changed,
    ),
}
