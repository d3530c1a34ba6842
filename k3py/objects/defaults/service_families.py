"""Which IP families a service has: what the user left out, from the old version and from what is there.

Source: Kubernetes' "IPv4/IPv6 dual-stack", and ``pkg/registry/core/service/storage``.
"""

from typing import Final

from k3py.model.generated import core_v1

IPV4: Final = "IPv4"
IPV6: Final = "IPv6"
FAMILIES: Final = (IPV4, IPV6)
SINGLE_STACK: Final = "SingleStack"
PREFER_DUAL_STACK: Final = "PreferDualStack"
REQUIRE_DUAL_STACK: Final = "RequireDualStack"
POLICIES: Final = (SINGLE_STACK, PREFER_DUAL_STACK, REQUIRE_DUAL_STACK)


def complete(spec: core_v1.ServiceSpec, old: core_v1.ServiceSpec | None) -> None:
    """Fill in ``ipFamilyPolicy`` and ``ipFamilies``; ``old`` is the stored spec, None for a new service."""
    if spec.type == "ExternalName":
        return
    if old is not None and old.ip_families:
        spec.ip_family_policy = spec.ip_family_policy or old.ip_family_policy
        spec.ip_families = spec.ip_families or list(old.ip_families)
        _keep_second_address(spec, old)
        _downgrade(spec, old)
    if not spec.ip_family_policy:
        # Whose endpoints somebody else keeps, and who has no address, may be of any family.
        free = spec.cluster_ip == "None" and not spec.selector
        spec.ip_family_policy = REQUIRE_DUAL_STACK if free else SINGLE_STACK
    if not _infer(spec):
        return
    spec.ip_families = spec.ip_families or [IPV4]
    if spec.ip_family_policy in (PREFER_DUAL_STACK, REQUIRE_DUAL_STACK) and len(spec.ip_families) == 1:
        spec.ip_families = [*spec.ip_families, *(each for each in FAMILIES if each not in spec.ip_families)]


def _infer(spec: core_v1.ServiceSpec) -> bool:
    """Families of the addresses that are given; returns False for a first address that no cluster here has."""
    addresses = [each for each in spec.cluster_ips if each != "None"]
    for each in addresses[len(spec.ip_families) :]:
        family = IPV6 if ":" in each else IPV4
        if not spec.ip_families and family == IPV6:
            return False
        spec.ip_families += [family] if family not in spec.ip_families else []
    return True


def _keep_second_address(spec: core_v1.ServiceSpec, old: core_v1.ServiceSpec) -> None:
    """Who repeats only the first of the stored addresses does not mean to give up the second."""
    if spec.cluster_ips == old.cluster_ips[:1]:
        spec.cluster_ips = list(old.cluster_ips)


def _downgrade(spec: core_v1.ServiceSpec, old: core_v1.ServiceSpec) -> None:
    """From two families to one: it is enough to say so in the policy."""
    if spec.ip_family_policy != SINGLE_STACK or old.ip_family_policy == SINGLE_STACK:
        return
    if spec.ip_families == old.ip_families:
        spec.ip_families = spec.ip_families[:1]
    if spec.cluster_ips == old.cluster_ips:
        spec.cluster_ips = spec.cluster_ips[:1]
