"""Deployments, ReplicaSets, StatefulSets, DaemonSets, ControllerRevisions: what is refused and what is said of it."""

from typing import Any

import pytest

from k3py.model.generated import apps_v1
from k3py.objects.kinds.table import rules_of
from tests.objects.validation.made import SELECTOR, TEMPLATE, checked, merged, new_object, status_checked

SPEC = {"spec": {"selector": SELECTOR, "template": TEMPLATE}}
KINDS = [apps_v1.Deployment, apps_v1.ReplicaSet, apps_v1.StatefulSet, apps_v1.DaemonSet]
NOT_NEGATIVE = "must be greater than or equal to 0"
MISMATCH = 'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'


def _object(kind: Any, **spec: Any) -> Any:
    return new_object(kind, SPEC, spec=spec)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_one_is_good(kind: Any) -> None:
    made = _object(kind)
    assert checked(made) == []
    assert checked(made, made) == []
    assert rules_of(kind).warn(made) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_selector_finds_the_pods_of_its_template(kind: Any) -> None:
    assert checked(_object(kind, selector={"matchLabels": {"a": "c"}})) == [MISMATCH]


@pytest.mark.parametrize(
    ("kind", "word"), list(zip(KINDS, ["deployment", "deployment", "statefulset", "daemonset"], strict=True))
)
def test_a_selector_selects_something(kind: Any, word: str) -> None:
    empty = new_object(kind, {"spec": {"selector": {}, "template": TEMPLATE}})
    assert checked(empty) == [f"spec.selector: Invalid value: {{}}: empty selector is invalid for {word}"]


@pytest.mark.parametrize("kind", KINDS)
def test_pods_that_are_replaced_start_again(kind: Any) -> None:
    name = "ReplicaSet" if kind is apps_v1.Deployment else kind.__name__
    made = _object(kind, template={"spec": {"restartPolicy": "Never", "activeDeadlineSeconds": 3}})
    assert checked(made) == [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        f"spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in {name} is not Supported",
    ]


ROLLING = "spec.strategy.rollingUpdate"
PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for"
    " validation is '[0-9]+%')"
)
DEPLOYMENTS = [  # what is changed of a good spec, what is said
    ({"replicas": -1, "minReadySeconds": -1, "revisionHistoryLimit": -1},
     [f"spec.{name}: Invalid value: -1: {NOT_NEGATIVE}" for name in ("replicas", "minReadySeconds",
                                                                      "revisionHistoryLimit")]),
    ({"progressDeadlineSeconds": 5, "minReadySeconds": 5},
     ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"]),
    ({"strategy": {"type": "Odd"}},
     ['spec.strategy: Unsupported value: {"Type":"Odd","RollingUpdate":null}: supported values: "Recreate",'
      ' "RollingUpdate"']),
    ({"strategy": {"type": "Recreate", "rollingUpdate": {}}},
     [f"{ROLLING}: Forbidden: may not be specified when strategy `type` is 'Recreate'"]),
    ({"strategy": {"rollingUpdate": {"maxUnavailable": "0%", "maxSurge": 0}}},
     [f'{ROLLING}.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0']),
    ({"strategy": {"rollingUpdate": {"maxUnavailable": "101%", "maxSurge": "x"}}},
     [f'{ROLLING}.maxSurge: Invalid value: "x": {PERCENT}',
      f'{ROLLING}.maxUnavailable: Invalid value: "101%": must not be greater than 100%']),
    ({"strategy": {"rollingUpdate": {"maxUnavailable": -1}}},
     [f"{ROLLING}.maxUnavailable: Invalid value: -1: {NOT_NEGATIVE}"]),
    ({"selector": {"matchExpressions": [{"key": "a", "operator": "Foo"}]}},
     ['spec.selector.matchExpressions[0].operator: Invalid value: "Foo": not a valid selector operator',
      'spec.selector: Invalid value: {"matchLabels":{"a":"b"},"matchExpressions":[{"key":"a","operator":"Foo"}]}:'
      " invalid label selector"]),
    ({"replicas": 2, "template": {"spec": {"volumes": [{"name": "v", "gcePersistentDisk": {"pdName": "d"}}]}}},
     ["spec.template.spec.volumes[0].gcePersistentDisk.readOnly: Invalid value: false: must be true for replicated pods"
      " > 1; GCE PD can only be mounted on multiple machines if it is read-only"]),
    ({"template": {"spec": {"ephemeralContainers": [{"name": "e", "image": "x"}]}}},
     ["spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template"]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), DEPLOYMENTS)
def test_deployments_are_told_everything_at_once(changes: Any, said: list[str]) -> None:
    assert checked(_object(apps_v1.Deployment, **changes)) == said


def test_a_selector_stays() -> None:
    for kind in (apps_v1.Deployment, apps_v1.ReplicaSet, apps_v1.DaemonSet):
        old = _object(kind)
        other = {"matchLabels": {"a": "c"}}
        new = _object(kind, selector=other, template={"metadata": {"labels": {"a": "c"}}})
        assert checked(new, old) == ['spec.selector: Invalid value: {"matchLabels":{"a":"c"}}: field is immutable']


CLAIM = {"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {
    "storage": "1Gi"}}}}  # fmt: skip
MOUNT = {"spec": {"containers": [{"name": "c", "image": "x", "volumeMounts": [{"name": "d", "mountPath": "/d"}]}]}}
STRATEGY = "spec.updateStrategy"
STATEFUL_SETS = [
    ({"podManagementPolicy": "Odd"},
     ['spec.podManagementPolicy: Invalid value: "Odd": must be \'OrderedReady\' or \'Parallel\'']),
    ({"updateStrategy": {"type": "Odd"}},
     [f'{STRATEGY}: Invalid value: {{"Type":"Odd","RollingUpdate":null}}: must be'
      " 'RollingUpdate' or 'OnDelete'"]),
    ({"updateStrategy": {"type": "OnDelete", "rollingUpdate": {}}},
     [f'{STRATEGY}.rollingUpdate: Invalid value: {{"Partition":0,"MaxUnavailable":null}}: only allowed for'
      " updateStrategy 'RollingUpdate'"]),
    ({"updateStrategy": {"rollingUpdate": {"partition": -1}}},
     [f"{STRATEGY}.rollingUpdate.partition: Invalid value: -1: {NOT_NEGATIVE}"]),
    ({"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Odd"}},
     ['spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Odd": supported values: "Retain",'
      ' "Delete"']),
    ({"ordinals": {"start": -1}}, [f"spec.ordinals.start: Invalid value: -1: {NOT_NEGATIVE}"]),
    ({"volumeClaimTemplates": [CLAIM], "template": MOUNT}, []),
    ({"template": MOUNT}, ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "d"']),
    ({"serviceName": "a.b"}, ['spec.serviceName: Invalid value: "a.b": must not contain dots']),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), STATEFUL_SETS)
def test_stateful_sets_are_told_everything_at_once(changes: Any, said: list[str]) -> None:
    assert checked(_object(apps_v1.StatefulSet, **changes)) == said


def test_what_pods_and_claims_are_named_after_stays() -> None:
    old = _object(apps_v1.StatefulSet)
    rest = (
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template',"
        " 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are"
        " forbidden"
    )
    for changes in ({"serviceName": "t"}, {"podManagementPolicy": "Parallel"}, {"volumeClaimTemplates": [CLAIM]}):
        assert checked(_object(apps_v1.StatefulSet, **changes), old) == [rest]
    for changes in ({"replicas": 4}, {"minReadySeconds": 1}, {"ordinals": {"start": 1}}, {"revisionHistoryLimit": 1}):
        assert checked(_object(apps_v1.StatefulSet, **changes), old) == []


def test_a_history_without_end_is_warned_of() -> None:
    made = _object(apps_v1.StatefulSet, revisionHistoryLimit=-1)
    rules = rules_of(apps_v1.StatefulSet)
    said = "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
    assert rules.warn(made) == [said]
    assert rules.warnings_of_change(made, made) == [said]


DAEMON_SETS = [
    ({"updateStrategy": {"type": "Odd"}},
     [f'{STRATEGY}: Unsupported value: {{"Type":"Odd","RollingUpdate":null}}: supported values: "RollingUpdate",'
      ' "OnDelete"']),
    ({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": "5%"}}},
     [f'{STRATEGY}.rollingUpdate.maxSurge: Invalid value: "5%": may not be set when maxUnavailable is non-zero']),
    ({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}},
     [f"{STRATEGY}.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"]),
    ({"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"maxUnavailable": -1}}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), DAEMON_SETS)
def test_daemon_sets_are_told_everything_at_once(changes: Any, said: list[str]) -> None:
    assert checked(_object(apps_v1.DaemonSet, **changes)) == said


def test_a_revision_keeps_what_it_keeps() -> None:
    old = new_object(apps_v1.ControllerRevision, {"data": {"a": 1}, "revision": 1})
    assert checked(new_object(apps_v1.ControllerRevision, {"revision": -1})) == [
        "data: Required value: data is mandatory",
        f"revision: Invalid value: -1: {NOT_NEGATIVE}",
    ]
    new = new_object(apps_v1.ControllerRevision, {"data": {"a": 2}, "revision": 2})
    assert checked(new, old) == ['data: Invalid value: {"a":2}: field is immutable']


@pytest.mark.parametrize("kind", [apps_v1.Deployment, apps_v1.ReplicaSet])
def test_names_with_dots_surprise(kind: Any) -> None:
    made = new_object(kind, SPEC, metadata={"name": "a.b"})
    assert rules_of(kind).warn(made) == [
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label"
        " is recommended: [must not contain dots]"
    ]
    assert rules_of(kind).warnings_of_change(made, made) == []


STATUSES = [  # kind, old status, new status, what is said
    (apps_v1.Deployment, {}, {"replicas": 1, "readyReplicas": 2, "availableReplicas": 2},
     ["status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
      "status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas"]),
    (apps_v1.Deployment, {"collisionCount": 2}, {},
     ["status.collisionCount: Invalid value: 0: cannot be decremented"]),
    (apps_v1.ReplicaSet, {}, {"replicas": 2, "readyReplicas": 1, "availableReplicas": 2},
     ["status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas"]),
    (apps_v1.ReplicaSet, {}, {"fullyLabeledReplicas": -1},
     [f"status.fullyLabeledReplicas: Invalid value: -1: {NOT_NEGATIVE}"]),
    (apps_v1.StatefulSet, {}, {"replicas": 2, "readyReplicas": 1, "availableReplicas": 2, "currentReplicas": 3},
     ["status.currentReplicas: Invalid value: 3: cannot be greater than status.replicas",
      "status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas"]),
    (apps_v1.DaemonSet, {"collisionCount": 2}, {"numberReady": -1, "collisionCount": 1},
     [f"status.numberReady: Invalid value: -1: {NOT_NEGATIVE}",
      "status.collisionCount: Invalid value: 1: cannot be decremented"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "old", "new", "said"), STATUSES)
def test_numbers_of_a_status_fit_together(kind: Any, old: Any, new: Any, said: list[str]) -> None:
    before, after = (new_object(kind, merged(SPEC, {"status": status})) for status in (old, new))
    assert status_checked(after, before) == said
