"""Where the socket programs are attached: the root of the cgroup2 hierarchy, above every process. Acts."""

import re
from pathlib import Path
from typing import Final

from k3py.model.vpc_socket import KERNEL_REFUSED
from k3py.vpc.ports import NetworkProblem

_MOUNTS: Final = Path("/proc/self/mountinfo")


def cgroup2_root(mountinfo: str) -> Path | None:
    """The folder where cgroup2 is mounted, by the text of ``/proc/self/mountinfo`` (proc(5)).

    A mount of the hierarchy's root comes before one of a part of it; hybrid machines have ``/sys/fs/cgroup/unified``.
    """
    found = []
    for line in mountinfo.splitlines():
        fields, _, rest = line.partition(" - ")
        described = fields.split(" ")
        if rest.split(" ", 1)[0] == "cgroup2" and len(described) > 4:
            place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), described[4])
            found.append((described[3] != "/", place))
    return Path(min(found)[1]) if found else None


def find_cgroup2_root() -> Path:
    """The folder where this machine has cgroup2. Raises NetworkProblem when it has none."""
    root = cgroup2_root(_MOUNTS.read_text())
    if root is None:
        raise NetworkProblem(KERNEL_REFUSED, "cannot resolve services: no cgroup2 is mounted on this machine")
    return root
