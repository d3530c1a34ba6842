"""A node writes its own things only."""

import contextlib

import pytest

from k3py.model import errors
from k3py.model.user import User
from tests.objects.world import Plain, run

NODE = User("system:node:n1", ("system:nodes",))
POD = {"containers": [{"name": "c", "image": "busybox"}]}


def test_a_node_registers_itself_with_a_taint_and_not_another():
    async def story(objects):
        mine = Plain(objects, user=NODE)
        made = await mine.create("Node", metadata={"name": "n1"}, status={"capacity": {"cpu": "4"}})
        assert made["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]
        assert made["status"]["allocatable"] == {"cpu": "4"}
        with pytest.raises(errors.Forbidden, match='node "n1" is not allowed to modify node "n2"'):
            await mine.create("Node", metadata={"name": "n2"})
        with pytest.raises(errors.Forbidden, match="is not allowed to modify taints"):
            await mine.patch("Node", "n1", {"spec": {"taints": []}})
        with pytest.raises(errors.Forbidden, match=r"modify labels: node-restriction\.kubernetes\.io/x"):
            await mine.patch("Node", "n1", {"metadata": {"labels": {"node-restriction.kubernetes.io/x": "y"}}})
        await mine.patch("Node", "n1", {"metadata": {"labels": {"a": "b"}}})
        await mine.patch("Node", "n1", {"status": {"capacity": {"cpu": "8"}}}, subresource="status")
        with pytest.raises(errors.Forbidden):
            await mine.delete("Node", "n1")

    run(story)


@pytest.mark.parametrize(
    ("label", "free"),
    [
        ("anything", True),
        ("example.com/rack", True),
        ("kubernetes.io/hostname", True),
        ("topology.kubernetes.io/zone", True),
        ("node.kubernetes.io/instance-type", True),
        ("sub.kubelet.kubernetes.io/x", True),
        ("node-restriction.kubernetes.io/x", False),
        ("node-role.kubernetes.io/control-plane", False),
        ("kubernetes.io/role", False),
        ("k8s.io/x", False),
        ("notkubernetes.io/x", True),
    ],
)
def test_a_node_gives_itself_no_label_that_others_trust(label, free):
    async def story(objects):
        mine = Plain(objects, user=NODE)
        refused = pytest.raises(errors.Forbidden, match=f"is not allowed to modify labels: {label}$")
        with contextlib.nullcontext() if free else refused:
            await mine.create("Node", metadata={"name": "n1", "labels": {label: "x"}})

    run(story)


def test_a_node_renews_its_own_lease():
    async def story(objects):
        leases = Plain(objects, "kube-node-lease", NODE)
        await leases.create("Lease", metadata={"name": "n1"}, spec={"holderIdentity": "n1"})
        await leases.patch("Lease", "n1", {"spec": {"renewTime": "2023-11-14T22:13:20.000001Z"}})
        with pytest.raises(errors.Forbidden, match="same name as the requesting node"):
            await leases.create("Lease", metadata={"name": "n2"})
        with pytest.raises(errors.Forbidden):
            await Plain(objects, "default", NODE).create("Lease", metadata={"name": "n1"})

    run(story)


def test_a_node_reports_on_and_ends_its_own_pods_only():
    async def story(objects):
        admin, mine = Plain(objects), Plain(objects, user=NODE)
        for name, node in (("mine", "n1"), ("other", "n2"), ("free", "")):
            await admin.create("Pod", metadata={"name": name}, spec={**POD, "nodeName": node})
        running = {"status": {"phase": "Running"}}
        await mine.patch("Pod", "mine", running, subresource="status")
        for name in ("other", "free"):
            with pytest.raises(errors.Forbidden):
                await mine.patch("Pod", name, running, subresource="status")
            with pytest.raises(errors.Forbidden, match=r"can only delete pods with spec\.nodeName set to itself"):
                await mine.delete("Pod", name)
        with pytest.raises(errors.Forbidden, match="can only update pod status"):
            await mine.patch("Pod", "mine", {"metadata": {"labels": {"a": "b"}}})
        with pytest.raises(errors.Forbidden, match="cannot update labels"):
            await mine.patch("Pod", "mine", {"metadata": {"labels": {"a": "b"}}}, subresource="status")
        await mine.delete("Pod", "mine")

    run(story)


def test_a_node_creates_nothing_else_but_events():
    async def story(objects):
        mine = Plain(objects, user=NODE)
        await mine.create("Event", metadata={"name": "e"}, involvedObject={"namespace": "default"})
        for kind, body in (("ConfigMap", {}), ("Pod", {"spec": POD}), ("Secret", {})):
            with pytest.raises(errors.Forbidden):
                await mine.create(kind, metadata={"name": "x"}, **body)

    run(story)


def test_a_node_has_blocks_of_its_own_and_changes_none():
    def block(node, *owners):
        meta = {"name": f"default-10-42-0-{64 * len(owners)}", "ownerReferences": list(owners)}
        spec = {"vpc": "default", "vpcID": 1, "cidr": f"10.42.0.{64 * len(owners)}/26", "nodeName": node}
        return {"metadata": meta, "spec": spec}

    def owner(kind, name):
        return {"apiVersion": "v1", "kind": kind, "name": name, "uid": "u"}

    async def story(objects):
        mine, admin = Plain(objects, user=NODE), Plain(objects)
        await admin.patch("VPC", "default", {"status": {"vpcID": 1}}, subresource="status")
        await mine.create("VPCBlock", **block("n1"))
        await mine.create("VPCBlock", **block("n1", owner("Node", "n1")))
        with pytest.raises(errors.Forbidden, match=r"can only have blocks with spec\.nodeName set to itself"):
            await mine.create("VPCBlock", **block("n2"))
        for stranger in (owner("Node", "n2"), owner("Pod", "n1")):
            with pytest.raises(errors.Forbidden, match="owned by itself or by nobody"):
                await mine.create("VPCBlock", **block("n1", stranger))
        with pytest.raises(errors.Forbidden, match="cannot update vpcblocks"):
            await mine.patch("VPCBlock", "default-10-42-0-0", {"metadata": {"labels": {"a": "b"}}})
        await admin.create("VPCBlock", **block("n2", owner("Node", "n2"), owner("Node", "n2")))
        with pytest.raises(errors.Forbidden, match="can only have blocks"):
            await mine.delete("VPCBlock", "default-10-42-0-128")
        await mine.delete("VPCBlock", "default-10-42-0-0")
        for kind, what in (("VPC", "vpcs"), ("Service", "services")):
            with pytest.raises(errors.Forbidden, match=f"cannot create {what}"):
                await mine.create(kind, metadata={"name": "x"})

    run(story)
