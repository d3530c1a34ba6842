"""Checks of ResourceQuota and LimitRange."""

from collections.abc import Mapping, Sequence
from typing import Final

from k3py.model import names, quantity
from k3py.model.generated import core_v1
from k3py.objects.fields import IMMUTABLE, Errors
from k3py.objects.validation.amounts import (
    Amount,
    container_name,
    each_amount,
    is_quota_name,
    may_overcommit,
    quota_name,
    resource_name,
)

_PODS: Final = frozenset(("pods",))
_COMPUTE: Final = frozenset(("cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"))
# Scope -> the standard resources that can be counted in it.
_SCOPES: Final = {
    "Terminating": _PODS | _COMPUTE,
    "NotTerminating": _PODS | _COMPUTE,
    "NotBestEffort": _PODS | _COMPUTE,
    "PriorityClass": _PODS | _COMPUTE,
    "CrossNamespacePodAffinity": _PODS | _COMPUTE,
    "BestEffort": _PODS,
    "VolumeAttributesClass": frozenset(("persistentvolumeclaims", "requests.storage")),
}
_EXISTING_ONLY: Final = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
_EXISTING_RULE: Final = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating,"
    " ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_PAIRS: Final = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_UNFIT: Final = "unsupported scope applied to resource"


def resource_quota(obj: core_v1.ResourceQuota, wrong: Errors) -> None:
    """What is bounded can be counted, in the scopes given."""
    spec = obj.spec
    each_amount(spec.hard, "spec.hard", wrong, quota_name)
    for scope in spec.scopes:
        if scope not in _SCOPES:
            wrong.invalid("spec.scopes", spec.scopes, "unsupported scope")
        for _ in _uncountable(scope, spec.hard):
            wrong.invalid("spec.scopes", spec.scopes, _UNFIT)
    _conflicts("spec.scopes", spec.scopes, spec.scopes, wrong)
    if spec.scope_selector is not None:
        _selector(spec, spec.scope_selector, wrong)


def resource_quota_update(new: core_v1.ResourceQuota, old: core_v1.ResourceQuota, wrong: Errors) -> None:
    """The scopes stay."""
    if set(new.spec.scopes) != set(old.spec.scopes):
        wrong.invalid("spec.scopes", new.spec.scopes or None, IMMUTABLE)


def resource_quota_status(new: core_v1.ResourceQuota, old: core_v1.ResourceQuota, wrong: Errors) -> None:
    """What was counted is an amount."""
    del old
    each_amount(new.status.hard, "status.hard", wrong, quota_name)
    each_amount(new.status.used, "status.used", wrong, quota_name)


def resource_quota_warnings(obj: core_v1.ResourceQuota) -> list[str]:
    """Requests that are bounded higher than limits; said of a new quota only."""
    if obj.metadata.resource_version:
        return []
    said, hard = [], obj.spec.hard
    for name in ("cpu", "memory", "storage", "ephemeral-storage"):
        asked, most = f"requests.{name}", f"limits.{name}"
        if asked not in hard and name in ("cpu", "memory"):
            asked = name
        if asked in hard and most in hard and quantity.nano(hard[asked]) > quantity.nano(hard[most]):
            said.append(f"ResourceQuota {asked} ({hard[asked]}) should be less than {most} ({hard[most]})")
    return said


def _uncountable(scope: str, hard: Mapping[str, Amount]) -> list[str]:
    """Standard resources that make no sense in a scope; an unknown scope is complained of already."""
    countable = _SCOPES.get(scope)
    if countable is None:
        return []
    return [name for name in sorted(hard) if is_quota_name(name) and name not in countable]


def _conflicts(path: str, shown: Sequence[str], scopes: Sequence[str], wrong: Errors) -> None:
    for one, other in _PAIRS:
        if one in scopes and other in scopes:
            wrong.invalid(path, shown or None, "conflicting scopes")


def _selector(spec: core_v1.ResourceQuotaSpec, selector: core_v1.ScopeSelector, wrong: Errors) -> None:
    path = "spec.scopeSelector.matchExpressions"
    for each in selector.match_expressions:
        if each.scope_name not in _SCOPES:
            wrong.invalid(f"{path}.scopeName", each.scope_name, "unsupported scope")
        for _ in _uncountable(each.scope_name, spec.hard):
            wrong.invalid(path, selector, _UNFIT)
        if each.scope_name in _EXISTING_ONLY and each.operator != "Exists":
            wrong.invalid(f"{path}.operator", each.operator, _EXISTING_RULE)
        if each.operator in ("In", "NotIn"):
            if not each.values:
                detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                wrong.required(f"{path}.values", detail)
        elif each.operator in ("Exists", "DoesNotExist"):
            if each.values:
                detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                wrong.invalid(f"{path}.values", each.values, detail)
        else:
            wrong.invalid(f"{path}.operator", each.operator, "not a valid selector operator")
    _conflicts(path, spec.scopes, [each.scope_name for each in selector.match_expressions], wrong)


_LIMIT_TYPES: Final = ("Container", "PersistentVolumeClaim", "Pod")
_POD_RULE: Final = "may not be specified when `type` is 'Pod'"


def limit_range(obj: core_v1.LimitRange, wrong: Errors) -> None:
    """Each type once; least, default and most in this order."""
    known: set[str] = set()
    for index, item in enumerate(obj.spec.limits):
        path = f"spec.limits[{index}]"
        _limit_type(item.type, f"{path}.type", wrong)
        if item.type in known:
            wrong.duplicate(f"{path}.type", item.type)
        known.add(item.type)
        _limit_names(item, path, wrong)
        keys = {*item.max, *item.min, *item.max_limit_request_ratio}
        if item.type != "Pod":
            keys |= {*item.default, *item.default_request}
        for name in sorted(keys):
            _order(item, name, path, wrong)
            _ratio(item, name, path, wrong)
            _overcommit(item, name, path, wrong)


def _limit_type(name: str, path: str, wrong: Errors) -> None:
    said = names.qualified_name(name)
    wrong.each_invalid(path, name, said)
    if not said and "/" not in name and name not in _LIMIT_TYPES:
        wrong.invalid(path, name, "must be a standard limit type or fully qualified")


def _limit_names(item: core_v1.LimitRangeItem, path: str, wrong: Errors) -> None:
    _names(item, item.max, f"{path}.max", wrong)
    _names(item, item.min, f"{path}.min", wrong)
    if item.type == "Pod":
        if item.default:
            wrong.forbidden(f"{path}.default", _POD_RULE)
        if item.default_request:
            wrong.forbidden(f"{path}.defaultRequest", _POD_RULE)
    else:
        _names(item, item.default, f"{path}.default", wrong)
        _names(item, item.default_request, f"{path}.defaultRequest", wrong)
    if item.type == "PersistentVolumeClaim" and not {"storage"} & {*item.min, *item.max}:
        detail = "either minimum or maximum storage value is required, but neither was provided"
        wrong.required(f"{path}.limits", detail)
    _names(item, item.max_limit_request_ratio, f"{path}.maxLimitRequestRatio", wrong)


def _names(item: core_v1.LimitRangeItem, amounts: Mapping[str, Amount], path: str, wrong: Errors) -> None:
    check = container_name if item.type in ("Pod", "Container") else resource_name
    for name in sorted(amounts):
        check(name, f"{path}[{name}]", wrong)


def _order(item: core_v1.LimitRangeItem, name: str, path: str, wrong: Errors) -> None:
    """Least <= request <= default <= most; the value shown is what Kubernetes shows."""
    least, most = item.min.get(name), item.max.get(name)
    default = request = None
    if item.type != "Pod":
        default, request = item.default.get(name), item.default_request.get(name)
    for field, shown, (low_word, low), (high_word, high) in (
        ("min", least, ("min", least), ("max", most)),
        ("defaultRequest", request, ("min", least), ("default request", request)),
        ("defaultRequest", request, ("default request", request), ("max", most)),
        ("defaultRequest", request, ("default request", request), ("default limit", default)),
        ("default", least, ("min", least), ("default", default)),
        ("default", most, ("default", default), ("max", most)),
    ):
        if low is None or high is None or quantity.nano(low) <= quantity.nano(high):
            continue
        detail = f"{low_word} value {low} is greater than {high_word} value {high}"
        wrong.invalid(f"{path}.{field}[{name}]", str(shown), detail)


def _ratio(item: core_v1.LimitRangeItem, name: str, path: str, wrong: Errors) -> None:
    ratio, place = item.max_limit_request_ratio.get(name), f"{path}.maxLimitRequestRatio[{name}]"
    if ratio is None:
        return
    if quantity.nano(ratio) < quantity.NANO:
        wrong.invalid(place, str(ratio), f"ratio {ratio} is less than 1")
    if name not in item.min or name not in item.max:
        return
    least, most = quantity.nano(item.min[name]), quantity.nano(item.max[name])
    bound = most / least if least else float("inf")
    if quantity.milli(ratio) / 1000 > bound:
        wrong.invalid(place, str(ratio), f"ratio {ratio} is greater than max/min = {bound:f}")


def _overcommit(item: core_v1.LimitRangeItem, name: str, path: str, wrong: Errors) -> None:
    if item.type == "Pod" or may_overcommit(name):
        return
    default, request = item.default.get(name), item.default_request.get(name)
    if default is None or request is None or quantity.nano(default) == quantity.nano(request):
        return
    detail = f"default value {default} must equal to defaultRequest value {request} in {name}"
    wrong.invalid(f"{path}.defaultRequest[{name}]", str(request), detail)
