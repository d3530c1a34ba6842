"""Our own kinds' schemas say what their Struct classes say, and merge as the schema says."""

import inspect

import msgspec
import pytest

from k3py.model import vpc_v1
from k3py.model.codec import fields_of
from k3py.model.definitions import merge_table, schemas
from k3py.model.struct import Wire

TYPES = [each for _, each in inspect.getmembers(vpc_v1, inspect.isclass) if each.__module__ == vpc_v1.__name__]


@pytest.mark.parametrize("kind", TYPES, ids=[each.__name__ for each in TYPES])
def test_a_schema_has_the_fields_of_its_class(kind: type[Wire]) -> None:
    schema = msgspec.json.decode(schemas()[kind.__doc__ or ""])
    assert set(schema["properties"]) == set(fields_of(kind))
    assert all(each["description"] for each in schema["properties"].values())


def test_every_reference_of_ours_is_there() -> None:
    table = merge_table()
    known = schemas()
    ours = [name for name in known if name.startswith("io.k3py.")]
    assert len(ours) == len(TYPES)
    assert {entry["ref"] for name in ours for entry in table[name].values() if "ref" in entry} <= set(known)


def test_conditions_merge_by_type() -> None:
    conditions = merge_table()["io.k3py.vpc.v1.VPCStatus"]["conditions"]
    assert (conditions["key"], conditions["strategies"]) == ("type", ["merge"])


def test_kubernetes_own_are_there_too() -> None:
    assert merge_table()["io.k8s.api.core.v1.PodSpec"]["containers"]["key"] == "name"
