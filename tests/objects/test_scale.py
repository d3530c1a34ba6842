"""A Deployment seen as a number."""

import orjson
import pytest

from k3py.model import errors
from k3py.model.generated import autoscaling_v1
from k3py.objects.options import FieldValidation, Patch, PatchType, WriteOptions
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
        wrong.metadata.name = "none"
        with pytest.raises(errors.NotFound, match=r'^deployments/scale.apps "none" not found$'):
            await objects.scales.update(kind, "default", "none", wrong, WRITE, ADMIN)
        with pytest.raises(errors.NotFound, match=r'^deployments/scale.apps "none" not found$'):
            await objects.scales.patch(kind, "default", "none", Patch(PatchType.MERGE, {}), WRITE, ADMIN)
        wrong.metadata.uid = "u"
        with pytest.raises(errors.Conflict, match=r"UID in precondition: u, UID in object meta: $"):
            await objects.scales.update(kind, "default", "none", wrong, WRITE, ADMIN)
        await plain.create("ConfigMap", metadata={"name": "a"})
        with pytest.raises(errors.NotFound):
            objects.scales.get(kind_of("ConfigMap"), "default", "a")
        for body in ({"spec": {"replicas": "many"}}, {"spec": 5}):
            with pytest.raises(errors.Invalid):
                await objects.scales.patch(kind, "default", "d", Patch(PatchType.MERGE, body), WRITE, ADMIN)

    run(story)


def test_patches_of_a_scale_are_read_as_strictly_as_others():
    async def story(objects):
        kind, plain = kind_of("Deployment"), Plain(objects)
        await plain.create("Deployment", metadata={"name": "d"}, spec=SPEC)

        async def patched(body, **options):
            patch = Patch(PatchType.MERGE, body)
            return await objects.scales.patch(kind, "default", "d", patch, WriteOptions(**options), ADMIN)

        assert (await patched({"spec": {"x": 1}}, field_validation=FieldValidation.WARN)).warnings == [
            'unknown field "spec.x"'
        ]
        with pytest.raises(errors.Invalid, match=r'strict decoding error: unknown field "spec\.x"'):
            await patched({"spec": {"x": 1}}, field_validation=FieldValidation.STRICT)
        with pytest.raises(errors.Invalid, match=r"cannot unmarshal string into Go struct field ScaleSpec\.spec"):
            await patched({"spec": {"replicas": "2"}})

    run(story)


def test_a_status_does_not_make_a_generation():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("Deployment", metadata={"name": "d"}, spec=SPEC)
        made["metadata"]["annotations"] = {"a": "b"}
        told = await plain.update("Deployment", made, subresource="status")
        assert told["metadata"]["annotations"] == {"a": "b"}
        assert told["metadata"]["generation"] == made["metadata"]["generation"]

    run(story)
