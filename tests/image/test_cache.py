"""The cache's folder: leases, what several owners do to it at once, and what the dead leave behind."""

import os
import threading
from pathlib import Path

from k3py.image import locks
from k3py.image.cache import Cache, Record
from k3py.image.image import Freed
from k3py.image.unpack import Unpacked


def test_a_collection_spares_what_a_running_pull_counts_on(folder_on_tmpfs: Path) -> None:
    cache = Cache(folder_on_tmpfs)
    diff_id = "sha256:" + "1" * 64
    with cache.lease() as mine:
        made = mine.folder / "made"
        (made / "fs").mkdir(parents=True)
        cache.commit_layer(made, Unpacked(diff_id, 7, 0))
    with cache.lease() as lease:
        lease.hold([diff_id])
        assert Cache(folder_on_tmpfs).collect([]) == Freed()
        assert cache.has_layer(diff_id)
    assert Cache(folder_on_tmpfs).collect([]) == Freed(layers=1, bytes=7)


def test_a_layer_that_another_process_made_first_stays(folder_on_tmpfs: Path) -> None:
    cache = Cache(folder_on_tmpfs)
    diff_id = "sha256:" + "1" * 64
    with cache.lease() as lease:
        for content in ("first", "second"):
            made = lease.folder / content
            (made / "fs").mkdir(parents=True)
            (made / "fs" / content).touch()
            cache.commit_layer(made, Unpacked(diff_id, 0, 1))
    assert [path.name for path in cache.layer_path(diff_id).iterdir()] == ["first"]


def test_what_a_dead_owner_left_is_removed_and_a_living_ones_is_not(folder_on_tmpfs: Path) -> None:
    cache = Cache(folder_on_tmpfs)
    dead = folder_on_tmpfs / "work/dead"
    (dead / "half/a/layer").mkdir(parents=True)
    (folder_on_tmpfs / "work/deader").mkdir()
    with cache.lease() as lease:
        Cache(folder_on_tmpfs)
        assert os.listdir(folder_on_tmpfs / "work") == [lease.folder.name]
    assert os.listdir(folder_on_tmpfs / "work") == []


def test_a_change_that_fails_changes_nothing(folder_on_tmpfs: Path) -> None:
    cache = Cache(folder_on_tmpfs)
    record = Record("sha256:m", "sha256:c", [], [], 0)
    with cache.changing() as index:
        index.images["sha256:1"] = record
    try:
        with cache.changing() as index:
            index.images.clear()
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert Cache(folder_on_tmpfs).index().images == cache.index().images == {"sha256:1": record}


def test_changes_of_several_owners_at_once_all_count(folder_on_tmpfs: Path) -> None:
    def add(owner: int) -> None:
        cache = Cache(folder_on_tmpfs)
        for number in range(10):
            with cache.changing() as index:
                index.names[f"{owner}/{number}"] = "sha256:1"

    owners = [threading.Thread(target=add, args=[owner]) for owner in range(4)]
    for owner in owners:
        owner.start()
    for owner in owners:
        owner.join()
    assert len(Cache(folder_on_tmpfs).index().names) == 40


def test_a_lock_is_let_go_with_its_descriptor(tmp_path: Path) -> None:
    first = locks.take(tmp_path / "lock")
    assert first is not None
    assert locks.take(tmp_path / "lock") is None
    os.close(first)
    with locks.exclusive(tmp_path / "lock"):
        assert locks.take(tmp_path / "lock") is None
