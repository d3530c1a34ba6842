"""What has to be done so that the kernel is as wanted: compares wanted with seen. Decides.

A pod's plan keeps this order: link, programs begin to load -> pod's end configured -> programs attached and pinned ->
host end up -> routes. As long as the host end is down no packet of the pod goes anywhere, so its first one already
meets its rules; and a host end that is up says that everything before was done.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from k3py.model.vpc_socket import DEVICE_VANISHED, VPC_NOT_FOUND
from k3py.vpc.kernel import actions, entries, layout, names
from k3py.vpc.kernel.actions import Action, Plan
from k3py.vpc.kernel.values import Link, Namespace, Programs, Route, Seen, SeenPod
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.wanted import NodeConfig, PodNetwork, Wanted

PROGRAMS: Final = ("from_pod", "to_pod")


@dataclass(frozen=True)
class Everything:
    """A plan for the whole node: what comes first, then the pods in any order, then what is left over.

    ``impossible``: pods that cannot be connected, by uid, and why.
    """

    before: Plan
    pods: Mapping[str, Plan]
    impossible: Mapping[str, NetworkProblem]
    after: Plan


def plan_pod(config: NodeConfig, wanted: Wanted, pod: PodNetwork, seen: SeenPod, base: bytes) -> Plan:
    """What connects one pod. ``base``: of which objects and maps programs are made now.

    Raises:
        NetworkProblem: its namespace, its device or its VPC does not exist.
    """
    _check(wanted, pod, seen)
    device = names.device(config, pod)
    link, removal = _usable_link(pod, device, seen)
    programs = _programs(config, wanted, pod, link, seen, base)
    linking = _linking(config, pod, device, link)
    configuring = _configuring(pod, link)
    stages: list[list[Action]] = [
        removal,
        [
            *linking,
            *(each for each in programs if isinstance(each, actions.LoadPrograms)),
            *_ways(config, wanted, pod, seen),
        ],
        configuring,
        [each for each in programs if isinstance(each, actions.AttachProgram | actions.ExchangePrograms)],
        [each for each in programs if isinstance(each, actions.MarkPrograms)],
        _raising(device, link, configuring),
        [*_routes(config, wanted, pod, link, seen), *_local_pod(pod, device, link, seen), *_joining(pod, link, seen)],
    ]
    return [tuple(each) for each in stages if each]


def plan_removal(device: Link | None, pin: str, seen: Seen) -> Plan:
    """What takes away a pod that is not wanted; ``device`` None: its device is gone already.

    The device goes before the pins: unpinning first would leave it without rules. ``seen.links`` are at least those
    that ``seen.entries`` speak of.
    """
    why = "the pod is not wanted"
    alive = {each.index for each in seen.links.values() if each != device}
    local = seen.entries.get(entries.LOCAL_PODS, {})
    stages: list[list[Action]] = [[], [], [], []]
    stages[0] += [
        actions.RemoveEntry(entries.LOCAL_PODS, key, why)
        for key, value in local.items()
        if entries.index_of(value) not in alive
    ]
    if device:
        if device.kind == "veth":
            stages[1].append(actions.RemoveLink(device.name, why))
        else:
            stages[0] += [actions.RemoveRoute(each, why) for each in sorted_routes(seen, device.name)]
            stages[1].append(actions.ReleaseDevice(device.name, why))
    if pin in seen.programs:
        stages[2].append(actions.LeaveServices(pin, why))
        stages[3].append(actions.RemovePins(pin, why))
    return [tuple(each) for each in stages if each]


def pod_part(config: NodeConfig, pod: PodNetwork, seen: Seen) -> SeenPod:
    """What was seen of one pod."""
    device = names.device(config, pod)
    return SeenPod(
        seen.links.get(device),
        seen.links.get(names.node_end(config)) if names.is_node(pod) else None,
        seen.programs.get(names.pin_name(pod.uid)),
        frozenset(each for each in seen.routes if _of_pod(config, pod, each.device)),
        seen.namespaces.get(pod.uid, Namespace.UNKNOWN),
        seen.entries,
        pod.uid in seen.joined,
    )


def sorted_routes(seen: Seen, device: str) -> list[Route]:
    """The routes through a device."""
    return sorted((each for each in seen.routes if each.device == device), key=lambda each: str(each.destination))


def _check(wanted: Wanted, pod: PodNetwork, seen: SeenPod) -> None:
    if pod.vpc not in wanted.vpcs:
        raise NetworkProblem(VPC_NOT_FOUND, f"cannot connect pod {pod.uid}: there is no VPC with id {pod.vpc}")
    if pod.tap and seen.link is None:
        raise NetworkProblem(DEVICE_VANISHED, f"cannot connect pod {pod.uid}: there is no device {pod.tap}")
    if not pod.tap and seen.namespace is Namespace.GONE:
        message = f"cannot connect pod {pod.uid}: there is no network namespace {pod.netns}"
        raise NetworkProblem(DEVICE_VANISHED, message)


def _usable_link(pod: PodNetwork, device: str, seen: SeenPod) -> tuple[Link | None, list[Action]]:
    """The link if it leads to the pod's namespace; else what takes it away."""
    link = seen.link
    if link is None or pod.tap:
        return link, []
    if link.peer_namespace != seen.namespace:
        return None, [actions.RemoveLink(device, "it leads to another network namespace than the pod's")]
    if names.is_node(pod) and seen.node_end is None:
        return None, [actions.RemoveLink(device, "its other end has vanished")]
    return link, []


def _linking(config: NodeConfig, pod: PodNetwork, device: str, link: Link | None) -> list[Action]:
    if link is None:
        return [actions.MakeLink(pod, device, "the pod has no link")]
    if not layout.host_end_is_right(config, link):
        return [actions.DressLink(pod, device, "its group, MAC, MTU or flags are not ours")]
    return []


def _programs(
    config: NodeConfig, wanted: Wanted, pod: PodNetwork, link: Link | None, seen: SeenPod, base: bytes
) -> list[Action]:
    device, index = names.device(config, pod), link.index if link else 0
    has = seen.programs or Programs()
    attached = {"from_pod": has.from_pod, "to_pod": has.to_pod}
    missing = [each for each in PROGRAMS if not index or attached[each] != index]
    outdated = has.mark != layout.programs_mark(base, layout.pod_settings(wanted, pod))
    if not missing and not outdated:
        return []
    why = f"{' and '.join(missing)} missing" if missing else "programs or constants are others now"
    made: list[Action] = [actions.LoadPrograms(pod, why)]
    made += [actions.AttachProgram(pod, device, each, why) for each in missing]
    if outdated and len(missing) < len(PROGRAMS):
        made.append(actions.ExchangePrograms(pod, tuple(missing), why))
    return [*made, actions.MarkPrograms(pod, why)]


def _configuring(pod: PodNetwork, link: Link | None) -> list[Action]:
    if pod.tap or (link and link.up and link.carrier):
        return []
    return [actions.ConfigurePod(pod, "the pod's end is not up" if link else "the link is new")]


def _raising(device: str, link: Link | None, configuring: Iterable[Action]) -> list[Action]:
    if link and link.up and not list(configuring):
        return []
    return [actions.BringUp(device, "everything before is in place")]


def _routes(config: NodeConfig, wanted: Wanted, pod: PodNetwork, link: Link | None, seen: SeenPod) -> list[Action]:
    has = seen.routes if link and link.up else frozenset()
    needed = layout.pod_routes(config, wanted, pod)
    surplus = _by_destination(has - needed)
    # A route with the same destination is exchanged, not taken away.
    kept = {each.destination for each in needed}
    return [
        *(actions.PutRoute(each, "the route is missing") for each in _by_destination(needed - has)),
        *(actions.RemoveRoute(each, "nobody wants it") for each in surplus if each.destination not in kept),
    ]


def _by_destination(routes: Iterable[Route]) -> list[Route]:
    return sorted(routes, key=lambda each: (each.destination.version, each.destination))


def _ways(config: NodeConfig, wanted: Wanted, pod: PodNetwork, seen: SeenPod) -> list[Action]:
    needed = entries.route_entries(config, wanted, wanted.vpcs[pod.vpc])
    has = seen.entries.get(entries.ROUTES, {})
    return [
        actions.PutEntry(entries.ROUTES, key, value, "the VPC's way is missing")
        for key, value in needed.items()
        if has.get(key) != value
    ]


def _local_pod(pod: PodNetwork, device: str, link: Link | None, seen: SeenPod) -> list[Action]:
    has = seen.entries.get(entries.LOCAL_PODS, {}).get(entries.local_key(pod))
    if link and has == entries.local_pod(pod, link.index):
        return []
    return [actions.PutLocalPod(pod, device, "the pod's neighbours do not know it")]


def _joining(pod: PodNetwork, link: Link | None, seen: SeenPod) -> list[Action]:
    # A link that is made anew may lead to another namespace than the one that was told of.
    if pod.tap or (seen.joined and link):
        return []
    return [actions.JoinServices(pod, "its sockets do not know services")]


def _of_pod(config: NodeConfig, pod: PodNetwork, device: str) -> bool:
    own = names.device(config, pod)
    return device == own or (names.is_node(pod) and device == names.node_end(config))
