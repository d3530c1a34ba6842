"""Cluster IPs and node ports are unique, also between writes that are on their way together."""

import asyncio
import ipaddress

import pytest

from k3py.model.errors import InternalError, Invalid
from k3py.objects.service_addresses import ServiceRanges
from tests.objects.world import Plain, open_objects

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
        plain.objects.clock.time += 61
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
