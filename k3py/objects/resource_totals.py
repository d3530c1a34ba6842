"""What a pod's containers ask for together. Source: Kubernetes, "Resource sharing within containers"; KEP-753.

Init containers run one after another, so the largest counts; those that stay (sidecars) count beside everything that
starts after them.
"""

from collections.abc import Callable, Mapping

from k3py.model import quantity
from k3py.model.generated import core_v1

Amount = str | int | float
Amounts = Mapping[str, Amount]


def container_requests(spec: core_v1.PodSpec) -> dict[str, Amount]:
    """Requests of all containers together, by resource."""
    return _aggregate(spec, lambda container: container.resources.requests)


def container_limits(spec: core_v1.PodSpec) -> dict[str, Amount]:
    """Limits of all containers together, by resource."""
    return _aggregate(spec, lambda container: container.resources.limits)


def _aggregate(spec: core_v1.PodSpec, of: Callable[[core_v1.Container], Amounts]) -> dict[str, Amount]:
    total: dict[str, Amount] = {}
    for container in spec.containers:
        _add(total, of(container))
    staying: dict[str, Amount] = {}
    starting: dict[str, Amount] = {}
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            _add(total, of(container))
            _add(staying, of(container))
            _raise(starting, staying)
        else:
            needed = dict(of(container))
            _add(needed, staying)
            _raise(starting, needed)
    _raise(total, starting)
    return total


def _add(total: dict[str, Amount], amounts: Amounts) -> None:
    for name, amount in amounts.items():
        total[name] = quantity.total((total[name], amount)) if name in total else amount


def _raise(total: dict[str, Amount], amounts: Amounts) -> None:
    """Each resource to the larger of both."""
    for name, amount in amounts.items():
        if name not in total or quantity.nano(amount) > quantity.nano(total[name]):
            total[name] = amount
