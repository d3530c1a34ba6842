"""The life of objects: created, read, changed, deleted."""

import asyncio

import pytest

from k3py.model import errors
from k3py.model.generated import core_v1, meta_v1
from k3py.objects.options import PatchType, WriteOptions
from tests.objects.world import WRITE, Plain, kind_of, run

POD = {"spec": {"containers": [{"name": "c", "image": "busybox"}]}}


def meta(name, **more):
    return {"name": name, **more}


def test_a_config_map_is_created_read_updated_and_deleted():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("ConfigMap", metadata=meta("a"), data={"k": "v"})
        assert made["metadata"]["namespace"] == "default"
        assert made["metadata"]["creationTimestamp"] == "2023-11-14T22:13:20Z"
        assert plain.get("ConfigMap", "a") == made
        assert made["metadata"]["resourceVersion"] == str(objects.get(kind_of("ConfigMap"), "default", "a").revision)
        made["data"]["k"] = "w"
        changed = await plain.update("ConfigMap", made)
        assert changed["data"] == {"k": "w"}
        assert changed["metadata"]["uid"] == made["metadata"]["uid"]
        with pytest.raises(errors.Conflict, match="the object has been modified"):
            await plain.update("ConfigMap", made)
        answer = await plain.delete("ConfigMap", "a")
        assert answer["status"] == "Success"
        assert answer["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
        with pytest.raises(errors.NotFound, match='configmaps "a" not found'):
            plain.get("ConfigMap", "a")

    run(story)


def test_a_template_may_come_with_managed_fields_of_its_own():
    """Who makes a template from a pod that was read leaves them in."""
    owned = [{"manager": "m", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}]

    async def story(objects):
        plain = Plain(objects)
        template = {"metadata": {"labels": {"app": "a"}, "managedFields": owned}, **POD}
        spec = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
        made = await plain.create("ReplicaSet", metadata=meta("a"), spec=spec)
        assert made["spec"]["template"]["metadata"]["managedFields"] == owned
        made["spec"]["replicas"] = 2
        changed = await plain.update("ReplicaSet", made)
        assert changed["spec"]["template"]["metadata"]["managedFields"] == owned
        assert [each["manager"] for each in changed["metadata"]["managedFields"]]

    run(story)


def test_a_name_is_taken_once():
    async def story(objects):
        plain = Plain(objects)
        await plain.create("ConfigMap", metadata=meta("a"))
        with pytest.raises(errors.AlreadyExists, match='configmaps "a" already exists'):
            await plain.create("ConfigMap", metadata=meta("a"))
        with pytest.raises(errors.AlreadyExists):
            await plain.create("ConfigMap", WriteOptions(dry_run=True), metadata=meta("a"))

    run(story)


def test_generated_names_are_drawn_until_one_is_free():
    async def story(objects):
        plain = Plain(objects)
        names = {
            (await plain.create("ConfigMap", metadata={"generateName": "a-"}))["metadata"]["name"] for _ in range(50)
        }
        assert len(names) == 50
        assert all(name.startswith("a-") and len(name) == 7 for name in names)

    run(story)


def test_a_generated_name_that_collides_is_drawn_anew():
    async def story(objects):
        plain = Plain(objects)
        state = objects._source.getstate()
        first = await plain.create("ConfigMap", metadata={"generateName": "a-"})
        objects._source.setstate(state)  # the same name is drawn first
        second = await plain.create("ConfigMap", metadata={"generateName": "a-"})
        assert first["metadata"]["name"] != second["metadata"]["name"]

    run(story)


def test_a_dry_run_stores_nothing():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("ConfigMap", WriteOptions(dry_run=True), metadata=meta("a"))
        assert made["metadata"]["uid"]
        assert "resourceVersion" not in made["metadata"]
        with pytest.raises(errors.NotFound):
            plain.get("ConfigMap", "a")

    run(story)


def test_a_write_that_changes_nothing_is_not_stored():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("ConfigMap", metadata=meta("a", labels={"b": "1", "a": "2"}), data={"k": "v"})
        again = await plain.update("ConfigMap", made)
        patched = await plain.patch("ConfigMap", "a", {"data": {"k": "v"}})
        assert made == again == patched

    run(story)


def test_status_and_spec_are_written_apart():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("Pod", metadata=meta("p"), **POD)
        assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
        assert made["metadata"]["generation"] == 1
        made["status"]["phase"] = "Running"
        assert (await plain.update("Pod", made))["status"]["phase"] == "Pending"
        made["spec"]["containers"][0]["image"] = "other"
        changed = await plain.update("Pod", made, "status")
        assert changed["status"]["phase"] == "Running"
        assert changed["spec"]["containers"][0]["image"] == "busybox"
        assert changed["metadata"]["generation"] == 1
        body = {"spec": {"containers": [{"name": "c", "image": "other"}]}}
        changed = await plain.patch("Pod", "p", body, PatchType.STRATEGIC)
        assert changed["metadata"]["generation"] == 2

    run(story)


def test_what_the_caller_gave_is_left_as_it_was():
    async def story(objects):
        pod = core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", namespace="default"))
        pod.spec.containers.append(core_v1.Container(name="c", image="busybox"))
        await objects.of(core_v1.Pod).create(pod)
        assert pod.metadata.uid == ""
        assert pod.spec.tolerations == []

    run(story)


def test_a_controller_writes_only_what_it_has_seen():
    async def story(objects):
        pods = objects.of(core_v1.Pod)
        pod = core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", namespace="default"))
        pod.spec.containers.append(core_v1.Container(name="c", image="busybox"))
        seen = await pods.create(pod)
        version = seen.metadata.resource_version
        await pods.patch("default", "p", {"metadata": {"labels": {"a": "b"}}}, if_version=version)
        with pytest.raises(errors.Conflict):
            await pods.patch("default", "p", {"metadata": {"labels": {"a": "c"}}}, if_version=version)
        with pytest.raises(errors.Conflict):
            await pods.update(seen, subresource="status")
        with pytest.raises(errors.Conflict):
            await pods.delete("default", "p", if_version=version)
        assert pods.get("default", "p").metadata.labels["a"] == "b"
        await pods.delete("default", "p", uid=seen.metadata.uid)
        assert pods.get("default", "p") is None

    run(story)


def test_what_is_not_there_cannot_be_changed():
    async def story(objects):
        plain = Plain(objects)
        for attempt in (
            plain.update("ConfigMap", {"metadata": meta("none")}),
            plain.patch("ConfigMap", "none", {}),
            plain.delete("ConfigMap", "none"),
            plain.update("Pod", {"metadata": meta("none"), **POD}, "status"),
        ):
            with pytest.raises(errors.NotFound):
                await attempt

    run(story)


def test_a_lease_may_be_put_where_there_is_none():
    async def story(objects):
        made = await Plain(objects, "kube-node-lease").update("Lease", {"metadata": meta("n1")})
        assert made["metadata"]["name"] == "n1"

    run(story)


def test_a_namespace_has_to_be_there_and_stay():
    async def story(objects):
        plain = Plain(objects, "gone")
        with pytest.raises(errors.NotFound, match='namespaces "gone" not found'):
            await plain.create("ConfigMap", metadata=meta("a"))
        await plain.create("Namespace", metadata=meta("gone"))
        await plain.create("ConfigMap", metadata=meta("a"))
        ending = await plain.delete("Namespace", "gone")
        assert ending["status"] == {"phase": "Terminating"}
        with pytest.raises(errors.Forbidden, match="because it is being terminated"):
            await plain.create("ConfigMap", metadata=meta("b"))
        ending["spec"]["finalizers"] = []
        await plain.update("Namespace", ending, "finalize")
        with pytest.raises(errors.NotFound):
            plain.get("Namespace", "gone")

    run(story)


def test_every_namespace_of_the_system_is_there_from_the_start():
    async def story(objects):
        names = [record.name for record in objects.list(kind_of("Namespace"), None)]
        assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]
        assert objects.get(kind_of("ServiceAccount"), "kube-system", "default")
        with pytest.raises(errors.Forbidden, match="this namespace may not be deleted"):
            await Plain(objects).delete("Namespace", "default")

    run(story)


def test_an_object_beyond_the_bound_is_refused():
    async def story(objects):
        plain = Plain(objects)
        with pytest.raises(errors.RequestTooLarge):
            await plain.create("Deployment", metadata=meta("d"), spec={
                "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "b"}},
                             "spec": {"containers": [{"name": "c", "image": "x", "args": ["y" * (2 << 20)]}]}},
            })  # fmt: skip

    run(story)


def test_everything_that_is_wrong_is_said_at_once():
    async def story(objects):
        with pytest.raises(errors.Invalid) as caught:
            await Plain(objects).create("Pod", metadata=meta("P"), spec={"containers": [{"image": "x"}, {"name": "c"}]})
        assert [cause.field for cause in caught.value.details.causes] == [
            "metadata.name",
            "spec.containers[0].name",
            "spec.containers[1].image",
        ]

    run(story)


def test_warnings_reach_the_caller():
    async def story(objects):
        pod = core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p"))
        twice = [core_v1.EnvVar(name="A"), core_v1.EnvVar(name="A")]
        pod.spec.containers.append(core_v1.Container(name="c", image="busybox", env=twice))
        written = await objects.create(kind_of("Pod"), "default", pod, WRITE, Plain(objects).user)
        assert written.created
        assert "hides previous definition" in written.warnings[0]

    run(story)


def test_patches_that_race_lose_nothing():
    async def story(objects):
        plain = Plain(objects)
        await plain.create("ConfigMap", metadata=meta("a"))
        await asyncio.gather(*(plain.patch("ConfigMap", "a", {"data": {f"k{n}": "v"}}) for n in range(100)))
        assert len(plain.get("ConfigMap", "a")["data"]) == 100

    run(story)


def test_a_refusal_speaks_only_of_what_is_durable():
    async def story(objects):
        plain = Plain(objects)
        creation = asyncio.ensure_future(plain.create("ConfigMap", metadata=meta("a")))
        await asyncio.sleep(0)
        with pytest.raises(errors.NotFound):
            plain.get("ConfigMap", "a")  # not visible yet
        with pytest.raises(errors.Invalid):
            await plain.patch("ConfigMap", "a", {"metadata": {"labels": {"-": "x"}}})
        assert plain.get("ConfigMap", "a")  # what the refusal was decided against is there
        await creation

    run(story)


def test_a_secret_is_in_no_message():
    async def story(objects):
        plain = Plain(objects)
        await plain.create("Secret", metadata=meta("s"), stringData={"password": "hunter2"})
        for body in ({"data": [1]}, {"kind": "Pod"}, {"x": "hunter2"}):
            with pytest.raises(errors.Invalid) as caught:
                await plain.patch("Secret", "s", body)
            assert "hunter2" not in str(caught.value.status())
            assert "aHVudGVyMg" not in str(caught.value.status())

    run(story)
