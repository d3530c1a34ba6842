"""Maps in the kernel."""

import errno

import pytest

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.errors import BpfError
from k3py.vpc.bpf.maps import Map, possible_cpus
from k3py.vpc.bpf.object_file import MapDefinition
from tests.vpc.bpf.kernel_objects import bpffs

HASH, PER_CPU_ARRAY = 1, 6


def made(kind: int = HASH, entries: int = 3) -> Map:
    return Map(kernel.map_create(MapDefinition("table", kind, 4, 6, entries, 0, 0, 0)))


def test_entries_come_and_go():
    with made() as table:
        table[b"key1"], table[b"key2"] = b"value1", b"value2"
        assert table[b"key1"] == b"value1"
        assert sorted(table) == [b"key1", b"key2"]
        del table[b"key1"]
        assert list(table) == [b"key2"]
        with pytest.raises(KeyError):
            table[b"key1"]
        with pytest.raises(KeyError):
            del table[b"key1"]


def test_a_full_map_says_so_and_keeps_what_it_has():
    with made() as table:
        for index in range(3):
            table[bytes([index] * 4)] = bytes(6)
        with pytest.raises(BpfError, match="cannot write an entry") as caught:
            table[b"more"] = bytes(6)
        assert caught.value.errno == errno.E2BIG
        assert len(list(table)) == 3


def test_sizes_are_checked():
    with made() as table:
        with pytest.raises(ValueError, match="key of 3 bytes, not 4"):
            table[b"key"]
        with pytest.raises(ValueError, match="value of 5 bytes, not 6"):
            table[b"key1"] = b"value"


def test_a_per_cpu_entry_has_a_value_for_each():
    with made(PER_CPU_ARRAY) as table:
        values = [bytes([cpu + 1] * 6) for cpu in range(possible_cpus())]
        table[bytes(4)] = b"".join(each + bytes(2) for each in values)
        assert table.per_cpu(bytes(4)) == values


def test_a_pinned_map_outlives_its_maker(tmp_path):
    with bpffs(tmp_path) as place:
        with made() as table:
            table[b"key1"] = b"value1"
            table.pin(place / "table")
        with Map.open(place / "table") as table:
            assert table[b"key1"] == b"value1"
        with pytest.raises(BpfError, match=r"cannot pin .*: Operation not permitted"), made() as table:
            table.pin(place / "with.dot")
        (place / "table").unlink()
        with pytest.raises(BpfError, match=r"cannot open .*No such file"):
            Map.open(place / "table")
