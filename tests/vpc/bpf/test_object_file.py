"""Compiled objects are taken apart, damaged ones are refused in one way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.vpc.bpf import object_file
from k3py.vpc.bpf.errors import ObjectError
from k3py.vpc.bpf.loader import OBJECTS, read_object
from k3py.vpc.bpf.object_file import AttachType, ProgramType
from tools.build_bpf import build

build()
RAW = (OBJECTS / "to_pod.o").read_bytes()


def test_an_object_says_what_it_holds():
    parsed = object_file.parse(RAW)
    (program,) = parsed.programs
    assert (program.name, program.kind, program.attach) == ("to_pod", ProgramType.SCHED_CLS, AttachType.TCX_EGRESS)
    assert {"routes", "local_pods", "peers", "counters", "events"} >= set(parsed.maps)
    assert parsed.maps["counters"].value_size == 24
    assert parsed.maps["events"].entries_max == 65536


def test_constants_are_checked():
    parsed = object_file.parse(RAW)
    with pytest.raises(ObjectError, match="no constant colour"):
        parsed.with_constants({"colour": b"red"})
    with pytest.raises(ObjectError, match="settings_constant has 48 bytes, not 3"):
        parsed.with_constants({"settings_constant": b"red"})
    filled = parsed.with_constants({"settings_constant": bytes(range(48))})
    assert any(bytes(range(48)) in each.content and each.read_only for each in filled.values())


def test_linking_puts_descriptors_where_the_kernel_looks():
    (program,) = object_file.parse(RAW).programs
    maps = {name: 100 + index for index, name in enumerate({each.map_name for each in program.references} - {None})}
    code = object_file.linked(program, maps, dict.fromkeys(range(200), 7))
    assert len(code) == len(program.code)
    for each in program.references:
        wanted = (1, maps[each.map_name]) if each.map_name else (2, 7)
        assert (code[each.offset + 1] >> 4, int.from_bytes(code[each.offset + 4 : each.offset + 8], "little")) == wanted


def test_what_is_missing_is_named():
    with pytest.raises(ObjectError, match=r"nothing\.o is missing"):
        read_object("nothing")


@pytest.mark.parametrize(
    "raw", [b"", b"#!/bin/sh", b"\x7fELF", RAW[:64], RAW[: len(RAW) // 2], b"\x7fELF\x02\x01" + bytes(90)]
)
def test_what_is_no_object_is_refused(raw):
    with pytest.raises(ObjectError):
        object_file.parse(raw)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(RAW) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_damage_is_refused_or_harmless(changes):
    damaged = bytearray(RAW)
    for position, value in changes:
        damaged[position] = value
    try:
        object_file.parse(bytes(damaged))
    except ObjectError:
        return


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_headers_and_type_information_too(data):
    elf = object_file.elf.parse(RAW)
    start = RAW.index(elf.sections[elf.index(".BTF")].data)
    table = int.from_bytes(RAW[0x28:0x30], "little")
    places = st.one_of(st.integers(0, 63), st.integers(start, start + 6000), st.integers(table, len(RAW) - 1))
    damaged = bytearray(RAW)
    for position in data.draw(st.lists(places, min_size=1, max_size=4)):
        damaged[position] = data.draw(st.sampled_from((0, 1, 0x7F, 0xFF)))
    try:
        object_file.parse(bytes(damaged))
    except ObjectError:
        return
