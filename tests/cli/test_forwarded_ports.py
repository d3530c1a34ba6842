"""Which ports are joined, as tables."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.cli.app import NOT_FOUND, USAGE, Failure
from k3py.cli.forwarded_ports import PORT_MAX, Asked, Joined, join_ports, parse_pair

PAIRS = [
    ("8080:80", Asked(8080, "80")),
    ("80", Asked(80, "80")),
    (":80", Asked(0, "80")),
    ("8080:http", Asked(8080, "http")),
    ("http", Asked(0, "http")),
    ("65535:1", Asked(65535, "1")),
]
POD: dict[str, Any] = {
    "metadata": {"name": "web-1"},
    "spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [{"name": "http", "containerPort": 8080}]}]},
}


def service(*ports: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web"}, "spec": {"clusterIP": "10.43.0.9", "ports": list(ports), **spec}}


@pytest.mark.parametrize(("text", "asked"), PAIRS)
def test_what_people_type(text: str, asked: Asked) -> None:
    assert parse_pair(text) == asked


@pytest.mark.parametrize(
    "text", ["", ":", "80:", "0", "x:80", "80:0", "65536", "1:65536", "-1:80", "\N{SUPERSCRIPT TWO}:80"]
)
def test_what_is_no_pair(text: str) -> None:
    with pytest.raises(Failure) as caught:
        parse_pair(text)
    assert caught.value.exit_code == USAGE


@pytest.mark.parametrize(
    ("typed", "of", "joined"),
    [
        ("8080:80", None, Joined(8080, 80)),
        ("8000:http", None, Joined(8000, 8080)),
        ("8000:80", service({"port": 80, "targetPort": 9376}), Joined(8000, 9376)),
        ("8000:80", service({"port": 80, "targetPort": "http"}), Joined(8000, 8080)),
        ("8000:main", service({"port": 80, "name": "main", "targetPort": "http"}), Joined(8000, 8080)),
        ("80", service({"port": 80}), Joined(80, 80)),
        ("80", service({"port": 80, "targetPort": 9376}, clusterIP="None"), Joined(80, 80)),
    ],
)
def test_where_a_port_leads(typed: str, of: Any, joined: Joined) -> None:
    assert join_ports([parse_pair(typed)], POD, of) == [joined]


@pytest.mark.parametrize(
    ("typed", "of", "said"),
    [
        ("1:https", None, "pod web-1 has no port named https: it has http"),
        ("1:81", service({"port": 80}), "service web has no port 81: it has 80"),
        ("1:80", service({"port": 80, "targetPort": "https"}), "pod web-1 has no port named https"),
        ("1:80", service(), "service web has no port 80: it has none"),
    ],
)
def test_ports_that_are_not_there(typed: str, of: Any, said: str) -> None:
    with pytest.raises(Failure, match=said) as caught:
        join_ports([parse_pair(typed)], POD, of)
    assert caught.value.exit_code == NOT_FOUND


@given(st.text(max_size=12))
def test_any_text_is_a_pair_or_refused(text: str) -> None:
    try:
        asked = parse_pair(text)
    except Failure:
        return
    assert 0 <= asked.local <= PORT_MAX
    assert asked.remote
