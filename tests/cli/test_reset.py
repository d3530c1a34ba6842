"""Reset removes what is k3py's, and nothing that somebody has mounted there."""

import os
import subprocess
from pathlib import Path

import pytest

from k3py.cli.app import Failure
from k3py.cli.reset import reset
from tests.vpc.bpf.kernel_objects import in_network_namespace


def test_it_leaves_nothing_and_does_not_touch_what_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K3PY_ROOT", str(tmp_path / "root"))
    state = tmp_path / "root/var/lib/k3py"
    state.mkdir(parents=True)
    (tmp_path / "root/var/mine").write_text("kept")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/data").write_text("kept")
    (state / "link").symlink_to(tmp_path / "elsewhere")
    reset(yes=True)
    assert sorted(each.name for each in (tmp_path / "root").rglob("*")) == ["mine", "var"]
    assert (tmp_path / "elsewhere/data").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_it_refuses_to_empty_what_is_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K3PY_ROOT", str(tmp_path / "root"))
    data, point = tmp_path / "data", tmp_path / "root/var/lib/k3py/a disk of mine"
    data.mkdir()
    (data / "file").write_text("kept")
    point.mkdir(parents=True)
    subprocess.run(["mount", "--bind", data, point], check=True)
    try:
        with pytest.raises(Failure, match=r"cannot remove what is mounted: .*a disk of mine; unmount it"):
            reset(yes=True)
    finally:
        subprocess.run(["umount", point], check=True)
    assert (data / "file").read_text() == "kept"
    reset(yes=True)
    assert not (tmp_path / "root/var").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="the network is root's")
def test_settings_that_cannot_be_used_any_more_keep_nobody_from_leaving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K3PY_ROOT", str(tmp_path / "root"))
    kept = tmp_path / "root/var/lib/k3py/vpc/egress-range"
    kept.parent.mkdir(parents=True)
    kept.write_text("none")
    in_network_namespace(lambda: reset(yes=True))
    assert not (tmp_path / "root/var").exists()
