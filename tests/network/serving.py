"""Services on a bed: the real tables of the socket programs, in a cgroup of the test's own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from k3py.vpc.services.cgroups import find_cgroup2_root
from k3py.vpc.services.maps import ServiceMaps
from k3py.vpc.wanted import PodNetwork
from tests.network.bed import Bed, bed
from tests.vpc.kernel.machine import CLUSTER
from tests.vpc.services.world import POD, Pod


class Serving:
    """A node with services. ``maps`` are given to it; ``process`` starts somebody who is served."""

    def __init__(self, cgroup: Path, undo: ExitStack) -> None:
        self.cgroup, self._undo = cgroup, undo
        self.maps: ServiceMaps
        self.place: Bed

    def open(self, folder: Path) -> ServiceMaps:
        """What a daemon does at its start."""
        made = ServiceMaps(folder, CLUSTER, lambda rules: self.place.machine.node.set_node_ports(rules), self.cgroup)
        self._undo.callback(made.close)
        self.maps = made
        return made

    def process(self, pod: PodNetwork | None = None, serves: str = "", port: int = 0) -> Pod:
        """Somebody in a pod, or on the host."""

        def start() -> "subprocess.Popen[str]":
            inside = ["nsenter", f"--net={pod.netns}"] if pod else []
            command = [*inside, sys.executable, "-c", POD]
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        process = self._undo.enter_context(self.place.home.do(start))
        self._undo.callback(process.kill)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        (self.cgroup / "cgroup.procs").write_text(str(process.pid))
        made = Pod(process, str(pod.ipv4) if pod else "")
        if serves:
            made.does(f"serve('{serves}', {port})")
        return made


@contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    """A node on the LAN whose sockets know services."""
    cgroup = find_cgroup2_root() / f"k3py-network-{os.getpid()}"
    with ExitStack() as undo:
        cgroup.mkdir()
        undo.callback(cgroup.rmdir)
        undo.callback(_end, cgroup)
        made = Serving(cgroup, undo)
        made.place = undo.enter_context(bed(folder, lambda place: made.open(place / "services")))
        yield made


def _end(cgroup: Path) -> None:
    for pid in (cgroup / "cgroup.procs").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
