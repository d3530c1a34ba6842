"""Paths and methods to resources and verbs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.routing import Router, is_proxied
from k3py.model.kinds import KINDS

CASES = [  # method, path, watch -> resource, verb, namespace, name
    ("GET", "/api/v1/pods", False, "pods", "list", "", ""),
    ("GET", "/api/v1/pods", True, "pods", "watch", "", ""),
    ("GET", "/api/v1/namespaces/a/pods", False, "pods", "list", "a", ""),
    ("GET", "/api/v1/namespaces/a/pods/p", False, "pods", "get", "a", "p"),
    ("HEAD", "/api/v1/namespaces/a/pods/p", False, "pods", "get", "a", "p"),
    ("GET", "/api/v1/namespaces/a/pods/p/log", False, "pods/log", "get", "a", "p"),
    ("POST", "/api/v1/namespaces/a/pods/p/binding", False, "pods/binding", "create", "a", "p"),
    ("DELETE", "/api/v1/namespaces/a/pods", False, "pods", "deletecollection", "a", ""),
    ("DELETE", "/api/v1/namespaces/a/pods/p", False, "pods", "delete", "a", "p"),
    ("PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale", False, "deployments/scale", "patch", "a", "d"),
    ("GET", "/api/v1/namespaces", False, "namespaces", "list", "", ""),
    ("GET", "/api/v1/namespaces/a", False, "namespaces", "get", "", "a"),
    ("PUT", "/api/v1/namespaces/a/status", False, "namespaces/status", "update", "", "a"),
    ("PUT", "/api/v1/namespaces/a/finalize", False, "namespaces/finalize", "update", "", "a"),
    ("GET", "/api/v1/nodes/n/", False, "nodes", "get", "", "n"),
]


@pytest.mark.parametrize(("method", "path", "watch", "resource", "verb", "namespace", "name"), CASES)
def test_a_path_names_a_resource(
    method: str, path: str, watch: bool, resource: str, verb: str, namespace: str, name: str
) -> None:
    target = Router(KINDS).match(method, path, watch=watch)
    assert target is not None
    assert (target.resource, target.verb, target.namespace, target.name) == (resource, verb, namespace, name)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/apis/apps",
        "/apis/apps/v1",
        "/api/v2/pods",
        "/apis/apps/v1/pods",
        "/api/v1/namespaces/a/nodes",
        "/api/v1/namespaces/a/pods/p/nonsense",
        "/api/v1/namespaces/a/configmaps/c/status",
        "/api/v1/namespaces//pods",
        "/api/v1/namespaces/a//pods",
        "/api/v1/namespaces/a/pods//p",
        "/api/v1/pods//",
        "//api/v1/pods",
        "/api/v1/namespaces/a/pods/p/log/more",
        "/api/v1/pods/p",
        "/apis/apps/v1/deployments/d/scale",
        "/apis/authentication.k8s.io/v1/tokenreviews/x",
        "/apis/authorization.k8s.io/v1/localsubjectaccessreviews",
        "/api/v1/namespaces/a/bindings/b",
        "/api/v1/watch/bindings",
        "/api/v1/watch/namespaces/a/bindings",
        "/apis/metrics.k8s.io/v1beta1/watch/nodes",
        "/api/v1/watch/namespaces/a/pods/p/log",
    ],
)
def test_other_paths_name_none(path: str) -> None:
    assert Router(KINDS).match("GET", path, watch=False) is None


@pytest.mark.parametrize(
    ("method", "path", "served"),
    [
        ("GET", "/api/v1/pods", True),
        ("POST", "/api/v1/pods", False),
        ("DELETE", "/api/v1/pods", False),
        ("POST", "/api/v1/namespaces/a/pods", True),
        ("POST", "/api/v1/namespaces/a/pods/p", False),
        ("POST", "/api/v1/namespaces/a/pods/p/binding", True),
        ("PUT", "/api/v1/namespaces/a/pods", False),
        ("PATCH", "/api/v1/namespaces/a/pods", False),
        ("DELETE", "/api/v1/namespaces/a/pods", True),
        ("POST", "/api/v1/nodes", True),
        ("POST", "/api/v1/nodes/n", False),
        ("PUT", "/api/v1/nodes", False),
        ("DELETE", "/api/v1/nodes", True),
    ],
)
def test_what_is_written_has_a_name_and_a_namespace_and_what_is_created_has_none_in_the_path(
    method: str, path: str, served: bool
) -> None:
    target = Router(KINDS).match(method, path, watch=False)
    assert target is not None
    assert target.is_served is served


@pytest.mark.parametrize(
    ("method", "path", "served"),
    [
        ("GET", "/api/v1/pods", True),
        ("HEAD", "/api/v1/pods", False),
        ("HEAD", "/api/v1/namespaces/a/pods/p", False),
        ("HEAD", "/api/v1/namespaces/a/pods/p/exec", False),
        ("HEAD", "/api/v1/namespaces/a/pods/p/proxy", True),
        ("GET", "/api/v1/watch/pods", True),
        ("POST", "/api/v1/watch/pods", False),
        ("DELETE", "/api/v1/watch/namespaces/a/pods/p", False),
        ("DELETE", "/api/v1/namespaces/a/pods/p", True),
    ],
)
def test_what_is_read_is_read_with_get_except_from_servers_behind_the_proxy(
    method: str, path: str, served: bool
) -> None:
    target = Router(KINDS).match(method, path, watch=False)
    assert target is not None
    assert target.is_served_to(method) is served


@given(st.text(alphabet="/abpodsvinmec1.%-", max_size=60))
def test_no_path_fails(path: str) -> None:
    Router(KINDS).match("GET", "/" + path, watch=False)


PROXIED = [  # method, path -> resource, verb, namespace, name, what follows
    ("GET", "/api/v1/namespaces/a/pods/https:p:80/proxy", "pods/proxy", "get", "a", "https:p:80", ""),
    ("POST", "/api/v1/namespaces/a/services/s/proxy/", "services/proxy", "create", "a", "s", "/"),
    ("PUT", "/api/v1/namespaces/a/services/s:web/proxy/x//y/", "services/proxy", "update", "a", "s:web", "/x//y/"),
    ("HEAD", "/api/v1/nodes/n/proxy/stats/summary", "nodes/proxy", "get", "", "n", "/stats/summary"),
    ("OPTIONS", "/api/v1/nodes/n:1/proxy/proxy/proxy", "nodes/proxy", "options", "", "n:1", "/proxy/proxy"),
    ("DELETE", "/api/v1/namespaces/namespaces/pods/proxy/proxy/a", "pods/proxy", "delete", "namespaces", "proxy", "/a"),
]


@pytest.mark.parametrize(("method", "path", "resource", "verb", "namespace", "name", "rest"), PROXIED)
def test_what_follows_proxy_is_somebody_elses(
    method: str, path: str, resource: str, verb: str, namespace: str, name: str, rest: str
) -> None:
    target = Router(KINDS).match(method, path, watch=True)
    assert target is not None
    assert (target.resource, target.verb, target.namespace, target.name, target.path) == (
        resource, verb, namespace, name, rest,
    )  # fmt: skip
    assert target.is_served


@pytest.mark.parametrize(
    "path",
    ["/api/v1/nodes//proxy/x", "/api/v1/namespaces//pods/p/proxy/x", "/api/v1/namespaces/a/configmaps/c/proxy/x",
     "/api/v1/pods/p/proxy/x/y", "/apis/apps/v1/namespaces/a/pods/p/proxy/x"],
)  # fmt: skip
def test_only_what_has_a_server_is_proxied(path: str) -> None:
    target = Router(KINDS).match("GET", path, watch=False)
    assert target is None or not target.is_served


def test_bodies_of_proxied_requests_are_known_by_the_target() -> None:
    for method, path, *_ in PROXIED:
        assert is_proxied(method, path.encode())
        assert is_proxied(method, path.encode() + b"?a=/b")
    for path in (
        "/api/v1/nodes/n",
        "/api/v1/namespaces/a/pods",
        "/api/v1/namespaces/a/configmaps/proxy/proxy",
        "/x/proxy",
    ):
        assert not is_proxied("POST", path.encode())


def test_the_old_paths_of_watches_are_watches() -> None:
    router = Router(KINDS)
    for path, namespace, name in (
        ("/api/v1/watch/pods", "", ""),
        ("/api/v1/watch/namespaces/a/pods", "a", ""),
        ("/apis/apps/v1/watch/namespaces/a/deployments/b", "a", "b"),
    ):
        target = router.match("GET", path, watch=False)
        assert target is not None
        assert (target.verb, target.namespace, target.name) == ("watch", namespace, name)
    assert router.match("GET", "/api/v1/watch/namespaces/a/pods/b/log", watch=False) is None
