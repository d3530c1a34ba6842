"""Kinds by every word for them; problems as Status and back."""

import pytest

from k3py.model import errors
from k3py.model.errors import Cause, Details, Problem, from_status
from k3py.model.generated import apps_v1, core_v1
from k3py.model.kinds import KINDS


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("po", "Pod"),
        ("Pods", "Pod"),
        ("pod", "Pod"),
        ("deploy", "Deployment"),
        ("deployments.apps", "Deployment"),
        ("deployment.v1.apps", "Deployment"),
        ("svc", "Service"),
        ("endpointslices.discovery.k8s.io", "EndpointSlice"),
    ],
)
def test_words_people_type(word: str, name: str) -> None:
    kind = KINDS.word(word)
    assert kind is not None
    assert kind.name == name


def test_words_nobody_knows() -> None:
    assert KINDS.word("nonsense") is None
    assert KINDS.word("deployments.batch") is None


def test_what_a_kind_says_of_itself() -> None:
    kind = KINDS.of(apps_v1.Deployment)
    assert (kind.group, kind.version, kind.path, kind.singular) == ("apps", "v1", "/apis/apps/v1", "deployment")
    assert kind.definition == "io.k8s.api.apps.v1.Deployment"
    assert KINDS.of(core_v1.Pod).path == "/api/v1"
    assert KINDS.resource("apps", "v1", "deployments") is kind
    assert KINDS.named("apps/v1", "Deployment") is kind
    assert KINDS.named("v1", "Deployment") is None


def test_names_are_unique() -> None:
    seen = [
        (kind.api_version, word) for kind in KINDS for word in {kind.plural, kind.singular, *kind.short_names} - {""}
    ]
    assert len(seen) == len(set(seen))


OURS = [each for each in Problem.__subclasses__() if each.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", OURS, ids=lambda each: each.__name__)
def test_a_problem_survives_the_wire(kind: type[Problem]) -> None:
    problem = kind("it is so", Details("n", "g", "k", "u", (Cause("R", "m", "f"),), 3))
    again = from_status(problem.status(), kind.code)
    assert type(again) is kind
    assert (again.message, again.details) == (problem.message, problem.details)


def test_a_status_that_names_no_reason_goes_by_its_code() -> None:
    assert isinstance(from_status({}, 404), errors.NotFound)
    assert isinstance(from_status({"reason": "Strange"}, 503), errors.Unavailable)
    assert isinstance(from_status({}, 418), errors.InternalError)


def test_messages_are_kubernetes_words() -> None:
    assert errors.not_found("deployments", "apps", "x").message == 'deployments.apps "x" not found'
    stale = errors.conflict("pods", "", "p", errors.STALE).message
    assert stale.startswith('Operation cannot be fulfilled on pods "p": the object has been modified')
    one = errors.invalid("Pod", "", "p", [Cause("FieldValueRequired", "Required value", "spec.containers")])
    assert one.message == 'Pod "p" is invalid: spec.containers: Required value'
    two = errors.invalid("Deployment", "apps", "d", [Cause("A", "a", "x"), Cause("B", "b", "y")])
    assert two.message == 'Deployment.apps "d" is invalid: [x: a, y: b]'
