"""What of a service stays and what goes when it changes, and how node ports are given."""

import asyncio

import pytest

from k3py.model.errors import InternalError, Invalid
from k3py.objects.service_addresses import ServiceRanges
from tests.objects.world import Plain, open_objects, run

DNS = [{"name": "udp", "port": 53, "protocol": "UDP"}, {"name": "tcp", "port": 53}]


def told(story):
    async def tell(objects):
        await story(Plain(objects))

    run(tell)


def node_ports(service):
    return [port.get("nodePort") for port in service["spec"]["ports"]]


def test_ports_of_one_number_share_a_node_port_until_the_user_says_otherwise():
    async def story(plain):
        made = await plain.create("Service", metadata={"name": "dns"}, spec={"type": "NodePort", "ports": DNS})
        first, second = node_ports(made)
        assert first == second
        asked = [{**DNS[0]}, {**DNS[1], "nodePort": 30_100}]
        made = await plain.create("Service", metadata={"name": "b"}, spec={"type": "NodePort", "ports": asked})
        assert node_ports(made) == [30_100, 30_100]
        apart = [{**DNS[0], "nodePort": 30_101}, {**DNS[1], "nodePort": 30_102}]
        made = await plain.create("Service", metadata={"name": "c"}, spec={"type": "NodePort", "ports": apart})
        assert node_ports(made) == [30_101, 30_102]
        with pytest.raises(Invalid, match=r"spec.ports\[0\].nodePort: Invalid value: 30101: provided port is already"):
            await plain.create("Service", metadata={"name": "d"}, spec={"type": "NodePort", "ports": apart})

    told(story)


def test_a_balancer_without_node_ports_has_only_those_it_asks_for():
    async def story(plain):
        ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81, "nodePort": 30_100}]
        spec = {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False, "ports": ports}
        made = await plain.create("Service", metadata={"name": "a"}, spec=spec)
        assert node_ports(made) == [None, 30_100]

    told(story)


def test_node_ports_are_known_by_the_ports_name():
    async def story(plain):
        made = await plain.create("Service", metadata={"name": "a"}, spec={"type": "NodePort", "ports": [
            {"name": "a", "port": 80}, {"name": "b", "port": 81}]})  # fmt: skip
        before = node_ports(made)
        made["spec"]["ports"] = [{"name": "b", "port": 91}, {"name": "c", "port": 80}]
        first, second = node_ports(await plain.update("Service", made))
        assert first == before[1]
        assert second not in before or second == before[0]

    told(story)


def test_what_belongs_to_a_type_goes_with_it():
    async def story(plain):
        spec = {"type": "LoadBalancer", "loadBalancerClass": "a.b/c", "externalTrafficPolicy": "Local",
                "ports": [{"port": 80}]}  # fmt: skip
        made = await plain.create("Service", metadata={"name": "a"}, spec=spec)
        assert made["spec"]["healthCheckNodePort"]
        with pytest.raises(Invalid, match=r"spec.healthCheckNodePort: Forbidden: field is immutable"):
            await plain.patch("Service", "a", {"spec": {"healthCheckNodePort": 30_999}})
        made = await plain.patch("Service", "a", {"spec": {"type": "ClusterIP"}})
        assert not {"healthCheckNodePort", "loadBalancerClass", "externalTrafficPolicy",
                    "allocateLoadBalancerNodePorts"} & made["spec"].keys()  # fmt: skip
        assert node_ports(made) == [None]
        made = await plain.patch("Service", "a", {"spec": {"type": "ExternalName", "externalName": "x.y"}})
        assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & made["spec"].keys()
        made = await plain.patch("Service", "a", {"spec": {"type": "ClusterIP", "externalName": None}})
        assert made["spec"]["clusterIPs"] == [made["spec"]["clusterIP"]]

    told(story)


def test_an_address_stays():
    async def story(plain):
        made = await plain.create("Service", metadata={"name": "a"}, spec={"ports": [{"port": 80}]})
        address = made["spec"]["clusterIP"]
        del made["spec"]["clusterIP"], made["spec"]["clusterIPs"]
        assert (await plain.update("Service", made))["spec"]["clusterIPs"] == [address]
        with pytest.raises(Invalid, match=r"spec.clusterIPs\[0\]: Invalid value: .* may not change once set"):
            await plain.patch("Service", "a", {"spec": {"clusterIP": "10.43.0.77"}})

    told(story)


def test_a_port_for_health_checks_that_is_taken_cannot_be_had():
    async def story(plain):
        spec = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80}],
                "healthCheckNodePort": 30_100}  # fmt: skip
        await plain.create("Service", metadata={"name": "a"}, spec=spec)
        with pytest.raises(InternalError, match="failed to allocate requested HealthCheck NodePort 30100: provided"):
            await plain.create("Service", metadata={"name": "b"}, spec=spec)

    told(story)


def test_a_cluster_of_one_family_gives_no_second_address():
    async def story():
        objects = await open_objects(ranges=ServiceRanges(dual_stack=False))
        plain = Plain(objects)
        try:
            prefers = {"ports": [{"port": 80}], "ipFamilyPolicy": "PreferDualStack"}
            made = await plain.create("Service", metadata={"name": "a"}, spec=prefers)
            assert (made["spec"]["ipFamilies"], len(made["spec"]["clusterIPs"])) == (["IPv4"], 1)
            requires = {**prefers, "ipFamilyPolicy": "RequireDualStack"}
            with pytest.raises(Invalid, match="this cluster is not configured for dual-stack services"):
                await plain.create("Service", metadata={"name": "b"}, spec=requires)
            free = {**requires, "clusterIP": "None"}
            made = await plain.create("Service", metadata={"name": "c"}, spec=free)
            assert made["spec"]["ipFamilies"] == ["IPv4", "IPv6"]
            prefers = {**prefers, "clusterIP": "None", "selector": {"a": "b"}}
            made = await plain.create("Service", metadata={"name": "d"}, spec=prefers)
            assert made["spec"]["ipFamilies"] == ["IPv4"]
        finally:
            await objects.store.close()

    asyncio.run(story())
