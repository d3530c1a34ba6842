"""Decisions of commands about objects: pods, waits, rollouts, tokens."""

import base64
from typing import Any

import pytest

from k3py.cli.app import Failure
from k3py.cli.pods import best_pod, choose_container, selector_of
from k3py.cli.rollouts import choose_revision, history_rows, progress, revisions, template_of, undo_patch
from k3py.cli.session import warning_text
from k3py.cli.tokens import listed, secret_name, secret_of
from k3py.cli.wait import parse_wanted
from k3py.pki.tokens import BootstrapToken

Plain = dict[str, Any]


def pod(name: str, phase: str = "Running", ready: bool = True, restarts: int = 0, **metadata: Any) -> Plain:
    conditions = [{"type": "Ready", "status": str(ready)}]
    status = {"phase": phase, "conditions": conditions, "containerStatuses": [{"restartCount": restarts}]}
    return {"metadata": {"name": name, **metadata}, "status": status}


BEST = [
    [pod("best"), pod("pending", "Pending", ready=False)],
    [pod("best"), pod("unready", ready=False)],
    [pod("best"), pod("restarted", restarts=3)],
    [pod("best", creationTimestamp="2026-01-01T00:00:00Z"), pod("younger", creationTimestamp="2026-01-02T00:00:00Z")],
    [pod("best", "Pending", ready=False), pod("ending", deletionTimestamp="2026-01-01T00:00:00Z")],
]


@pytest.mark.parametrize("pods", BEST)
def test_the_best_pod(pods: list[Plain]) -> None:
    assert best_pod(pods)["metadata"]["name"] == best_pod(pods[::-1])["metadata"]["name"] == "best"


def test_selectors_of_what_has_pods() -> None:
    expressions = [
        {"key": "a", "operator": "In", "values": ["1", "2"]},
        {"key": "b", "operator": "NotIn", "values": ["3"]},
        {"key": "c", "operator": "Exists"},
        {"key": "d", "operator": "DoesNotExist"},
    ]
    deployment = {"spec": {"selector": {"matchLabels": {"app": "web"}, "matchExpressions": expressions}}}
    assert selector_of(deployment) == "app=web,a in (1,2),b notin (3),c,!d"
    assert selector_of({"spec": {"selector": {"app": "web"}}}) == "app=web"
    assert selector_of({"spec": {}}) == ""


def test_containers(capsys: pytest.CaptureFixture[str]) -> None:
    two: Plain = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}, {"name": "b"}]}}
    assert choose_container(two, "b") == "b"
    assert choose_container(two, "") == "a"
    assert capsys.readouterr().err == 'Defaulted container "a" out of: a, b\n'
    two["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "b"}
    assert choose_container(two, "") == "b"
    with pytest.raises(Failure, match="it has a, b"):
        choose_container(two, "c")


def conditioned(status: str, seen: int = 0) -> Plain:
    condition = {"type": "Ready", "status": status, **({"observedGeneration": seen} if seen else {})}
    return {"metadata": {"generation": 2}, "status": {"conditions": [condition], "phase": "Running"}}


WAITS: list[tuple[str, Plain | None, bool]] = [
    ("delete", None, True),
    ("delete", conditioned("True"), False),
    ("create", None, False),
    ("create", conditioned("True"), True),
    ("condition=Ready", conditioned("True"), True),
    ("condition=ready", conditioned("True", seen=2), True),
    ("condition=Ready", conditioned("True", seen=1), False),
    ("condition=Ready", conditioned("False"), False),
    ("condition=Ready=False", conditioned("False"), True),
    ("condition=Other", conditioned("True"), False),
    ("jsonpath={.status.phase}=Running", conditioned("True"), True),
    ("jsonpath={.status.phase}=Failed", conditioned("True"), False),
    ("jsonpath={.status.phase}", conditioned("True"), True),
    ("jsonpath=.status.phase=Running", conditioned("True"), True),
    ('jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', conditioned("True"), True),
]


@pytest.mark.parametrize(("text", "obj", "done"), WAITS)
def test_what_is_waited_for(text: str, obj: Plain | None, done: bool) -> None:
    assert parse_wanted(text)(obj) is done


@pytest.mark.parametrize("text", ["", "ready", "condition=", "condition", "jsonpath=", "jsonpath={.a[}=1", "delete=1"])
def test_what_cannot_be_waited_for(text: str) -> None:
    with pytest.raises(Failure) as caught:
        parse_wanted(text)
    assert caught.value.exit_code == 2


def test_waiting_for_a_condition_of_nothing_is_an_error() -> None:
    with pytest.raises(Failure, match="no such object"):
        parse_wanted("condition=Ready")(None)


def deployment(generation: int = 1, **status: Any) -> Plain:
    return {
        "metadata": {"name": "web", "uid": "u", "generation": generation, "resourceVersion": "9"},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"v": 2}}},
        "status": {"observedGeneration": 1, **status},
    }


PROGRESS = [
    (deployment(generation=2), "spec update to be observed", False, False),
    (deployment(updatedReplicas=1), "1 out of 2 new replicas", False, False),
    (deployment(updatedReplicas=2, replicas=3), "1 old replicas are pending termination", False, False),
    (deployment(updatedReplicas=2, replicas=2, availableReplicas=1), "1 of 2 updated replicas", False, False),
    (deployment(updatedReplicas=2, replicas=2, availableReplicas=2), "successfully rolled out", True, False),
    (deployment(conditions=[{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]), "deadline", False, True),
]


@pytest.mark.parametrize(("obj", "said", "done", "failed"), PROGRESS)
def test_how_far_a_rollout_is(obj: Plain, said: str, done: bool, failed: bool) -> None:
    found = progress(obj)
    assert said in found.said
    assert (found.done, found.failed) == (done, failed)


def revision(number: int, owner: str = "u") -> Plain:
    labels = {"app": "web", "pod-template-hash": str(number)}
    return {
        "metadata": {
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "ownerReferences": [{"uid": owner}],
        },
        "spec": {"template": {"metadata": {"labels": labels}, "spec": {"v": number}}},
    }


def test_going_back() -> None:
    found = revisions(deployment(), [revision(10), revision(2), revision(5, owner="other"), revision(9)])
    assert list(found) == [2, 9, 10]
    assert history_rows(found)[1] == ["2", "<none>"]
    assert template_of(choose_revision(found, 0))["spec"] == {"v": 9}
    patch = undo_patch(deployment(), choose_revision(found, 9))
    assert patch[0]["value"] == "9"
    assert patch[1]["value"] == {"metadata": {"labels": {"app": "web"}}, "spec": {"v": 9}}
    assert undo_patch(deployment(), choose_revision(found, 2)) == []
    for there, asked in ((found, 3), ({1: revision(1)}, 0)):
        with pytest.raises(Failure):
            choose_revision(there, asked)


def test_a_token_as_a_secret() -> None:
    made = secret_of(BootstrapToken("abc123", "", 1_800_000_000.0, "for n2"), "s" * 16)
    assert made["metadata"] == {"name": "bootstrap-token-abc123", "namespace": "kube-system"}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in made["stringData"].items()}
    shown = listed({"data": data})
    assert shown is not None
    assert (shown.id, shown.expires, shown.description) == ("abc123", 1_800_000_000.0, "for n2")
    assert listed({"data": {"token-id": "!"}}) is None


@pytest.mark.parametrize("text", ["abc123", "abc123.secretsecret1234", f"k3py1.{'0' * 64}.abc123.secretsecret1234"])
def test_a_token_can_be_named_by_its_id_or_itself(text: str) -> None:
    assert secret_name(text) == "bootstrap-token-abc123"


@pytest.mark.parametrize("text", ["", "abc", "ABC123", "../../x"])
def test_what_names_no_token(text: str) -> None:
    with pytest.raises(Failure):
        secret_name(text)


def test_warnings_of_the_server() -> None:
    assert warning_text('299 - "unknown field \\"spec.x\\""') == 'unknown field "spec.x"'
    assert warning_text("odd") == "odd"
