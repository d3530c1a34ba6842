"""Who owns the number of replicas, seen through the subresource ``scale``."""

from typing import Any

from k3py.objects.apply import to_main, to_scale

REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}


def entry(manager: str, operation: str, fields: Any, version: str = "apps/v1", **more: Any) -> dict[str, Any]:
    return {
        "manager": manager, "operation": operation, "apiVersion": version, "time": "2026-11-22T10:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": fields, **more,
    }  # fmt: skip


MAIN = [
    entry("one", "Apply", {"f:spec": {"f:paused": {}, "f:replicas": {}}}),
    entry("two", "Update", REPLICAS),
    entry("three", "Update", {"f:spec": {"f:paused": {}}}),
]


def test_a_scale_knows_the_owners_of_the_replicas_alone() -> None:
    assert to_scale(MAIN) == [
        entry("one", "Apply", REPLICAS, "autoscaling/v1"),
        entry("two", "Update", REPLICAS, "autoscaling/v1"),
    ]
    assert to_scale(None) == []


def test_owners_that_stay_owners_keep_their_entries() -> None:
    assert to_main(MAIN, to_scale(MAIN), "apps/v1") == [MAIN[0], MAIN[2], MAIN[1]]


def test_who_loses_the_replicas_keeps_the_rest_and_the_new_owner_has_an_entry_without_a_time() -> None:
    scaler = entry("scaler", "Update", REPLICAS, "autoscaling/v1", subresource="scale")
    after = to_main(MAIN, [scaler], "apps/v1")
    new = {key: value for key, value in {**scaler, "apiVersion": "apps/v1"}.items() if key != "time"}
    assert after == [entry("one", "Apply", {"f:spec": {"f:paused": {}}}), new, MAIN[2]]
