"""Archives become images: OCI layouts, docker save, compressed or not; hostile ones are refused."""

import asyncio
import contextlib
import gzip
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.image import layouts
from k3py.image.errors import CorruptImage, ImageError, ImageNotFound, ImageTooLarge, UnsupportedImage
from k3py.image.image import Image
from k3py.image.layouts import TarLayout
from k3py.image.service import Images
from k3py.image.unpack import Limits
from tests.image.making import (
    HERE,
    Member,
    file,
    hard_link,
    image,
    index,
    layer,
    oci_layout,
    symlink,
    tar_of,
)

ONE, TWO = layer(file("one")), layer(file("two"))
NAME = "docker.io/library/app:1"


def archive(path: Path, files: Mapping[str, bytes], *more: Member) -> Path:
    path.write_bytes(tar_of(*(file(name, data) for name, data in files.items()), *more))
    return path


def take_in(folder: Path, path: Path, name: str | None = None, limits: Limits | None = None) -> list[Image]:
    return asyncio.run(Images(folder / "store", limits=limits).import_archive(path, name))


def test_an_oci_layout_is_imported_as_folder_tar_and_compressed_tar(folder_on_tmpfs: Path) -> None:
    made = image(ONE, TWO)
    files = oci_layout({"app:1": made})
    plain = archive(folder_on_tmpfs / "a.tar", files)
    packed = folder_on_tmpfs / "a.tar.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    folder = folder_on_tmpfs / "layout"
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for number, path in enumerate((plain, packed, folder)):
        [got] = take_in(folder_on_tmpfs / str(number), path)
        assert (got.names, got.digest) == ((NAME,), made.digest)
        assert [(each / n).exists() for each, n in zip(got.layers, ("one", "two"), strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("docker.io/library/app:1", NAME),
        ("app:1", NAME),
        ("localhost/app", "localhost/app:latest"),
        ("1", None),
        ("", None),
    ],
)
def test_a_name_is_told_from_a_mere_tag(folder_on_tmpfs: Path, reference: str, name: str | None) -> None:
    path = archive(folder_on_tmpfs / "a.tar", oci_layout({reference: image(ONE)}, "org.opencontainers.image.ref.name"))
    if name is not None:
        assert take_in(folder_on_tmpfs, path)[0].names == (name,)
    else:
        with pytest.raises(ImageNotFound, match="has no name: give one"):
            take_in(folder_on_tmpfs, path)
        assert take_in(folder_on_tmpfs, path, "app:1")[0].names == (NAME,)


def test_several_images_and_several_platforms(folder_on_tmpfs: Path) -> None:
    both = index({"s390x": image(TWO, architecture="s390x"), HERE.architecture: image(ONE)})
    path = archive(folder_on_tmpfs / "a.tar", oci_layout({"app:1": both, "b:1": image(TWO)}))
    assert [got.names for got in take_in(folder_on_tmpfs, path)] == [(NAME,), ("docker.io/library/b:1",)]
    with pytest.raises(ImageNotFound, match="it holds 2 images, so they cannot all be named"):
        take_in(folder_on_tmpfs, path, "c")
    other = archive(folder_on_tmpfs / "b.tar", oci_layout({"app:1": image(TWO, architecture="s390x")}))
    with pytest.raises(UnsupportedImage, match=r"cannot import .*b.tar: .* it is for linux/s390x"):
        take_in(folder_on_tmpfs, other)


def saved(*tags: str, layers: tuple[str, ...] = ("l/layer.tar",)) -> dict[str, bytes]:
    """What docker save writes, its old form."""
    made = image(ONE)
    config = next(data for data in made.blobs.values() if data.startswith(b"{"))
    listed = [{"Config": "c.json", "RepoTags": list(tags) or None, "Layers": list(layers)}]
    plain = gzip.decompress(ONE.data)
    return {"manifest.json": json.dumps(listed).encode(), "c.json": config, "real/layer.tar": plain}


@pytest.mark.parametrize(
    "link", [symlink("l/layer.tar", "../real/layer.tar"), hard_link("l/layer.tar", "real/layer.tar")]
)
def test_docker_save_is_imported_with_its_links(folder_on_tmpfs: Path, link: Member) -> None:
    path = archive(folder_on_tmpfs / "a.tar", saved("app:1", "app:2"), link)
    [got] = take_in(folder_on_tmpfs, path)
    assert got.names == (NAME, "docker.io/library/app:2")
    assert (got.layers[0] / "one").exists()
    assert take_in(folder_on_tmpfs, path) == [got]
    assert take_in(folder_on_tmpfs / "x", archive(path, saved(), link), "mine")[0].names == (
        "docker.io/library/mine:latest",
    )


def damaged(name: str, data: bytes) -> dict[str, bytes]:
    return oci_layout({"app:1": image(ONE)}) | {name: data}


ONE_BLOB = next(name for name, data in oci_layout({"x": image(ONE)}).items() if data == ONE.data)
HOSTILE = [
    ("neither form", {"a": b""}, [], CorruptImage, "neither index.json"),
    ("no json", damaged("index.json", b"?"), [], CorruptImage, "cannot be read"),
    ("no index", damaged("index.json", image(ONE).manifest), [], CorruptImage, "is no index"),
    ("an empty index", damaged("index.json", b'{"manifests":[]}'), [], ImageNotFound, "holds no image"),
    ("a wrong layer", damaged(ONE_BLOB, TWO.data), [], CorruptImage, "of another digest|diff id"),
    ("a longer layer", damaged(ONE_BLOB, ONE.data + b"x"), [], CorruptImage, "behind the gzip|another digest"),
    ("a way up", saved("a"), [file("../evil")], CorruptImage, "leads out"),
    ("a link up", saved("a"), [symlink("l/layer.tar", "../../../etc/passwd")], CorruptImage, "has no layer"),
    ("a link to itself", saved("a"), [symlink("l/layer.tar", "layer.tar")], CorruptImage, "has no layer"),
    ("a path up", saved("a", layers=("../../etc/passwd",)), [], CorruptImage, "has no layer"),
    ("a bad name", saved("A B"), [hard_link("l/layer.tar", "real/layer.tar")], ImageError, "cannot use image name"),
    ("too few layers", saved("a", layers=()), [], CorruptImage, "0 layers, but 1 diff ids"),
    ("another manifest", saved("a") | {"manifest.json": b'[{"Config": 1}]'}, [], CorruptImage, "cannot be read"),
    ("no images", saved("a") | {"manifest.json": b"[]"}, [], ImageNotFound, "holds no image"),
    ("a name that is no text", saved("a"), [Member("\udcff")], CorruptImage, "not UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "more", "kind", "said"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE]
)
def test_a_hostile_archive_is_refused(
    folder_on_tmpfs: Path, files: dict[str, bytes], more: list[Member], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        take_in(folder_on_tmpfs, archive(folder_on_tmpfs / "a.tar", files, *more))
    store = folder_on_tmpfs / "store"
    assert [list((store / each).iterdir()) for each in ("work", "blobs")] == [[], []]


def test_a_folder_with_links_is_refused(folder_on_tmpfs: Path) -> None:
    (folder_on_tmpfs / "layout").mkdir()
    (folder_on_tmpfs / "layout/index.json").symlink_to("/etc/passwd")
    with pytest.raises(CorruptImage, match=r"neither index\.json"):
        take_in(folder_on_tmpfs, folder_on_tmpfs / "layout")


def test_the_bounds_of_an_archive(folder_on_tmpfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(folder_on_tmpfs / "a.tar", {"a": b"", "b": b""})
    monkeypatch.setattr(layouts, "ARCHIVE_MEMBERS_MAX", 2)
    TarLayout(path).close()
    monkeypatch.setattr(layouts, "ARCHIVE_MEMBERS_MAX", 1)
    with pytest.raises(ImageTooLarge, match="more than 1 members"):
        TarLayout(path)
    packed = folder_on_tmpfs / "a.tar.gz"
    packed.write_bytes(gzip.compress(bytes(1_000_000)))
    with pytest.raises(ImageTooLarge, match="unpacks to more than 999999 bytes"):
        take_in(folder_on_tmpfs, packed, limits=Limits(image_bytes_max=999_999))


def test_a_missing_archive_is_named(folder_on_tmpfs: Path) -> None:
    with pytest.raises(ImageNotFound, match="cannot import /nowhere: there is no such file"):
        take_in(folder_on_tmpfs, Path("/nowhere"))


SEED = tar_of(*(file(name, data) for name, data in oci_layout({"app:1": image(ONE)}).items()))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), min_size=1, max_size=5),
    st.integers(0, len(SEED)),
)
def test_any_damaged_archive_is_an_image_error(changes: list[tuple[int, int]], end: int) -> None:
    data = bytearray(SEED)
    for at, value in changes:
        data[at] = value
    path = Path("/dev/shm") / "k3py-image-fuzz.tar"
    try:
        path.write_bytes(data[:end])
        with contextlib.suppress(ImageError):
            TarLayout(path).close()
    finally:
        path.unlink()


@pytest.mark.parametrize("compression", ["gzip", "plain"])
def test_the_busybox_image_runs(folder_on_tmpfs: Path, compression: str) -> None:
    path = folder_on_tmpfs / "busybox.tar"
    tool = Path(__file__).parents[2] / "tools/busybox_image.py"
    subprocess.run([sys.executable, tool, path], check=True, capture_output=True)
    if compression == "gzip":
        path.write_bytes(gzip.compress(path.read_bytes()))
    [got] = take_in(folder_on_tmpfs, path)
    assert got.names == ("docker.io/library/busybox:latest",)
    assert {"sh", "httpd", "sleep", "wget", "nc"} <= {each.name for each in (got.layers[0] / "bin").iterdir()}
    said = subprocess.run(
        ["chroot", got.layers[0], "/bin/sh", "-c", "id -un"], check=True, capture_output=True, text=True
    )
    assert said.stdout == "root\n"
