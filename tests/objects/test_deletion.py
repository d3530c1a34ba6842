"""How objects go: at once, after a grace period, or when their finalizers are done."""

import pytest

from k3py.model import errors
from k3py.model.generated.meta_v1 import DeleteOptions, Preconditions
from k3py.model.selectors import parse_labels
from k3py.objects.deleting import AT_ONCE
from k3py.objects.deletion import POD_GRACE_SECONDS_MAX, warnings
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


BOTH = 'propagationPolicy: Invalid value: "%s": orphanDependents and deletionPropagation cannot be both set'
UNKNOWN = 'propagationPolicy: Unsupported value: "%s": supported values: "Foreground", "Background", "Orphan", "nil"'


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (DeleteOptions(orphan_dependents=True, propagation_policy="Orphan"), BOTH % "Orphan"),
        (DeleteOptions(propagation_policy=""), UNKNOWN % ""),
        (
            DeleteOptions(orphan_dependents=False, propagation_policy="x", dry_run=["All", "Some"]),
            f'[{BOTH % "x"}, {UNKNOWN % "x"}, dryRun: Unsupported value: ["All","Some"]: supported values: "All"]',
        ),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_looked_for(options, said):
    async def story(objects):
        plain = Plain(objects)
        with pytest.raises(errors.Invalid) as caught:
            await plain.delete("ConfigMap", "none", options)
        assert caught.value.message == f'DeleteOptions.meta.k8s.io "" is invalid: {said}'

    run(story)


CASES = [
    ("ConfigMap", [], {}, None),
    ("ConfigMap", [], {"orphan_dependents": False}, None),
    ("ConfigMap", [], {"orphan_dependents": True}, ["orphan"]),
    ("ConfigMap", ["a.b/c"], {}, ["a.b/c"]),
    ("ConfigMap", ["orphan", "a.b/c"], {}, ["orphan", "a.b/c"]),
    ("ConfigMap", ["orphan", "a.b/c"], {"propagation_policy": "Background"}, ["a.b/c"]),
    ("ConfigMap", ["orphan", "a.b/c"], {"propagation_policy": "Foreground"}, ["a.b/c", "foregroundDeletion"]),
    ("ConfigMap", ["foregroundDeletion"], {}, ["foregroundDeletion"]),
    ("ConfigMap", ["foregroundDeletion"], {"orphan_dependents": True}, ["orphan"]),
    ("Event", [], {"propagation_policy": "Orphan"}, None),
]


@pytest.mark.parametrize(("kind", "present", "options", "left"), CASES)
def test_what_keeps_an_object(kind, present, options, left):
    async def story(objects):
        plain = Plain(objects)
        more = {"involvedObject": {"namespace": "default"}} if kind == "Event" else {}
        await plain.create(kind, metadata={"name": "a", "finalizers": present}, **more)
        answer = await plain.delete(kind, "a", DeleteOptions(**options))
        if left is None:
            gone(plain, kind, "a")
            return
        assert answer["metadata"]["finalizers"] == left
        assert answer["metadata"]["deletionGracePeriodSeconds"] == 0
        again = await plain.delete(kind, "a", DeleteOptions())
        assert again["metadata"]["resourceVersion"] == answer["metadata"]["resourceVersion"]

    run(story)


def test_jobs_leave_their_pods_behind_unless_somebody_says_otherwise():
    assert warnings(kind_of("Job"), DeleteOptions())[0].startswith("child pods are preserved by default")
    assert warnings(kind_of("Job"), DeleteOptions(propagation_policy="Orphan")) == []
    assert warnings(kind_of("Job"), DeleteOptions(orphan_dependents=False)) == []
    assert warnings(kind_of("ReplicationController"), DeleteOptions()) == []

    async def story(objects):
        plain = Plain(objects)
        template = {"spec": {"restartPolicy": "Never", "containers": CONTAINERS}}
        await plain.create("Job", metadata={"name": "a"}, spec={"template": template})
        answer = await plain.delete("Job", "a")
        assert answer["metadata"]["finalizers"] == ["orphan"]
        assert answer["metadata"]["generation"] == 2
        await plain.delete("Job", "a", DeleteOptions(propagation_policy="Background"))
        gone(plain, "Job", "a")

    run(story)


def test_nothing_but_its_time_changes_of_a_pod_that_is_ending():
    async def story(objects):
        plain = Plain(objects)
        await plain.create("Pod", **pod(nodeName="n1"))
        first = await plain.delete("Pod", "p")
        assert await plain.delete("Pod", "p", DeleteOptions(propagation_policy="Orphan")) == first
        shorter = await plain.delete("Pod", "p", DeleteOptions(grace_period_seconds=-5, propagation_policy="Orphan"))
        assert shorter["metadata"]["deletionGracePeriodSeconds"] == 1
        assert shorter["metadata"]["finalizers"] == ["orphan"]
        assert shorter["metadata"]["generation"] == 2
        over = await plain.delete("Pod", "p", DeleteOptions(grace_period_seconds=0))
        assert over["metadata"]["deletionGracePeriodSeconds"] == 0
        await plain.delete("Pod", "p", DeleteOptions(propagation_policy="Background"))
        gone(plain, "Pod", "p")

    run(story)


def test_a_namespace_ends_when_its_finalizers_are_gone():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("Namespace", metadata={"name": "n"})
        with pytest.raises(errors.Conflict) as caught:
            await plain.delete("Namespace", "n", DeleteOptions(preconditions=Preconditions(uid="x")))
        assert caught.value.message == (
            'Operation cannot be fulfilled on namespaces "n": Precondition failed: UID in precondition: x,'
            f" UID in object meta: {made['metadata']['uid']}"
        )
        first = await plain.delete("Namespace", "n")
        assert first["status"]["phase"] == "Terminating"
        assert "deletionGracePeriodSeconds" not in first["metadata"]
        assert await plain.delete("Namespace", "n", DeleteOptions(propagation_policy="Orphan")) == first

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
        plain = Plain(objects)
        for name, tier in (("a", "x"), ("b", "y"), ("c", "x")):
            await plain.create("ConfigMap", metadata={"name": name, "labels": {"tier": tier}})
        kind = kind_of("ConfigMap")
        found = objects.list(kind, "default", parse_labels("tier=x"))
        await objects.delete_collection(kind, found, DeleteOptions(), ADMIN)
        assert [record.name for record in objects.list(kind, "default")] == ["b"]

    run(story)


def named(number):
    return f"c{number:04}"


def test_a_large_collection_goes_in_few_batches():
    async def story(objects):
        kind, count = kind_of("ConfigMap"), 2 * AT_ONCE + 1
        plain, batches = Plain(objects), []
        for number in range(count):
            await plain.create("ConfigMap", metadata={"name": named(number)})
        found = objects.list(kind, "default")
        objects.watch(kind, "default", None, lambda changes: batches.append(len(changes)))
        await plain.delete("ConfigMap", named(7))  # somebody else is quicker
        await objects.delete_collection(kind, found, DeleteOptions(), ADMIN)
        assert not objects.list(kind, "default")
        assert sum(batches) == count
        assert len(batches) <= 5

    run(story)


def test_the_first_refusal_ends_the_deletion_of_a_collection():
    async def story(objects):
        kind, plain = kind_of("ConfigMap"), Plain(objects)
        made = [await plain.create("ConfigMap", metadata={"name": name}) for name in "abc"]
        await plain.patch("ConfigMap", "b", {"data": {"x": "y"}})
        options = DeleteOptions(preconditions=Preconditions(uid=made[0]["metadata"]["uid"]))
        with pytest.raises(errors.Conflict, match=r'on ConfigMap "b": the UID in the precondition'):
            await objects.delete_collection(kind, objects.list(kind, "default"), options, ADMIN)
        assert [record.name for record in objects.list(kind, "default")] == ["b", "c"]
        options = DeleteOptions(dry_run=["All"])
        await objects.delete_collection(kind, objects.list(kind, "default"), options, ADMIN)
        assert len(objects.list(kind, "default")) == 2

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
