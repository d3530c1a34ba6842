"""Sockets that name a service talk to its backends, and believe to talk to the service."""

from ipaddress import IPv4Address

import pytest

from tests.vpc.services.world import (
    NO_ROUTE,
    NODE,
    NODE_PORT,
    OTHER_VIP,
    OTHER_VPC,
    REFUSED,
    SERVICE_PORT,
    VIP,
    World,
    datagrams,
    ghost,
    service,
)

MPTCP = 262


@pytest.mark.parametrize("vip", [VIP, f"::ffff:{VIP}", ghost(VIP)], ids=["ipv4", "mapped", "native"])
def test_a_service_is_reached_and_shown_as_the_peer(run, vip):
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(service([server], native=True), datagrams([server], native=True))
        shown = [vip, SERVICE_PORT]
        assert client.does(f"tcp('{vip}', {SERVICE_PORT})") == ["web", shown]
        assert client.does(f"udp('{vip}', {SERVICE_PORT})") == ["web hi", shown, shown]
        assert client.does(f"sendto('{vip}', {SERVICE_PORT})") == ["web hi", shown]

    run(story)


def test_multipath_tcp_is_tcp(run):
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(service([server]))
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT}, {MPTCP})")[0] == "web"

    run(story)


def test_a_pod_reaches_itself_through_its_service(run):
    def story(made: World) -> None:
        server = made.pod("10.42.0.20", serves="web")
        made.serve(service([server], native=True), datagrams([server]))
        assert server.does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "web"
        assert server.does(f"tcp('{ghost(VIP)}', {SERVICE_PORT})")[0] == "web"
        assert server.does(f"udp('{VIP}', {SERVICE_PORT})")[0] == "web hi"

    run(story)


@pytest.mark.parametrize("vip", [VIP, f"::ffff:{VIP}", ghost(VIP)], ids=["ipv4", "mapped", "native"])
def test_without_backends_it_refuses_at_once(run, vip):
    def story(made: World) -> None:
        client = made.pod("10.42.0.10")
        made.serve(service([], native=True), datagrams([], native=True))
        for call in ("tcp", "udp", "sendto"):
            assert client.does(f"{call}('{vip}', {SERVICE_PORT})") == REFUSED

    run(story)


def test_what_is_no_service_passes_untouched(run):
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        stranger = made.pod("10.42.0.30", member=False)
        made.serve(service([server]), datagrams([server]))
        assert client.does("tcp('10.42.0.20', 8080)") == ["web", ["10.42.0.20", 8080]]
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT + 1})") == NO_ROUTE
        assert client.does(f"tcp('{ghost(VIP)}', {SERVICE_PORT})") == NO_ROUTE  # it is not native
        assert stranger.does(f"tcp('{VIP}', {SERVICE_PORT})") == NO_ROUTE
        assert stranger.does(f"sendto('{VIP}', {SERVICE_PORT})") == NO_ROUTE
        made.serve()
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT})") == NO_ROUTE

    run(story)


def test_whoever_left_sees_no_services(run):
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(service([server]))
        assert len(made.maps.joined) == 2
        for each in made.maps.joined:
            made.maps.leave(each)
            made.maps.leave(each)
        assert made.maps.joined == frozenset()
        assert client.does(f"tcp('{VIP}', {SERVICE_PORT})") == NO_ROUTE

    run(story)


def test_two_vpcs_have_the_same_addresses_and_each_its_own_service(run):
    def story(made: World) -> None:
        for vpc, name in ((7, "seven"), (OTHER_VPC, "eight")):
            made.pod("10.42.0.20", vpc, serves=name)
        clients = {vpc: made.pod("10.42.0.10", vpc) for vpc in (7, OTHER_VPC)}
        made.serve(
            service(["10.42.0.20"], native=True), service(["10.42.0.20"], vpc=OTHER_VPC, native=True),
            service(["10.42.0.20"], vpc=OTHER_VPC, vip=OTHER_VIP),
        )  # fmt: skip
        assert clients[7].does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "seven"
        assert clients[OTHER_VPC].does(f"tcp('{VIP}', {SERVICE_PORT})")[0] == "eight"
        assert clients[OTHER_VPC].does(f"tcp('{ghost(VIP, OTHER_VPC)}', {SERVICE_PORT})")[0] == "eight"
        # Another VPC's service is none, however it is named.
        assert clients[7].does(f"tcp('{OTHER_VIP}', {SERVICE_PORT})") == NO_ROUTE
        assert clients[7].does(f"tcp('{ghost(VIP, OTHER_VPC)}', {SERVICE_PORT})") == NO_ROUTE

    run(story)


def test_connections_are_spread_and_an_unconnected_socket_keeps_to_one_backend(run):
    def story(made: World) -> None:
        client = made.pod("10.42.0.10")
        servers = [made.pod(f"10.42.0.2{index}", serves=f"web{index}") for index in range(2)]
        made.serve(service(servers), datagrams(servers))
        names = client.does(f"names('{VIP}', {SERVICE_PORT}, 200)")
        assert set(names) == {"web0", "web1"}
        assert 60 < names.count("web0") < 140
        assert len({str(each) for each in client.does(f"sendto('{VIP}', {SERVICE_PORT}, 20)")}) == 1
        assert len({client.does(f"sendto('{VIP}', {SERVICE_PORT})")[0] for _ in range(40)}) == 2

    run(story)


def test_node_ports_answer_at_the_nodes_addresses_and_for_the_node_at_its_loopback(run):
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        host = made.pod("10.42.0.1", host=True)
        made.serve(service([server], node_port=NODE_PORT), datagrams([server], node_port=NODE_PORT))
        for pod, address in (
            (client, NODE),
            (host, NODE),
            (host, "127.0.0.1"),
            (host, "::1"),
            (client, f"::ffff:{NODE}"),
        ):
            shown = [address, NODE_PORT]
            assert pod.does(f"tcp('{address}', {NODE_PORT})") == ["web", shown]
            assert pod.does(f"udp('{address}', {NODE_PORT})") == ["web hi", shown, shown]
            assert pod.does(f"sendto('{address}', {NODE_PORT})") == ["web hi", shown]
        for address in ("127.0.0.1", "::1"):
            assert client.does(f"tcp('{address}', {NODE_PORT})") == REFUSED  # its own loopback, where nobody listens
        assert host.does(f"tcp('127.0.0.1', {NODE_PORT + 1})") == REFUSED

    run(story)


def test_external_addresses_lead_to_the_service(run):
    def story(made: World) -> None:
        client, server = made.pod("10.42.0.10"), made.pod("10.42.0.20", serves="web")
        made.serve(service([server], addresses=(IPv4Address(VIP), IPv4Address("192.0.2.80"))))
        assert client.does(f"tcp('192.0.2.80', {SERVICE_PORT})") == ["web", ["192.0.2.80", SERVICE_PORT]]

    run(story)
