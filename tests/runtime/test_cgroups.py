"""Cgroups: layouts from mountinfo, v2 on a tree of plain files and on the real v2 tree, v1 in test_oci.py."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.runtime.cgroup_values import cpu_quota_microseconds, cpu_shares, cpu_weight, parse_flat_keyed, parse_number
from k3py.runtime.cgroups import Cgroups, Layout, detect, is_member, parse_layout
from k3py.runtime.port import Resources

PURE_V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
HYBRID = """\
31 30 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
34 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
35 31 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""


def test_the_layout_is_read_from_the_mounts() -> None:
    pure = parse_layout(PURE_V2)
    assert (pure.is_v2, pure.hybrid, pure.trees) == (True, False, [Path("/sys/fs/cgroup")])
    mixed = parse_layout(HYBRID)
    assert mixed.v1 == {
        "cpu": Path("/sys/fs/cgroup/cpu,cpuacct"),
        "cpuacct": Path("/sys/fs/cgroup/cpu,cpuacct"),
        "memory": Path("/sys/fs/cgroup/memory"),
        "systemd": Path("/sys/fs/cgroup/systemd"),
    }
    assert not mixed.is_v2
    assert len(mixed.trees) == 4
    assert Layout(mixed.unified, mixed.v1, frozenset({"hugetlb"})).hybrid
    assert not mixed.hybrid


@given(st.text())
def test_any_mountinfo_gives_some_layout(text: str) -> None:
    parse_layout(text)


@pytest.mark.parametrize(
    ("milli", "shares", "weight", "quota"),
    [
        (0, 2, 1, 1000),
        (1, 2, 1, 1000),
        (100, 102, 4, 10_000),
        (1000, 1024, 39, 100_000),
        (10**9, 262_144, 10_000, 10**11),
    ],
)
def test_cpu_becomes_shares_weight_and_quota(milli: int, shares: int, weight: int, quota: int) -> None:
    assert (cpu_shares(milli), cpu_weight(milli), cpu_quota_microseconds(milli)) == (shares, weight, quota)


@given(st.text())
def test_any_text_of_a_cgroup_file_is_understood_or_skipped(text: str) -> None:
    assert all(value >= 0 for value in parse_flat_keyed(text).values())
    assert parse_number(text) >= 0


@pytest.fixture
def v2(tmp_path: Path) -> tuple[Cgroups, Path]:
    """A v2 tree of plain files: what is written can be read, nothing happens by itself."""
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory hugetlb pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu\n")
    pod = tmp_path / "k3py-x/pod"
    pod.mkdir(parents=True)
    (pod.parent / "cgroup.controllers").write_text("cpu memory pids\n")
    (pod.parent / "cgroup.subtree_control").write_text("cpu memory pids\n")
    return Cgroups(Layout(tmp_path)), pod


def test_v2_controllers_are_enabled_on_the_way_and_limits_written(v2: tuple[Cgroups, Path]) -> None:
    cgroups, pod = v2
    cgroups.make("k3py-x/pod", Resources(500, 1500, 0, 1 << 28, 100))
    assert (pod.parents[1] / "cgroup.subtree_control").read_text() == "+cpuset +io +memory +pids"
    assert (pod.parent / "cgroup.subtree_control").read_text() == "cpu memory pids\n", "already enabled"
    files = ("cpu.weight", "cpu.max", "memory.max", "pids.max")
    assert [(pod / name).read_text() for name in files] == ["20", "150000 100000", "268435456", "100"]
    cgroups.apply("k3py-x/pod", Resources())
    assert [(pod / name).read_text() for name in files] == ["1", "max 100000", "max", "max"]


def test_v2_use_is_read_as_kubelet_counts_it(v2: tuple[Cgroups, Path]) -> None:
    cgroups, pod = v2
    (pod / "cpu.stat").write_text("usage_usec 1500\nuser_usec 1000\n")
    (pod / "memory.current").write_text("1000\n")
    (pod / "memory.stat").write_text("anon 500\ninactive_file 300\n")
    (pod / "pids.current").write_text("3\n")
    (pod / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n")
    stats = cgroups.stats("c", "k3py-x/pod")
    assert (stats.cpu_nanoseconds, stats.memory_usage_bytes, stats.memory_working_set_bytes) == (1_500_000, 1000, 700)
    assert (stats.processes, cgroups.oom_kills("k3py-x/pod")) == (3, 1)


def test_what_is_gone_counts_as_nothing(v2: tuple[Cgroups, Path]) -> None:
    cgroups, _ = v2
    assert cgroups.processes("k3py-x/nobody") == set()
    assert cgroups.oom_kills("k3py-x/nobody") == 0
    assert cgroups.stats("c", "k3py-x/nobody").cpu_nanoseconds == 0
    assert not cgroups.exists("k3py-x/nobody")
    asyncio.run(cgroups.kill("k3py-x/nobody"))


def _real_v2_tree() -> Path | None:
    try:
        return detect().unified
    except OSError:
        return None


@pytest.mark.skipif(os.geteuid() != 0 or _real_v2_tree() is None, reason="needs root and a cgroup v2 tree")
def test_the_real_v2_tree_kills_all_in_a_cgroup_at_once_and_lets_it_go() -> None:
    tree = _real_v2_tree()
    assert tree is not None
    cgroups = Cgroups(Layout(tree))
    path = f"k3py-test-{os.getpid()}/pod/c"
    cgroups.make(path)
    (entry,) = cgroups.join_files(path)
    child = subprocess.Popen(
        ["/bin/sh", "-c", f"echo 0 > {entry}; sleep 60 & sleep 60 & echo in; wait"], stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"in\n"
        assert len(cgroups.processes(path)) == 3
        asyncio.run(cgroups.kill(path))
        assert child.wait(timeout=10) == -signal.SIGKILL
        asyncio.run(cgroups.clear(path))
        assert not (tree / Path(path).parts[0]).exists()
    finally:
        child.kill()
        child.communicate()
        cgroups.remove(path)


def test_a_process_belongs_to_a_cgroup_when_it_is_in_it_or_below() -> None:
    text = "9:name=systemd:/a/pod/c\n0::/\n"
    assert is_member(text, "a/pod")
    assert is_member(text, "a/pod/c")
    assert not is_member(text, "a/po")
    assert not is_member("", "a")
