"""What C and Python declare is the same."""

import ctypes
from pathlib import Path

import pytest

from k3py.vpc.bpf.abi import MEANING, OUTCOMES_MAX, STRUCTS, Direction, Outcome
from k3py.vpc.bpf.btf import STRUCT, Btf
from k3py.vpc.bpf.loader import read_object
from tools.build_bpf import build


@pytest.fixture(scope="module", params=["from_pod", "to_pod", "tap_guard"])
def btf(request: pytest.FixtureRequest) -> Btf:
    build()
    return read_object(request.param).btf


@pytest.mark.parametrize("name", STRUCTS)
def test_structs_have_the_same_layout(btf, name):
    wanted = STRUCTS[name]
    found = btf.find(STRUCT, name)
    assert btf.size(found) == ctypes.sizeof(wanted)
    fields = [(each.name, each.offset, each.size) for each in btf.fields(found)]
    mine = [(field, getattr(wanted, field).offset, getattr(wanted, field).size) for field, *_ in wanted._fields_]
    assert fields == mine


def test_the_list_of_outcomes_is_one(btf):
    listed = btf.enumerators("outcome")
    assert listed.pop("OUTCOMES") == OUTCOMES_MAX > max(Outcome)
    assert listed == {each.name: each.value for each in Outcome}
    assert btf.enumerators("direction") == {each.name: each.value for each in Direction}


def test_every_outcome_is_explained():
    assert set(MEANING) == set(Outcome)


def test_every_outcome_is_in_a_table_of_packets():
    tables = "".join(each.read_text() for each in Path(__file__).parents[2].joinpath("packets").glob("test_*_pod.py"))
    # The kernel refuses a change only when it has no memory.
    assert {each for each in Outcome if f"Outcome.{each.name}" not in tables} == {Outcome.DROP_NO_ROOM}
