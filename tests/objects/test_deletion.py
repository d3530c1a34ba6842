"""How objects go: at once, after a grace period, or when their finalizers are done."""

import pytest

from k3py.model import errors
from k3py.model.generated.meta_v1 import DeleteOptions, Preconditions
from k3py.objects.deletion import POD_GRACE_SECONDS_MAX
from tests.objects.world import ADMIN, FixedClock, Plain, kind_of, run

CONTAINERS = [{"name": "c", "image": "busybox"}]


def pod(name="p", **spec):
    return {"metadata": {"name": name}, "spec": {"containers": CONTAINERS, **spec}}


def gone(plain, kind, name):
    with pytest.raises(errors.NotFound):
        plain.get(kind, name)


def test_a_pod_without_a_node_goes_at_once():
    async def story(objects):
        plain = Plain(objects)
        await plain.create("Pod", **pod())
        answer = await plain.delete("Pod", "p")
        assert answer["kind"] == "Pod"
        assert answer["metadata"]["deletionGracePeriodSeconds"] == 0
        gone(plain, "Pod", "p")

    run(story)


def test_a_pod_on_a_node_gets_its_grace_period_and_the_agent_ends_it():
    clock = FixedClock()

    async def story(objects):
        plain = Plain(objects)
        await plain.create("Pod", **pod(nodeName="n1", terminationGracePeriodSeconds=20))
        answer = await plain.delete("Pod", "p")
        assert answer["metadata"]["deletionGracePeriodSeconds"] == 20
        assert answer["metadata"]["deletionTimestamp"] == "2023-11-14T22:13:40Z"
        assert answer["metadata"]["generation"] == 2
        again = await plain.delete("Pod", "p")
        assert again["metadata"]["resourceVersion"] == answer["metadata"]["resourceVersion"]
        longer = await plain.delete("Pod", "p", DeleteOptions(grace_period_seconds=60))
        assert longer == again
        shorter = await plain.delete("Pod", "p", DeleteOptions(grace_period_seconds=5))
        assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
        assert shorter["metadata"]["deletionTimestamp"] == "2023-11-14T22:13:25Z"
        await plain.delete("Pod", "p", DeleteOptions(grace_period_seconds=0))
        gone(plain, "Pod", "p")

    run(story, clock)


@pytest.mark.parametrize("seconds", [POD_GRACE_SECONDS_MAX + 1, 9 * 10**17])
def test_a_grace_period_beyond_all_dates_is_cut(seconds):
    async def story(objects):
        plain = Plain(objects)
        await plain.create("Pod", **pod(nodeName="n1", terminationGracePeriodSeconds=seconds))
        answer = await plain.delete("Pod", "p")
        assert answer["metadata"]["deletionGracePeriodSeconds"] == POD_GRACE_SECONDS_MAX
        assert answer["metadata"]["deletionTimestamp"].startswith("2091-")

    run(story)


def test_a_finished_pod_goes_at_once():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("Pod", **pod(nodeName="n1"))
        made["status"]["phase"] = "Succeeded"
        await plain.update("Pod", made, "status")
        await plain.delete("Pod", "p")
        gone(plain, "Pod", "p")

    run(story)


def test_finalizers_keep_an_object_until_the_last_is_taken_off():
    async def story(objects):
        plain = Plain(objects)
        await plain.create("ConfigMap", metadata={"name": "a", "finalizers": ["a.b/c", "a.b/d"]})
        marked = await plain.delete("ConfigMap", "a")
        assert marked["metadata"]["deletionTimestamp"]
        with pytest.raises(errors.Invalid, match="no new finalizers can be added"):
            await plain.patch("ConfigMap", "a", {"metadata": {"finalizers": ["a.b/c", "a.b/e"]}})
        await plain.patch("ConfigMap", "a", {"metadata": {"finalizers": ["a.b/c"]}})
        assert plain.get("ConfigMap", "a")
        last = await plain.patch("ConfigMap", "a", {"metadata": {"finalizers": None}})
        assert "finalizers" not in last["metadata"]
        gone(plain, "ConfigMap", "a")

    run(story)


@pytest.mark.parametrize(("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
def test_propagation_leaves_work_for_the_garbage_collector(policy, finalizer):
    async def story(objects):
        plain = Plain(objects)
        await plain.create("ConfigMap", metadata={"name": "a"})
        marked = await plain.delete("ConfigMap", "a", DeleteOptions(propagation_policy=policy))
        assert marked["metadata"]["finalizers"] == [finalizer]
        await plain.patch("ConfigMap", "a", {"metadata": {"finalizers": []}})
        gone(plain, "ConfigMap", "a")

    run(story)


def test_background_deletion_goes_at_once():
    async def story(objects):
        plain = Plain(objects)
        await plain.create("ConfigMap", metadata={"name": "a"})
        await plain.delete("ConfigMap", "a", DeleteOptions(propagation_policy="Background"))
        gone(plain, "ConfigMap", "a")

    run(story)


def test_preconditions():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("ConfigMap", metadata={"name": "a"})
        for wanted in (Preconditions(uid="other"), Preconditions(resource_version="1")):
            with pytest.raises(errors.Conflict, match="in the precondition"):
                await plain.delete("ConfigMap", "a", DeleteOptions(preconditions=wanted))
        uid, version = made["metadata"]["uid"], made["metadata"]["resourceVersion"]
        await plain.delete(
            "ConfigMap", "a", DeleteOptions(preconditions=Preconditions(uid=uid, resource_version=version))
        )
        gone(plain, "ConfigMap", "a")

    run(story)


@pytest.mark.parametrize(
    "options",
    [
        DeleteOptions(orphan_dependents=True, propagation_policy="Orphan"),
        DeleteOptions(propagation_policy="Sideways"),
        DeleteOptions(dry_run=["Some"]),
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    async def story(objects):
        plain = Plain(objects)
        await plain.create("ConfigMap", metadata={"name": "a"})
        with pytest.raises(errors.Invalid):
            await plain.delete("ConfigMap", "a", options)

    run(story)


def test_a_dry_run_deletes_nothing():
    async def story(objects):
        plain = Plain(objects)
        await plain.create("ConfigMap", metadata={"name": "a"})
        await plain.delete("ConfigMap", "a", DeleteOptions(dry_run=["All"]))
        assert plain.get("ConfigMap", "a")

    run(story)


def test_a_collection_is_deleted_by_selector():
    async def story(objects):
        from k3py.model.selectors import parse_labels

        plain = Plain(objects)
        for name, tier in (("a", "x"), ("b", "y"), ("c", "x")):
            await plain.create("ConfigMap", metadata={"name": name, "labels": {"tier": tier}})
        kind = kind_of("ConfigMap")
        found = objects.list(kind, "default", parse_labels("tier=x"))
        await objects.delete_collection(kind, found, DeleteOptions(), ADMIN)
        assert [record.name for record in objects.list(kind, "default")] == ["b"]

    run(story)


def test_the_tombstone_carries_the_revision_of_the_deletion():
    async def story(objects):
        plain = Plain(objects)
        seen = []
        await plain.create("Secret", metadata={"name": "a"}, stringData={"x": '"resourceVersion":"1"'})
        objects.watch(kind_of("Secret"), "default", None, seen.extend)
        await plain.delete("Secret", "a")
        (change,) = seen
        assert change.type.value == "DELETED"
        assert f'"resourceVersion":"{change.revision}"'.encode() in change.record.raw

    run(story)
