"""registries.yaml leads to endpoints as it does with K3s, and changes without a restart."""

import contextlib
import logging
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k3py.image.errors import InvalidConfiguration
from k3py.image.reference import parse_reference
from k3py.image.registries import (
    ENDPOINTS_MAX,
    FILE_BYTES_MAX,
    Registries,
    RegistriesFile,
    TlsSettings,
    is_loopback,
    parse,
)

FILE = rb"""
mirrors:
  docker.io:
    endpoint: ["https://mirror.example.com:5000", "http://plain.example.com/v2/hub"]
    rewrite:
      "^library/(.*)": "hub/$1"
      "^team/(?P<app>.*)": "${app}-x\\y"
  "*":
    endpoint: ["https://all.example.com"]
  local.example:
configs:
  mirror.example.com:5000:
    auth: {username: u, password: p}
    tls: {ca_file: /ca.pem, cert_file: /c.pem, key_file: /k.pem}
  docker.io:
    auth: {auth: "Ym9iOmJ1aWxkZXI="}
  127.0.0.1:5000:
    tls: {insecure_skip_verify: true}
"""


def bases(registries: Registries, name: str) -> list[str]:
    return [f"{e.base}/{e.repository}" for e in registries.endpoints(parse_reference(name))]


def test_without_a_file_a_registry_is_asked_directly() -> None:
    assert bases(Registries(), "busybox") == ["https://registry-1.docker.io/v2/library/busybox"]
    assert bases(Registries(), "quay.io/a/b") == ["https://quay.io/v2/a/b"]


def test_plain_http_is_for_this_machine_only() -> None:
    for host in ("localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"):
        assert is_loopback(host)
        assert bases(Registries(), f"{host}/a") == [f"http://{host}/v2/a"]
    for host in (
        "localhost.example.com",
        "128.0.0.1",
        "10.0.0.1:5000",
        "[::2]",
        "0.0.0.0",
        "127.0.0.1.example.com",
        "[",
        "",
    ):
        assert not is_loopback(host)
    assert bases(parse(FILE), "127.0.0.1:5000/a")[-1] == "https://127.0.0.1:5000/v2/a"


def test_mirrors_come_first_and_only_they_get_the_rewritten_name() -> None:
    assert bases(parse(FILE), "busybox") == [
        "https://mirror.example.com:5000/v2/hub/busybox",
        "http://plain.example.com/v2/hub/hub/busybox",
        "https://registry-1.docker.io/v2/library/busybox",
    ]
    assert bases(parse(FILE), "team/app")[0] == "https://mirror.example.com:5000/v2/app-x\\y"
    assert bases(parse(FILE), "quay.io/a/b") == ["https://all.example.com/v2/a/b", "https://quay.io/v2/a/b"]


def test_a_mirror_is_told_what_it_stands_for() -> None:
    assert [e.namespace for e in parse(FILE).endpoints(parse_reference("x"))] == ["docker.io", "docker.io", ""]


def test_each_host_has_its_own_credentials_and_tls() -> None:
    mirror, plain, own = parse(FILE).endpoints(parse_reference("busybox"))
    assert mirror.credential is not None
    assert (mirror.credential.username, mirror.tls.ca_file) == ("u", "/ca.pem")
    assert (plain.credential, plain.tls) == (None, TlsSettings())
    assert own.credential is not None
    assert own.credential.password == "builder"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"- a", "the document is no mapping"),
        (b"mirror: {}", "unknown entry 'mirror'"),
        (b"mirrors: [", "while parsing"),
        (b"mirrors: [a]", "mirrors is no mapping"),
        (b"mirrors: {a: {endpoint: https://x}}", "no list"),
        (b"mirrors: {a: {endpoint: [x.com]}}", "no http:// or https:// URL"),
        (b"mirrors: {a: {endpoint: ['ftp://x']}}", "no http:// or https:// URL"),
        (b"mirrors: {a: {endpoint: ['https://u:p@x']}}", "no http:// or https:// URL"),
        (b"mirrors: {a: {endpoint: ['https://x:y']}}", "no http:// or https:// URL"),
        (b"mirrors: {a: {endpoint: [1]}}", "no http:// or https:// URL"),
        (b"mirrors: {a: {rewrite: {'(': x}}}", "no rewrite"),
        (b"mirrors: {a: {rewrite: {'a': '$1'}}}", "no rewrite"),
        (b"configs: {a: {auth: {password: 1}}}", "no text"),
        (b"configs: {a: {tls: {ca_file: 1}}}", "no path"),
        (b"configs: {a: {tls: {insecure_skip_verify: maybe}}}", "neither true nor false"),
        (b"a" * (FILE_BYTES_MAX + 1), "larger than"),
        (b"mirrors: {a: {endpoint: [%s]}}" % b",".join([b"'http://x'"] * (ENDPOINTS_MAX + 1)), "at most 16"),
        (b"\xff\xfe\x00", "cannot read"),
    ],
)
def test_a_wrong_file_is_refused_with_the_entry(text: bytes, said: str) -> None:
    with pytest.raises(InvalidConfiguration, match=said):
        parse(text)


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(st.binary(max_size=100), st.text(alphabet="mirors: {}[]*&!'\"|-\n#configs", max_size=80).map(str.encode))
)
def test_any_file_is_settings_or_refused(text: bytes) -> None:
    with contextlib.suppress(InvalidConfiguration):
        parse(text)


def rewrite(path: Path, text: bytes, moment: int) -> None:
    path.write_bytes(text)
    os.utime(path, ns=(moment, moment))


def test_a_changed_file_holds_at_once_and_a_broken_one_not_at_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "registries.yaml"
    registries = RegistriesFile(path)
    assert registries.current() == Registries()
    rewrite(path, b"mirrors: {}", 1)
    assert len(bases(registries.current(), "busybox")) == 1
    rewrite(path, FILE, 2)
    assert len(bases(registries.current(), "busybox")) == 3
    rewrite(path, b"mirrors: [", 3)
    with caplog.at_level(logging.ERROR):
        assert len(bases(registries.current(), "busybox")) == 3
    assert "keeps its former settings" in caplog.text
    path.unlink()
    assert registries.current() == Registries()


def test_a_file_that_was_never_right_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "registries.yaml"
    path.write_bytes(b"mirrors: [")
    registries = RegistriesFile(path)
    for _ in range(2):
        with pytest.raises(InvalidConfiguration):
            registries.current()
