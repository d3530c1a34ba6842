"""The power goes: ext4 on a loop device whose backing file is copied at random moments while a process writes.

What the kernel has not written when the copy is made is not in it, as after a power cut. Each copy is mounted, which
replays its journal, and its store opened: everything acknowledged before the copy has to be there.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from k3py.store.errors import CannotOpen
from tests.store.crashes import Writer, check_nothing_lost, look

IMAGE_BYTES = 192 << 20
CUTS = 4
CUTS_LONG = 10
WRITERS = 200


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[None]:
    """The image's file system, mounted by way of a loop device; both are gone afterwards, whatever happens."""
    at.mkdir()
    with ExitStack() as undo:
        device = run("losetup", "--find", "--show", image)
        undo.callback(run, "losetup", "--detach", device)
        run("mount", "-o", "noatime", device, at)
        undo.callback(run, "umount", at)
        yield
    at.rmdir()


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, for disks."""
    path = Path(f"/dev/shm/k3py-power-{os.getpid()}")
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture
def disk(memory: Path) -> Iterator[Path]:
    """The mounted disk; its image lies beside it as `disk`."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4") or not shutil.which("losetup"):
        pytest.skip("needs root, mkfs.ext4 and losetup")
    image = memory / "disk"
    with open(image, "wb") as file:
        file.truncate(IMAGE_BYTES)
    run("mkfs.ext4", "-q", "-F", image)
    try:
        with mounted(image, memory / "mnt"):
            pass
    except subprocess.CalledProcessError as problem:
        pytest.skip(f"cannot use loop devices here: {problem.stderr}")
    with mounted(image, memory / "mnt"):
        yield memory / "mnt"


def cut(writer: Writer, image: Path, copy: Path) -> dict[str, int]:
    """Copy the disk as it is now, and say what was acknowledged before."""
    writer.pause()
    try:
        acknowledged = writer.snapshot()
        run("cp", "--sparse=always", image, copy)
    finally:
        writer.go_on()
    return acknowledged


def cuts(disk: Path, memory: Path, count: int, *options: str) -> Iterator[tuple[dict[str, int], Path]]:
    """What was acknowledged at each cut, and the folder of the store as it then was, mounted."""
    chance = random.Random(count)
    for number in range(count):
        writer = Writer(disk / f"store-{number}", number, WRITERS, *options)
        try:
            writer.wait_for(chance.randrange(50, 3_000))
            acknowledged = cut(writer, memory / "disk", memory / "copy")
        finally:
            writer.kill()
        with mounted(memory / "copy", memory / "after"):
            yield acknowledged, memory / "after" / f"store-{number}"
        (memory / "copy").unlink()
        shutil.rmtree(disk / f"store-{number}")


def check(disk: Path, memory: Path, count: int) -> None:
    for acknowledged, folder in cuts(disk, memory, count):
        found, _ = look(folder)
        check_nothing_lost(acknowledged, found)
        assert len(acknowledged) >= 50


def test_nothing_acknowledged_is_lost_when_the_power_goes(disk: Path, memory: Path) -> None:
    check(disk, memory, CUTS)


@pytest.mark.long
def test_nothing_acknowledged_is_lost_in_many_power_cuts(disk: Path, memory: Path) -> None:
    check(disk, memory, CUTS_LONG)


def test_without_synchronous_writing_the_test_finds_losses(disk: Path, memory: Path) -> None:
    """The control: this test can fail."""
    bad = 0
    for acknowledged, folder in cuts(disk, memory, 2, "unsafe"):
        try:
            check_nothing_lost(acknowledged, look(folder)[0])
        except (CannotOpen, AssertionError):
            bad += 1
    assert bad > 0
