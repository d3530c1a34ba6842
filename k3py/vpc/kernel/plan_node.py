"""What has to be done for the node as a whole: settings, rules, addresses, shared maps, and all pods. Decides."""

from collections.abc import Iterable, Sequence
from typing import Final

from k3py.vpc.kernel import actions, entries, layout, names
from k3py.vpc.kernel.actions import Action, Plan
from k3py.vpc.kernel.plan import Everything, plan_pod, plan_removal, pod_part
from k3py.vpc.kernel.ruleset import DnatRule, ruleset
from k3py.vpc.kernel.values import Seen
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.wanted import NodeConfig, Wanted

FORWARDING: Final = ("net/ipv6/conf/all/forwarding", "net/ipv4/ip_forward")
LOOPBACK_DISABLED: Final = "net/ipv6/conf/lo/disable_ipv6"


def accept_ra(device: str) -> str:
    """The setting that says whether a device takes router advertisements: 1 unless it forwards, 2 always."""
    return f"net/ipv6/conf/{device}/accept_ra"


def sysctls_of_interest(uplinks: Iterable[str]) -> list[str]:
    """The settings that plans look at."""
    return [*FORWARDING, LOOPBACK_DISABLED, *(accept_ra(each) for each in uplinks)]


def plan_everything(
    config: NodeConfig, wanted: Wanted, seen: Seen, base: bytes, node_ports: Sequence[DnatRule] = ()
) -> Everything:
    """What makes the node as wanted, and removes of ours what is not."""
    pods: dict[str, Plan] = {}
    impossible: dict[str, NetworkProblem] = {}
    for uid, pod in wanted.pods.items():
        try:
            pods[uid] = plan_pod(config, wanted, pod, pod_part(config, pod, seen), base)
        except NetworkProblem as problem:
            impossible[uid] = problem
    before = [*plan_settings(config, wanted, seen, node_ports), *plan_removals(config, wanted, seen)]
    return Everything(before, pods, impossible, plan_surplus(config, wanted, seen))


def plan_settings(config: NodeConfig, wanted: Wanted, seen: Seen, node_ports: Sequence[DnatRule] = ()) -> Plan:
    """What the node needs before any pod: rules first, then forwarding."""
    text = ruleset(config, wanted, node_ports)
    stages: list[list[Action]] = [
        [actions.WriteTable(text, "our rules are not there")] if seen.table_text != text else [],
        [*_router_advertisements(seen), *_sysctl(seen, LOOPBACK_DISABLED, "0", "Ghost addresses live there")],
        [each for path in FORWARDING for each in _sysctl(seen, path, "1", "the node forwards its pods' packets")],
        [actions.AddAddress(each, "pods ask it") for each in sorted(layout.system_addresses(wanted) - seen.addresses)],
        [
            actions.PutRoute(each, "our block's route is missing")
            for each in sorted(layout.block_routes(wanted) - seen.routes, key=lambda each: str(each.destination))
        ],
        _missing_ways(config, wanted, seen),
    ]
    return [tuple(each) for each in stages if each]


def plan_removals(config: NodeConfig, wanted: Wanted, seen: Seen) -> Plan:
    """What takes away the pods that nobody wants: their links, pins, and pins of devices that have vanished."""
    kept = {names.device(config, each) for each in wanted.pods.values()}
    pins = {names.pin_name(uid) for uid in wanted.pods}
    strangers = [each for name, each in sorted(seen.links.items()) if each.group == config.group and name not in kept]
    indexes = {each.index: each for each in strangers}
    plan: Plan = []
    claimed: set[int] = set()
    for pin, programs in sorted(seen.programs.items()):
        if pin not in pins:
            device = indexes.get(programs.from_pod) or indexes.get(programs.to_pod)
            claimed |= {device.index} if device else set()
            plan += plan_removal(device, pin, seen)
    for device in strangers:
        if device.index not in claimed:
            plan += plan_removal(device, "", seen)
    return plan


def plan_surplus(config: NodeConfig, wanted: Wanted, seen: Seen) -> Plan:
    """What is left over of what is not wanted any more, and belongs to no pod."""
    why = "nobody wants it"
    routes = entries.all_routes(config, wanted)
    local = {entries.local_key(each) for each in wanted.pods.values()}
    blocks = layout.block_routes(wanted)
    surplus: list[Action] = [
        *(actions.RemoveRoute(each, why) for each in seen.routes if not each.device and each not in blocks),
        *(actions.RemoveAddress(each, why) for each in sorted(seen.addresses - layout.system_addresses(wanted))),
        *_unwanted(seen, entries.ROUTES, set(routes)),
        *_unwanted(seen, entries.LOCAL_PODS, local),
        *_unwanted(seen, entries.PEERS, set()),
    ]
    return [tuple(surplus)] if surplus else []


def _router_advertisements(seen: Seen) -> list[Action]:
    why = "forwarding would switch its router advertisements off"
    return [
        actions.SetSysctl(accept_ra(each), "2", why)
        for each in seen.uplinks
        if seen.sysctls.get(accept_ra(each)) == "1"
    ]


def _sysctl(seen: Seen, path: str, value: str, why: str) -> list[Action]:
    return [actions.SetSysctl(path, value, why)] if seen.sysctls.get(path, value) != value else []


def _missing_ways(config: NodeConfig, wanted: Wanted, seen: Seen) -> list[Action]:
    has = seen.entries.get(entries.ROUTES, {})
    return [
        actions.PutEntry(entries.ROUTES, key, value, "the VPC's way is missing")
        for key, value in entries.all_routes(config, wanted).items()
        if has.get(key) != value
    ]


def _unwanted(seen: Seen, map_name: str, needed: set[bytes]) -> list[Action]:
    return [
        actions.RemoveEntry(map_name, each, "nobody wants it")
        for each in seen.entries.get(map_name, {})
        if each not in needed
    ]
