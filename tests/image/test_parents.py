"""Folders that a layer needs but does not mention look as the layers below say."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from k3py.image.image import Freed, Image
from k3py.image.service import Images
from tests.image.making import Layer, file, folder, image, layer, registry

BASE = layer(
    folder("tmp", 0o1777), folder("root", 0o700), folder("home"), folder("home/me", 0o750, uid=7, gid=8), folder("usr"),
    folder("old", 0o711), folder("closed", 0o711), folder("closed/in", 0o700), folder(os.fsdecode(b"\xff"), 0o700),
)  # fmt: skip


def pull(store: Path, *layers: Layer) -> Image:
    with registry() as server:
        return asyncio.run(Images(store).pull(server.push("t/app", "1", image(*layers))))


@contextmanager
def mounted(folder: Path, got: Image) -> Iterator[Path]:
    merged = folder / "merged"
    merged.mkdir()
    lower = ":".join(str(path) for path in reversed(got.layers))
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower}", merged], check=True)
    try:
        yield merged
    finally:
        subprocess.run(["umount", merged], check=True)


def look(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return oct(status.st_mode & 0o7777), status.st_uid, status.st_gid


def test_the_image_shows_folders_as_it_means_them(folder_on_tmpfs: Path) -> None:
    upper = layer(
        file("tmp/x"), file("root/.bashrc"), file("home/me/.profile"), file("usr/x"), file(os.fsdecode(b"\xff/x")),
        file(".wh.old"), file("closed/.wh..wh..opq"), file("closed/in/x"),
    )  # fmt: skip
    top = layer(file("tmp/y"), file("old/new"))
    got = pull(folder_on_tmpfs / "store", BASE, upper, top)
    assert len(got.layers) == 4
    with mounted(folder_on_tmpfs, got) as merged:
        assert look(merged / "tmp") == ("0o1777", 0, 0)
        assert look(merged / "root") == ("0o700", 0, 0)
        assert look(merged / "home/me") == ("0o750", 7, 8)
        assert look(merged / os.fsdecode(b"\xff")) == ("0o700", 0, 0)
        assert look(merged / "home") == look(merged / "usr") == ("0o755", 0, 0)
        assert look(merged / "old") == look(merged / "closed") == look(merged / "closed/in") == ("0o755", 0, 0)
        assert {path.name for path in (merged / "tmp").iterdir()} == {"x", "y"}
        assert (merged / "tmp").stat().st_mtime == 1_700_000_000
    assert not {"old", "closed"} & {path.name for path in got.layers[-1].iterdir()}


def test_the_root_keeps_its_attributes(folder_on_tmpfs: Path) -> None:
    got = pull(folder_on_tmpfs / "store", layer(folder("./", 0o711, uid=5), file("a")), layer(file("b")))
    with mounted(folder_on_tmpfs, got) as merged:
        assert look(merged) == ("0o711", 5, 0)


def test_a_strict_umask_of_the_agent_does_not_reach_into_images(folder_on_tmpfs: Path) -> None:
    before = os.umask(0o077)
    try:
        got = pull(folder_on_tmpfs / "store", layer(file("d/a", mode=0o644)))
    finally:
        os.umask(before)
    assert [look(got.layers[0] / each)[0] for each in (".", "d", "d/a")] == ["0o755", "0o755", "0o644"]


def test_a_folder_that_a_later_layer_takes_away_stays_away(folder_on_tmpfs: Path) -> None:
    got = pull(folder_on_tmpfs / "store", BASE, layer(file("tmp/x")), layer(file(".wh.tmp")))
    assert len(got.layers) == 3
    with mounted(folder_on_tmpfs, got) as merged:
        assert not (merged / "tmp").exists()


def test_an_image_that_loses_nothing_gets_no_further_layer(folder_on_tmpfs: Path) -> None:
    upper = layer(folder("tmp", 0o1777), file("tmp/x"), file("usr/x"), file("new/folder/x"))
    assert len(pull(folder_on_tmpfs, BASE, upper).layers) == 2


def test_the_further_layer_is_shared_and_collected_as_others(folder_on_tmpfs: Path) -> None:
    upper = layer(file("tmp/x"))
    first, second = (pull(folder_on_tmpfs, BASE, upper) for _ in range(2))
    assert first.layers == second.layers
    images = Images(folder_on_tmpfs)
    assert images.collect_garbage([]) == Freed()
    images.remove(first.id)
    assert images.collect_garbage([]) == Freed(images=1, layers=3, bytes=1)
