"""Applies that cannot be understood are refused in Kubernetes' words."""

import pytest

from k3py.objects.options import WriteOptions
from k3py.objects.problems import Unexplained
from tests.objects.world import ADMIN, kind_of, run

TYPED = "failed to create typed patch object (/a; apps/v1, Kind=Deployment): "
CONVERTED = (
    "failed to convert new object (/a; apps/v1, Kind=Deployment) to proper version:"
    " unable to convert unstructured object to apps/v1, Kind=Deployment: "
)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ([], TYPED + ".spec: expected map, got &{[]}"),
        ({"template": {"spec": {"containers": {"a": "b"}}}},
         TYPED + ".spec.template.spec.containers: expected list, got &{map[a:b]}"),
        ({"replicas": "x"}, TYPED + ".spec.replicas: expected numeric (int or float), got string"),
        ({"paused": "x"}, TYPED + ".spec.paused: expected boolean, got &{x}"),
        ({"selector": {"matchLabels": {"a": 1}}},
         TYPED + ".spec.selector.matchLabels.a: expected string, got &value.valueUnstructured{Value:1}"),
        ({"replicas": 1.5}, CONVERTED + "cannot convert float64 to int32"),
        ({"strategy": {"rollingUpdate": {"maxSurge": 1.5}}},
         CONVERTED + "json: cannot unmarshal number 1.5 into Go value of type int32"),
    ],
)  # fmt: skip
def test_what_is_applied_has_to_fit(spec, said):
    patch = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}

    async def story(objects):
        with pytest.raises(Unexplained) as why:
            await objects.apply(kind_of("Deployment"), "default", "a", patch, WriteOptions(field_manager="m"), ADMIN)
        assert str(why.value) == said

    run(story)
