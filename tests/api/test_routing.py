"""Paths and methods to resources and verbs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k3py.api.routing import Router, is_true
from k3py.model.registry import KINDS

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
    ],
)
def test_other_paths_name_none(path: str) -> None:
    assert Router(KINDS).match("GET", path, watch=False) is None


@given(st.text(alphabet="/abpodsvinmec1.%-", max_size=60))
def test_no_path_fails(path: str) -> None:
    Router(KINDS).match("GET", "/" + path, watch=False)


def test_booleans_are_gos() -> None:
    assert [is_true(each) for each in ("1", "t", "true", "True", "TRUE")] == [True] * 5
    assert [is_true(each) for each in ("", "0", "yes", "tRUE")] == [False] * 4
