"""What C and Python declare of the socket programs is the same."""

import ctypes

import pytest

from k3py.vpc.bpf.btf import STRUCT, Btf
from k3py.vpc.bpf.loader import read_object
from k3py.vpc.services import abi
from tools.build_bpf import SOURCES, build


@pytest.fixture(scope="module")
def btf() -> Btf:
    build()
    return read_object("services").btf


@pytest.mark.parametrize("name", abi.STRUCTS)
def test_structs_have_the_same_layout(btf, name):
    wanted = abi.STRUCTS[name]
    found = btf.find(STRUCT, name)
    assert btf.size(found) == ctypes.sizeof(wanted)
    fields = [(each.name, each.offset, each.size) for each in btf.fields(found)]
    mine = [(field, getattr(wanted, field).offset, getattr(wanted, field).size) for field, *_ in wanted._fields_]
    assert fields == mine


def test_enums_and_flags_are_the_same(btf):
    assert btf.enumerators("form") == {f"FORM_{each.name}": each.value for each in abi.Form}
    header = (SOURCES / "lib/service_maps.h").read_text()
    for prefix, flags in (("NAMESPACE", abi.NamespaceFlag), ("SERVICE", abi.ServiceFlag)):
        for flag in flags:
            assert f"#define {prefix}_{flag.name} {flag.value} " in header


def test_maps_hold_ten_thousand_services_and_a_hundred_thousand_endpoints():
    build()
    room = {name: each.entries_max for name, each in read_object("services").maps.items()}
    assert room["services"] >= 5 * 10_000
    assert room["backends"] >= 1.3 * 100_000
    assert room["members"] == room["backends"]
