"""The kernel's waits are short while pods come and go, and as they were before and after."""

from pathlib import Path

import pytest

from k3py.vpc.kernel.grace_periods import GracePeriods


@pytest.fixture
def switch(tmp_path: Path) -> Path:
    made = tmp_path / "rcu_expedited"
    made.write_text("0\n")
    return made


def test_short_as_long_as_somebody_is_inside(tmp_path: Path, switch: Path) -> None:
    waits = GracePeriods(tmp_path / "state/note", switch)
    with waits.short():
        assert switch.read_text() == "1"
        with waits.short():
            assert switch.read_text() == "1"
        assert switch.read_text() == "1"
    assert switch.read_text() == "0"
    assert not (tmp_path / "state/note").exists()


def test_a_failure_inside_ends_it(tmp_path: Path, switch: Path) -> None:
    waits = GracePeriods(tmp_path / "note", switch)
    with pytest.raises(OSError, match="refused"), waits.short():
        raise OSError("refused")
    assert switch.read_text() == "0"


def test_who_wants_it_for_good_keeps_it(tmp_path: Path, switch: Path) -> None:
    switch.write_text("1\n")
    waits = GracePeriods(tmp_path / "note", switch)
    with waits.short():
        assert not (tmp_path / "note").exists()
    assert switch.read_text() == "1\n"
    waits.restore()
    assert switch.read_text() == "1\n"


def test_what_a_killed_daemon_left_on_is_switched_off(tmp_path: Path, switch: Path) -> None:
    killed = GracePeriods(tmp_path / "note", switch).short()
    killed.__enter__()
    GracePeriods(tmp_path / "note", switch).restore()
    assert switch.read_text() == "0"
    assert not (tmp_path / "note").exists()


def test_a_kernel_without_the_switch_is_no_failure(tmp_path: Path) -> None:
    with GracePeriods(tmp_path / "note", tmp_path / "missing").short():
        assert not (tmp_path / "note").exists()
