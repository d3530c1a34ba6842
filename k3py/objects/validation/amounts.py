"""Checks of resource names and their amounts, as quotas, limit ranges, nodes and claims have them.

Source: Kubernetes ``pkg/apis/core/validation`` and ``pkg/apis/core/helper``.
"""

from collections.abc import Callable, Mapping
from typing import Final

from k3py.model import names, quantity
from k3py.objects.fields import Errors

Amount = str | int | float

_COUNTED: Final = frozenset((
    "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims",
    "services.nodeports", "services.loadbalancers",
))  # fmt: skip
_COMPUTE: Final = frozenset(("cpu", "memory", "ephemeral-storage"))
_SIDES: Final = frozenset(f"{side}.{name}" for side in ("requests", "limits") for name in _COMPUTE)
_QUOTA: Final = _COUNTED | _COMPUTE | _SIDES | {"requests.storage"}
_STANDARD: Final = _QUOTA | {"storage"}
_HUGE: Final = "hugepages-"
_REQUESTS: Final = "requests."

NEGATIVE: Final = "must be greater than or equal to 0"
NOT_POSITIVE: Final = "must be greater than zero"
NOT_INTEGER: Final = "must be an integer"


def is_native(name: str) -> bool:
    """Whether Kubernetes itself knows the resource, not a vendor."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """Whether the resource is a vendor's, counted in whole pieces."""
    if is_native(name) or name.startswith(_REQUESTS):
        return False
    return not names.qualified_name(f"{_REQUESTS}{name}")


def may_overcommit(name: str) -> bool:
    """Whether more of it may be promised than there is."""
    return is_native(name) and not name.startswith(_HUGE)


def is_quota_name(name: str) -> bool:
    """Whether Kubernetes itself can count it in a quota."""
    return name in _QUOTA or _is_huge_quota(name)


def _is_huge_quota(name: str) -> bool:
    return name.startswith((_HUGE, f"{_REQUESTS}{_HUGE}"))


def resource_name(name: str, path: str, wrong: Errors) -> bool:
    """A resource is a standard one, or has a domain. Returns whether it is right."""
    said = names.qualified_name(name)
    wrong.each_invalid(path, name, said)
    if said:
        return False
    if "/" not in name and name not in _STANDARD and not _is_huge_quota(name):
        wrong.invalid(path, name, "must be a standard resource type or fully qualified")
        return False
    return True


def quota_name(name: str, path: str, wrong: Errors) -> None:
    """A resource that a quota can bound."""
    resource_name(name, path, wrong)
    if "/" not in name and not is_quota_name(name):
        wrong.invalid(path, name, "must be a standard resource for quota")


def container_name(name: str, path: str, wrong: Errors) -> None:
    """A resource that a container can ask for."""
    resource_name(name, path, wrong)
    if "/" not in name:
        if name not in _COMPUTE and not name.startswith(_HUGE):
            wrong.invalid(path, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        wrong.invalid(path, name, "doesn't follow extended resource name standard")


def amount_of(name: str, amount: Amount, path: str, wrong: Errors) -> None:
    """An amount is not negative; what is counted comes in whole pieces."""
    if quantity.nano(amount) < 0:
        wrong.invalid(path, str(amount), NEGATIVE)
    if (name in _COUNTED or is_extended(name)) and quantity.milli(amount) % 1000:
        wrong.invalid(path, str(amount), NOT_INTEGER)


def positive(amount: Amount, path: str, wrong: Errors) -> bool:
    """``invalid`` unless the amount is greater than zero. Returns whether it is."""
    if quantity.nano(amount) > 0:
        return True
    wrong.invalid(path, str(amount), NOT_POSITIVE)
    return False


def not_below_zero(amount: Amount, path: str, wrong: Errors) -> None:
    """A whole amount below zero is no amount."""
    if quantity.whole(amount) < 0:
        wrong.invalid(path, quantity.whole(amount), "must be a valid resource quantity")


def each_amount(
    amounts: Mapping[str, Amount], path: str, wrong: Errors, name_check: Callable[[str, str, Errors], None]
) -> None:
    """Names and amounts of a list of resources, by name."""
    for name in sorted(amounts):
        place = f"{path}[{name}]"
        name_check(name, place, wrong)
        amount_of(name, amounts[name], place, wrong)
