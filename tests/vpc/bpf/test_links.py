"""Programs attached to real devices and cgroups."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.links import Link
from k3py.vpc.bpf.object_file import AttachType, ProgramType
from tests.vpc.bpf.kernel_objects import bpffs, in_network_namespace, ip

# "r0 = n; exit": the smallest programs there are.
ALLOW, REFUSE = (b"\xb7" + bytes(3) + bytes([value, 0, 0, 0]) + b"\x95" + bytes(7) for value in (1, 0))


def test_a_pinned_link_outlives_its_maker_until_it_is_unlinked(tmp_path):
    def story() -> None:
        ip("link", "add", "veth1", "type", "veth", "peer", "name", "veth2")
        index = socket.if_nametoindex("veth1")
        program = kernel.program_load("allow", ProgramType.SCHED_CLS, AttachType.TCX_INGRESS, ALLOW)
        try:
            with Link.to_interface(program, index, AttachType.TCX_INGRESS) as link:
                link.pin(place / "from_pod")
        finally:
            os.close(program)
        with Link.open(place / "from_pod") as link:
            replacement = kernel.program_load("refuse", ProgramType.SCHED_CLS, AttachType.TCX_INGRESS, REFUSE)
            link.update(replacement)
            os.close(replacement)
        (place / "from_pod").unlink()
        with pytest.raises(OSError, match="No such file"):
            Link.open(place / "from_pod")

    with bpffs(tmp_path) as place:
        in_network_namespace(story)


def cgroup2() -> Path:
    """Where the cgroup2 hierarchy is mounted."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return next(Path(each[1]) for each in mounts if each[2] == "cgroup2")


def test_a_cgroups_processes_ask_before_they_connect():
    folder = cgroup2() / f"k3py-test-{os.getpid()}"
    connect = "import socket; socket.create_connection(('127.0.0.1', 9), timeout=5)"
    command = ["sh", "-c", f'echo $$ > {folder}/cgroup.procs; exec python3 -c "{connect}"']

    def story() -> None:
        ip("link", "set", "lo", "up")
        programs = [
            kernel.program_load(name, ProgramType.CGROUP_SOCK_ADDR, AttachType.CGROUP_INET4_CONNECT, code)
            for name, code in (("refuse", REFUSE), ("allow", ALLOW))
        ]
        try:
            with Link.to_cgroup(programs[0], folder, AttachType.CGROUP_INET4_CONNECT) as link:
                refused = subprocess.run(command, capture_output=True, text=True)
                assert "PermissionError" in refused.stderr
                link.update(programs[1])
                assert "ConnectionRefusedError" in subprocess.run(command, capture_output=True, text=True).stderr
        finally:
            for each in programs:
                os.close(each)

    folder.mkdir()
    try:
        in_network_namespace(story)
    finally:
        folder.rmdir()
