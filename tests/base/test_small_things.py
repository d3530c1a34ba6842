"""Clock, ids, paths, tasks."""

import asyncio
import random
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.base.clock import SystemClock, parse_rfc3339, rfc3339, rfc3339_micro
from k3py.base.ids import SUFFIX_ALPHABET, generated_name, new_uid, suffix
from k3py.base.paths import Paths, write_private
from k3py.base.tasks import Tasks


@given(st.integers(0, 253402300799))
def test_times_come_back(seconds: int) -> None:
    assert parse_rfc3339(rfc3339(seconds)) == seconds


def test_times_are_written_as_kubernetes_writes_them() -> None:
    assert rfc3339(1_795_362_310.9) == "2026-11-22T15:45:10Z"
    assert rfc3339_micro(1_795_362_310.25) == "2026-11-22T15:45:10.250000Z"
    assert parse_rfc3339("2026-11-22T17:45:10+02:00") == 1_795_362_310
    with pytest.raises(ValueError, match="no time zone"):
        parse_rfc3339("2026-11-22T15:45:10")


def test_the_system_clock_goes_on() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.now() > 1_700_000_000


def test_ids_are_drawn_from_the_given_source() -> None:
    assert new_uid(random.Random(1)) == new_uid(random.Random(1))
    assert new_uid(random.Random(1)) != new_uid(random.Random(2))
    assert set(suffix(random.Random(3), 1000)) <= set(SUFFIX_ALPHABET)


@given(st.text(alphabet="abc-", max_size=100))
def test_generated_names_fit(base: str) -> None:
    name = generated_name(base, random.Random(1))
    assert len(name) <= 63
    assert name[:-5] == base[:58]


def test_paths_lie_below_one_root(tmp_path: Path) -> None:
    paths = Paths.below(tmp_path)
    for each in (paths.config, paths.state, paths.log, paths.run, paths.admin_kubeconfig, paths.images):
        assert each.is_relative_to(tmp_path)
    assert len(paths.instance_id) == 8
    assert paths.instance_id != Paths.below("/").instance_id
    assert Paths.below("/").config == Path("/etc/k3py")
    assert Paths.from_environment({}) == Paths.below("/") == Paths.from_environment({"K3PY_ROOT": ""})


def test_private_files_are_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep/secret"
    write_private(path, b"old")
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret"]


def test_a_failing_task_is_told_and_the_others_are_stopped() -> None:
    async def story() -> None:
        told: list[str] = []
        failed = asyncio.Event()

        def on_failure(name: str, problem: BaseException) -> None:
            told.append(f"{name}: {problem}")
            failed.set()

        async def fails() -> None:
            raise ValueError("no")

        tasks = Tasks(on_failure)
        waiting = tasks.start(asyncio.sleep(3600), "waits")
        tasks.start(fails(), "fails")
        async with asyncio.timeout(5):
            await failed.wait()
        assert told == ["fails: no"]
        assert len(tasks) == 1
        await tasks.stop()
        assert waiting.cancelled()
        assert len(tasks) == 0

    asyncio.run(story())
