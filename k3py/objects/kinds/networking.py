"""Rules of ingresses, network policies and endpoint slices."""

from collections.abc import Mapping
from typing import Final

from k3py.model.generated import discovery_v1, networking_v1
from k3py.model.struct import Wire
from k3py.objects.defaults import networking as defaults
from k3py.objects.rules import Rules
from k3py.objects.validation import discovery, ingress, network_policy


def _no_change_warnings(*_: object) -> list[str]:
    return []


RULES: Final[Mapping[type[Wire], Rules]] = {
    networking_v1.Ingress: Rules(
        check=ingress.ingress,
        check_create=ingress.new_ingress,
        check_update=ingress.ingress_update,
        check_status=ingress.ingress_status,
        warn=ingress.ingress_warnings,
        warn_update=_no_change_warnings,
        metadata_looks=(1, 1),
    ),
    networking_v1.IngressClass: Rules(
        default=defaults.ingress_class,
        check=ingress.ingress_class,
        check_update=ingress.ingress_class_update,
        metadata_looks=(1, 1),
    ),
    networking_v1.NetworkPolicy: Rules(
        default=defaults.network_policy,
        check=network_policy.network_policy,
        check_update=network_policy.network_policy_update,
        warn=network_policy.network_policy_warnings,
    ),
    discovery_v1.EndpointSlice: Rules(
        default=defaults.endpoint_slice,
        prepare_create=defaults.new_endpoint_slice,
        prepare_update=defaults.changed_endpoint_slice,
        check=discovery.endpoint_slice,
        check_update=discovery.endpoint_slice_update,
        generation_moves=defaults.endpoint_slice_moves,
        warn=discovery.endpoint_slice_warnings,
        warn_update=discovery.endpoint_slice_change_warnings,
        metadata_looks=(1, 0),
    ),
}
