"""Where cgroup2 is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.vpc.services.cgroups import cgroup2_root, find_cgroup2_root

UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"
PURE = "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
PART = "50 20 0:26 /pods /a/pods rw shared:4 - cgroup2 cgroup2 rw"
OLD = "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([OLD, UNIFIED], "/sys/fs/cgroup/unified"),
        ([PURE], "/sys/fs/cgroup"),
        ([PART, PURE], "/sys/fs/cgroup"),
        ([PART], "/a/pods"),
        (["41 31 0:38 / /with\\040space rw - cgroup2 none rw"], "/with space"),
        ([OLD], None),
        ([], None),
    ],
)
def test_the_hierarchys_root_is_found(lines, found):
    assert cgroup2_root("\n".join(lines)) == (Path(found) if found else None)


def test_on_this_machine():
    assert (find_cgroup2_root() / "cgroup.procs").exists()


@given(st.text())
def test_any_text_is_read(text):
    assert cgroup2_root(text) is None or " - cgroup2" in text
