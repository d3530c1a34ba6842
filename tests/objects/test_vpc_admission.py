"""Who may put what into which VPC; what the cluster says of VPCs and blocks."""

import asyncio
import random

import pytest

from k3py.base.clock import SystemClock
from k3py.model import errors
from k3py.model.user import MASTERS, User
from k3py.model.vpc_v1 import FINALIZER, VPC, VPC_LABEL
from k3py.objects.collections import collections
from k3py.objects.service import Objects
from k3py.objects.system import ensure_system_objects
from k3py.store.memory_log import MemoryLog
from k3py.store.sealing import KeyRing
from k3py.store.store import Store
from tests.objects.world import ADMIN, WRITE, FixedClock, Plain

JANE = User("jane")
POD = {"containers": [{"name": "c", "image": "busybox"}]}
SERVICE = {"ports": [{"port": 80}]}
CONTAINER = {"metadata": {"labels": {"a": "b"}}, "spec": POD}


def tell(story):
    """To a cluster in which Jane may use the VPC ``green``, and the VPC ``red`` is for labelled namespaces."""

    async def told():
        store = Store(MemoryLog(), collections(), SystemClock(), KeyRing({"k": b"k" * 32}, "k"))
        await store.open()
        may = lambda user, vpc: MASTERS in user.groups or (user.name, vpc) == ("jane", "green")  # noqa: E731
        objects = Objects(store, FixedClock(), random.Random(1), may_use_vpc=may)
        try:
            await ensure_system_objects(objects)
            admin = Plain(objects)
            await admin.create("VPC", metadata={"name": "red"}, spec={"cidr": "10.0.0.0/16"})
            selector = {"matchLabels": {"team": "green"}}
            spec = {"cidr": "10.0.0.0/16", "allowedNamespaces": selector}
            await admin.create("VPC", metadata={"name": "green"}, spec=spec)
            await namespace(admin, "reds", **{VPC_LABEL: "red"})
            await namespace(admin, "greens", team="green")
            await story(admin)
        finally:
            await store.close()

    asyncio.run(told())


async def namespace(plain, name, **labels):
    await plain.create("Namespace", metadata={"name": name, "labels": labels})


def in_(plain, where, user=None):
    return Plain(plain.objects, where, user or plain.user)


async def pod(plain, name="p", vpc=None, **spec):
    labels = {VPC_LABEL: vpc} if vpc is not None else {}
    made = await plain.create("Pod", metadata={"name": name, "labels": labels}, spec={**POD, **spec})
    return made["metadata"].get("labels", {}).get(VPC_LABEL)


async def service(plain, name="s", vpc=None, **spec):
    labels = {VPC_LABEL: vpc} if vpc is not None else {}
    return await plain.create("Service", metadata={"name": name, "labels": labels}, spec={**SERVICE, **spec})


def test_the_label_comes_from_the_namespace_and_none_is_default():
    async def story(plain):
        assert await pod(plain) is None
        assert await pod(in_(plain, "reds")) == "red"
        assert "labels" not in (await service(plain))["metadata"]
        assert (await service(in_(plain, "reds")))["metadata"]["labels"] == {VPC_LABEL: "red"}
        assert await pod(in_(plain, "greens"), "a") is None
        assert await pod(in_(plain, "greens"), "b", "green") == "green"
        assert await pod(in_(plain, "reds"), "host", hostNetwork=True) is None

    tell(story)


@pytest.mark.parametrize(
    ("where", "vpc", "why"),
    [
        ("default", "blue", 'VPC "blue" not found'),
        ("default", "red", "without spec.allowedNamespaces only namespaces labelled k3py.io/vpc=red are"),
        ("default", "green", "its spec.allowedNamespaces does not select it"),
    ],
)
def test_a_vpc_that_does_not_take_the_namespace(where, vpc, why):
    async def story(plain):
        with pytest.raises(errors.Forbidden, match=why):
            await pod(in_(plain, where), vpc=vpc)
        with pytest.raises(errors.Forbidden, match=why):
            await service(in_(plain, where), vpc=vpc)

    tell(story)


def test_who_names_a_vpc_must_be_allowed_to_use_it():
    async def story(plain):
        jane = in_(plain, "greens", JANE)
        assert await pod(jane, "a", "green") == "green"
        assert await pod(jane, "b", "default") == "default"
        with pytest.raises(
            errors.Forbidden, match='user "jane" cannot use VPC "red": that needs the verb "use" on vpcs'
        ):
            await pod(jane, "c", "red")
        for name, vpc in (("d", None), ("e", "red")):  # the namespace's label was admitted before
            assert await pod(in_(plain, "reds", JANE), name, vpc) == "red"
        with pytest.raises(errors.Forbidden, match="cannot use"):
            await namespace(in_(plain, "", JANE), "mine", **{VPC_LABEL: "red"})
        with pytest.raises(errors.Forbidden, match="cannot use"):
            await plain.objects.create(*deployment(plain), JANE)

    def deployment(plain):
        from k3py.model.generated import apps_v1
        from k3py.model.kinds import KINDS
        from tests.controllers.toy import template
        from tests.objects.world import WRITE

        made = apps_v1.Deployment()
        made.metadata.name = "d"
        made.spec.template = template(**{"app": "a", VPC_LABEL: "red"})
        return KINDS.of(apps_v1.Deployment), "greens", made, WRITE

    tell(story)


def test_a_template_is_asked_for_as_its_pods_are():
    async def story(plain):
        def body(vpc):
            return {"replicas": 1, "selector": {"matchLabels": {"a": "b"}},
                    "template": {"metadata": {"labels": {"a": "b", VPC_LABEL: vpc}}, "spec": POD}}  # fmt: skip

        jane = in_(plain, "greens", JANE)
        await jane.create("Deployment", metadata={"name": "d"}, spec=body("green"))
        with pytest.raises(errors.Forbidden, match="cannot use"):
            await jane.patch("Deployment", "d", {"spec": body("red")})
        await jane.patch("Deployment", "d", {"spec": {"replicas": 2}})

    tell(story)


def test_a_workload_stays_in_its_vpc():
    async def story(plain):
        await pod(plain)
        await service(plain)
        for kind, name in (("Pod", "p"), ("Service", "s")):
            with pytest.raises(errors.Invalid, match=r"metadata.labels\[k3py.io/vpc\].*field is immutable"):
                await plain.patch(kind, name, {"metadata": {"labels": {VPC_LABEL: "red"}}})
            with pytest.raises(errors.Invalid, match="field is immutable"):
                await plain.patch(kind, name, {"metadata": {"labels": {VPC_LABEL: "red"}}}, subresource="status")
            said = await plain.patch(kind, name, {"metadata": {"labels": {VPC_LABEL: "default"}}})
            kept = await plain.patch(kind, name, {"metadata": {"labels": {VPC_LABEL: None}}})
            assert said["metadata"]["labels"] == kept["metadata"]["labels"] == {VPC_LABEL: "default"}

    tell(story)


def test_a_namespace_moves_only_while_it_is_empty():
    async def story(plain):
        reds = in_(plain, "reds")
        await pod(reds)
        with pytest.raises(
            errors.Forbidden, match=r"label k3py.io/vpc cannot change while the namespace has pods \(1\)"
        ):
            await plain.patch("Namespace", "reds", {"metadata": {"labels": {VPC_LABEL: None}}})
        await plain.patch("Namespace", "reds", {"metadata": {"labels": {"other": "label"}}})
        await reds.delete("Pod", "p")
        await service(reds)
        with pytest.raises(errors.Forbidden, match="has services"):
            await plain.patch("Namespace", "reds", {"metadata": {"labels": {VPC_LABEL: "default"}}})
        await reds.delete("Service", "s")
        with pytest.raises(errors.Forbidden, match="cannot use"):
            await in_(plain, "", JANE).patch("Namespace", "reds", {"metadata": {"labels": {VPC_LABEL: "red2"}}})
        await in_(plain, "", JANE).patch("Namespace", "reds", {"metadata": {"labels": {VPC_LABEL: "default"}}})
        assert await pod(reds) == "default"
        await plain.patch("Namespace", "reds", {"metadata": {"labels": {VPC_LABEL: None}}})  # default either way

    tell(story)


def test_a_namespace_does_not_move_past_a_pod_that_is_on_its_way():
    async def story(plain):
        move = plain.patch("Namespace", "reds", {"metadata": {"labels": {VPC_LABEL: None}}})
        placed, moved = await asyncio.gather(pod(in_(plain, "reds")), move, return_exceptions=True)
        assert placed == "red"
        assert isinstance(moved, errors.Forbidden)

    tell(story)


def test_a_vpc_that_is_going_takes_nothing_and_default_never_goes():
    async def story(plain):
        gone = await plain.delete("VPC", "red")
        assert gone["metadata"]["finalizers"] == [FINALIZER]
        for what in (pod(in_(plain, "reds")), service(in_(plain, "reds")), namespace(plain, "x", **{VPC_LABEL: "red"})):
            with pytest.raises(errors.Forbidden, match='VPC "red" is being deleted'):
                await what
        with pytest.raises(errors.Forbidden, match="whatever names no VPC is in it"):
            await plain.delete("VPC", "default")

    tell(story)


def test_a_range_leaves_the_services_alone_and_ranges_may_overlap():
    async def story(plain):
        with pytest.raises(errors.Invalid, match=r"may not overlap 10\.43\.0\.0/16 \(addresses of services\)"):
            await plain.create("VPC", metadata={"name": "a"}, spec={"cidr": "10.0.0.0/8"})
        with pytest.raises(errors.Invalid, match=r"spec\.egress.*spec\.cidr"):
            await plain.create("VPC", metadata={"name": "a"}, spec={"cidr": "10.43.1.0/24", "egress": "Some"})
        made = await plain.create("VPC", metadata={"name": "a"}, spec={"cidr": "10.42.0.0/16"})
        assert (made["spec"]["egress"], made["metadata"]["generation"]) == ("Masquerade", 1)
        with pytest.raises(errors.Invalid, match="field is immutable"):
            await plain.patch("VPC", "a", {"spec": {"cidr": "10.44.0.0/16"}})
        patched = await plain.patch("VPC", "a", {"spec": {"egress": "None"}})
        assert patched["spec"]["egress"] == "None"

    tell(story)


def block(name="red-10-0-0-64", **spec):
    return {
        "metadata": {"name": name},
        "spec": {"vpc": "red", "vpcID": 7, "cidr": "10.0.0.64/26", "nodeName": "n1", **spec},
    }


def test_no_two_vpcs_have_one_number():
    async def story(plain):
        async def number(name, wanted, **more):
            await plain.patch("VPC", name, {"status": {"vpcID": wanted, **more}}, subresource="status")

        for wanted, why in ((1, 'is that of VPC "default"'), (-5, "must be between"), (65_536, "must be between")):
            with pytest.raises((errors.Forbidden, errors.Invalid), match=why):
                await number("red", wanted)
        for prefix in ("nonsense", "fd6b:3370:1000:1:2:8::/96", "fd6b:3370:1000:1:2:7::/64", "2001:db8::/96"):
            with pytest.raises(errors.Invalid, match="must be the /96 of the Ghost addresses of VPC 7"):
                await number("red", 7, prefix=prefix)
        both = await asyncio.gather(number("red", 7), number("green", 7), return_exceptions=True)
        assert both[0] is None
        assert 'status.vpcID 7 is that of VPC "red"' in str(both[1])
        await number("red", 7, prefix="fd6b:3370:1000:1:2:7::/96")
        await number("green", 8)

    tell(story)


def test_a_block_is_a_slice_of_its_vpc():
    async def story(plain):
        with pytest.raises(errors.Invalid, match="the VPC has no number yet"):
            await plain.create("VPCBlock", **block())
        vpc = plain.objects.of(VPC)
        await vpc.patch("", "red", {"status": {"vpcID": 7}}, subresource="status")
        made = await plain.create("VPCBlock", **block())
        assert made["spec"]["cidr"] == "10.0.0.64/26"
        with pytest.raises(errors.AlreadyExists):
            await plain.create("VPCBlock", **block(nodeName="n2"))
        with pytest.raises(errors.Invalid, match=r"spec\.vpcID.*must be 7.*spec.cidr.*range.*must be a /26"):
            await plain.create("VPCBlock", **block("red-11-0-0-0", vpcID=8, cidr="11.0.0.0/25"))
        with pytest.raises(errors.Invalid, match=r"spec\.vpc: Not found"):
            await plain.create("VPCBlock", **block("blue-10-0-0-64", vpc="blue"))
        with pytest.raises(errors.Invalid, match="field is immutable"):
            await plain.patch("VPCBlock", "red-10-0-0-64", {"spec": {"nodeName": "n2"}})
        await plain.delete("VPC", "red")
        with pytest.raises(errors.Invalid, match="the VPC is being deleted"):
            await plain.create("VPCBlock", **block("red-10-0-0-128", cidr="10.0.0.128/26"))

    tell(story)


def test_a_binding_moves_no_pod_to_another_vpc():
    async def story(plain):
        from k3py.model.generated import core_v1

        await pod(plain)
        binding = core_v1.Binding()
        binding.metadata.name, binding.target.name = "p", "n1"
        binding.metadata.labels = {VPC_LABEL: "red", "a": "b"}
        with pytest.raises(errors.Invalid, match="field is immutable"):
            await plain.objects.bind("default", "p", binding, WRITE, ADMIN)
        binding.metadata.labels[VPC_LABEL] = "default"
        await plain.objects.bind("default", "p", binding, WRITE, ADMIN)
        assert plain.get("Pod", "p")["metadata"]["labels"] == {VPC_LABEL: "default", "a": "b"}

    tell(story)


def test_slices_made_by_hand_are_for_their_services_vpc():
    async def story(plain):
        def body(name, **labels):
            return {"metadata": {"name": name, "labels": labels}, "addressType": "IPv4", "endpoints": []}

        await service(in_(plain, "greens"), vpc="green")
        greens, jane = in_(plain, "greens"), in_(plain, "greens", JANE)
        mine = {"kubernetes.io/service-name": "s"}
        made = await jane.create("EndpointSlice", **body("a", **mine))
        assert made["metadata"]["labels"][VPC_LABEL] == "green"
        kept = await jane.patch("EndpointSlice", "a", {"metadata": {"labels": {VPC_LABEL: None}}})
        assert kept["metadata"]["labels"][VPC_LABEL] == "green"
        with pytest.raises(errors.Forbidden, match="cannot use"):
            await jane.patch("EndpointSlice", "a", {"metadata": {"labels": {VPC_LABEL: "red"}}})
        with pytest.raises(errors.Forbidden, match="cannot use"):
            await jane.create("EndpointSlice", **body("b", **{VPC_LABEL: "red"}))
        other = await greens.create("EndpointSlice", **body("c"))
        assert "labels" not in other["metadata"]

    tell(story)
