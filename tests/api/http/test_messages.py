"""Requests and answers as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.http.messages import Request, Response, header_lines
from k3py.api.http.targets import QUERY_FIELDS_MAX
from k3py.model.errors import BadRequest


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/api/v1/pods", "/api/v1/pods", {}),
        (b"/a%2Fb?x=%C3%A9&x=+&y", "/a/b", {"x": ["é", " "], "y": [""]}),
        (b"http://host:6443/a?b=c", "/a", {"b": ["c"]}),
        (b"https://host", "/", {}),
        (b"HTTP://host?b=c", "/", {"b": ["c"]}),
        (b"*", "*", {}),
    ],
)
def test_targets_are_read(target: bytes, path: str, query: dict[str, list[str]]) -> None:
    request = Request("GET", target)
    assert (request.path, request.query) == (path, query)


@pytest.mark.parametrize("target", [b"/%ff", b"/\xff", b"/?a=%ff", b"/?\xff=1"])
def test_what_is_not_utf_8_is_refused(target: bytes) -> None:
    request = Request("GET", target)
    with pytest.raises(BadRequest):
        _ = request.path, request.query


def test_the_number_of_parameters_is_bounded() -> None:
    many = b"/?" + b"&".join([b"command=x"] * QUERY_FIELDS_MAX)
    assert len(Request("GET", many).query["command"]) == QUERY_FIELDS_MAX
    with pytest.raises(BadRequest):
        _ = Request("GET", many + b"&a=b").query


@given(st.binary(max_size=100))
def test_any_target_is_read_or_refused(target: bytes) -> None:
    request = Request("GET", target)
    try:
        assert isinstance(request.path, str)
        assert isinstance(request.query, dict)
    except BadRequest:
        pass


@given(st.text(max_size=10), st.text(max_size=20))
def test_a_header_never_becomes_two(name: str, value: str) -> None:
    try:
        lines = header_lines([("A", "b"), (name, value)])
    except ValueError:
        return
    assert lines.count(b"\r") == lines.count(b"\n") == 2


def test_answers_without_content_name_none() -> None:
    assert Response(204).encode() == b"HTTP/1.1 204 No Content\r\n\r\n"
    assert Response(200, b"x", "text/plain", [("A", "b")]).encode() == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\nA: b\r\n\r\nx"
    )
