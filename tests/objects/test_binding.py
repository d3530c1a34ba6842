"""Pods are bound to nodes once."""

import orjson
import pytest

from k3py.model import errors
from k3py.model.generated import core_v1
from k3py.model.user import SCHEDULER, User
from k3py.objects.problems import Unexplained
from k3py.store.records import Record
from tests.objects.world import WRITE, Plain, run

POD = {"spec": {"containers": [{"name": "c", "image": "busybox"}]}}


def to(node, kind="Node"):
    return core_v1.Binding(target=core_v1.ObjectReference(kind=kind, name=node))


def test_a_bound_pod_knows_its_node_and_says_that_it_is_scheduled():
    async def story(objects):
        await Plain(objects).create("Pod", metadata={"name": "p"}, **POD)
        written = await objects.bind("default", "p", to("n1"), WRITE, SCHEDULER)
        body = orjson.loads(written.raw)
        assert body["spec"]["nodeName"] == "n1"
        assert body["status"]["conditions"] == [
            {
                "type": "PodScheduled",
                "status": "True",
                "lastProbeTime": None,
                "lastTransitionTime": "2023-11-14T22:13:20Z",
            }
        ]
        assert written.record.fields[0] == "n1"
        with pytest.raises(errors.Conflict, match='pod p is already assigned to node "n1"'):
            await objects.bind("default", "p", to("n2"), WRITE, SCHEDULER)

    run(story)


def test_what_cannot_be_bound():
    async def story(objects):
        plain = Plain(objects)
        with pytest.raises(errors.NotFound):
            await objects.bind("default", "none", to("n1"), WRITE, SCHEDULER)
        await plain.create("Pod", metadata={"name": "p"}, **POD)
        for kind, node, said in (
            ("Rack", "n1", 'target.kind: Unsupported value: "Rack": supported values: "Node", "<empty>"'),
            ("Node", "", "target.name: Required value"),
        ):
            with pytest.raises(Unexplained) as found:
                await objects.bind("default", "p", to(node, kind), WRITE, SCHEDULER)
            assert str(found.value) == said
        other = to("n1")
        other.metadata.uid = "x"
        with pytest.raises(errors.Conflict, match=r"Key: /registry/pods/default/p, .*UID in precondition: x"):
            await objects.bind("default", "p", other, WRITE, SCHEDULER)
        other = to("n1")
        other.metadata.resource_version = "1"
        with pytest.raises(
            errors.Conflict, match=r"/default/p, .*ResourceVersion in precondition: 1, ResourceVersion in"
        ):
            await objects.bind("default", "p", other, WRITE, SCHEDULER)
        with pytest.raises(errors.Forbidden):
            await objects.bind("default", "p", to("n1"), WRITE, User("system:node:n1", ("system:nodes",)))
        await plain.create("Pod", metadata={"name": "q", "finalizers": ["a.b/c"]}, **POD)
        await plain.delete("Pod", "q")
        with pytest.raises(errors.Conflict, match="is being deleted"):
            await objects.bind("default", "q", to("n1"), WRITE, SCHEDULER)

    run(story)


def test_many_are_bound_at_once_and_each_outcome_stands_alone():
    async def story(objects):
        plain = Plain(objects)
        for name in ("a", "b", "c"):
            await plain.create("Pod", metadata={"name": name}, **POD)
        await objects.bind("default", "b", to("n9"), WRITE, SCHEDULER)
        outcomes = await objects.bind_many(
            [("default", name, "n1") for name in ("a", "b", "none", "c", "a")], SCHEDULER
        )
        assert isinstance(outcomes[0], Record)
        assert isinstance(outcomes[1], errors.Conflict)
        assert isinstance(outcomes[2], errors.NotFound)
        assert isinstance(outcomes[3], Record)
        assert isinstance(outcomes[4], errors.Problem)
        assert plain.get("Pod", "c")["spec"]["nodeName"] == "n1"
        assert plain.get("Pod", "b")["spec"]["nodeName"] == "n9"

    run(story)


def test_nothing_to_bind():
    async def story(objects):
        assert list(await objects.bind_many([], SCHEDULER)) == []

    run(story)


def test_a_pod_learns_where_its_node_is():
    zone, region = {"topology.kubernetes.io/zone": "z"}, {"topology.kubernetes.io/region": "r"}

    async def story(objects):
        plain = Plain(objects)
        await plain.create("Node", metadata={"name": "n1", "labels": {**zone, **region, "other": "x"}})
        labels = {"app": "a", "topology.kubernetes.io/zone": "old"}
        for name in ("p", "q"):
            await plain.create("Pod", metadata={"name": name, "labels": labels}, **POD)
        on_node = {"spec": {**POD["spec"], "nodeName": "n1"}}
        made = await plain.create("Pod", metadata={"name": "r", "labels": labels}, **on_node)
        await objects.bind("default", "p", to("n1"), WRITE, SCHEDULER)
        await objects.bind_many([("default", "q", "n1")], SCHEDULER)
        for pod in (plain.get("Pod", "p"), plain.get("Pod", "q"), made):
            assert pod["metadata"]["labels"] == {"app": "a", **zone, **region}

    run(story)


def test_what_was_said_before_the_binding_is_gone():
    async def story(objects):
        plain = Plain(objects)
        made = await plain.create("Pod", metadata={"name": "p"}, **POD)
        before = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "observedGeneration": 1}
        made["status"] |= {"nominatedNodeName": "n2", "conditions": [before]}
        await plain.update("Pod", made, "status")
        await objects.bind("default", "p", to("n1"), WRITE, SCHEDULER)
        status = plain.get("Pod", "p")["status"]
        assert "nominatedNodeName" not in status
        (condition,) = status["conditions"]
        assert (condition["status"], "reason" in condition, "observedGeneration" in condition) == ("True", False, False)

    run(story)
