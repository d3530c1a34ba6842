"""A Deployment seen as a number."""

import orjson
import pytest

from k3py.model import errors
from k3py.model.generated import autoscaling_v1
from k3py.objects.options import Patch, PatchType
from tests.objects.world import ADMIN, WRITE, Plain, kind_of, run

SPEC = {
    "replicas": 2,
    "selector": {"matchLabels": {"a": "b"}},
    "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
}


def test_replicas_are_read_set_and_patched():
    async def story(objects):
        kind, plain = kind_of("Deployment"), Plain(objects)
        await plain.create("Deployment", metadata={"name": "d"}, spec=SPEC)
        scale = objects.scales.get(kind, "default", "d")
        assert (scale.spec.replicas, scale.status.selector) == (2, "a=b")
        scale.spec.replicas = 7
        written = await objects.scales.update(kind, "default", "d", scale, WRITE, ADMIN)
        assert orjson.loads(written.raw)["spec"] == {"replicas": 7}
        with pytest.raises(errors.Conflict):
            await objects.scales.update(kind, "default", "d", scale, WRITE, ADMIN)
        patch = Patch(PatchType.MERGE, {"spec": {"replicas": 0}})
        written = await objects.scales.patch(kind, "default", "d", patch, WRITE, ADMIN)
        assert orjson.loads(written.raw)["kind"] == "Scale"
        stored = plain.get("Deployment", "d")
        assert stored["spec"]["replicas"] == 0
        assert stored["metadata"]["generation"] == 3

    run(story)


def test_what_cannot_be_scaled():
    async def story(objects):
        kind, plain = kind_of("Deployment"), Plain(objects)
        await plain.create("Deployment", metadata={"name": "d"}, spec=SPEC)
        wrong = autoscaling_v1.Scale(spec=autoscaling_v1.ScaleSpec(replicas=-1))
        with pytest.raises(errors.BadRequest, match="name must be provided"):
            await objects.scales.update(kind, "default", "d", wrong, WRITE, ADMIN)
        wrong.metadata.name = "d"
        with pytest.raises(errors.Invalid, match=r"spec\.replicas: Invalid value: -1"):
            await objects.scales.update(kind, "default", "d", wrong, WRITE, ADMIN)
        with pytest.raises(errors.NotFound):
            objects.scales.get(kind, "default", "none")
        await plain.create("ConfigMap", metadata={"name": "a"})
        with pytest.raises(errors.NotFound):
            objects.scales.get(kind_of("ConfigMap"), "default", "a")
        for body in ({"spec": {"replicas": "many"}}, {"spec": 5}):
            with pytest.raises(errors.Invalid):
                await objects.scales.patch(kind, "default", "d", Patch(PatchType.MERGE, body), WRITE, ADMIN)

    run(story)
