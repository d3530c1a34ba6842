"""Which of the kernel's messages about links, addresses and routes say that something of ours has changed. Decides."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from k3py.vpc.kernel.names import node_end
from k3py.vpc.kernel.values import ROUTE_PROTOCOL
from k3py.vpc.wanted import NodeConfig

_UP: Final = 0x1
_LOOPBACK: Final = 1


@dataclass(frozen=True)
class Notice:
    """Something is not as it was: of the device with that name or number (0: of the node itself)."""

    device: str = ""
    index: int = 0


def notice(config: NodeConfig, devices: Iterable[str], message: Any) -> Notice | None:
    """What a message of rtnetlink says of ours; None: nothing.

    Args:
        devices: names of the devices that should be there.
        message: as pyroute2 parses it.
    """
    event = message.get("event")
    if event in ("RTM_NEWLINK", "RTM_DELLINK"):
        return _link(config, devices, message, gone=event == "RTM_DELLINK")
    if event == "RTM_DELADDR" and message.get("index") == _LOOPBACK:
        return Notice() if message.get("IFA_RT_PRIORITY") == config.group else None
    if event == "RTM_DELROUTE" and message.get("proto") == ROUTE_PROTOCOL:
        index = message.get("oif") or 0
        return Notice(index=0 if index == _LOOPBACK else index) if message.get("priority") == config.group else None
    return None


def _link(config: NodeConfig, devices: Iterable[str], message: Any, gone: bool) -> Notice | None:
    name = message.get("ifname") or ""
    if name not in devices:
        return None
    changed = not message["flags"] & _UP
    if name != node_end(config):
        changed |= message.get("group") != config.group or message.get("mtu") != config.mtu
    return Notice(name, message["index"]) if gone or changed else None
