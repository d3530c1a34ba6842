"""Checks of a service's addresses and IP families, and of what may become of them.

Source: Kubernetes "IPv4/IPv6 dual-stack"; ``pkg/apis/core/validation`` and ``pkg/registry/core/service/storage``.
"""

from collections.abc import Collection
from typing import Final

from k3py.model.generated import core_v1
from k3py.objects.defaults.service_families import FAMILIES, IPV4, IPV6, POLICIES, SINGLE_STACK
from k3py.objects.fields import Errors
from k3py.objects.validation.addresses import check_address, is_ipv6

ADDRESSES_MAX: Final = 2
HEADLESS: Final = "None"
_ONCE: Final = "may not change once set"
_ADDRESSES: Final = "spec.clusterIPs"
_FAMILIES: Final = "spec.ipFamilies"
_POLICY: Final = "spec.ipFamilyPolicy"


def check(spec: core_v1.ServiceSpec, wrong: Errors, kept: Collection[str] = ()) -> None:
    """What is wrong with addresses, families and policy, and what this cluster does not have."""
    check_given(spec, wrong, kept)
    if not wrong and spec.type != "ExternalName":
        _offered(spec, wrong)


def check_given(spec: core_v1.ServiceSpec, wrong: Errors, kept: Collection[str] = ()) -> None:
    """What is wrong with what was given, in any cluster; addresses in ``kept`` are good however they are written."""
    if spec.type == "ExternalName":
        return
    _in_step(spec, wrong)
    for index, family in enumerate(spec.ip_families):
        if family not in FAMILIES:
            wrong.unsupported(f"{_FAMILIES}[{index}]", family, FAMILIES)
        if family in spec.ip_families[:index]:
            wrong.duplicate(f"{_FAMILIES}[{index}]", family)
    if spec.ip_family_policy is not None and spec.ip_family_policy not in POLICIES:
        wrong.unsupported(_POLICY, spec.ip_family_policy, sorted(POLICIES))
    if _addresses(spec, wrong, kept):
        _of_families(spec, wrong)


def check_change(new: core_v1.ServiceSpec, old: core_v1.ServiceSpec, wrong: Errors) -> None:
    """A second address or family may come and go; what was given does not change."""
    if "ExternalName" in (new.type, old.type):
        return
    if not new.cluster_ip == old.cluster_ip == HEADLESS:
        _addresses_change(new, old, wrong)
    if HEADLESS not in (new.cluster_ip, old.cluster_ip):
        _families_change(new, old, wrong)


def _families_change(new: core_v1.ServiceSpec, old: core_v1.ServiceSpec, wrong: Errors) -> None:
    before, after = old.ip_families, new.ip_families
    if len(before) == len(after):
        for was, now in zip(before, after, strict=True):
            if was != now:
                wrong.invalid(f"{_FAMILIES}[0]", after, _ONCE)
        return
    if before and not new.cluster_ips:
        wrong.invalid(f"{_FAMILIES}[0]", after, "primary ipFamily can not be unset")
    if before and after and before[0] != after[0]:
        wrong.invalid(f"{_FAMILIES}[0]", new.cluster_ips, _ONCE)
    if len(before) > len(after) == 1 and new.ip_family_policy != SINGLE_STACK:
        detail = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        wrong.invalid(_POLICY, new.ip_family_policy, detail)


def _addresses_change(new: core_v1.ServiceSpec, old: core_v1.ServiceSpec, wrong: Errors) -> None:
    before, after = old.cluster_ips, new.cluster_ips
    if len(before) == len(after):
        for index, address in enumerate(before):
            if after[index] != address:
                wrong.invalid(f"{_ADDRESSES}[{index}]", after, _ONCE)
        return
    if before and not after:
        wrong.invalid(f"{_ADDRESSES}[0]", after, "primary clusterIP can not be unset")
    if before and after and before[0] != after[0]:
        wrong.invalid(f"{_ADDRESSES}[0]", after, _ONCE)
    if len(before) > len(after) == 1 and new.ip_family_policy != SINGLE_STACK:
        detail = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        wrong.invalid(_POLICY, new.ip_family_policy, detail)


def _in_step(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    """``clusterIP`` is the first of ``clusterIPs``."""
    if spec.cluster_ip and not spec.cluster_ips:
        wrong.required(_ADDRESSES)
    elif spec.cluster_ip and spec.cluster_ips[0] != spec.cluster_ip:
        wrong.invalid(_ADDRESSES, spec.cluster_ips, "first value must match `clusterIP`")
    elif spec.cluster_ips and not spec.cluster_ip:
        wrong.invalid(_ADDRESSES, spec.cluster_ips, "must be empty when `clusterIP` is not specified")


def _addresses(spec: core_v1.ServiceSpec, wrong: Errors, kept: Collection[str]) -> bool:
    """Check each address for itself; returns whether it is worth to compare them."""
    readable = True
    for index, address in enumerate(spec.cluster_ips):
        if index == 0 and address == HEADLESS:
            if len(spec.cluster_ips) > 1:
                wrong.invalid(_ADDRESSES, spec.cluster_ips, "'None' must be the first and only value")
                readable = False
        elif not check_address(f"{_ADDRESSES}[{index}]", address, wrong, kept):
            readable = False
    if len(spec.cluster_ips) > ADDRESSES_MAX:
        wrong.invalid(_ADDRESSES, spec.cluster_ips, f"may only hold up to {ADDRESSES_MAX} values")
    return readable


def _of_families(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    addresses = spec.cluster_ips
    if len(addresses) > 1 and {is_ipv6(each) for each in addresses} != {True, False}:
        wrong.invalid(_ADDRESSES, addresses, "may specify no more than one IP for each IP family")
    if spec.cluster_ip == HEADLESS:
        return
    for index, (address, family) in enumerate(zip(addresses, spec.ip_families, strict=False)):
        if family in FAMILIES and is_ipv6(address) != (family == IPV6):
            detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            wrong.invalid(f"{_ADDRESSES}[{index}]", address, detail)


def _offered(spec: core_v1.ServiceSpec, wrong: Errors) -> None:
    """One family, IPv4, or both with IPv4 first: a pod without IPv4 does not exist here."""
    for word, count in (("cluster IPs", len(spec.cluster_ips)), ("IP families", len(spec.ip_families))):
        if spec.ip_family_policy == SINGLE_STACK and count > 1:
            detail = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {word} are specified"
            wrong.invalid(_POLICY, spec.ip_family_policy, detail)
    if spec.cluster_ips and not spec.ip_families:
        wrong.invalid(f"{_ADDRESSES}[0]", spec.cluster_ips, f"{IPV6} is not configured on this cluster")
    if wrong or (spec.cluster_ip == HEADLESS and not spec.selector):
        return
    if spec.ip_families and spec.ip_families[0] != IPV4:
        wrong.invalid(f"{_FAMILIES}[0]", spec.ip_families[0], "not configured on this cluster")
