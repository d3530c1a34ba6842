import pytest

from k3py.client.paths import collection_path, delete_options, kind_of, object_path, parameters
from k3py.model.generated.apps_v1 import Deployment
from k3py.model.generated.core_v1 import ConfigMap, Node, PodSpec

DEPLOYMENT, NODE, CONFIG_MAP = kind_of(Deployment), kind_of(Node), kind_of(ConfigMap)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (collection_path(CONFIG_MAP, ""), "/api/v1/configmaps"),
        (collection_path(DEPLOYMENT, "shop"), "/apis/apps/v1/namespaces/shop/deployments"),
        (collection_path(NODE, "ignored"), "/api/v1/nodes"),
        (object_path(NODE, "n1", "", "status"), "/api/v1/nodes/n1/status"),
        (object_path(DEPLOYMENT, "web", "shop"), "/apis/apps/v1/namespaces/shop/deployments/web"),
        (object_path(CONFIG_MAP, "a/../b?c", "d"), "/api/v1/namespaces/d/configmaps/a%2F..%2Fb%3Fc"),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


def test_an_object_is_never_mistaken_for_its_collection() -> None:
    for name, namespace in (("", "default"), ("..", "default"), ("a", "")):
        with pytest.raises(ValueError, match="cannot address"):
            object_path(CONFIG_MAP, name, namespace)


def test_what_is_no_kind_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="not in the registry"):
        kind_of(PodSpec)


def test_parameters_and_options() -> None:
    assert parameters(watch=True, resource_version="7", label_selector="", allow_watch_bookmarks=False) == {
        "watch": "true",
        "resourceVersion": "7",
    }
    assert delete_options(0, "Orphan", "u") == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Orphan",
        "preconditions": {"uid": "u"},
    }
    assert delete_options(None, None, "") == {"kind": "DeleteOptions", "apiVersion": "v1"}
