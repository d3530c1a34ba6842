"""What every cluster has, and keeps through later starts with other settings."""

import ipaddress
import logging

from k3py.model.vpc_v1 import VPC
from k3py.objects.service_addresses import ServiceRanges
from k3py.objects.system import decided_ranges, ensure_system_objects
from tests.objects.world import Plain, run


def test_a_cluster_begins_with_a_vpc_and_the_services_of_api_and_names():
    async def story(objects):
        plain = Plain(objects)
        vpc = plain.get("VPC", "default")
        assert vpc["spec"] == {"cidr": "10.42.0.0/16", "egress": "Masquerade", "allowedNamespaces": {}}
        dns = Plain(objects, "kube-system").get("Service", "kube-dns")
        assert (dns["spec"]["clusterIP"], "selector" in dns["spec"]) == ("10.43.0.10", False)
        assert [(each["name"], each["port"], each["protocol"]) for each in dns["spec"]["ports"]] == [
            ("dns", 53, "UDP"),
            ("dns-tcp", 53, "TCP"),
        ]
        assert dns["metadata"]["labels"] == {"k8s-app": "kube-dns"}
        revision = objects.store.revision
        await ensure_system_objects(objects)
        assert objects.store.revision == revision

    run(story)


def test_an_address_that_was_given_away_stops_no_server(caplog):
    async def story(objects):
        system = Plain(objects, "kube-system")
        await system.delete("Service", "kube-dns")
        objects.clock.time += 61
        spec = {"ports": [{"port": 80}], "clusterIP": "10.43.0.10"}
        await Plain(objects).create("Service", metadata={"name": "first"}, spec=spec)
        await ensure_system_objects(objects)
        assert "pods find no service kube-dns" in caplog.text
        assert "already allocated" in caplog.text

    run(story)


def test_ranges_are_decided_at_the_first_start(caplog):
    async def story(objects):
        with caplog.at_level(logging.WARNING):
            await ensure_system_objects(objects, "10.44.0.0/16")
        assert "keeps its range 10.42.0.0/16" in caplog.text
        assert Plain(objects).get("VPC", "default")["spec"]["cidr"] == "10.42.0.0/16"
        other = ServiceRanges(ipaddress.IPv4Network("10.45.0.0/16"))
        assert decided_ranges(objects.store, other) == other  # nothing is known of the first start yet
        await objects.of(VPC).patch("", "default", {"status": {"serviceCIDR": "10.43.0.0/16"}}, subresource="status")
        assert str(decided_ranges(objects.store, other).cluster_ips) == "10.43.0.0/16"
        assert "stays 10.43.0.0/16" in caplog.text

    run(story)
