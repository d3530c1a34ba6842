"""Which kernel parameters a pod may set: those that belong to its own namespaces (Kubernetes' namespaced sysctls)."""

import re
from collections.abc import Mapping
from typing import Final

_IPC: Final = ("kernel/shm", "kernel/msg", "kernel/sem", "fs/mqueue/")
_NET: Final = ("net/",)
_NAME: Final = re.compile(r"[a-z0-9]([-_a-z0-9]*[a-z0-9])?([/.][a-zA-Z0-9]([-_a-zA-Z0-9.]*[a-zA-Z0-9])?)*")
SYSCTL_NAME_LENGTH_MAX: Final = 253


def sysctl_files(wanted: Mapping[str, str], own_network: bool, own_ipc: bool) -> list[tuple[str, str]]:
    """Pairs of path below ``/proc/sys`` and value.

    Names have dots (``net.core.somaxconn``) or slashes (needed where a link's name has a dot).

    Raises:
        ValueError: a name is malformed, or belongs to a namespace that the pod shares with the host.
    """
    found = []
    for name, value in wanted.items():
        if len(name) > SYSCTL_NAME_LENGTH_MAX or not _NAME.fullmatch(name) or ".." in name:
            raise ValueError(f"cannot set sysctl {name[:80]!r}: that is no name of one")
        path = name if _separator(name) == "/" else name.replace(".", "/")
        if path.startswith(_NET):
            allowed, namespace = own_network, "network"
        elif path.startswith(_IPC):
            allowed, namespace = own_ipc, "IPC"
        else:
            raise ValueError(f"cannot set sysctl {name}: it belongs to the whole host, not to a pod")
        if not allowed:
            raise ValueError(f"cannot set sysctl {name}: the pod uses the host's {namespace} namespace")
        found.append((path, value))
    return found


def _separator(name: str) -> str:
    """Whichever comes first separates; the other is part of a name (sysctl(8))."""
    first = re.search(r"[/.]", name)
    return first.group() if first else "."
