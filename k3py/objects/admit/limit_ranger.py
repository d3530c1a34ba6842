"""LimitRanger: a namespace's LimitRanges complete what containers ask for, and bound it.

Source: Kubernetes' admission plugin LimitRanger; "Limit Ranges".
"""

from collections.abc import Iterator, Mapping
from typing import Final

from k3py.model import codec, quantity
from k3py.model.generated import core_v1
from k3py.objects.admit.asked import Asked
from k3py.objects.resource_totals import container_limits, container_requests

RANGES: Final = "limitranges"
ANNOTATION: Final = "kubernetes.io/limit-ranger"

Amount = str | int | float
Amounts = Mapping[str, Amount]


def _ranges(asked: Asked) -> list[core_v1.LimitRange]:
    """The namespace's, by name."""
    records = asked.store.list_latest(RANGES, asked.new.metadata.namespace)
    return [codec.decode(core_v1.LimitRange, each.raw) for each in sorted(records, key=lambda record: record.name)]


def add_defaults(asked: Asked) -> None:
    """Complete the requests and limits of a new pod's containers, and say so in an annotation."""
    for each in _ranges(asked):
        said = list(_complete(asked.new, each))
        if said:
            asked.new.metadata.annotations[ANNOTATION] = f"LimitRanger plugin set: {'; '.join(said)}"


def _complete(pod: core_v1.Pod, limit_range: core_v1.LimitRange) -> Iterator[str]:
    requests: dict[str, Amount] = {}
    limits: dict[str, Amount] = {}
    for item in limit_range.spec.limits:
        if item.type == "Container":
            requests.update(item.default_request)
            limits.update(item.default)
    for word, found in (("container", pod.spec.containers), ("init container", pod.spec.init_containers)):
        for container in found:
            # A default request is not taken from a default limit: only the LimitRange itself does that.
            new_limits = [name for name in limits if name not in container.resources.limits]
            new_requests = [name for name in requests if name not in container.resources.requests]
            container.resources.limits.update({name: limits[name] for name in new_limits})
            container.resources.requests.update({name: requests[name] for name in new_requests})
            if new_requests:
                yield f"{', '.join(sorted(new_requests))} request for {word} {container.name}"
            if new_limits:
                yield f"{', '.join(sorted(new_limits))} limit for {word} {container.name}"


def check_pod(asked: Asked) -> None:
    """Refuse a new pod that is beyond its namespace's bounds.

    Raises:
        Forbidden: everything that one LimitRange has against it.
    """
    for each in _ranges(asked):
        _refuse(asked, list(_pod_violations(asked.new, each)))


def check_claim(asked: Asked) -> None:
    """Refuse a claim, new or changed, for more or less storage than its namespace allows.

    Raises:
        Forbidden: everything that one LimitRange has against it.
    """
    requests = asked.new.spec.resources.requests
    for each in _ranges(asked):
        said = []
        for item in each.spec.limits:
            if item.type == "PersistentVolumeClaim":
                said += list(_below(item, requests, {}))
                said += list(_requests_above(item, requests))
        _refuse(asked, said)


def _refuse(asked: Asked, said: list[str]) -> None:
    unique = list(dict.fromkeys(said))
    if unique:
        raise asked.refusal(unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]")


def _pod_violations(pod: core_v1.Pod, limit_range: core_v1.LimitRange) -> Iterator[str]:
    spec = pod.spec
    for item in limit_range.spec.limits:
        if item.type == "Container":
            for container in (*spec.containers, *spec.init_containers):
                yield from _violations(item, container.resources.requests, container.resources.limits)
        elif item.type == "Pod":
            whole = spec.resources or core_v1.ResourceRequirements()
            requests = {**container_requests(spec), **whole.requests}
            limits = {**container_limits(spec), **whole.limits}
            yield from _violations(item, requests, limits)


def _violations(item: core_v1.LimitRangeItem, requests: Amounts, limits: Amounts) -> Iterator[str]:
    yield from _below(item, requests, limits)
    yield from _above(item, requests, limits)
    yield from _beyond_ratio(item, requests, limits)


def _compared(amount: Amount, bound: Amount) -> int:
    """Above zero when the amount is more than the bound. Amounts count in thousandths, rounded up."""
    return quantity.milli(amount) - quantity.milli(bound)


def _below(item: core_v1.LimitRangeItem, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, least in sorted(item.min.items()):
        said = f"minimum {name} usage per {item.type} is {least}"
        if name not in requests:
            yield f"{said}.  No request is specified"
        elif _compared(requests[name], least) < 0:
            yield f"{said}, but request is {requests[name]}"
        elif name in limits and _compared(limits[name], least) < 0:
            yield f"{said}, but limit is {limits[name]}"


def _above(item: core_v1.LimitRangeItem, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, most in sorted(item.max.items()):
        said = f"maximum {name} usage per {item.type} is {most}"
        if name not in limits:
            yield f"{said}.  No limit is specified"
        elif _compared(limits[name], most) > 0:
            yield f"{said}, but limit is {limits[name]}"
        elif name in requests and _compared(requests[name], most) > 0:
            yield f"{said}, but request is {requests[name]}"


def _requests_above(item: core_v1.LimitRangeItem, requests: Amounts) -> Iterator[str]:
    """Claims have no limits."""
    for name, most in sorted(item.max.items()):
        said = f"maximum {name} usage per {item.type} is {most}"
        if name not in requests:
            yield f"{said}.  No request is specified"
        elif _compared(requests[name], most) > 0:
            yield f"{said}, but request is {requests[name]}"


def _beyond_ratio(item: core_v1.LimitRangeItem, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, most in sorted(item.max_limit_request_ratio.items()):
        said = f"{name} max limit to request ratio per {item.type} is {most}"
        request = quantity.milli(requests.get(name, 0))
        limit = quantity.milli(limits.get(name, 0))
        if not request:
            yield f"{said}, but no request is specified or request is 0"
        elif not limit:
            yield f"{said}, but no limit is specified or limit is 0"
        elif limit * 1000 > quantity.milli(most) * request:
            yield f"{said}, but provided ratio is {limit / request:f}"
