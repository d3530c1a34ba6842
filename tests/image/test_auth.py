"""Pull secrets are read as the kubelet reads them, and go to the registries that they are for."""

import base64
import contextlib
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from k3py.image.auth import (
    SECRET_BYTES_MAX,
    Challenge,
    Credential,
    matching,
    parse_challenges,
    parse_docker_config_json,
    parse_dockercfg,
)
from k3py.image.errors import InvalidConfiguration

BOB = base64.b64encode(b"bob:se:cret").decode()


def test_a_pull_secret_has_user_and_password_apart_or_together() -> None:
    secret = {"auths": {
        "quay.io": {"username": "u", "password": "p", "email": "e"},
        "https://index.docker.io/v1/": {"auth": BOB},
        "azure.example": {"auth": "", "identitytoken": "fresh"},
        "token.example": {"registrytoken": "jwt"},
    }}  # fmt: skip
    assert parse_docker_config_json(json.dumps(secret).encode()) == [
        Credential("quay.io", "u", "p"),
        Credential("https://index.docker.io/v1/", "bob", "se:cret"),
        Credential("azure.example", identity_token="fresh"),
        Credential("token.example", registry_token="jwt"),
    ]
    assert parse_dockercfg(json.dumps({"quay.io": {"auth": BOB}}).encode()) == [Credential("quay.io", "bob", "se:cret")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "no object `auths`"),
        (b'{"auths": []}', "no object `auths`"),
        (b'{"auths": {"q": 1}}', "entry of 'q' is no object"),
        (b'{"auths": {"q": {"auth": "%%"}}}', "no base64"),
        (b'{"auths": {"q": {"auth": "Ym9i"}}}', "not of the form user:password"),
        (b'{"auths": {"q": {"password": 12345}}}', "`password` of 'q' is no text"),
        (b"[" * 100_000, "no JSON"),
        (b" " * (SECRET_BYTES_MAX + 1), "larger than"),
    ],
)
def test_a_secret_of_another_form_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(InvalidConfiguration, match=said):
        parse_docker_config_json(data)


def test_neither_an_error_nor_a_value_shows_a_password() -> None:
    assert "hunter2" not in repr(Credential("q", "u", "hunter2", "hunter2", "hunter2"))
    with pytest.raises(InvalidConfiguration) as caught:
        parse_docker_config_json(b'{"auths": {"q": {"auth": "hunter2"}}}')
    assert "hunter2" not in str(caught.value)


MATCHES = [
    ("quay.io", "quay.io", "any/thing", True),
    ("https://quay.io/v2/", "quay.io", "x", True),
    ("quay.io", "QUAY.IO", "x", True),
    ("quay.io", "evilquay.io", "x", False),
    ("quay.io", "quay.io.evil.com", "x", False),
    ("quay.io", "quay.io:8443", "x", False),
    ("quay.io:8443", "quay.io:8443", "x", True),
    ("*.example.com", "a.example.com", "x", True),
    ("*.example.com", "a.b.example.com", "x", False),
    ("*", "example.com", "x", False),
    ("*.*.example.com", "a.b.example.com", "x", True),
    ("re*.example.com", "registry.example.com", "x", True),
    ("quay.io/team", "quay.io", "team/app", True),
    ("quay.io/team", "quay.io", "teammate/app", False),
    ("quay.io/team/app", "quay.io", "team/app", True),
    ("https://index.docker.io/v1/", "registry-1.docker.io", "library/busybox", True),
    ("docker.io", "registry-1.docker.io", "library/busybox", True),
    ("docker.io", "docker.io.evil.com", "x", False),
    ("", "quay.io", "x", False),
]


@pytest.mark.parametrize(("server", "host", "repository", "fits"), MATCHES)
def test_a_credential_fits_its_registry_only(server: str, host: str, repository: str, fits: bool) -> None:
    assert bool(matching([Credential(server, "u", "p")], host, repository)) == fits


def test_the_most_specific_credential_comes_first() -> None:
    servers = ["*.io", "quay.io/team/app", "quay.io", "quay.io/team"]
    found = matching([Credential(server) for server in servers], "quay.io", "team/app")
    assert [credential.server for credential in found] == ["quay.io/team/app", "quay.io/team", "quay.io", "*.io"]


def test_challenges_are_understood() -> None:
    bearer = 'Bearer realm="https://auth/token",service="reg, one",scope="repository:a/b:pull,push"'
    header = f"{bearer}, Basic realm=x, Negotiate"
    assert parse_challenges(header) == [
        Challenge("bearer", {
            "realm": "https://auth/token", "service": "reg, one", "scope": "repository:a/b:pull,push",
        }),
        Challenge("basic", {"realm": "x"}),
        Challenge("negotiate", {}),
    ]  # fmt: skip
    assert parse_challenges(r'Bearer realm="a\"b"') == [Challenge("bearer", {"realm": 'a"b'})]


@settings(max_examples=200, deadline=1000)
@given(st.text(alphabet='Bearer realm="\\,= \t', max_size=300))
@example('Bearer realm="' + "\\" * 9000)
@example("a " * 5000)
@example("a=" * 5000)
def test_any_header_gives_a_list(header: str) -> None:
    parse_challenges(header)


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(
    st.sampled_from(["auths", "q", "auth", "username", "password"]), inner, max_size=3), max_leaves=8))  # fmt: skip
def test_any_json_is_a_secret_or_refused(value: object) -> None:
    with contextlib.suppress(InvalidConfiguration):
        parse_docker_config_json(json.dumps(value).encode())
