"""How things of ours are called, and the addresses that follow from names. Decides."""

import hashlib
import re
from typing import Final

from k3py.vpc.wanted import NODE_POD, NodeConfig, PodNetwork

# What pods take for their gateway's; every host end has it. Locally administered, so no vendor's.
GATEWAY_MAC: Final = "0a:6b:33:70:00:01"
# Inside every pod.
POD_DEVICE: Final = "eth0"

_PIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def host_end(config: NodeConfig, uid: str) -> str:
    """The name of the host's end of a pod's link: 13 characters, of the kernel's 15."""
    return config.link_prefix + hashlib.sha256(uid.encode()).hexdigest()[:8]


def node_end(config: NodeConfig) -> str:
    """The name of the node pod's own end, which is in the host's namespace too."""
    return f"{config.link_prefix}node"


def node_group(config: NodeConfig) -> int:
    """The interface group of the node pod's own end: the host's side, not a pod's."""
    return config.group + 0x1_0000


def is_other_node_group(config: NodeConfig, group: int) -> bool:
    """Whether it is the group of the host's side of another cluster's node pod."""
    mine = node_group(config)
    return group >> 16 == mine >> 16 and group != mine


def device(config: NodeConfig, pod: PodNetwork) -> str:
    """The interface that a pod's programs are attached to."""
    return pod.tap or host_end(config, pod.uid)


def pod_mac(pod: PodNetwork) -> str:
    """The MAC of the pod's end: a virtual machine's own, else one that follows from the uid, so it is known early."""
    if pod.mac:
        return pod.mac
    digest = hashlib.sha256(b"mac" + pod.uid.encode()).digest()
    return ":".join(f"{each:02x}" for each in (0x0A, *digest[:5]))


def pin_name(uid: str) -> str:
    """The folder of a pod's pins. bpffs takes no dots, so an unusual uid is hashed."""
    if _PIN_NAME.fullmatch(uid):
        return uid
    return "x" + hashlib.sha256(uid.encode()).hexdigest()[:32]


def is_node(pod: PodNetwork) -> bool:
    """Whether the pod is the host itself."""
    return pod.uid == NODE_POD
