"""Owners and finalizers as metadata may have them."""

from typing import Any

import pytest

from k3py.model import names
from k3py.model.generated.meta_v1 import ObjectMeta, OwnerReference
from k3py.objects.meta import check_meta
from tests.objects.validation.said import said

OWNER = {"api_version": "v1", "kind": "X", "name": "a", "uid": "u"}


def _said(**fields: Any) -> list[str]:
    meta = ObjectMeta(name="n", namespace="s", **fields)
    return said(lambda obj, wrong: check_meta(obj, True, names.dns_1123_subdomain, wrong), meta)


@pytest.mark.parametrize("version", ["", "a/", "a/b/c"])
def test_an_owner_has_a_version(version: str) -> None:
    found = _said(owner_references=[OwnerReference(**{**OWNER, "api_version": version})])
    assert found == [f'metadata.ownerReferences.apiVersion: Invalid value: "{version}": version must not be empty']


def test_events_own_nothing() -> None:
    (found,) = _said(owner_references=[OwnerReference(**{**OWNER, "kind": "Event"})])
    assert found.endswith(": /v1, Kind=Event is disallowed from being an owner")


def test_each_further_controller_is_one_too_many() -> None:
    found = _said(owner_references=[OwnerReference(**{**OWNER, "name": each}, controller=True) for each in "abc"])
    assert [each.rpartition("references for ")[2] for each in found] == ["X/a and X/b", "X/a and X/c"]


def test_the_form_of_all_finalizers_is_told_before_their_names() -> None:
    found = _said(finalizers=["a", "b c", "orphan", "foregroundDeletion"])
    assert [each.partition(":")[0] for each in found] == [
        "metadata.finalizers", "metadata.finalizers", "metadata.finalizers[0]", "metadata.finalizers[1]",
    ]  # fmt: skip
