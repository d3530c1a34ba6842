"""Checks of what containers and pods ask for. Source: Kubernetes ``ValidateContainerResourceRequirements``."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from k3py.model import names, quantity
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.resource_totals import container_requests
from k3py.objects.validation.amounts import amount_of, container_name, may_overcommit, resource_name

Amounts = Mapping[str, str | int | float]
NameCheck = Callable[[str, str, Errors], None]

_COMPUTE: Final = ("cpu", "memory")
_HUGE: Final = "hugepages-"
_POD_LEVEL: Final = ("cpu", _HUGE, "memory")


def container_resources(found: core_v1.ResourceRequirements, claims: Collection[str], path: str, wrong: Errors) -> None:
    """What a container asks for; ``claims`` are the names of the pod's resource claims."""
    if found.limits or found.requests:
        _requirements(found, container_name, path, wrong)
    _claims(found.claims, claims, f"{path}.claims", wrong)


def overhead(amounts: Amounts, path: str, wrong: Errors) -> None:
    """What a runtime needs beside the containers: checked as limits are."""
    _requirements(core_v1.ResourceRequirements(limits=dict(amounts)), container_name, path, wrong)


def pod_resources(spec: core_v1.PodSpec, found: core_v1.ResourceRequirements, path: str, wrong: Errors) -> None:
    """What the pod as a whole asks for: no less than its containers together, limits no lower than any of theirs."""
    if found.claims:
        wrong.forbidden(f"{path}.claims", "claims cannot be set for Resources at pod-level")
    _requirements(found, _pod_level_name, path, wrong)
    _enough_for_containers(spec, found, path, wrong)


def _enough_for_containers(
    spec: core_v1.PodSpec, found: core_v1.ResourceRequirements, path: str, wrong: Errors
) -> None:
    for name, total in sorted(container_requests(spec).items()):
        if not _is_pod_level(name):
            continue
        whole = found.requests.get(name, "0")
        if quantity.nano(total) > quantity.nano(whole):
            detail = f"must be greater than or equal to aggregate container requests of {total}"
            wrong.invalid(f"{path}.requests[{name}]", str(whole), detail)
    for index, container in enumerate(spec.containers):
        for name, limit in sorted(container.resources.limits.items()):
            whole = found.limits.get(name, limit)
            if quantity.nano(limit) > quantity.nano(whole):
                detail = f"must be less than or equal to pod limits of {whole}"
                wrong.invalid(f"{path}.containers[{index}][{name}].limits", str(limit), detail)


def _is_pod_level(name: str) -> bool:
    return name in _COMPUTE or name.startswith(_HUGE)


def _pod_level_name(name: str, path: str, wrong: Errors) -> None:
    if resource_name(name, path, wrong) and not _is_pod_level(name):
        wrong.unsupported(path, name, _POD_LEVEL)


def _requirements(found: core_v1.ResourceRequirements, name_check: NameCheck, path: str, wrong: Errors) -> None:
    for name, amount in sorted(found.limits.items()):
        _amount(name, amount, name_check, f"{path}.limits[{name}]", wrong)
    for name, amount in sorted(found.requests.items()):
        _amount(name, amount, name_check, f"{path}.requests[{name}]", wrong)
        _within_limit(name, amount, found.limits, path, wrong)
    asked = (*found.limits, *found.requests)
    if any(name.startswith(_HUGE) for name in asked) and not any(name in _COMPUTE for name in asked):
        wrong.forbidden(path, "HugePages require cpu or memory")


def _amount(name: str, amount: str | int | float, name_check: NameCheck, path: str, wrong: Errors) -> None:
    if name not in _COMPUTE:
        name_check(name, path, wrong)
    amount_of(name, amount, path, wrong)
    if name.startswith(_HUGE) and not _is_whole_pages(name, amount):
        wrong.invalid(path, str(amount), f"{amount} is not positive integer multiple of {name}")


def _is_whole_pages(name: str, amount: str | int | float) -> bool:
    try:
        page = quantity.whole(name.removeprefix(_HUGE))
    except ValueError:
        return False
    return page > 0 and quantity.nano(amount) > 0 and quantity.whole(amount) % page == 0


def _within_limit(name: str, amount: str | int | float, limits: Amounts, path: str, wrong: Errors) -> None:
    limit = limits.get(name)
    if limit is None:
        if not may_overcommit(name):
            wrong.required(f"{path}.limits", "Limit must be set for non overcommitable resources")
        return
    wanted, most = quantity.nano(amount), quantity.nano(limit)
    if wanted != most and not may_overcommit(name):
        wrong.invalid(f"{path}.requests", str(amount), f"must be equal to {name} limit of {limit}")
    elif wanted > most:
        wrong.invalid(f"{path}.requests", str(amount), f"must be less than or equal to {name} limit of {limit}")


def _claims(found: list[core_v1.ResourceClaim], known: Collection[str], path: str, wrong: Errors) -> None:
    """Each claim is the pod's, and named once: as a whole, or for different requests."""
    taken: set[str] = set()
    for index, claim in enumerate(found):
        place = f"{path}[{index}]"
        if not claim.name:
            wrong.required(place)
            continue
        key = claim.name
        if key in taken:
            wrong.duplicate(place, key)
        else:
            if claim.request:
                wrong.each_invalid(f"{place}.request", claim.request, names.dns_1123_label(claim.request))
                key = f"{key}/{claim.request}"
            if key in taken or (not claim.request and any(each.startswith(f"{key}/") for each in taken)):
                wrong.duplicate(place, key)
            taken.add(key)
        if claim.name not in known:
            rest = f": {', '.join(sorted(known))}" if known else " which is empty"
            wrong.not_found(place, claim.name, f"must be one of the names in pod.spec.resourceClaims{rest}")
