"""Cluster IPs and node ports are unique, also between writes that are on their way together."""

import asyncio
import ipaddress

import pytest

from k3py.model.errors import InternalError, Invalid
from k3py.model.ghost import Ghost, cluster_id_of
from k3py.objects.options import WriteOptions
from k3py.objects.service_addresses import ServiceRanges
from tests.objects.world import Plain, kind_of, open_objects

PORTS = [{"port": 80}]
SMALL = ServiceRanges(ipaddress.IPv4Network("10.43.0.0/29"), (30_000, 30_002))


def tell(story):
    async def told():
        objects = await open_objects(ranges=SMALL)
        try:
            await story(Plain(objects))
        finally:
            await objects.store.close()

    asyncio.run(told())


def service(name, **spec):
    return {"metadata": {"name": name}, "spec": {"ports": PORTS, **spec}}


def test_the_first_address_is_the_api_servers():
    async def story(plain):
        assert plain.get("Service", "kubernetes")["spec"]["clusterIP"] == "10.43.0.1"

    tell(story)


def test_each_gets_its_own_until_none_is_left_and_again_when_one_goes():
    async def story(plain):
        made = await asyncio.gather(*(plain.create("Service", **service(f"s{number}")) for number in range(5)))
        addresses = {each["spec"]["clusterIP"] for each in made}
        assert addresses == {f"10.43.0.{number}" for number in range(2, 7)}
        with pytest.raises(InternalError, match="is full"):
            await plain.create("Service", **service("more"))
        await plain.delete("Service", "s0")
        again = await plain.create("Service", **service("again"))
        assert again["spec"]["clusterIP"] == made[0]["spec"]["clusterIP"]

    tell(story)


def test_node_ports_likewise():
    async def story(plain):
        made = await asyncio.gather(
            *(plain.create("Service", **service(f"s{number}", type="NodePort")) for number in range(3))
        )
        assert {each["spec"]["ports"][0]["nodePort"] for each in made} == {30_000, 30_001, 30_002}
        with pytest.raises(InternalError, match="is full"):
            await plain.create("Service", **service("more", type="NodePort"))

    tell(story)


def test_what_was_asked_for_is_free_again_at_once_when_it_goes_or_was_only_tried():
    async def story(plain):
        wanted = service("a", clusterIP="10.43.0.5", type="NodePort", ports=[{"port": 80, "nodePort": 30_001}])
        await plain.create("Service", WriteOptions(dry_run=True), **wanted)
        await plain.create("Service", **wanted)
        _, again = await asyncio.gather(plain.delete("Service", "a"), plain.create("Service", **wanted))
        assert again["spec"]["clusterIP"] == "10.43.0.5"

    tell(story)


def test_of_two_that_ask_for_the_same_at_once_one_gets_it():
    async def story(plain):
        both = (plain.create("Service", **service(name, clusterIP="10.43.0.5")) for name in "ab")
        first, second = await asyncio.gather(*both, return_exceptions=True)
        assert first["spec"]["clusterIP"] == "10.43.0.5"
        assert isinstance(second, Invalid)

    tell(story)


def test_an_address_that_is_asked_for():
    async def story(plain):
        await plain.create("Service", **service("a", clusterIP="10.43.0.5"))
        with pytest.raises(Invalid, match="provided IP is already allocated"):
            await plain.create("Service", **service("b", clusterIP="10.43.0.5"))
        with pytest.raises(Invalid, match="does not match the current range"):
            await plain.create("Service", **service("b", clusterIP="192.0.2.1"))
        headless = await plain.create("Service", **service("c", clusterIP="None"))
        assert headless["spec"]["clusterIPs"] == ["None"]

    tell(story)


def test_an_update_that_leaves_the_address_out_keeps_it():
    async def story(plain):
        made = await plain.create("Service", **service("a", type="NodePort"))
        kept = await plain.update("Service", service("a", type="NodePort", selector={"a": "b"}))
        assert kept["spec"]["clusterIP"] == made["spec"]["clusterIP"]
        assert kept["spec"]["ports"] == made["spec"]["ports"]
        with pytest.raises(Invalid, match="may not change once set"):
            await plain.patch("Service", "a", {"spec": {"clusterIP": "10.43.0.6", "clusterIPs": ["10.43.0.6"]}})
        external = await plain.patch("Service", "a", {"spec": {"type": "ExternalName", "externalName": "a.example"}})
        assert "clusterIP" not in external["spec"]

    tell(story)


def second(plain, address, vpc=1):
    cluster = cluster_id_of(plain.objects.get(kind_of("Namespace"), "", "kube-system").uid)
    return str(Ghost(cluster, vpc, ipaddress.IPv4Address(address), native=True))


def families(made):
    spec = made["spec"]
    return spec["ipFamilyPolicy"], spec["ipFamilies"], len(spec["clusterIPs"])


def test_the_second_address_is_the_first_as_a_native_ghost_of_the_vpc():
    async def story(plain):
        made = await plain.create("Service", **service("a", ipFamilyPolicy="RequireDualStack"))
        assert made["spec"]["ipFamilies"] == ["IPv4", "IPv6"]
        assert made["spec"]["clusterIPs"] == [made["spec"]["clusterIP"], second(plain, made["spec"]["clusterIP"])]
        both = {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "PreferDualStack"}
        asked = await plain.create("Service", **service("b", clusterIP="10.43.0.6", **both))
        assert asked["spec"]["clusterIPs"][1] == second(plain, "10.43.0.6")
        headless = await plain.create("Service", **service("c", clusterIP="None", ipFamilyPolicy="PreferDualStack"))
        assert (headless["spec"]["clusterIPs"], headless["spec"]["ipFamilies"]) == (["None"], ["IPv4", "IPv6"])

    tell(story)


def test_one_family_is_what_one_gets_without_asking():
    async def story(plain):
        assert families(await plain.create("Service", **service("a"))) == ("SingleStack", ["IPv4"], 1)

    tell(story)


def test_a_service_whose_endpoints_somebody_else_keeps_may_have_any_family():
    async def story(plain):
        free = await plain.create("Service", **service("a", clusterIP="None"))
        assert families(free) == ("RequireDualStack", ["IPv4", "IPv6"], 1)
        chosen = await plain.create("Service", **service("b", clusterIP="None", selector={"a": "b"}))
        assert families(chosen) == ("SingleStack", ["IPv4"], 1)

    tell(story)


def test_up_to_two_families_and_down_again():
    async def story(plain):
        first = await plain.create("Service", **service("a"))
        up = await plain.patch("Service", "a", {"spec": {"ipFamilyPolicy": "PreferDualStack"}})
        assert families(up) == ("PreferDualStack", ["IPv4", "IPv6"], 2)
        kept = await plain.update("Service", service("a", clusterIP=first["spec"]["clusterIP"]))
        assert kept["spec"] == up["spec"]
        down = await plain.patch("Service", "a", {"spec": {"ipFamilyPolicy": "SingleStack"}})
        assert families(down) == ("SingleStack", ["IPv4"], 1)
        assert down["spec"]["clusterIP"] == first["spec"]["clusterIP"]

    tell(story)


def test_a_vpc_without_number_gives_one_family_until_it_has_it():
    async def story(plain):
        spec = {"cidr": "10.0.0.0/16", "allowedNamespaces": {}}
        await plain.create("VPC", metadata={"name": "red"}, spec=spec)
        body = service("a", ipFamilyPolicy="PreferDualStack")
        body["metadata"]["labels"] = {"k3py.io/vpc": "red"}
        assert families(await plain.create("Service", **body)) == ("PreferDualStack", ["IPv4"], 1)
        body["spec"]["ipFamilyPolicy"], body["metadata"]["name"] = "RequireDualStack", "b"
        with pytest.raises(Invalid, match="has no number yet: try again"):
            await plain.create("Service", **body)
        await plain.patch("VPC", "red", {"status": {"vpcID": 7}}, subresource="status")
        made = await plain.patch("Service", "a", {"metadata": {"labels": {"again": ""}}})
        assert made["spec"]["clusterIPs"][1] == second(plain, made["spec"]["clusterIP"], 7)

    tell(story)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"ipFamilies": ["IPv6"]}, "not configured on this cluster"),
        ({"ipFamilies": ["IPv6", "IPv4"], "ipFamilyPolicy": "PreferDualStack"}, "not configured on this cluster"),
        ({"ipFamilies": ["IPv4", "IPv6"]}, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families"),
        ({"ipFamilies": ["IPv4", "IPv4"]}, "Duplicate value"),
        ({"ipFamilies": ["IPv4", "IPv5"]}, "Unsupported value"),
        ({"ipFamilies": ["IPv4", "IPv6", "IPv4"]}, "Duplicate value"),
        ({"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "SingleStack"}, "when multiple IP families are specified"),
        ({"ipFamilyPolicy": "Both"}, "Unsupported value"),
        ({"clusterIP": "fd00::1"}, "not configured on this cluster"),
        ({"clusterIP": "fd00::1", "ipFamilies": ["IPv4"]}, "expected an IPv4 value as indicated by"),
        ({"clusterIP": "fd00::1"}, r"spec.clusterIPs\[0\]: Invalid value: .*: IPv6 is not configured on this cluster"),
        ({"clusterIP": "10.43.0.4", "clusterIPs": ["10.43.0.4", "fd00::1"]}, "when multiple cluster IPs are specified"),
        (
            {"clusterIP": "10.43.0.4", "clusterIPs": ["10.43.0.4", "fd00::1"], "ipFamilyPolicy": "PreferDualStack"},
            "must be fd6b:3370:",
        ),
    ],
)
def test_families_that_are_refused(spec, why):
    async def story(plain):
        with pytest.raises(Invalid, match=why):
            await plain.create("Service", **service("a", **spec))

    tell(story)
