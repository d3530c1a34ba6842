"""What the cluster adds to volumes and claims, and when a claim may grow."""

from typing import Any

import pytest

from k3py.model.errors import Forbidden, Invalid
from k3py.model.generated import core_v1, storage_v1
from k3py.objects.service import Objects
from k3py.objects.storage_admission import default_class
from tests.objects.world import FixedClock, Plain, run

DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}
CLAIM: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
VOLUME: dict[str, Any] = {**CLAIM, "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/a"}}
VOLUME.pop("resources")


def _class(name: str, created: str, **annotations: str) -> storage_v1.StorageClass:
    made = storage_v1.StorageClass()
    made.metadata.name, made.metadata.creation_timestamp = name, created
    made.metadata.annotations = {f"storageclass.{key}/is-default-class": value for key, value in annotations.items()}
    return made


def test_the_newest_default_class_is_taken_and_of_these_the_first_by_name() -> None:
    key = {"kubernetes.io": "true"}
    old, new = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"
    assert default_class([]) == default_class([_class("a", new), _class("b", new, **{"kubernetes.io": "no"})]) == ""
    assert default_class([_class("a", old, **key), _class("c", new, **key), _class("b", new, **key)]) == "b"
    assert default_class([_class("a", old, **{"beta.kubernetes.io": "true"})]) == "a"


def test_volumes_and_claims_are_protected_and_claims_get_the_default_class() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        assert (
            "storageClassName"
            not in (await plain.create("PersistentVolumeClaim", metadata={"name": "a"}, spec=CLAIM))["spec"]
        )
        await plain.create("StorageClass", metadata={"name": "std", "annotations": DEFAULT}, provisioner="a.b/c")
        claim = await plain.create("PersistentVolumeClaim", metadata={"name": "b"}, spec=CLAIM)
        assert claim["spec"]["storageClassName"] == "std"
        assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
        none = await plain.create(
            "PersistentVolumeClaim", metadata={"name": "c"}, spec={**CLAIM, "storageClassName": ""}
        )
        assert none["spec"]["storageClassName"] == ""
        volume = await plain.create("PersistentVolume", metadata={"name": "v"}, spec=VOLUME)
        assert volume["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
        assert (await plain.delete("PersistentVolume", "v"))["metadata"]["deletionTimestamp"]

    run(story)


def test_a_claim_grows_when_it_is_bound_and_its_class_allows_it() -> None:
    more = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}

    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await plain.create("StorageClass", metadata={"name": "s"}, provisioner="a.b/c")
        await plain.create("PersistentVolumeClaim", metadata={"name": "c"}, spec={**CLAIM, "storageClassName": "s"})
        with pytest.raises(Invalid, match="spec is immutable after creation"):
            await plain.patch("PersistentVolumeClaim", "c", more)
        await plain.patch("PersistentVolumeClaim", "c", {"status": {"phase": "Bound"}}, subresource="status")
        with pytest.raises(Forbidden, match="only dynamically provisioned pvc can be resized"):
            await plain.patch("PersistentVolumeClaim", "c", more)
        await plain.patch("StorageClass", "s", {"allowVolumeExpansion": True})
        grown = await plain.patch("PersistentVolumeClaim", "c", more)
        assert grown["spec"]["resources"]["requests"] == {"storage": "2Gi"}

    run(story)


def test_a_volumes_phase_keeps_when_it_changed() -> None:
    clock = FixedClock()

    async def story(objects: Objects) -> None:
        plain = Plain(objects)

        async def status(**fields: Any) -> Any:
            written = await plain.patch("PersistentVolume", "v", {"status": fields}, subresource="status")
            return written["status"].get("lastPhaseTransitionTime")

        made = await plain.create("PersistentVolume", metadata={"name": "v"}, spec=VOLUME)
        created = made["metadata"]["creationTimestamp"]
        assert made["status"] == {"phase": "Pending", "lastPhaseTransitionTime": created}
        clock.time += 60
        assert await status(message="m") == created
        assert await status(lastPhaseTransitionTime=None) == created
        bound = await status(phase="Bound")
        assert bound > created
        clock.time += 60
        said = "2020-01-01T00:00:00Z"
        assert await status(phase="Released", lastPhaseTransitionTime=said) == said

    run(story, clock)


def test_an_update_that_ends_an_object_answers_with_what_it_wrote() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await plain.create("ConfigMap", metadata={"name": "a", "finalizers": ["a.b/c"]})
        marked = await plain.delete("ConfigMap", "a")
        gone = await plain.patch("ConfigMap", "a", {"metadata": {"finalizers": None}})
        assert gone["metadata"]["resourceVersion"] == marked["metadata"]["resourceVersion"]
        assert "finalizers" not in gone["metadata"]
        assert objects.store.get("configmaps", "default", "a") is None

    run(story)


def test_finalizing_a_namespace_writes_its_finalizers_and_labels_but_not_its_status() -> None:
    async def story(objects: Objects) -> None:
        plain = Plain(objects)
        await plain.create("Namespace", metadata={"name": "t", "labels": {"a": "b"}})
        made = core_v1.Namespace(spec=core_v1.NamespaceSpec(finalizers=["a.b/c"]))
        made.metadata.name, made.status.phase = "t", "Terminating"
        written = await objects.of(core_v1.Namespace).update(made, subresource="finalize")
        assert (written.spec.finalizers, written.status.phase) == (["a.b/c"], "Active")
        assert written.metadata.labels == {"kubernetes.io/metadata.name": "t"}
        made.spec.finalizers = ["odd"]
        with pytest.raises(Invalid, match=r"spec.finalizers\[0\]"):
            await objects.of(core_v1.Namespace).update(made, subresource="finalize")

    run(story)
