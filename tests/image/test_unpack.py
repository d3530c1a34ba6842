"""Layers become what overlayfs reads, and no archive reaches beyond its own folder."""

import asyncio
import gzip
import os
import stat
import subprocess
import tarfile
import tracemalloc
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from k3py.image.errors import CorruptImage, ImageTooLarge, StorageFailed
from k3py.image.unpack import Limits, Unpacked, unpack_layer
from tests.image.making import Layer, Member, file, folder, hard_link, layer, packed, symlink, tar_of

LIMITS = Limits(image_bytes_max=10_000_000, layer_entries_max=1_000)
CAPABILITY = b"\x01\0\0\x02\0\x20" + bytes(14)


async def chunks_of(data: bytes, size: int = 10_000) -> AsyncGenerator[bytes, None]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def unpack(made: Layer, target: Path, limits: Limits = LIMITS) -> Unpacked:
    target.mkdir(exist_ok=True)
    return asyncio.run(unpack_layer(target, chunks_of(made.data), limits))


@pytest.mark.parametrize("compression", ["gzip", "zstd", ""])
def test_files_come_out_as_they_went_in(folder_on_tmpfs: Path, compression: str) -> None:
    root = folder_on_tmpfs / "l"
    made = layer(
        folder("./", 0o750, uid=3),
        folder("bin/"),
        file("bin/su", b"su" * 100_000, 0o4755),
        file("bin/ping", b"ping", 0o755, xattrs={"security.capability": CAPABILITY, "user.note": b"\xff\x00"}),
        symlink("bin/sh", "/bin/busybox"),
        hard_link("bin/su2", "/bin/su"),
        folder("tmp", 0o1777),
        file("/home/me/" + "n" * 200, b"mine", uid=1000, gid=2_000_000_000, mtime=1_234_567_890.5),
        Member("run/fifo", tarfile.FIFOTYPE, mode=0o622),
        Member("dev/null", tarfile.CHRTYPE, mode=0o666, device=(1, 3)),
        compression=compression,
    )
    unpacked = unpack(made, root)
    assert unpacked == Unpacked(made.diff_id, 200_000 + 4 + 4, 10, ("dev", "home", "home/me", "run"))
    assert oct((root / "bin/su").stat().st_mode) == "0o104755"
    assert (root / "bin/su").read_bytes() == b"su" * 100_000
    assert (root / "bin/su2").stat().st_ino == (root / "bin/su").stat().st_ino
    assert os.readlink(root / "bin/sh") == "/bin/busybox"
    assert os.getxattr(root / "bin/ping", "security.capability") == CAPABILITY
    assert oct((root / "tmp").stat().st_mode) == "0o41777"
    mine = (root / "home/me" / ("n" * 200)).stat()
    assert (mine.st_uid, mine.st_gid, mine.st_mtime) == (1000, 2_000_000_000, 1_234_567_890.5)
    assert stat.S_ISFIFO((root / "run/fifo").stat().st_mode)
    null = (root / "dev/null").stat()
    assert stat.S_ISCHR(null.st_mode)
    assert null.st_rdev == os.makedev(1, 3)
    assert (root.stat().st_uid, oct(root.stat().st_mode)) == (3, "0o40750")
    assert (root / "bin").stat().st_mtime == 1_700_000_000


def test_overlayfs_shows_what_the_layers_mean(folder_on_tmpfs: Path) -> None:
    lower = layer(
        file("usr/share/doc/a"), file("usr/share/keep"), file("etc/apt/old"), file("gone"), file("again/old"),
        file("late/old"), folder("tmp", 0o1777), file("bin/su", b"su", 0o4755),
    )  # fmt: skip
    upper = layer(
        file("usr/share/.wh.doc"), folder("etc/apt"), file("etc/apt/.wh..wh..opq"), file("etc/apt/new"),
        file(".wh.gone"), file(".wh.again"), file("again/new"), file("late/new"), file(".wh.late"),
        file(".wh..wh.plnk"),
    )  # fmt: skip
    unpack(lower, folder_on_tmpfs / "1")
    unpack(upper, folder_on_tmpfs / "2")
    merged = folder_on_tmpfs / "m"
    merged.mkdir()
    layers = f"lowerdir={folder_on_tmpfs / '2'}:{folder_on_tmpfs / '1'}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, merged], check=True)
    try:
        seen = {str(path.relative_to(merged)) for path in merged.rglob("*") if not path.is_dir()}
        assert seen == {"usr/share/keep", "etc/apt/new", "again/new", "late/new", "bin/su"}
        assert oct((merged / "bin/su").stat().st_mode) == "0o104755"
        assert not (merged / "usr/share/doc").exists()
    finally:
        subprocess.run(["umount", merged], check=True)


def test_a_later_entry_replaces_an_earlier_one(folder_on_tmpfs: Path) -> None:
    root = folder_on_tmpfs / "l"
    unpack(layer(file("a", b"1"), file("a", b"2"), file("d/x"), file("d", b"3"), symlink("s", "a"), folder("s")), root)
    assert (root / "a").read_bytes() == b"2"
    assert (root / "d").read_bytes() == b"3"
    assert (root / "s").is_dir()
    assert not (root / "s").is_symlink()


def test_folder_modes_survive_whatever_the_order(folder_on_tmpfs: Path) -> None:
    root = folder_on_tmpfs / "l"
    unpack(layer(file("a/b/c"), folder("a/b", 0o700), folder("a", 0o711), folder("a/b", 0o750)), root)
    assert [oct((root / p).stat().st_mode & 0o7777) for p in ("a", "a/b")] == ["0o711", "0o750"]


def test_an_attribute_cannot_forge_what_overlayfs_or_the_kernel_write(folder_on_tmpfs: Path) -> None:
    root = folder_on_tmpfs / "l"
    forged = {"trusted.overlay.redirect": b"/etc", "trusted.overlay.opaque": b"y", "user.overlay.opaque": b"y",
              "security.selinux": b"x", "security.ima": b"x", "security.evm": b"x", "trusted.x": b"x"}  # fmt: skip
    unpack(layer(file("a", xattrs=forged), folder("d", xattrs=forged)), root)
    assert os.listxattr(root / "a") == os.listxattr(root / "d") == []


HOSTILE: list[tuple[str, Layer, str]] = [
    ("a way up", layer(file("../evil")), "leads out of its layer"),
    ("a way up in the middle", layer(file("a/../../evil")), "leads out of its layer"),
    ("a hard link up", layer(file("a"), hard_link("h", "../../etc/passwd")), "leads out of its layer"),
    ("a hard link to the host", layer(hard_link("h", "/etc/passwd")), "not a file of its layer"),
    ("a hard link over a link", layer(symlink("d", "/etc"), hard_link("h", "d/passwd")), "not a file of its layer"),
    ("a hard link to nothing", layer(file("d/a"), hard_link("h", "d/b")), "does not hold"),
    ("a hard link to itself", layer(file("a"), hard_link("a", "a")), "not a file of its layer"),
    ("a hard link to a folder", layer(folder("d"), hard_link("h", "d")), "a directory"),
    ("a whiteout of the parent", layer(file("a/.wh...")), "no whiteout"),
    ("a whiteout of itself", layer(file("a/.wh..")), "no whiteout"),
    ("a whiteout of nothing", layer(file("a/.wh.")), "no whiteout"),
    ("a whiteout in disguise", layer(Member("a", tarfile.CHRTYPE)), "whiteout in disguise"),
    ("an impossible device", layer(Member("a", tarfile.BLKTYPE, device=(4096, 0))), "impossible numbers"),
    ("a link to nowhere", layer(symlink("a", "")), "no usable target"),
    ("a name too long", layer(file("a/" * 10 + "n" * 256)), "too long"),
    ("a path too deep", layer(file("a/" * 300 + "n")), "deeper than"),
    ("an impossible owner", layer(file("a", uid=2**32 - 1)), "no user or group id"),
    ("a damaged capability", layer(file("a", xattrs={"security.capability": b"?"})), "Invalid argument"),
    ("no tar at all", packed(b"hello" * 1000), "no number|checksum"),
    ("a cut archive", packed(tar_of(file("a", b"x" * 5000))[:2000]), "in the middle of a member"),
    ("a cut header", packed(tar_of(file("a"))[:300]), "in the middle of a header"),
    ("a cut gzip", Layer(layer(file("a", os.urandom(5000))).data[:-20], "", ""), "ends early"),
    ("a damaged gzip", Layer(layer(file("a")).data[:30] + b"\xff" * 40, "", ""), "damaged|early"),
    ("a damaged zstd", Layer(packed(bytes(9000), "zstd").data[:9] + b"\xff" * 40, "", ""), "damaged|early"),
    ("bytes behind the gzip", Layer(layer(file("a")).data + b"evil", "", ""), "behind the gzip"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "said"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_a_hostile_layer_is_refused(folder_on_tmpfs: Path, made: Layer, said: str) -> None:
    with pytest.raises(CorruptImage, match=said):
        unpack(made, folder_on_tmpfs / "l")
    assert os.listdir(folder_on_tmpfs) == ["l"]


HARMLESS: list[tuple[str, Layer]] = [
    ("an absolute name", layer(file("/evil"))),
    ("a linked parent", layer(symlink("a", ".."), file("a/evil"))),
    ("a linked parent in the middle", layer(folder("b"), symlink("b/a", "../.."), file("b/a/evil"))),
    ("writing through a link", layer(symlink("l", "../evil"), file("l"))),
    ("a whiteout through a link", layer(symlink("a", ".."), file("a/.wh.witness"))),
    ("an opaque mark through a link", layer(symlink("a", ".."), file("a/.wh..wh..opq"))),
    ("attributes through a link", layer(symlink("a", "../witness"), Member("a", tarfile.DIRTYPE, mode=0))),
    ("a folder over a link", layer(symlink("a", ".."), folder("a", 0), file("a/evil"))),
]


@pytest.mark.parametrize("made", [case[1] for case in HARMLESS], ids=[case[0] for case in HARMLESS])
def test_a_trick_stays_inside(folder_on_tmpfs: Path, made: Layer) -> None:
    witness = folder_on_tmpfs / "witness"
    witness.write_text("untouched")
    before = (witness.stat(), folder_on_tmpfs.stat().st_mode)
    unpack(made, folder_on_tmpfs / "l")
    assert sorted(os.listdir(folder_on_tmpfs)) == ["l", "witness"]
    assert (witness.stat(), folder_on_tmpfs.stat().st_mode) == before
    assert os.listxattr(folder_on_tmpfs) == []


def test_a_link_out_of_the_layer_is_only_text(folder_on_tmpfs: Path) -> None:
    unpack(layer(symlink("a", "../../../../etc/passwd")), folder_on_tmpfs / "l")
    assert os.readlink(folder_on_tmpfs / "l/a") == "../../../../etc/passwd"


def test_the_bounds_hold_at_the_bound(folder_on_tmpfs: Path) -> None:
    plain = tar_of(file("a"), file("b"))
    unpack(packed(plain), folder_on_tmpfs / "1", Limits(len(plain), 2))
    with pytest.raises(ImageTooLarge, match="more than 1 files"):
        unpack(packed(plain), folder_on_tmpfs / "2", Limits(len(plain), 1))
    with pytest.raises(ImageTooLarge, match=f"more than {len(plain) - 1} bytes"):
        unpack(packed(plain), folder_on_tmpfs / "3", Limits(len(plain) - 1, 2))


def test_an_endless_gzip_ends(folder_on_tmpfs: Path) -> None:
    bomb = gzip.compress(tar_of(file("a", bytes(1_000_000)))[:-10_240], 9)
    zeros = gzip.compress(bytes(10_000_000), 9)

    async def endless() -> AsyncGenerator[bytes, None]:
        yield bomb
        while True:
            yield zeros

    target = folder_on_tmpfs / "l"
    target.mkdir()
    with pytest.raises(ImageTooLarge, match="unpacks to more than"):
        asyncio.run(unpack_layer(target, endless(), LIMITS))


def test_many_empty_gzip_members_cost_no_memory(folder_on_tmpfs: Path) -> None:
    tracemalloc.start()
    made = Layer(layer(file("a")).data + gzip.compress(b"") * 50_000, layer(file("a")).diff_id, "")
    assert unpack(made, folder_on_tmpfs / "l").diff_id == made.diff_id
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_source_that_fails_takes_the_child_along(folder_on_tmpfs: Path) -> None:
    async def failing() -> AsyncGenerator[bytes, None]:
        yield layer(file("a", bytes(100_000))).data[:50]
        raise ConnectionResetError("the line is dead")

    folder_on_tmpfs.joinpath("l").mkdir()
    before = children()
    with pytest.raises(ConnectionResetError):
        asyncio.run(unpack_layer(folder_on_tmpfs / "l", failing(), LIMITS))
    assert children() == before


def test_a_cancelled_unpacking_leaves_no_process(folder_on_tmpfs: Path) -> None:
    async def story() -> None:
        started = asyncio.Event()

        async def stalling() -> AsyncGenerator[bytes, None]:
            started.set()
            yield b"\x1f\x8b"
            await asyncio.Event().wait()

        task = asyncio.create_task(unpack_layer(folder_on_tmpfs, stalling(), LIMITS))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    before = children()
    asyncio.run(story())
    assert children() == before


def test_a_missing_folder_is_the_nodes_fault(folder_on_tmpfs: Path) -> None:
    with pytest.raises(StorageFailed, match="No such file"):
        asyncio.run(unpack_layer(folder_on_tmpfs / "none", chunks_of(layer(file("a")).data), LIMITS))


def test_a_full_disk_is_the_nodes_fault(folder_on_tmpfs: Path) -> None:
    small = folder_on_tmpfs / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True)
    try:
        with pytest.raises(StorageFailed, match="No space left"):
            unpack(layer(file("a", bytes(1_000_000))), small)
    finally:
        subprocess.run(["umount", small], check=True)


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
