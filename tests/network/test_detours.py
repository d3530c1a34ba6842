"""Ports of the node and addresses of services are no detours from one VPC into another."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from k3py.vpc.kernel import namespaces
from k3py.vpc.wanted import HostPort, PodNetwork, Protocol
from tests.network.bed import NODE
from tests.network.serving import Serving, serving
from tests.network.sniffer import Sniffer
from tests.vpc.kernel.machine import CLOSED, NODE_IPV4, TWIN
from tests.vpc.services.world import NODE_PORT, PORT, REFUSED, SERVICE_PORT, VIP, Pod, datagrams, service

OTHER_VIP, HOST_PORT, CLOSED_NODE_PORT = "10.43.0.51", 8080, 30099
SILENCE = "TimeoutError: Success"


@dataclass
class Market:
    """A service in VPC twin, with a port of the node, before a pod with a port of the host; and one in VPC closed."""

    serving: Serving
    victim: PodNetwork
    sniffer: Sniffer
    speakers: dict[str, Pod]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with serving(tmp_path_factory.mktemp("node")) as made:
        machine, home = made.place.machine, made.place.home
        port = HostPort(Protocol.TCP, HOST_PORT, PORT)

        def pods() -> list[PodNetwork]:
            return [
                machine.pod("attacker", "10.42.0.3"),
                machine.pod("victim", "10.42.0.4", TWIN, host_ports=(port,)),
                machine.pod("friend", "10.42.0.5", TWIN),
                machine.pod("closed", "10.44.0.3", CLOSED, outside=False),
                machine.pod("server", "10.44.0.4", CLOSED, outside=False),
            ]

        made_pods = {each.uid: each for each in home.do(pods)}
        made.place.connect()
        victim = made_pods["victim"]
        there = {(each.vpc, each.ipv4): each for each in made_pods.values()}
        services = [
            make([str(victim.ipv4)], vpc=TWIN.id, vip=vip, node_port=node_port)
            for make in (service, datagrams)
            for vip, node_port in ((VIP, NODE_PORT), (OTHER_VIP, 0))
        ]
        services.append(service(["10.44.0.4"], vpc=CLOSED.id, node_port=CLOSED_NODE_PORT))
        home.do(lambda: made.maps.switch(services, there, [IPv4Address(NODE)]))
        home.run(machine.node.recheck())
        speakers = {
            name: made.process(pod, name if name in ("victim", "server") else "", PORT)
            for name, pod in made_pods.items()
        }
        speakers["host"] = made.process()
        sniffer = Sniffer(victim.netns)
        yield Market(made, victim, sniffer, speakers)
        sniffer.close()


def test_whoever_is_in_the_vpc_finds_its_service(market):
    for address, port in ((VIP, SERVICE_PORT), (OTHER_VIP, SERVICE_PORT), (NODE, NODE_PORT)):
        assert market.speakers["friend"].does(f"tcp('{address}', {port})") == ["victim", [address, port]]
        assert market.speakers["friend"].does(f"udp('{address}', {port})")[0] == "victim hi"
    assert market.sniffer.frames()


# Not 127.0.0.1 of the attacker, where it may listen itself: it is refused there.
DETOURS = [(NODE, NODE_PORT), (NODE, HOST_PORT), ("127.0.0.1", NODE_PORT), (str(NODE_IPV4), NODE_PORT),
           (f"64:ff9b::{NODE}", NODE_PORT), ("::ffff:" + NODE, NODE_PORT), ("::1", NODE_PORT)]  # fmt: skip


@pytest.mark.parametrize(("address", "port"), DETOURS, ids=[f"{address} {port}" for address, port in DETOURS])
def test_another_vpcs_ports_of_the_node_are_refused(market, address, port):
    market.sniffer.frames()
    assert market.speakers["attacker"].does(f"tcp('{address}', {port})") == REFUSED
    assert market.speakers["attacker"].does(f"udp('{address}', {port})") == REFUSED
    assert market.sniffer.frames() == []


@pytest.mark.parametrize("who", ["attacker", "closed"])
@pytest.mark.parametrize("address", [VIP, OTHER_VIP])
def test_another_vpcs_service_does_not_exist(market, who, address):
    market.sniffer.frames()
    market.speakers[who].does("globals().update(SECONDS_MAX=0.2)")
    for call in ("tcp", "udp"):
        heard = market.speakers[who].does(f"{call}('{address}', {SERVICE_PORT})")
        assert heard == SILENCE if (who, address) != ("closed", VIP) or call == "udp" else heard[0] == "server"
    assert market.sniffer.frames() == []


def test_without_a_way_out_only_the_own_services_ports_of_the_node_are_found(market):
    closed = market.speakers["closed"]
    closed.does("globals().update(SECONDS_MAX=0.2)")
    assert closed.does(f"tcp('{NODE}', {CLOSED_NODE_PORT})")[0] == "server"
    for port in (NODE_PORT, HOST_PORT, 22):
        assert closed.does(f"tcp('{NODE}', {port})") == SILENCE


def test_the_lan_finds_ports_of_the_node_and_nothing_of_a_vpc_without_a_way_out(market):
    neighbour = market.serving.place.neighbour
    for port in (NODE_PORT, HOST_PORT):
        assert _name(neighbour, port) == b"victim"
    with pytest.raises(ConnectionRefusedError):
        _name(neighbour, CLOSED_NODE_PORT)


def _name(netns: str, port: int) -> bytes:
    def ask() -> bytes:
        with socket.create_connection((NODE, port), timeout=5) as asking:
            return asking.recv(100)

    return namespaces.inside(Path(netns), ask)


def test_the_host_finds_services_of_its_own_vpc_alone(market):
    """The host is a pod of VPC default; what is the node's to the LAN is so to the host."""
    host = market.speakers["host"]
    host.does("globals().update(SECONDS_MAX=0.2)")
    assert host.does(f"tcp('{VIP}', {SERVICE_PORT})") == SILENCE
    assert host.does(f"tcp('{NODE}', {NODE_PORT})")[0] == "victim"
    assert host.does(f"tcp('127.0.0.1', {NODE_PORT})") == REFUSED
