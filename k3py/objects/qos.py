"""The quality-of-service class of a pod. Source: Kubernetes, "Pod Quality of Service Classes"."""

from typing import Final

from k3py.model import quantity
from k3py.model.generated import core_v1

_COMPUTE: Final = ("cpu", "memory")


def qos_class(spec: core_v1.PodSpec) -> str:
    """``Guaranteed``: every container limits cpu and memory and requests the same; ``BestEffort``: nothing is asked
    for; else ``Burstable``. Resources of the pod as a whole, when given, decide alone."""
    resources = [each.resources for each in (*spec.containers, *spec.init_containers)]
    if spec.resources is not None and (spec.resources.limits or spec.resources.requests):
        resources = [spec.resources]
    guaranteed, anything = True, False
    for each in resources:
        if each.limits or each.requests:
            limits, requests = _positive(each.limits), _positive(each.requests)
            anything = anything or bool(limits or requests)
            guaranteed = guaranteed and len(limits) == len(_COMPUTE) and limits == requests
        else:
            guaranteed = False
    if not anything:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _positive(amounts: dict[str, str | int | float]) -> dict[str, object]:
    found = {name: quantity.nano(amounts[name]) for name in _COMPUTE if name in amounts}
    return {name: amount for name, amount in found.items() if amount > 0}
