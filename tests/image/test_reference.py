"""Image names mean what they mean to Docker and Kubernetes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.image.errors import InvalidReference
from k3py.image.reference import Reference, parse_reference

DIGEST = "sha256:" + "0123456789abcdef" * 4

NAMES = [
    ("busybox", "docker.io/library/busybox:latest"),
    ("busybox:1.36", "docker.io/library/busybox:1.36"),
    ("library/busybox", "docker.io/library/busybox:latest"),
    ("grafana/loki:3", "docker.io/grafana/loki:3"),
    ("docker.io/busybox", "docker.io/library/busybox:latest"),
    ("index.docker.io/busybox", "docker.io/library/busybox:latest"),
    ("quay.io/coreos/etcd:v3.5", "quay.io/coreos/etcd:v3.5"),
    ("localhost/app", "localhost/app:latest"),
    ("localhost:5000/app", "localhost:5000/app:latest"),
    ("127.0.0.1:5000/a/b/c:x_1.2-3", "127.0.0.1:5000/a/b/c:x_1.2-3"),
    ("[::1]:5000/app", "[::1]:5000/app:latest"),
    ("Registry/app", "Registry/app:latest"),
    ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
    ("a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest"),
    (f"busybox@{DIGEST}", f"docker.io/library/busybox@{DIGEST}"),
    (f"quay.io/x:tag@{DIGEST}", f"quay.io/x@{DIGEST}"),
]

REFUSED = [
    "", " ", "busybox ", "busyBox", "/busybox", "busybox/", "a//b", "-a", "a-", "a..b", "a___b", "busybox:",
    "busybox:-x", "busybox:" + "x" * 129, "busybox@", "busybox@sha256:12", "busybox@md5:" + "0" * 32,
    f"busybox@{DIGEST.upper()}", "0123456789abcdef" * 4, "a" * 256, "quay.io/", "quay.io:port/x", "quay.io:123456/x",
    "https://quay.io/x", "a:b:c",
    "quay.io/x\n", "../etc/passwd", "quay.io/../x", "-bad.io/x", "sha256:" + "0" * 64 + "x" * 100,
]  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), NAMES)
def test_a_name_is_filled_in(text: str, meant: str) -> None:
    assert str(parse_reference(text)) == meant


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference, match="cannot use image name") as caught:
        parse_reference(text)
    assert caught.value.reason == "InvalidImageName"


def test_the_digest_decides_when_both_are_given() -> None:
    assert parse_reference(f"busybox:1@{DIGEST}") == Reference("docker.io", "library/busybox", digest=DIGEST)


label = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
component = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
registries = st.one_of(
    st.just("docker.io"),
    st.just("localhost"),
    st.builds("{}.{}".format, label, label),
    st.builds("{}.{}:{}".format, label, label, st.integers(1, 65535)),
)
references = st.builds(
    lambda registry, path, tag: Reference(
        registry, f"library/{path[0]}" if registry == "docker.io" and len(path) == 1 else "/".join(path), tag=tag
    ),
    registries.filter(lambda name: name != "index.docker.io"),
    st.lists(component, min_size=1, max_size=3),
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
)


@given(references)
def test_a_normalised_name_means_itself(reference: Reference) -> None:
    assert parse_reference(str(reference)) == reference


@given(st.text(max_size=80))
def test_any_text_is_a_name_that_means_itself_or_is_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except InvalidReference:
        return
    assert parse_reference(str(reference)) == reference
    assert bool(reference.tag) != bool(reference.digest)
