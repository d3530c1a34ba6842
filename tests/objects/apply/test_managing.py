"""Applies and other writes, told as stories; the recorded server's answers are in ``test_golden``."""

from typing import Any

import pytest

from k3py.model.errors import BadRequest
from k3py.model.generated import core_v1
from k3py.model.kinds import KINDS
from k3py.objects.apply import Conflicts, applied, same_but_for_managed_times, target_of, updated
from k3py.objects.problems import Unexplained
from tests.objects.apply.made import deployments

CONFIG = target_of(KINDS.of(core_v1.ConfigMap))
NOW = 1_795_341_600.0
TIME = "2026-11-22T10:00:00Z"


def config(**data: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data}


def kept(obj: dict[str, Any], entries: Any) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], "uid": "u", "managedFields": list(entries)}}


def apply(
    live: Any, patch: dict[str, Any], manager: str, *, force: bool = False, target: Any = CONFIG
) -> dict[str, Any]:
    found = applied(target, live, patch, manager=manager, force=force, now=NOW)
    return kept(found.object, found.managed_fields)


def owners(obj: dict[str, Any]) -> dict[str, Any]:
    return {each["manager"]: each["fieldsV1"] for each in obj["metadata"]["managedFields"]}


def container(**fields: Any) -> dict[str, Any]:
    spec = {"template": {"spec": {"containers": [{"name": "c", **fields}]}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec}


def test_what_nobody_owned_belonged_to_somebody_before_the_first_apply() -> None:
    live = kept(config(a="1", b="1"), [])
    with pytest.raises(Conflicts, match=r'conflict with "before-first-apply" using v1: \.data\.a'):
        apply(live, config(a="2"), "one")
    after = apply(live, config(a="2"), "one", force=True)
    assert owners(after) == {
        "one": {"f:data": {"f:a": {}}},
        "before-first-apply": {"f:data": {".": {}, "f:b": {}}},
    }


def test_updates_of_an_object_that_nobody_tracks_stay_untracked() -> None:
    assert updated(CONFIG, kept(config(a="1"), []), config(a="2"), manager="m", now=NOW) == []


def test_a_creation_is_tracked_but_for_what_the_server_decides() -> None:
    new = {**config(a="1"), "metadata": {"name": "x", "namespace": "n", "uid": "u", "labels": {"l": "m"}}}
    (entry,) = updated(CONFIG, None, new, manager="m", now=NOW)
    assert entry == {
        "manager": "m", "operation": "Update", "apiVersion": "v1", "time": TIME, "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {".": {}, "f:a": {}}, "f:metadata": {"f:labels": {".": {}, "f:l": {}}}},
    }  # fmt: skip


def test_users_may_forget_all_ownership_but_not_through_a_subresource() -> None:
    live = apply(None, config(a="1"), "one")
    resets: list[list[dict[str, Any]]] = [[], [{}]]
    for reset in resets:
        assert updated(CONFIG, live, kept(config(a="1"), reset), manager="m", now=NOW) == []
    status = deployments("status")
    deployment = apply(None, container(image="i"), "one", target=deployments())
    entries = updated(status, deployment, kept(deployment, []), manager="m", now=NOW)
    assert [each["manager"] for each in entries] == ["one"]


def test_bad_managed_fields_of_users_are_passed_over() -> None:
    live = apply(None, config(a="1"), "one")
    bad = kept(config(a="1"), [{"manager": "x", "operation": "Odd", "apiVersion": "v1"}])
    assert list(updated(CONFIG, live, bad, manager="m", now=NOW)) == live["metadata"]["managedFields"]


def test_an_updater_keeps_one_entry_and_gets_a_new_time_only_for_new_fields() -> None:
    live = kept(config(a="1"), updated(CONFIG, None, config(a="1"), manager="m", now=0))
    same = updated(
        CONFIG, live, kept(config(a="1"), []) | {"metadata": {"name": "x", "uid": "u"}}, manager="m", now=NOW
    )
    assert same[0]["time"] == "1970-01-01T00:00:00Z"
    more = updated(CONFIG, live, {**config(a="1", b="2"), "metadata": {"name": "x"}}, manager="m", now=NOW)
    assert len(more) == 1
    assert more[0]["time"] == TIME
    assert more[0]["fieldsV1"] == {"f:data": {".": {}, "f:a": {}, "f:b": {}}}


def test_status_and_spec_are_owned_through_their_own_resources_only() -> None:
    patch = {**container(image="i"), "status": {"replicas": 1}}
    live = apply(None, patch, "one", target=deployments())
    assert "f:status" not in owners(live)["one"]
    after = apply(live, {**container(image="j"), "status": {"replicas": 2}}, "ctl", target=deployments("status"))
    assert owners(after)["ctl"] == {"f:status": {"f:replicas": {}}}
    assert after["metadata"]["managedFields"][0]["subresource"] == "status"


def test_a_removed_entry_goes_with_its_defaults_unless_another_applier_has_it() -> None:
    live = apply(None, container(image="i", env=[{"name": "A", "value": "1"}]), "one", target=deployments())
    live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    shared = apply(live, container(env=[{"name": "A", "value": "1"}]), "two", target=deployments())
    empty = {**container(), "spec": {}}
    after = apply(shared, empty, "one", target=deployments())
    (left,) = after["spec"]["template"]["spec"]["containers"]
    assert left == {"name": "c", "env": [{"name": "A", "value": "1"}], "imagePullPolicy": "Always"}
    gone = apply(after, empty, "two", target=deployments())
    assert "template" not in gone["spec"]


def test_conflicts_are_said_by_manager() -> None:
    live = apply(None, config(a="1", b="1"), "one")
    live = apply(live, config(a="1"), "two")
    with pytest.raises(Conflicts) as refused:
        apply(live, config(a="2", b="2"), "three")
    assert refused.value.message == (
        'Apply failed with 3 conflicts: conflicts with "one":\n- .data.a\n- .data.b\nconflicts with "two":\n- .data.a'
    )
    assert refused.value.details is not None
    assert [(each.message, each.field) for each in refused.value.details.causes] == [
        ('conflict with "one"', ".data.a"), ('conflict with "one"', ".data.b"), ('conflict with "two"', ".data.a"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"replicas": "3"}, ".spec.replicas: expected numeric (int or float), got"),
        ({"paused": 1}, ".spec.paused: expected boolean, got"),
        ({"template": []}, ".spec.template: expected map, got"),
        ({"odd": 1}, ".spec.odd: field not declared in schema"),
        ({"selector": {"matchLabel": {}}}, ".spec.selector.matchLabel: field not declared in schema"),
        ({"template": {"spec": {"containers": {}}}}, ".spec.template.spec.containers: expected list, got"),
        (
            {"template": {"spec": {"containers": [None]}}},
            "element 0: associative list with keys may not have a null element",
        ),
        (
            {"template": {"spec": {"containers": [{"name": []}]}}},
            "element 0: associative list with keys has an element whose",
        ),
        ({"template": {"spec": {"tolerations": [{"key": 1}]}}}, ".tolerations[0].key: expected string, got"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(spec: dict[str, Any], said: str) -> None:
    patch = {**container(), "spec": spec}
    with pytest.raises(Unexplained) as refused:
        apply(None, patch, "one", target=deployments())
    assert refused.value.message.startswith("failed to create typed patch object (/x; apps/v1, Kind=Deployment): ")
    assert said in refused.value.message


def test_everything_that_does_not_fit_is_said() -> None:
    with pytest.raises(Unexplained, match=r"errors:\n  \.spec\.a: field not declared in schema\n  \.spec\.b: field"):
        apply(None, {**container(), "spec": {"a": 1, "b": 2}}, "one", target=deployments())


def test_another_kind_or_managed_fields_are_refused() -> None:
    with pytest.raises(BadRequest, match="invalid object type: /v1, Kind=ConfigMap"):
        apply(None, config(), "one", target=deployments())
    with pytest.raises(BadRequest, match="invalid object type: /, Kind="):
        apply(None, {}, "one")
    sent: list[list[dict[str, Any]]] = [[], [{}]]
    for entries in sent:
        with pytest.raises(BadRequest, match="managedFields must be nil"):
            apply(None, {**config(), "metadata": {"name": "x", "managedFields": entries}}, "one")


def test_finalizers_are_a_set() -> None:
    def with_finalizers(*names: str) -> dict[str, Any]:
        return {**config(), "metadata": {"name": "x", "finalizers": list(names)}}

    live = apply(None, with_finalizers("a.b/c", "a.b/d"), "one")
    live = apply(live, with_finalizers("a.b/e", "a.b/c"), "two")
    assert live["metadata"]["finalizers"] == ["a.b/e", "a.b/c", "a.b/d"]
    live = apply(live, with_finalizers(), "one")
    assert live["metadata"]["finalizers"] == ["a.b/e", "a.b/c"]
    assert owners(live)["two"]["f:metadata"] == {"f:finalizers": {'v:"a.b/c"': {}, 'v:"a.b/e"': {}}}


def test_a_manager_of_a_version_that_is_no_longer_known_owns_nothing() -> None:
    live = apply(None, config(a="1"), "one")
    entries = [{**live["metadata"]["managedFields"][0], "apiVersion": "v0", "manager": "old"}]
    assert owners(apply(kept(config(a="1"), entries), config(a="2"), "two")) == {"two": {"f:data": {"f:a": {}}}}


def test_versions_and_times_alone_are_no_change() -> None:
    live = apply(None, config(a="1"), "one")
    later = applied(CONFIG, None, config(a="1"), manager="one", force=False, now=NOW + 60)
    after = kept(later.object, later.managed_fields)
    after["metadata"]["resourceVersion"] = "9"
    assert same_but_for_managed_times(live, after)
    assert not same_but_for_managed_times(live, {**after, "data": {"a": "2"}})
    assert not same_but_for_managed_times(live, kept(config(a="1"), []))
