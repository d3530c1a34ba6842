"""Places: what `--store` says, folders that survive a power cut, conditional puts, the cluster key."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.base.clock import SystemClock
from k3py.store import bootstrap, folder
from k3py.store.blobs import (
    CURRENT,
    Blobs,
    FolderBlobs,
    MemoryBlobs,
    current_database,
    probe_conditional_puts,
)
from k3py.store.bootstrap import (
    BLOB,
    ClusterKey,
    WrongToken,
    read_or_create_cluster_key,
    rewrap_cluster_key,
    unwrap,
)
from k3py.store.errors import CannotOpen
from k3py.store.folder import make_power_safe
from k3py.store.opening import open_place
from k3py.store.place import S3, Folder, Memory, parse_place
from k3py.store.s3 import Bucket, sign
from k3py.store.store import Store
from tests.store.helpers import PODS, pod

# --- what --store says ---


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("memory:", Memory()),
        ("/var/lib/k3py/store", Folder(Path("/var/lib/k3py/store"))),
        ("file:///srv/k3py", Folder(Path("/srv/k3py"))),
        ("s3://bucket", S3("bucket", "")),
        ("s3://bucket/clusters/one/", S3("bucket", "clusters/one")),
    ],
)
def test_a_place_is_named(text: str, place: object) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    "text", ["", "relative/path", "s3://", "s3:///x", "s3://b/../c", "http://x", "etcd://x", "/a\0b"]
)
def test_other_names_are_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ValueError, match="use /a/folder"):
        parse_place(text)


@given(text=st.text(max_size=40))
def test_any_text_is_a_place_or_refused(text: str) -> None:
    try:
        place = parse_place(text)
    except ValueError:
        return
    assert isinstance(place, Memory | Folder | S3)


# --- folders ---


@pytest.fixture
def tmpfs() -> Iterator[Path]:
    path = Path(f"/dev/shm/k3py-test-{os.getpid()}")
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path)


def flags(path: Path) -> int:
    return folder._change_flags(path, 0)


def test_a_new_folder_is_made_synchronous_and_files_in_it_are_so(tmp_path: Path) -> None:
    if make_power_safe(tmp_path / "probe") is not None:
        pytest.skip("the temporary folder's file system has no such attributes")
    new = tmp_path / "state" / "store"
    assert make_power_safe(new) is None
    assert make_power_safe(new) is None
    (new / "wal").mkdir()
    wanted = folder.FS_SYNC_FL | folder.FS_DIRSYNC_FL
    assert flags(new / "wal") & wanted == wanted
    assert new.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_filled_before_comes_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "db-1").mkdir()
    warning = make_power_safe(tmp_path)
    assert warning is not None
    assert "power cut" in warning


def test_a_file_system_that_cannot_comes_with_a_warning(tmpfs: Path) -> None:
    warning = make_power_safe(tmpfs / "store")
    assert warning is not None
    assert "cannot write synchronously" in warning


# --- blobs ---


@pytest.fixture(params=["memory", "folder"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return MemoryBlobs() if request.param == "memory" else FolderBlobs(tmp_path)


def test_a_new_object_is_put_once(blobs: Blobs) -> None:
    async def story() -> None:
        assert await blobs.get("a/b") is None
        assert await blobs.put_new("a/b", b"1")
        assert not await blobs.put_new("a/b", b"1")
        assert not await blobs.put_new("a/b", b"2")
        found = await blobs.get("a/b")
        assert found is not None
        assert found[0] == b"1"
        await blobs.delete("a/b")
        await blobs.delete("a/b")
        assert await blobs.get("a/b") is None

    asyncio.run(story())


def test_an_object_is_replaced_only_at_the_version_that_was_read(blobs: Blobs) -> None:
    async def story() -> None:
        assert not await blobs.replace("x", b"1", "none")
        await blobs.put_new("x", b"1")
        found = await blobs.get("x")
        assert found is not None
        assert await blobs.replace("x", b"2", found[1])
        assert not await blobs.replace("x", b"3", found[1])
        again = await blobs.get("x")
        assert again is not None
        assert again[0] == b"2"

    asyncio.run(story())


def test_a_good_store_passes_the_probe_which_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    asyncio.run(probe_conditional_puts(blobs))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("probe")] == []


class Careless(MemoryBlobs):
    """Ignores a condition of puts, as some S3 servers do."""

    def __init__(self, condition: str) -> None:
        super().__init__()
        self.condition = condition

    async def put_new(self, name: str, data: bytes) -> bool:
        return await super().put_new(name, data) or self.condition == "If-None-Match"

    async def replace(self, name: str, data: bytes, version: str) -> bool:
        return await super().replace(name, data, version) or self.condition == "If-Match"


@pytest.mark.parametrize("condition", ["If-None-Match", "If-Match"])
def test_a_store_that_ignores_conditions_is_refused(condition: str) -> None:
    with pytest.raises(CannotOpen, match=f"ignores {condition}.*two leaders"):
        asyncio.run(probe_conditional_puts(Careless(condition)))


def test_the_live_database_is_named_once_and_for_all(blobs: Blobs) -> None:
    async def story() -> None:
        assert await current_database(blobs) == "db-1"
        found = await blobs.get(CURRENT)
        assert found is not None
        await blobs.replace(CURRENT, b"db-7\n", found[1])
        assert await current_database(blobs) == "db-7"

    asyncio.run(story())


@pytest.mark.parametrize("said", [b"", b"etcd", b"db-", b"db-x", b"\xff\xfe"])
def test_a_pointer_to_nowhere_is_refused(said: bytes) -> None:
    async def story() -> None:
        blobs = MemoryBlobs()
        await blobs.put_new(CURRENT, said)
        with pytest.raises(CannotOpen, match="not which database"):
            await current_database(blobs)

    asyncio.run(story())


# --- the cluster key ---


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "SCRYPT_N", 1 << 10)


def test_all_servers_that_know_the_token_have_the_same_key(blobs: Blobs) -> None:
    async def story() -> None:
        keys = await asyncio.gather(*(read_or_create_cluster_key(blobs, "token") for _ in range(3)))
        assert len({key.secret for key in keys}) == 1
        assert len(keys[0].secret) == 32
        found = await blobs.get(BLOB)
        assert found is not None
        assert keys[0].secret not in found[0]
        assert keys[0].derive("secrets/1") != keys[0].derive("secrets/2") != keys[0].secret
        with pytest.raises(WrongToken):
            await read_or_create_cluster_key(blobs, "another token")

    asyncio.run(story())


def test_the_token_can_be_changed_and_the_key_stays(blobs: Blobs) -> None:
    async def story() -> None:
        key = await read_or_create_cluster_key(blobs, "old")
        with pytest.raises(WrongToken):
            await rewrap_cluster_key(blobs, "wrong", "new")
        await rewrap_cluster_key(blobs, "old", "new")
        assert await read_or_create_cluster_key(blobs, "new") == key
        with pytest.raises(WrongToken):
            await read_or_create_cluster_key(blobs, "old")

    asyncio.run(story())


def test_a_key_is_not_shown() -> None:
    assert "x" * 4 not in repr(ClusterKey(b"x" * 32))


@given(blob=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
def test_any_bytes_are_a_wrapped_key_or_refused(blob: bytes) -> None:
    with pytest.raises(CannotOpen):
        unwrap(blob, "token")


@pytest.mark.parametrize(
    "change",
    [
        {"n": 1 << 30},
        {"n": 3},
        {"r": 1 << 20},
        {"version": 2},
        {"kdf": "none"},
        {"salt": "*"},
        {"nonce": ""},
        {"sealed": ""},
        {"more": 1},
    ],
)
def test_a_forged_wrapping_is_refused_before_it_costs_anything(change: dict[str, object]) -> None:
    body = msgspec.json.decode(bootstrap.wrap(b"k" * 32, "token", os.urandom))
    with pytest.raises(CannotOpen):
        unwrap(msgspec.json.encode({**body, **change}), "token")


# --- buckets ---


def test_a_request_is_signed_as_amazon_documents_it() -> None:
    """The example "GET Object" of the Signature Version 4 documentation for S3."""
    bucket = Bucket(
        "examplebucket",
        "https://examplebucket.s3.amazonaws.com",
        "us-east-1",
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    headers = sign(bucket, "GET", "/test.txt", b"", {"Range": "bytes=0-9"}, 1369353600.0)
    signature = headers["authorization"].rsplit("Signature=", 1)[1]
    assert signature == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


def test_a_bucket_is_described_by_the_environment() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert Bucket.from_environment("b", keys).endpoint == "https://s3.us-east-1.amazonaws.com"
    other = Bucket.from_environment("b", {**keys, "AWS_REGION": "eu-west-1", "AWS_SESSION_TOKEN": "t"})
    assert (other.endpoint, other.session_token) == ("https://s3.eu-west-1.amazonaws.com", "t")
    plain = {**keys, "AWS_ENDPOINT": "http://127.0.0.1:8333/"}
    with pytest.raises(CannotOpen, match="no TLS"):
        Bucket.from_environment("b", plain)
    assert Bucket.from_environment("b", {**plain, "AWS_ALLOW_HTTP": "true"}).endpoint == "http://127.0.0.1:8333"
    with pytest.raises(CannotOpen, match="AWS_SECRET_ACCESS_KEY"):
        Bucket.from_environment("b", {"AWS_ACCESS_KEY_ID": "id"})


# --- all of it ---


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_a_store_is_opened_at_its_place_and_found_again(kind: str, tmp_path: Path) -> None:
    place = Memory() if kind == "memory" else Folder(tmp_path / "store")

    async def story() -> None:
        found = await open_place(place, {}, SystemClock())
        store = Store(found.log, [PODS], SystemClock())
        await store.open()
        await store.create("pods", "default", "web", pod("web"))
        await store.close()
        if kind == "memory":
            return
        assert found.database == "db-1"
        again = await open_place(place, {}, SystemClock())
        assert again.warnings == found.warnings
        store = Store(again.log, [PODS], SystemClock())
        await store.open()
        assert store.get("pods", "default", "web") is not None
        await store.close()

    asyncio.run(story())


def test_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotOpen):
        asyncio.run(open_place(Folder(tmp_path / "file"), {}, SystemClock()))
