"""The images of a node, shared by tasks and processes, killed at any moment."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from k3py.image.auth import Credential
from k3py.image.cache import topmost
from k3py.image.errors import AccessDenied, ImageNotFound, InvalidReference, StorageFailed
from k3py.image.image import Freed
from k3py.image.service import Images
from tests.image.making import digest, file, image, layer, registry

BASE = layer(file("base", os.urandom(300_000)))
ONE = layer(file("one", b"11"))
TWO = layer(file("two", b"222"))


def layer_names(root: Path) -> set[str]:
    return {f"sha256:{path.name}" for path in (root / "layers").iterdir()}


def test_two_pulls_at_once_load_a_layer_once(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        one = server.push("t/one", "1", image(BASE, ONE))
        two = server.push("t/two", "1", image(BASE, TWO))

        async def story() -> None:
            images = Images(folder_on_tmpfs)
            got = await asyncio.gather(images.pull(one), images.pull(one), images.pull(two))
            assert got[0] == got[1]
            assert got[0].layers[0] == got[2].layers[0]

        asyncio.run(story())
        asked = server.blob_requests()
        assert [asked.count(digest(each.data)) for each in (BASE, ONE, TWO)] == [1, 1, 1]


def test_who_waits_for_anothers_download_goes_on_when_that_one_fails(folder_on_tmpfs: Path) -> None:
    with registry() as slow, registry() as sound:
        one = slow.push("t/one", "1", image(BASE))
        two = sound.push("t/two", "1", image(BASE))

        async def story() -> None:
            images = Images(folder_on_tmpfs, retry_delay_seconds=0.001)
            slow.held = digest(BASE.data)
            first = asyncio.create_task(images.pull(one))
            assert await asyncio.to_thread(slow.waiting.wait, 10)
            second = asyncio.create_task(images.pull(two))
            while not sound.blob_requests():
                await asyncio.sleep(0.001)
            assert digest(BASE.data) not in sound.blob_requests()
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            assert (await second).names == (two,)
            assert digest(BASE.data) in sound.blob_requests()

        asyncio.run(story())


def test_credentials_are_asked_for_also_when_the_layers_are_here(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        server.user = ("bob", "secret")
        name = server.push("t/one", "1", image(BASE))
        images = Images(folder_on_tmpfs)
        asyncio.run(images.pull(name, [Credential(server.host, "bob", "secret")]))
        with pytest.raises(AccessDenied):
            asyncio.run(images.pull(name))


PULLER = """
import asyncio, sys
from pathlib import Path
from k3py.image.service import Images
asyncio.run(Images(Path(sys.argv[1])).pull(sys.argv[2]))
"""


def test_a_puller_killed_in_the_middle_leaves_a_store_that_heals(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        name = server.push("t/one", "1", image(ONE, BASE))
        server.held = digest(BASE.data)
        server.breaks[server.held] = [150_000]
        puller = subprocess.Popen([sys.executable, "-c", PULLER, folder_on_tmpfs, name])
        try:
            assert server.waiting.wait(20)
            assert len(list((folder_on_tmpfs / "work").iterdir())) == 1
            assert Images(folder_on_tmpfs).find(name) is None
            assert len(list((folder_on_tmpfs / "work").iterdir())) == 1, "the work of a living process stays"
        finally:
            puller.send_signal(signal.SIGKILL)
            puller.wait()
        server.gate.set()
        images = Images(folder_on_tmpfs)
        assert list((folder_on_tmpfs / "work").iterdir()) == []
        assert images.find(name) is None
        server.breaks.clear()
        got = asyncio.run(images.pull(name))
        assert (got.layers[1] / "base").stat().st_size == 300_000


def test_a_moved_tag_frees_the_old_image_once_nobody_uses_it(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        images = Images(folder_on_tmpfs)
        old = asyncio.run(images.pull(server.push("t/app", "1", image(BASE, ONE))))
        name = server.push("t/app", "1", image(BASE, TWO))
        new = asyncio.run(images.pull(name))
    assert images.find(name) == new
    assert [(each.id, each.names) for each in images.list()] == [(old.id, ()), (new.id, (name,))]
    assert images.collect_garbage({old.id}) == Freed()
    assert all(path.is_dir() for path in old.layers)
    assert images.collect_garbage(set()) == Freed(images=1, layers=1, bytes=2)
    assert layer_names(folder_on_tmpfs) == {BASE.diff_id, TWO.diff_id}
    assert images.list() == [new]
    images.remove(name)
    assert images.collect_garbage([]) == Freed(images=1, layers=2, bytes=300_003)
    assert [list((folder_on_tmpfs / each).iterdir()) for each in ("layers", "work", "blobs")] == [[], [], []]


def test_removing_takes_a_name_or_by_id_all_of_them(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        images = Images(folder_on_tmpfs)
        first = server.push("t/app", "1", image(ONE))
        second = server.push("t/app", "2", image(ONE))
        for name in (first, second):
            got = asyncio.run(images.pull(name))
    assert got.names == (first, second)
    images.remove(first)
    assert images.list()[0].names == (second,)
    images.remove(got.id)
    assert images.list()[0].names == ()
    with pytest.raises(ImageNotFound, match="cannot remove image busybox: it is not on this node"):
        images.remove("busybox")
    with pytest.raises(InvalidReference):
        images.find("Not A Name")


def test_a_layer_that_is_gone_makes_the_image_be_pulled_anew(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        name = server.push("t/app", "1", image(ONE))
        images = Images(folder_on_tmpfs)
        got = asyncio.run(images.pull(name))
        for damage in ("layer", "blob"):
            if damage == "layer":
                os.rename(got.layers[0].parent, folder_on_tmpfs / "elsewhere")
            else:
                (folder_on_tmpfs / "blobs" / got.id.removeprefix("sha256:")).write_bytes(b"{}")
            assert images.find(name) is None
            assert images.list() == []
            assert asyncio.run(images.pull(name)) == got


def test_two_processes_see_each_others_images(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        images = Images(folder_on_tmpfs)
        names = [server.push("t/app", str(n), image(ONE, layer(file(str(n))))) for n in range(4)]
        pullers = [subprocess.Popen([sys.executable, "-c", PULLER, folder_on_tmpfs, name]) for name in names]
        assert [puller.wait(60) for puller in pullers] == [0] * 4
    assert [each.names for each in images.list()] == [(name,) for name in names]


def test_the_store_is_closed_to_other_users(folder_on_tmpfs: Path) -> None:
    Images(folder_on_tmpfs / "a/b")
    assert oct((folder_on_tmpfs / "a/b").stat().st_mode) == "0o40700"


def test_a_store_that_cannot_be_used_says_so(folder_on_tmpfs: Path) -> None:
    (folder_on_tmpfs / "file").touch()
    with pytest.raises(StorageFailed, match=r"cannot use .*file/store for images: Not a directory"):
        Images(folder_on_tmpfs / "file/store")
    images = Images(folder_on_tmpfs / "store")
    (folder_on_tmpfs / "store/index.json").write_text("{")
    with pytest.raises(StorageFailed, match="move it away to start with no images"):
        images.list()


def test_a_layer_that_comes_twice_is_mounted_once(folder_on_tmpfs: Path) -> None:
    assert topmost(["a", "b", "a", "c"]) == ["b", "a", "c"]
    with registry() as server:
        got = asyncio.run(Images(folder_on_tmpfs).pull(server.push("t/app", "1", image(ONE, TWO, ONE))))
    assert [path.parent.name for path in got.layers] == [e.diff_id.removeprefix("sha256:") for e in (TWO, ONE)]


def test_the_index_is_plain_json(folder_on_tmpfs: Path) -> None:
    with registry() as server:
        name = server.push("t/app", "1", image(ONE))
        got = asyncio.run(Images(folder_on_tmpfs).pull(name))
    index = json.loads((folder_on_tmpfs / "index.json").read_text())
    assert index["names"] == {name: got.digest}
    assert index["images"][got.digest]["layers"] == [ONE.diff_id]
