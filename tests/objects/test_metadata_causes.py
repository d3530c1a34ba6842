"""What is wrong with metadata is said as often as Kubernetes' own checks of each kind look at it."""

import pytest

from k3py.model.errors import Invalid
from tests.objects.world import Plain, run

BODIES = {
    "ConfigMap": {},
    "EndpointSlice": {"addressType": "IPv4", "endpoints": []},
    "LimitRange": {},
    "PodDisruptionBudget": {"spec": {"selector": {}}},
    "NetworkPolicy": {"spec": {"podSelector": {}}},
    "Role": {"rules": []},
}


@pytest.mark.parametrize(
    ("kind", "labels", "uid"),
    [
        ("ConfigMap", 4, 2),
        ("EndpointSlice", 3, 1),
        ("LimitRange", 3, 1),
        ("PodDisruptionBudget", 2, 1),
        ("NetworkPolicy", 3, 2),
        ("Role", 5, 2),
    ],
)
def test_each_kind_says_it_as_often_as_its_checks_look(kind, labels, uid):
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create(kind, metadata={"name": "a"}, **BODIES[kind])
        for part, times in (({"labels": {"a b": ""}}, labels), ({"uid": "u"}, uid)):
            with pytest.raises(Invalid) as why:
                await plain.patch(kind, made["metadata"]["name"], {"metadata": part})
            assert [cause.field for cause in why.value.details.causes] == [f"metadata.{next(iter(part))}"] * times

    run(story)
