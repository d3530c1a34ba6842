"""Looks at the kernel: what of ours is there. Acts."""

import struct
from collections.abc import Iterable
from pathlib import Path
from socket import if_indextoname
from typing import Any, Final

from k3py.vpc.kernel import dump, entries, layout, names, namespaces, routes
from k3py.vpc.kernel.maps import SharedMaps
from k3py.vpc.kernel.netlink import Netlink, netlink
from k3py.vpc.kernel.nft import Nft
from k3py.vpc.kernel.plan_node import sysctls_of_interest
from k3py.vpc.kernel.programs import PodPrograms
from k3py.vpc.kernel.sysctls import Sysctls
from k3py.vpc.kernel.values import Link, Namespace, Route, Seen, SeenPod
from k3py.vpc.wanted import NodeConfig, PodNetwork, Wanted

UP: Final = 0x1
NO_ARP: Final = 0x80
LOWER_UP: Final = 0x1_0000
_SKIP_STATISTICS: Final = 8
# struct ifinfomsg: family, type, index, flags, change; and attributes of links.
_LINK_MESSAGE: Final = struct.Struct("=BxHiII")
_ADDRESS, _IFNAME, _MTU, _LINK_INFO, _GROUP, _EXT_MASK, _NETNSID = 1, 3, 4, 18, 27, 29, 37
_KIND: Final = 1
_DEVICE_SETTINGS: Final = Path("/proc/sys/net/ipv6/conf")


class Observer:
    """Sees the node, and single pods of it. ``joined``: uids whose namespaces the socket programs were told of."""

    def __init__(
        self, config: NodeConfig, shared: SharedMaps, programs: PodPrograms, nft: Nft, sysctls: Sysctls
    ) -> None:
        self._config, self._shared, self._programs = config, shared, programs
        self._nft, self._sysctls = nft, sysctls
        self.joined: set[str] = set()

    def everything(self, wanted: Wanted) -> Seen:
        """All that plans look at."""
        with netlink() as socket:
            links = {each.name: each for each in all_links()}
            uplinks = layout.uplinks(links.values(), self._config)
            return Seen(
                links,
                routes.seen(self._config, {each.index: each.name for each in links.values()}),
                routes.seen_addresses(socket, self._config),
                self._programs.see_all(),
                {uid: _namespace(socket, pod) for uid, pod in wanted.pods.items()},
                self._shared.entries(),
                self._sysctls.read(sysctls_of_interest(uplinks)),
                self._nft.text(),
                frozenset(self.joined),
                uplinks,
            )

    def pod(self, wanted: Wanted, pod: PodNetwork) -> SeenPod:
        """One pod's part, without looking at the others'."""
        with netlink() as socket:
            device = names.device(self._config, pod)
            link = find_link(socket, device)
            node_end = find_link(socket, names.node_end(self._config)) if names.is_node(pod) else None
            devices = {each.index: each.name for each in (link, node_end) if each}
            found = routes.seen(self._config, devices) if link else frozenset[Route]()
            return SeenPod(
                link,
                node_end,
                self._programs.see(names.pin_name(pod.uid)),
                frozenset(each for each in found if each.device in devices.values()),
                _namespace(socket, pod),
                self._pod_entries(wanted, pod),
                pod.uid in self.joined,
            )

    def settings(self, wanted: Wanted) -> Seen:
        """What belongs to the node as a whole, pins and maps; no links, no routes of pods."""
        ours = {names.device(self._config, each) for each in wanted.pods.values()} | {"all", "default", "lo"}
        devices = (each.name for each in _DEVICE_SETTINGS.iterdir()) if _DEVICE_SETTINGS.is_dir() else iter(())
        uplinks = tuple(
            sorted(each for each in devices if each not in ours and not each.startswith(self._config.link_prefix))
        )
        with netlink() as socket:
            return Seen(
                routes=routes.seen_unreachable(self._config),
                addresses=routes.seen_addresses(socket, self._config),
                programs=self._programs.see_all(),
                entries=self._shared.entries(),
                sysctls=self._sysctls.read(sysctls_of_interest(uplinks)),
                table_text=self._nft.text(),
                uplinks=uplinks,
            )

    def remains(self, pin: str, host_end: str) -> Seen:
        """What there is of a pod whose network is not known any more: by its pins' name and its host end's.

        ``links``: its device alone. ``entries``: those of ``local_pods`` that lead to it or to nothing.
        """
        programs = self._programs.see(pin)
        with netlink() as socket:
            device = find_link(socket, host_end)
            if device is None and programs and (name := _name_of(programs.from_pod or programs.to_pod)):
                device = find_link(socket, name)
            if device is not None and device.group != self._config.group:
                device = None
            found = routes.seen(self._config, {device.index: device.name}) if device else frozenset[Route]()
        local = self._shared.table(entries.LOCAL_PODS)
        index = device.index if device else 0
        leading = {key: value for key, value in local.items() if _leads_to(entries.index_of(value), index)}
        return Seen(
            {device.name: device} if device else {},
            found,
            programs={pin: programs} if programs else {},
            entries={entries.LOCAL_PODS: leading},
        )

    def _pod_entries(self, wanted: Wanted, pod: PodNetwork) -> dict[str, dict[bytes, bytes]]:
        vpc = wanted.vpcs.get(pod.vpc)
        keys = list(entries.route_entries(self._config, wanted, vpc)) if vpc else []
        return {
            entries.ROUTES: self._shared.some(entries.ROUTES, keys),
            entries.LOCAL_PODS: self._shared.some(entries.LOCAL_PODS, [entries.local_key(pod)]),
        }


def all_links() -> list[Link]:
    """The interfaces of the caller's namespace."""
    request = bytes(_LINK_MESSAGE.size) + struct.pack("=HHI", 8, _EXT_MASK, _SKIP_STATISTICS)
    return [dumped_link(each) for each in dump.dump(dump.GET_LINK, request)]


def dumped_link(message: bytes) -> Link:
    """A link of a dump: ``struct ifinfomsg`` and its attributes (linux/if_link.h).

    Raises:
        struct.error: it is too short.
    """
    _, _, index, flags, _ = _LINK_MESSAGE.unpack_from(message)
    found = dump.attributes(message, _LINK_MESSAGE.size)
    information = dump.attributes(found.get(_LINK_INFO, b""), 0)
    return Link(
        _text(found.get(_IFNAME)),
        index,
        dump.number(found.get(_GROUP)),
        found.get(_ADDRESS, b"").hex(":"),
        dump.number(found.get(_MTU)),
        bool(flags & UP),
        bool(flags & LOWER_UP),
        not flags & NO_ARP,
        dump.number(found[_NETNSID]) if _NETNSID in found else None,
        _text(information.get(_KIND)),
    )


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode(errors="replace")


def find_link(socket: Netlink, name: str) -> Link | None:
    """An interface by its name."""
    # Its sysctl folder is there exactly as long as the interface, and asking for it is cheaper than a refusal.
    if not Path("/proc/sys/net/ipv4/conf", name).exists():
        return None
    found = socket.link_lookup(ifname=name)
    return _link(socket.get_links(found[0])[0]) if found else None


def ours(links: Iterable[Link], config: NodeConfig) -> list[Link]:
    """The interfaces of our groups."""
    return [each for each in links if each.group in (config.group, names.node_group(config))]


def _name_of(index: int) -> str:
    try:
        return if_indextoname(index) if index else ""
    except OSError:
        return ""


def _leads_to(entry: int, index: int) -> bool:
    return entry == index or not _name_of(entry)


def _link(message: Any) -> Link:
    flags = message["flags"]
    information = message.get_attr("IFLA_LINKINFO")
    return Link(
        message.get("ifname"),
        message["index"],
        message.get("group", 0),
        message.get("address", ""),
        message.get("mtu", 0),
        bool(flags & UP),
        bool(flags & LOWER_UP),
        not flags & NO_ARP,
        message.get("link_netnsid"),
        (information.get_attr("IFLA_INFO_KIND") or "") if information else "",
    )


def _namespace(socket: Netlink, pod: PodNetwork) -> int | Namespace | None:
    if pod.tap or names.is_node(pod):
        return None
    return namespaces.namespace_id(socket, pod.netns)
