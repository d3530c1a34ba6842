"""Templates that people write. The expected texts are what kubectl 1.36 prints for the same object."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.cli.jsonpath import TEMPLATE_CHARACTERS_MAX, BadPath, parse_template, render

POD: dict[str, Any] = {
    "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "shop"}},
    "spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80}]}, {"name": "b"}], "hostNetwork": True},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "False"}]},
}
CASES = [
    ("{.metadata.name}", "web"),
    ("{$.metadata.name}", "web"),
    (".metadata.name", "web"),
    ("metadata.name", "web"),
    ("{.spec.containers[0].name}", "a"),
    ("{.spec.containers[-1].name}", "b"),
    ("{.spec.containers[7].name}", ""),
    ("{.spec.containers[*].name}", "a b"),
    ("{.spec.hostNetwork}", "true"),
    ("{.spec.nothing.there}", ""),
    (r"{.metadata.labels.app\.kubernetes\.io/name}", "shop"),
    ("{.metadata.labels['app.kubernetes.io/name']}", "shop"),
    ('{.status.conditions[?(@.type=="Ready")].status}', "True"),
    ('{.status.conditions[?(@.type!="Ready")].status}', "False"),
    ("{.spec.containers[?(@.ports)].name}", "a"),
    ("{.spec.containers[?(@.name=='b')].name}", "b"),
    ("{.spec.containers[0].ports}", '[{"containerPort":80}]'),
    ('name: {.metadata.name}{"\\n"}', "name: web\n"),
    ('{range .spec.containers[*]}{.name}{"\\t"}{end}.', "a\tb\t."),
    ("{range .spec.containers[*]}[{range .ports[*]}{.containerPort}{end}]{end}", "[80][]"),
]


@pytest.mark.parametrize(("template", "text"), CASES)
def test_a_template(template: str, text: str) -> None:
    assert render(parse_template(template), POD) == text


@pytest.mark.parametrize(
    "template",
    ["{", "}", "{.a", "{}", "", "{end}", "{range .a}", "{.a[}", "{.a[?(]}", "{.a[1:2]}", "{..a}", '{"a}'],
)
def test_what_is_not_understood_is_said(template: str) -> None:
    with pytest.raises(BadPath):
        parse_template(template)


def test_a_template_has_a_bound() -> None:
    assert parse_template("a" * TEMPLATE_CHARACTERS_MAX)
    with pytest.raises(BadPath, match="characters"):
        parse_template("a" * (TEMPLATE_CHARACTERS_MAX + 1))


@given(st.text(alphabet="{}[]().*?@$'\"\\abc=!0 -", max_size=40))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        nodes = parse_template(text)
    except BadPath:
        return
    assert isinstance(render(nodes, POD), str)
