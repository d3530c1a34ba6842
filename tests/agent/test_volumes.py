"""Volumes: what they are to be, and what lies on the host."""

import asyncio
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.agent.environment import NodeFacts, Objects
from k3py.agent.volume_files import VolumeFiles, resolve_sub_path, write_files
from k3py.agent.volumes import EmptyDir, Files, HostPath, VolumeProblem, checked_path, sources
from k3py.model.generated import core_v1
from k3py.model.generated.core_v1 import KeyToPath, Volume
from k3py.runtime import kernel
from tests.agent.world import pod

NODE = NodeFacts("n1", ["192.0.2.7"], [], {"cpu": "4"})
OBJECTS = Objects(
    {"m": core_v1.ConfigMap(data={"a": "1"}, binary_data={"b": b"\xff"})}, {"s": core_v1.Secret(data={"k": b"v"})}
)
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="k3py-agent-", dir="/dev/shm"))
    yield path
    kernel.unmount_below(path)
    shutil.rmtree(path)


def one(volume: Volume) -> object:
    return sources(pod("web", volumes=[volume]), OBJECTS, NODE)[volume.name]


CASES = [
    (Volume(name="v"), EmptyDir()),
    (Volume(name="v", empty_dir=core_v1.EmptyDirVolumeSource(medium="Memory", size_limit="1Mi")),
     EmptyDir(True, 1 << 20)),
    (Volume(name="v", host_path=core_v1.HostPathVolumeSource(path="/x", type="Socket")), HostPath("/x", "Socket")),
    (Volume(name="v", config_map=core_v1.ConfigMapVolumeSource(name="m")),
     Files({"a": (b"1", 0o644), "b": (b"\xff", 0o644)})),
    (Volume(name="v", config_map=core_v1.ConfigMapVolumeSource(
        name="m", default_mode=0o400, items=[KeyToPath(key="a", path="x/y", mode=0o600)])),
     Files({"x/y": (b"1", 0o600)})),
    (Volume(name="v", config_map=core_v1.ConfigMapVolumeSource(name="none", optional=True)), Files({})),
    (Volume(name="v", secret=core_v1.SecretVolumeSource(secret_name="s", default_mode=0o400)),
     Files({"k": (b"v", 0o400)}, secret=True)),
    (Volume(name="v", downward_api=core_v1.DownwardAPIVolumeSource(items=[core_v1.DownwardAPIVolumeFile(
        path="name", field_ref=core_v1.ObjectFieldSelector(field_path="metadata.name"))])),
     Files({"name": (b"web", 0o644)})),
    (Volume(name="v", projected=core_v1.ProjectedVolumeSource(default_mode=0o440, sources=[
        core_v1.VolumeProjection(config_map=core_v1.ConfigMapProjection(
            name="m", items=[KeyToPath(key="a", path="a")])),
        core_v1.VolumeProjection(secret=core_v1.SecretProjection(name="s"))])),
     Files({"a": (b"1", 0o440), "k": (b"v", 0o440)}, secret=True)),
]  # fmt: skip


@pytest.mark.parametrize(("volume", "expected"), CASES)
def test_what_a_volume_is_to_be(volume: Volume, expected: object) -> None:
    assert one(volume) == expected


PROBLEMS = [
    (Volume(name="v", config_map=core_v1.ConfigMapVolumeSource(name="none")), 'configmap "none" not found'),
    (Volume(name="v", secret=core_v1.SecretVolumeSource(secret_name="none")), 'secret "none" not found'),
    (Volume(name="v", config_map=core_v1.ConfigMapVolumeSource(name="m", items=[KeyToPath(key="z", path="z")])),
     "references non-existent config key: z"),
    (Volume(name="v", config_map=core_v1.ConfigMapVolumeSource(name="m", items=[KeyToPath(key="a", path="../x")])),
     "must be relative and stay in the volume"),
    (Volume(name="v", nfs=core_v1.NFSVolumeSource(server="s", path="/")), "not supported"),
]  # fmt: skip


@pytest.mark.parametrize(("volume", "text"), PROBLEMS)
def test_what_cannot_be_made_is_said(volume: Volume, text: str) -> None:
    with pytest.raises(VolumeProblem, match=f'for volume "v" : .*{text}'):
        one(volume)


@given(st.text(alphabet="ab./\0", max_size=12))
def test_a_path_never_leaves_its_volume(path: str) -> None:
    try:
        checked = checked_path(path)
    except VolumeProblem:
        return
    assert os.path.normpath(f"/volume/{checked}").startswith("/volume/")
    assert not checked.startswith("..")


def test_files_change_all_at_once(folder: Path) -> None:
    assert write_files(folder, Files({"a": (b"1", 0o644), "x/y": (b"2", 0o600)}))
    assert (folder / "a").read_bytes() == b"1"
    assert (folder / "x/y").read_bytes() == b"2"
    assert stat.S_IMODE((folder / "x/y").stat().st_mode) == 0o600
    assert os.readlink(folder / "a") == "..data/a"
    before = os.readlink(folder / "..data")
    assert not write_files(folder, Files({"a": (b"1", 0o644), "x/y": (b"2", 0o600)}))
    assert os.readlink(folder / "..data") == before
    opened = (folder / "a").open("rb")
    assert write_files(folder, Files({"b": (b"3", 0o644)}))
    assert sorted(os.listdir(folder)) == ["..00000001", "..data", "b"]
    assert opened.read() == b"1", "a reader keeps what it opened"
    opened.close()


def test_what_a_crash_left_is_cleared_away(folder: Path) -> None:
    write_files(folder, Files({"a": (b"1", 0o644)}))
    (folder / "..00000001").mkdir()
    (folder / "..00000001/half").write_bytes(b"")
    (folder / "..data_new").symlink_to("..00000001")
    assert write_files(folder, Files({"a": (b"2", 0o644)}))
    assert (folder / "a").read_bytes() == b"2"
    assert sorted(os.listdir(folder)) == ["..00000002", "..data", "a"]


@root_only
def test_secrets_and_memory_lie_on_tmpfs_and_are_removed(folder: Path) -> None:
    files = VolumeFiles(folder / "volumes", fs_group=2000)
    wanted = {
        "fast": EmptyDir(memory=True, size_limit=1 << 20),
        "key": Files({"k": (b"v", 0o400)}, secret=True),
        "plain": EmptyDir(),
    }
    for _ in range(2):
        places = files.prepare(wanted)
    assert os.statvfs(places["fast"]).f_blocks * os.statvfs(places["fast"]).f_frsize == 1 << 20
    assert os.path.ismount(places["key"])
    key = (places["key"] / "k").stat()
    assert (key.st_gid, stat.S_IMODE(key.st_mode)) == (2000, 0o440)
    plain = places["plain"].stat()
    assert (plain.st_gid, stat.S_IMODE(plain.st_mode)) == (2000, 0o2777)
    (places["plain"] / "kept").touch()
    assert (files.prepare(wanted)["plain"] / "kept").exists()
    asyncio.run(files.remove())
    asyncio.run(files.remove())
    assert not (folder / "volumes").exists()
    assert kernel.mount_points_below(folder, Path("/proc/self/mountinfo").read_text()) == []


@root_only
def test_a_token_belongs_to_the_pods_user_and_is_open_to_its_group(folder: Path) -> None:
    shown = Files({"token": (b"1", 0o600), "ca.crt": (b"2", 0o644)}, secret=True, owners={"token": 1234})
    for group, mode in ((None, 0o600), (2000, 0o640)):
        place = folder / str(group)
        place.mkdir()
        write_files(place, shown, group)
        token, certificate = (place / "token").stat(), (place / "ca.crt").stat()
        assert (token.st_uid, token.st_gid, stat.S_IMODE(token.st_mode)) == (1234, group or 0, mode)
        assert (certificate.st_uid, certificate.st_gid) == (0, group or 0)


HOST_PATHS = [("Directory", "dir", True), ("Directory", "file", False), ("File", "file", True),
              ("Socket", "file", False),
              ("", "none", True), ("DirectoryOrCreate", "new", True), ("FileOrCreate", "new", True),
              ("Directory", "none", False), ("CharDevice", "file", False)]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "works"), HOST_PATHS)
def test_host_paths_are_checked(folder: Path, kind: str, name: str, works: bool) -> None:
    (folder / "dir").mkdir()
    (folder / "file").touch()
    files, wanted = VolumeFiles(folder / "volumes"), {"v": HostPath(str(folder / name), kind)}
    if works:
        assert files.prepare(wanted) == {"v": folder / name}
        assert (folder / name).exists() == (name != "none")
    else:
        with pytest.raises(VolumeProblem, match="hostPath type check failed"):
            files.prepare(wanted)


def test_sub_paths_stay_in_their_volume(folder: Path) -> None:
    volume = folder / "volume"
    volume.mkdir()
    (folder / "outside").mkdir()
    (volume / "planted").symlink_to("../outside")
    (volume / "file").touch()
    assert resolve_sub_path(volume, "new/deep") == volume / "new/deep"
    assert (volume / "new/deep").is_dir()
    assert resolve_sub_path(volume, "file") == volume / "file"
    for bad in ("../outside", "/etc", "planted", "planted/x", "a/../../outside"):
        with pytest.raises(VolumeProblem):
            resolve_sub_path(volume, bad)
    assert list((folder / "outside").iterdir()) == []


def test_removing_many_files_stalls_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v").mkdir()
    going_on = threading.Event()
    monkeypatch.setattr("shutil.rmtree", lambda *_args, **_options: going_on.wait(10))

    async def story() -> None:
        removing = asyncio.create_task(VolumeFiles(tmp_path).remove())
        await asyncio.sleep(0)
        assert not removing.done(), "the event loop goes on while files are removed"
        going_on.set()
        await removing

    asyncio.run(story())
