"""The binding to SlateDB: it is the fast one here, and any other one still works."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from k3py.store import slate, slate_binding

UNPATCHED = """
import asyncio, sys
from slatedb.uniffi._slatedb_uniffi import slatedb as generated
hidden = generated._UniffiRustBufferBuilder._reserve
del generated._UniffiRustBufferBuilder._reserve
from k3py.store import slate, slate_binding
assert not slate_binding.IS_FAST
generated._UniffiRustBufferBuilder._reserve = hidden

async def story():
    target = slate.Target("file:///", sys.argv[1].lstrip("/"), {}, remote=False)
    database = await slate.Database.open(target)
    await database.write([(b"key", bytes(range(256)))], 1)
    assert [row async for rows in database.scan(b"k") for row in rows] == [(b"key", bytes(range(256)))]
    await database.close()

asyncio.run(story())
"""


def test_the_names_of_the_pinned_release_are_those_that_are_expected() -> None:
    assert slate_binding.IS_FAST


@pytest.mark.parametrize("missing", ["_UniffiRustBufferBuilder", "_UniffiFfiConverterBytes"])
def test_a_binding_with_other_names_is_left_as_it_is(missing: str, caplog: pytest.LogCaptureFixture) -> None:
    parts = {
        "_UniffiRustBuffer": SimpleNamespace(alloc=None, reserve=None),
        "_UniffiRustBufferBuilder": SimpleNamespace(write=1, _pack_into=2, _reserve=3),
        "_UniffiFfiConverterBytes": SimpleNamespace(lower=4, check_lower=5),
    }
    other = SimpleNamespace(**{name: part for name, part in parts.items() if name != missing})
    assert not slate_binding.speed_up(other)
    assert "slower" in caplog.text
    left = [part for name, part in vars(other).items() if name == "_UniffiRustBufferBuilder"]
    assert all((part.write, part._pack_into) == (1, 2) for part in left)


def test_it_works_unpatched_too(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", UNPATCHED, str(tmp_path / "db")], capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 0, found.stderr


def test_only_bytes_are_taken() -> None:
    batch = slate_binding.binding.WriteBatch()
    with pytest.raises(TypeError):
        batch.put("text", b"value")
    with pytest.raises(TypeError):
        slate_binding.put(batch, b"key", "text")


def test_what_the_library_refuses_is_told() -> None:
    with pytest.raises(slate_binding.binding.Error.Invalid):
        slate_binding.batch_of([(b"", b"value")])


def test_a_binding_without_the_functions_that_are_called_directly_puts_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = slate_binding.binding.WriteBatch
    assert slate_binding.fast_put(SimpleNamespace(WriteBatch=own)) is own.put
    assert "slower" in caplog.text


@pytest.mark.parametrize("size", [0, 1, 2_400, 3 << 20])
def test_values_come_back_as_they_were_put(tmp_path: Path, size: int) -> None:
    value = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def story() -> None:
        database = await slate.Database.open(slate.Target("file:///", str(tmp_path / "db").lstrip("/"), {}, False))
        await database.write([(b"key", value), (b"key2", b"x")], 1)
        assert [row async for rows in database.scan(b"k") for row in rows] == [(b"key", value), (b"key2", b"x")]
        await database.close()

    asyncio.run(story())


@pytest.mark.parametrize("remote", [False, True])
def test_the_settings_are_ones_that_slatedb_knows(remote: bool) -> None:

    settings = slate_binding.binding.Settings.default()
    wanted = slate.settings_for(slate.Target("file:///", "x", {}, remote))
    for key, value in wanted.items():
        settings.set(key, json.dumps(value))
    known = json.loads(settings.to_json_string())
    for key, value in wanted.items():
        found = known
        for part in key.split("."):
            found = found[part]
        assert found == value, key


@pytest.mark.parametrize(("remote", "bytes_per_second"), [(False, 10e6), (True, 4e6)])
def test_there_is_room_for_what_comes_while_tables_are_merged(remote: bool, bytes_per_second: float) -> None:
    """Else a write waits until that is seen to be done."""
    wanted = slate.settings_for(slate.Target("file:///", "x", {}, remote))
    found = ("compactor_options.poll_interval", "compactor_options.worker.compactions_poll_interval")
    seen = ("compactor_options.commit_compacted_interval", "manifest_poll_interval")
    seconds = sum(float(wanted[name].removesuffix("s")) for name in (*found, *seen))
    tables = min(wanted["l0_max_ssts"], wanted["l0_max_ssts_per_key"])
    assert tables * wanted["l0_sst_size_bytes"] >= bytes_per_second * seconds


def test_nobody_else_imports_it_and_a_client_of_the_package_does_not_pay_for_it() -> None:
    package = Path(slate.__file__).parent.parent
    importing = [path.name for path in package.rglob("*.py") if "import slatedb" in path.read_text()]
    assert importing == ["slate_binding.py"]
    script = (
        "import sys, k3py.store.store, k3py.store.opening, k3py.store.slate_log; sys.exit('slatedb' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
